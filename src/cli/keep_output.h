/* SPDX-License-Identifier: Apache-2.0 */
/* When ^C is typed, the kernel throws away what a program has written and the terminal has not
 * shown yet (termios(3): NOFLSH). Lines that are drawn over those of before cannot bear that: after
 * half a frame the next one would wipe too much. */
#pragma once

#include <stdbool.h>

/* Of stderr, if that is a terminal and ours now. False: it stays as it is. */
bool keep_output_begin(void);
/* After a keep_output_begin that was true. */
void keep_output_end(void);
