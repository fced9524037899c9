/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a step as a program of its shell: each is shown before it runs, and the first
 * that fails ends the step with its code.
 *
 * Shells that are known (sh, bash, dash, ash, ksh, mksh, zsh, fish) are run as they are. What is
 * not known is tried first, by a small script, and used if it passes for a POSIX shell; else the
 * step ends with code 126 and says so. */
#pragma once

#include "spec/step.h"

/* A sentence why no step can have this image as its shell, by its name alone; NULL: it may. */
const char *shell_refused(const char *image);
/* Is it the name of a container's image, which no program of this machine has? */
bool image_of_container(const char *image);
/* argv, in `arena`. */
StrList shell_argv(const Step *step, Arena *arena);
