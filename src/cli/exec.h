/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* A command becomes this very process, in its environment and directory: terminal, signals and exit
 * code are its own. No words: the shell of who asks. Returns what a shell says of a command that
 * cannot be started (127, 126), and has said why. */
int exec_become(const char *const *words, size_t n);
