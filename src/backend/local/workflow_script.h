/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a step as a program of its shell: each is shown before it runs, and the first
 * that fails ends the step with its code. The program is a file, since what stands in a command
 * line is seen by everybody, and is never longer than 128 KiB.
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
/* The program, in `arena`; NULL: it is too long. */
const char *shell_script(const Step *step, Arena *arena);
/* argv that runs it from the file `path`, in `arena`. */
StrList shell_argv(const Step *step, const char *path, Arena *arena);
