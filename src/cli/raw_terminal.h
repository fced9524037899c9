/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal that we were started in, while somebody else's program has it: raw, and put back as
 * it was. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

typedef struct RawTerminal {
    bool raw;
    struct termios before;
    /* what the program has turned on in what it wrote */
    char escape[32];
    size_t escape_n;
    bool other_screen, hidden_cursor;
} RawTerminal;

/* Of stdin, if that is a terminal. */
void raw_terminal_begin(RawTerminal *terminal);
/* Puts it back, and turns off what the program has left on. */
void raw_terminal_end(RawTerminal *terminal);
/* The program has written this. */
void raw_terminal_saw(RawTerminal *terminal, const char *bytes, size_t n);
/* False: there is none. */
bool raw_terminal_size(uint16_t *ret_rows, uint16_t *ret_columns);
