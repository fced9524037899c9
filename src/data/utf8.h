/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, one character at a time. */
#pragma once

#include <stddef.h>

/* Bytes of the well-formed character at `p` (1 to 4); 0: what stands there is none (overlong,
 * surrogate, cut off, too large). */
size_t utf8_length(const char *p, size_t n);
