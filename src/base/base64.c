/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(Buf *out, const char *bytes, size_t size) {
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = (uint32_t)p[i] << 16;
        if (i + 1 < size)
            three |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < size)
            three |= p[i + 2];
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                        i + 1 < size ? digits[three >> 6 & 63] : '=',
                        i + 2 < size ? digits[three & 63] : '='};
        buf_put(out, four, 4);
    }
}

const char *base64_decode(const char *encoded, Arena *arena, size_t *ret_size) {
    size_t n = strlen(encoded), pad = 0;
    if (n % 4)
        return NULL;
    while (pad < 2 && pad < n && encoded[n - 1 - pad] == '=')
        pad++;
    char *text = arena_alloc(arena, n / 4 * 3 + 1), *to = text;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        const char *digit = i < n - pad ? strchr(digits, encoded[i]) : digits;
        if (!digit || !*digit)
            return NULL;
        bits = bits << 6 | (uint32_t)(digit - digits);
        if (i % 4 == 3)
            for (int shift = 16; shift >= 0; shift -= 8)
                *to++ = (char)(bits >> shift & 255);
    }
    *ret_size = n / 4 * 3 - pad;
    text[*ret_size] = '\0';
    return text;
}

const char *base64_text(const char *encoded, Arena *arena) {
    size_t size;
    const char *text = base64_decode(encoded, arena, &size);
    return text && strlen(text) == size ? text : NULL;
}
