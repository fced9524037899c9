/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/raw_terminal.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TEXT_BYTES = 1024 };

void raw_terminal_begin(RawTerminal *terminal) {
    if (tcgetattr(STDIN_FILENO, &terminal->before) < 0)
        return;
    struct termios raw = terminal->before;
    cfmakeraw(&raw);
    terminal->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void put(const RawTerminal *terminal, void (*fn)(const ScreenModes *, Buf *)) {
    Buf text;
    if (!terminal->raw || !isatty(STDOUT_FILENO))
        return;
    buf_init(&text, TEXT_BYTES);
    fn(&terminal->modes, &text);
    fputs(buf_cstr(&text), stdout);
    fflush(stdout);
    buf_deinit(&text);
}

void raw_terminal_show(const RawTerminal *terminal) {
    put(terminal, screen_modes_put);
}

void raw_terminal_end(RawTerminal *terminal) {
    put(terminal, screen_modes_undo);
    if (!terminal->raw)
        return;
    if (isatty(STDOUT_FILENO))
        puts("\r");
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
    terminal->raw = false;
}

bool raw_terminal_behind(void) {
    pid_t front = tcgetpgrp(STDIN_FILENO);
    return front >= 0 && front != getpgrp();
}

bool raw_terminal_size(uint16_t *ret_rows, uint16_t *ret_columns) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
        return false;
    *ret_rows = size.ws_row;
    *ret_columns = size.ws_col;
    return size.ws_row > 0 && size.ws_col > 0;
}
