/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/base64.h"

#include <string.h>

const char *base64_decode(const char *text, Arena *arena, size_t *ret_size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *bytes = arena_alloc(arena, strlen(text) / 4 * 3 + 3);
    unsigned bits = 0, have = 0;
    size_t n = 0;
    for (const char *digit; *text && (digit = strchr(digits, *text)); text++) {
        bits = bits << 6 | (unsigned)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes[n++] = (char)(bits >> have);
        }
    }
    *ret_size = n;
    return bytes;
}
