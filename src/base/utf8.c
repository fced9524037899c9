/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

static int tail(const unsigned char *p, size_t n, size_t at) {
    return at < n && (p[at] & 0xc0) == 0x80;
}

size_t utf8_length(const char *bytes, size_t n) {
    const unsigned char *p = (const unsigned char *)bytes;
    if (n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return tail(p, n, 1) ? 2 : 0;
    if (p[0] >= 0xe0 && p[0] <= 0xef) {
        if (!tail(p, n, 1) || !tail(p, n, 2))
            return 0;
        int overlong = p[0] == 0xe0 && p[1] < 0xa0;
        int surrogate = p[0] == 0xed && p[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        if (!tail(p, n, 1) || !tail(p, n, 2) || !tail(p, n, 3))
            return 0;
        int overlong = p[0] == 0xf0 && p[1] < 0x90;
        int too_large = p[0] == 0xf4 && p[1] > 0x8f;
        return overlong || too_large ? 0 : 4;
    }
    return 0;
}

bool utf8_valid(const char *bytes, size_t size) {
    for (size_t i = 0; i < size;) {
        size_t n = utf8_length(bytes + i, size - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

size_t utf8_mark(const char *bytes, size_t size) {
    return size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}
