/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, as the names need it that must not clash. */
#pragma once

#include <stddef.h>

/* The first `digits` hex digits (even, at most 64) of the digest of the text, NUL-terminated. */
void digest_hex(const char *text, char *ret, size_t digits);
