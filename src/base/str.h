/* SPDX-License-Identifier: Apache-2.0 */
/* Small things about strings. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Copies what fits, always ends it, never in the middle of a UTF-8 sequence. */
void str_copy(char *to, size_t size, const char *text);
bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);
bool str_same(const char *a, const char *b); /* NULL equals only NULL */

/* The candidate that `word` was probably meant to be, or NULL ("did you mean"). NULL candidates are
 * skipped. */
const char *str_suggest(const char *word, const char *const *candidates, size_t n);

/* The bytes as 2n hex digits, and their end. */
void str_hex(char *ret, const void *bytes, size_t n);

/* FNV-1a, for tables of names. Begins with STR_HASH; goes on with what it gave for the text
 * before. */
#define STR_HASH UINT64_C(0xcbf29ce484222325)
static inline uint64_t str_hash(uint64_t hash, const char *text) {
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* A whole decimal number within [min, max]. -1: it is none. */
MUST int number_parse(const char *text, int64_t min, int64_t max, int64_t *ret);
