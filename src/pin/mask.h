/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in a stream of bytes. Every byte that is part of a secret is hidden: each run of
 * overlapping secrets becomes "********". Text comes in pieces of any size; a secret that lies
 * across a border is found as well, because the end of a piece that may be the beginning of a
 * secret is held back. What is held is by definition a prefix of a secret, so it is remembered as a
 * pointer and a length and costs no memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    MASK_SECRETS_MAX = 256,
    MASK_SECRET_BYTES_MIN = 2,
    MASK_SECRET_BYTES_MAX = 16 * 1024,
    MASK_PAIRS = 4096,
};

typedef struct MaskSecret {
    const char *at;
    uint32_t size;
} MaskSecret;

typedef struct Mask {
    uint32_t count;
    uint32_t shortest;
    uint32_t longest;
    bool pairs[MASK_PAIRS]; /* neighbours among the first `shortest` bytes of a secret, by hash */
    bool first[256];        /* bytes that begin a secret */
    MaskSecret secrets[MASK_SECRETS_MAX];
} Mask;

/* What one stream holds back: the first `size` bytes of `secret`, of which `hidden` belong to a run
 * already shown as stars. Zero-initialised: nothing. */
typedef struct MaskHold {
    const char *secret;
    uint32_t size;
    uint32_t hidden;
} MaskHold;

/* `final`: nothing is held back any more. */
typedef struct MaskText {
    const char *at;
    size_t size;
    bool final;
} MaskText;

/* Takes what is to be written, in order: pieces of the text given to mask_feed, and constants. */
typedef void (*MaskFn)(void *arg, const char *at, size_t size);

/* Reads `count` NUL-terminated strings into a zeroed mask. They must outlive it. -1 with errno
 * E2BIG or EINVAL (one that is too short). */
int mask_init(Mask *m, const char *strings, uint32_t count);

/* Copies what is held back to `text` and returns its size; the caller puts the next bytes of the
 * stream behind it. */
static inline size_t mask_prefix(const MaskHold *hold, char *text) {
    if (hold->size > 0)
        memcpy(text, hold->secret, hold->size);
    return hold->size;
}

/* Passes on the text, which begins with what mask_prefix gave. */
void mask_feed(const Mask *m, MaskHold *hold, const MaskText *text, MaskFn fn, void *arg);
