/* SPDX-License-Identifier: Apache-2.0 */
/* The identity of a project: its name made harmless, and six digits that its config file decides.
 * The rule is that of devrig, "devrig" for a name without any letter included, so that its
 * projects keep their slugs. */
#include <nettle/sha2.h>
#include <string.h>

#include "spec/config.h"

enum { SLUG_NAME = 24, SLUG_DIGITS = 6 };

static int lower(int c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool kept(int c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Lower case, runs of other bytes one '-', none at either end, at most 24 bytes. */
static size_t harmless(const char *name, char out[SLUG_NAME]) {
    size_t n = 0;
    bool gap = false;
    for (; *name && n < SLUG_NAME; name++) {
        int c = lower((unsigned char)*name);
        if (!kept(c)) {
            gap = n > 0;
            continue;
        }
        if (gap)
            out[n++] = '-';
        gap = false;
        if (n < SLUG_NAME)
            out[n++] = (char)c;
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    return n;
}

const char *config_slug(const char *name, const char *file, Arena *arena) {
    struct sha256_ctx sha;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&sha);
    sha256_update(&sha, strlen(file), (const uint8_t *)file);
    sha256_digest(&sha, sizeof(digest), digest);
    char text[SLUG_NAME];
    size_t n = harmless(name, text);
    _Static_assert(SLUG_DIGITS == 6, "three bytes are printed");
    return arena_printf(arena, "%.*s-%02x%02x%02x", n ? (int)n : 6, n ? text : "devrig", digest[0],
                        digest[1], digest[2]);
}
