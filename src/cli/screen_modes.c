/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen_modes.h"

#include <stdlib.h>
#include <string.h>

enum { MODE_COLUMNS = 3, MODE_WRAP = 7, MODE_CURSOR = 25, MODE_SAVED_CURSOR = 1048 };

/* Does it fill the screen (the alternate one)? */
static bool is_full(const ScreenModes *modes) {
    for (size_t i = 0; i < modes->n; i++) {
        uint16_t number = modes->on[i].keyboard ? 0 : modes->on[i].number;
        if (number == 47 || number == 1047 || number == 1049)
            return true;
    }
    return false;
}

/* ---- what was written ---- */

static void add(ScreenModes *modes, ScreenMode mode) {
    if (modes->n < SCREEN_MODES_MOST)
        modes->on[modes->n++] = mode;
}

static void drop(ScreenModes *modes, size_t at) {
    memmove(&modes->on[at], &modes->on[at + 1], (--modes->n - at) * sizeof(modes->on[0]));
}

static void set_mode(ScreenModes *modes, uint16_t mode, bool on) {
    size_t at = 0;
    while (at < modes->n && (modes->on[at].keyboard || modes->on[at].number != mode))
        at++;
    if (mode == MODE_WRAP)
        modes->unwrapped = !on;
    else if (mode == MODE_CURSOR)
        modes->hidden_cursor = !on;
    else if (mode == MODE_COLUMNS || mode == MODE_SAVED_CURSOR)
        return;
    else if (on && at == modes->n)
        add(modes, (ScreenMode){.number = mode});
    else if (!on && at < modes->n)
        drop(modes, at);
}

static void pop_keyboards(ScreenModes *modes, unsigned long most) {
    for (size_t i = modes->n; i-- > 0 && most > 0;)
        if (modes->on[i].keyboard) {
            drop(modes, i);
            most--;
        }
}

/* The number at the beginning; `otherwise` if there is none, or none that a terminal knows. */
static uint16_t number_of(const char *text, uint16_t otherwise) {
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    return end == text || number > UINT16_MAX ? otherwise : (uint16_t)number;
}

/* "1000;1006" */
static void set_modes(ScreenModes *modes, const char *numbers, bool on) {
    while (*numbers) {
        char *end;
        unsigned long mode = strtoul(numbers, &end, 10);
        if (end > numbers && mode <= UINT16_MAX)
            set_mode(modes, (uint16_t)mode, on);
        numbers = *end ? end + 1 : end;
    }
}

/* ESC [ escape last. */
static void obey(ScreenModes *modes, char last) {
    const char *text = modes->escape;
    size_t n = modes->escape_n;
    modes->escape[n] = '\0';
    if (text[0] == '?' && (last == 'h' || last == 'l'))
        set_modes(modes, text + 1, last == 'h');
    else if (last == 'q' && n && text[n - 1] == ' ')
        modes->cursor_style = number_of(text, 0);
    else if (last == 'm' && text[0] == '>' && text[1] == '4')
        modes->modified_keys = n > 3 ? number_of(text + 3, 0) : 0;
    else if (last == 'u' && text[0] == '>')
        add(modes, (ScreenMode){.keyboard = true, .number = number_of(text + 1, 0)});
    else if (last == 'u' && text[0] == '<')
        pop_keyboards(modes, number_of(text + 1, 1));
}

static void saw_escape(ScreenModes *modes, char c) {
    modes->at = c == '[' ? SCREEN_CSI : c == '\033' ? SCREEN_ESC : SCREEN_TEXT;
    modes->escape_n = 0;
    if (c == '=' || c == '>')
        modes->keypad = c == '=';
    if (c == 'c')
        *modes = (ScreenModes){.n = 0};
}

static void saw_inside(ScreenModes *modes, char c) {
    if (c == '\033') {
        modes->at = SCREEN_ESC;
    } else if (c >= '@' && c <= '~') {
        if (modes->escape_n < SCREEN_ESCAPE)
            obey(modes, c);
        modes->at = SCREEN_TEXT;
    } else if (c >= ' ' && c <= '?' && modes->escape_n < SCREEN_ESCAPE) {
        modes->escape[modes->escape_n++] = c; /* full: too long to be one of ours */
    }
}

void screen_modes_saw(ScreenModes *modes, const char *bytes, size_t n) {
    const char *end = bytes + n;
    while (bytes < end) {
        if (modes->at == SCREEN_TEXT) {
            const char *escape = memchr(bytes, '\033', (size_t)(end - bytes));
            if (!escape)
                return;
            modes->at = SCREEN_ESC;
            bytes = escape + 1;
        } else if (modes->at == SCREEN_ESC) {
            saw_escape(modes, *bytes++);
        } else {
            saw_inside(modes, *bytes++);
        }
    }
}

/* ---- what is written ---- */

void screen_modes_put(const ScreenModes *modes, Buf *to) {
    for (size_t i = 0; i < modes->n; i++)
        buf_printf(to, modes->on[i].keyboard ? "\033[>%uu" : "\033[?%uh", modes->on[i].number);
    if (modes->modified_keys)
        buf_printf(to, "\033[>4;%um", modes->modified_keys);
    if (modes->cursor_style)
        buf_printf(to, "\033[%u q", modes->cursor_style);
    buf_puts(to, modes->hidden_cursor ? "\033[?25l" : "");
    buf_puts(to, modes->unwrapped ? "\033[?7l" : "");
    buf_puts(to, modes->keypad ? "\033=" : "");
    buf_puts(to, is_full(modes) ? "\033[H\033[2J" : "");
}

void screen_modes_undo(const ScreenModes *modes, Buf *to) {
    static const char keys[] = "\033[?1l\033>\033[?2004l", mouse[] =
                                                               "\033[?1000l\033[?1002l\033[?1003l"
                                                               "\033[?1004l\033[?1006l";
    static const char rest[] =
        "\0337\033[r\0338\033[4l\033[?7h\033[?25h\033(B\017\033[0m"; /* a region moves the cursor */
    for (size_t i = modes->n; i-- > 0;)
        if (modes->on[i].keyboard)
            buf_puts(to, "\033[<u");
        else
            buf_printf(to, "\033[?%ul", modes->on[i].number);
    buf_puts(to, modes->modified_keys ? "\033[>4m" : "");
    buf_puts(to, modes->cursor_style ? "\033[0 q" : "");
    buf_printf(to, "%s%s%s", keys, mouse, rest);
}
