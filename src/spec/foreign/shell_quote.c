/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/shell_quote.h"

#include <string.h>

const char *shell_quote(const char *text, Arena *arena) {
    char *out = arena_alloc(arena, strlen(text) * 4 + 3), *p = out;
    *p++ = '\'';
    for (; *text; text++) {
        if (*text != '\'') {
            *p++ = *text;
            continue;
        }
        memcpy(p, "'\\''", 4);
        p += 4;
    }
    *p++ = '\'';
    return out;
}

const char *regex_quote(const char *text, Arena *arena) {
    char *out = arena_alloc(arena, strlen(text) * 2 + 1), *p = out;
    for (; *text; text++) {
        if (strchr(".[]{}()*+?^$|\\", *text))
            *p++ = '\\';
        *p++ = *text;
    }
    return out;
}
