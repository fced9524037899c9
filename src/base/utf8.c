/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>
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

/* The character at `p`; 0: none. */
static uint32_t character(const char *p, size_t n, size_t *ret_length) {
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = *ret_length = utf8_length(p, n);
    uint32_t c = (unsigned char)*(length ? p : "") & first[length];
    for (size_t i = 1; i < length; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3f);
    return c;
}

size_t utf8_blank(const char *p, size_t n) {
    size_t length;
    uint32_t c = character(p, n, &length);
    bool blank = (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
                 (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
                 c == 0x205f || c == 0x3000;
    return blank ? length : 0;
}

size_t utf8_hidden(const char *p, size_t n) {
    size_t length;
    uint32_t c = character(p, n, &length);
    bool hidden = c < ' ' || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c ||
                  (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
                  (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe0fff);
    return hidden ? length : 0;
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

size_t utf8_cut(const char *bytes, size_t size, size_t most) {
    size_t n = 0;
    for (size_t more; n < size; n += more ? more : 1) {
        more = utf8_length(bytes + n, size - n);
        if (n + (more ? more : 1) > most)
            break;
    }
    return n;
}

size_t utf8_mark(const char *bytes, size_t size) {
    return size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

void utf8_trim(const char **p, size_t *n) {
    size_t blank;
    for (; (blank = utf8_blank(*p, *n)) > 0; *n -= blank)
        *p += blank;
    do {
        blank = 0;
        for (size_t size = 1; size <= 3 && size <= *n && !blank; size++)
            blank = utf8_blank(*p + *n - size, size) == size ? size : 0;
        *n -= blank;
    } while (blank);
}
