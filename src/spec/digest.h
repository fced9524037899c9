/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, as the names need it that must not clash. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* The first `digits` hex digits (even, at most 64) of the digest of the text, NUL-terminated. */
void digest_hex(const char *text, char *ret, size_t digits);

enum { DIGEST_BYTES = 32 };
/* All of the digest of some bytes: 2 * DIGEST_BYTES hex digits, NUL-terminated. */
void digest_bytes_hex(const void *bytes, size_t size, char *ret);

/* The digest of bytes that come in pieces. */
typedef struct Digest Digest;
Digest *digest_new(void);
void digest_add(Digest *digest, const void *bytes, size_t size);
/* With its end, so that no two lists of texts read alike; NULL as "". */
void digest_add_text(Digest *digest, const char *text);
/* What was added since the beginning or the last take. */
void digest_take(Digest *digest, uint8_t ret[DIGEST_BYTES]);
Digest *digest_free(Digest *digest);
/* Takes it, in hex, and frees it. */
const char *digest_end(Digest *digest, Arena *arena);
