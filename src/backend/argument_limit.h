/* SPDX-License-Identifier: Apache-2.0 */
/* What a process can be given at all: the kernel takes no argument, and no variable with its name,
 * of more than 128 KiB (32 pages). Known before anything starts, it is said with the name. */
#pragma once

#include "spec/step.h"

/* Bytes of one argument, or of NAME=value. */
size_t argument_limit(void);
/* ERR_LIMIT: an argument of its entrypoint, or a variable of its environment, is longer. */
MUST int arguments_check(const Step *step, Err *err);
