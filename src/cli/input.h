/* SPDX-License-Identifier: Apache-2.0 */
/* What is given as a file, or as - on stdin. */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* *ret owned, ended by a NUL. ERR_LIMIT: it has more than `max` bytes. */
MUST int input_read(const char *file, size_t max, char **ret, size_t *ret_size, Err *err);
