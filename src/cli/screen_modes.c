/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen_modes.h"

#include <stdlib.h>
#include <string.h>

enum { MODE_COLUMNS = 3, MODE_WRAP = 7, MODE_CURSOR = 25, MODE_SAVED_CURSOR = 1048 };
enum { KEYBOARDS_MOST = 8 }; /* pushed on each other */

static bool is_screen(uint16_t mode) {
    return mode == 47 || mode == 1047 || mode == 1049;
}

bool screen_modes_full(const ScreenModes *modes) {
    for (size_t i = 0; i < modes->n; i++)
        if (is_screen(modes->on[i]))
            return true;
    return false;
}

/* ---- what was written ---- */

static void set_mode(ScreenModes *modes, uint16_t mode, bool on) {
    size_t at = 0;
    while (at < modes->n && modes->on[at] != mode)
        at++;
    if (mode == MODE_WRAP)
        modes->unwrapped = !on;
    else if (mode == MODE_CURSOR)
        modes->hidden_cursor = !on;
    else if (mode == MODE_COLUMNS || mode == MODE_SAVED_CURSOR)
        return;
    else if (on && at == modes->n && at < SCREEN_MODES_MOST)
        modes->on[modes->n++] = mode;
    else if (!on && at < modes->n)
        memmove(&modes->on[at], &modes->on[at + 1], (--modes->n - at) * sizeof(modes->on[0]));
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
        modes->cursor_style = strspn(text, "0 ") < n;
    else if (last == 'm' && text[0] == '>' && text[1] == '4')
        modes->modified_keys = n > 3 && text[3] != '0';
    else if (last == 'u' && text[0] == '>' && modes->keyboards < KEYBOARDS_MOST)
        modes->keyboards++;
    else if (last == 'u' && text[0] == '<' && modes->keyboards)
        modes->keyboards--;
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
        buf_printf(to, "\033[?%uh", modes->on[i]);
    buf_puts(to, modes->hidden_cursor ? "\033[?25l" : "");
    buf_puts(to, modes->unwrapped ? "\033[?7l" : "");
    buf_puts(to, modes->keypad ? "\033=" : "");
    buf_puts(to, screen_modes_full(modes) ? "\033[H\033[2J" : "");
}

void screen_modes_undo(const ScreenModes *modes, Buf *to) {
    static const char keys[] = "\033[?1l\033>\033[?2004l", mouse[] =
                                                               "\033[?1000l\033[?1002l\033[?1003l"
                                                               "\033[?1004l\033[?1006l";
    static const char rest[] =
        "\0337\033[r\0338\033[4l\033[?7h\033[?25h\033(B\017\033[0m"; /* a region moves the cursor */
    for (size_t i = modes->n; i-- > 0;)
        buf_printf(to, "\033[?%ul", modes->on[i]);
    for (unsigned i = 0; i < modes->keyboards; i++)
        buf_puts(to, "\033[<u");
    buf_puts(to, modes->modified_keys ? "\033[>4m" : "");
    buf_puts(to, modes->cursor_style ? "\033[0 q" : "");
    buf_printf(to, "%s%s%s", keys, mouse, rest);
}
