/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/raw_terminal.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void raw_terminal_begin(RawTerminal *terminal) {
    *terminal = (RawTerminal){.raw = false};
    if (tcgetattr(STDIN_FILENO, &terminal->before) < 0)
        return;
    struct termios raw = terminal->before;
    cfmakeraw(&raw);
    terminal->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void raw_terminal_end(RawTerminal *terminal) {
    /* mouse, bracketed paste, colours */
    static const char off[] = "\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?2004l\033[0m";
    if (!terminal->raw)
        return;
    if (isatty(STDOUT_FILENO))
        printf("%s%s%s\r\n", terminal->other_screen ? "\033[?1049l" : "",
               terminal->hidden_cursor ? "\033[?25h" : "", off);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
    terminal->raw = false;
}

static void obey(RawTerminal *terminal, bool on) {
    terminal->escape[terminal->escape_n] = '\0';
    const char *mode = terminal->escape + strlen("\033[?");
    if (strcmp(mode, "1049") == 0 || strcmp(mode, "1047") == 0 || strcmp(mode, "47") == 0)
        terminal->other_screen = on;
    else if (strcmp(mode, "25") == 0)
        terminal->hidden_cursor = !on;
}

/* ESC [ ? number h, or l. */
void raw_terminal_saw(RawTerminal *terminal, const char *bytes, size_t n) {
    static const char begin[] = "\033[?";
    for (size_t i = 0; terminal->raw && i < n; i++) {
        size_t at = terminal->escape_n;
        bool number = at >= strlen(begin) && bytes[i] >= '0' && bytes[i] <= '9';
        if (at >= strlen(begin) && (bytes[i] == 'h' || bytes[i] == 'l'))
            obey(terminal, bytes[i] == 'h');
        if (bytes[i] == '\033')
            terminal->escape_n = 0;
        at = terminal->escape_n;
        if (at < sizeof(terminal->escape) - 1 &&
            (number || (at < strlen(begin) && bytes[i] == begin[at])))
            terminal->escape[terminal->escape_n++] = bytes[i];
        else
            terminal->escape_n = 0;
    }
}

bool raw_terminal_size(uint16_t *ret_rows, uint16_t *ret_columns) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
        return false;
    *ret_rows = size.ws_row;
    *ret_columns = size.ws_col;
    return size.ws_row > 0 && size.ws_col > 0;
}
