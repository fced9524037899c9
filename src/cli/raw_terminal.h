/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal that we were started in, while somebody else's program has it: raw, and put back as
 * it was. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "cli/screen_modes.h"

typedef struct RawTerminal {
    bool raw;
    struct termios before;
    ScreenModes modes; /* what the program has made of it */
} RawTerminal;

/* Of stdin, if that is a terminal. Only for who is not in the background. */
void raw_terminal_begin(RawTerminal *terminal);
/* Puts it back, and turns off what the program has left on. */
void raw_terminal_end(RawTerminal *terminal);
/* Brings it into the modes that the program expects. */
void raw_terminal_show(const RawTerminal *terminal);
/* Is stdin a terminal that belongs to others now? What is typed there is for them. */
bool raw_terminal_behind(void);
/* False: there is none. */
bool raw_terminal_size(uint16_t *ret_rows, uint16_t *ret_columns);
