/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/base64.h"

#include <string.h>

#include "base/xalloc.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const char *base64_decode(const char *text, Arena *arena, size_t *ret_size) {
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

char *base64_encode(const char *bytes, size_t size) {
    char *text = xmalloc((size + 2) / 3 * 4 + 1), *to = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        unsigned bits = (unsigned)(unsigned char)bytes[i] << 16;
        bits |= n > 1 ? (unsigned)(unsigned char)bytes[i + 1] << 8 : 0u;
        bits |= n > 2 ? (unsigned)(unsigned char)bytes[i + 2] : 0u;
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = n > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = n > 2 ? digits[bits & 63] : '=';
    }
    *to = '\0';
    return text;
}
