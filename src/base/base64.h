/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648), for bytes that JSON cannot say. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

void base64_put(Buf *out, const char *bytes, size_t size);

/* What was encoded, with a NUL behind it, in `arena`. NULL: it is not well-formed. */
const char *base64_decode(const char *encoded, Arena *arena, size_t *ret_size);

/* Likewise, as a string. NULL also if there is a NUL inside. */
const char *base64_text(const char *encoded, Arena *arena);
