/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648), for bytes that JSON cannot say. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

void base64_put(Buf *out, const char *bytes, size_t size);
/* What was encoded, NUL-terminated. NULL: not well-formed, or it has a NUL inside. */
const char *base64_text(const char *encoded, Arena *arena);
