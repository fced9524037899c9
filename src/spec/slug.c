/* SPDX-License-Identifier: Apache-2.0 */
/* The identity of a project: its name made harmless, and six digits that its config file decides.
 * The rule is that of devrig, "devrig" for a name without any letter included, so that its
 * projects keep their slugs. */
#include "spec/config.h"
#include "spec/digest.h"

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
    char digits[SLUG_DIGITS + 1], text[SLUG_NAME];
    digest_hex(file, digits, SLUG_DIGITS);
    size_t n = harmless(name, text);
    return n ? arena_printf(arena, "%.*s-%s", (int)n, text, digits)
             : arena_printf(arena, "devrig-%s", digits);
}
