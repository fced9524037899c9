/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keep_output.h"

#include <termios.h>
#include <unistd.h>

/* Who is in the background would be stopped by SIGTTOU, and its terminal is others'. */
static bool set(bool keep) {
    struct termios terminal;
    if (tcgetpgrp(STDERR_FILENO) != getpgrp() || tcgetattr(STDERR_FILENO, &terminal) < 0 ||
        !(terminal.c_lflag & NOFLSH) != keep)
        return false;
    terminal.c_lflag ^= NOFLSH;
    return tcsetattr(STDERR_FILENO, TCSANOW, &terminal) == 0;
}

bool keep_output_begin(void) {
    return set(true);
}

void keep_output_end(void) {
    (void)set(false);
}
