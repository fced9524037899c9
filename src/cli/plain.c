/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plain.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { ESCAPED = 4 /* "\x1b" */ };

/* How many bytes the control character takes that stands there; 0: there is none. U+0080 to U+009F
 * are some, too. */
static size_t control_at(const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    if (*p < ' ' || *p == 0x7f)
        return *p ? 1 : 0;
    return p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0 ? 2 : 0;
}

bool plain_is(const char *text) {
    while (*text && !control_at(text))
        text++;
    return !*text;
}

void plain_put(const char *text, Buf *out) {
    for (size_t n; *text; text += n ? n : 1) {
        n = control_at(text);
        if (n == 0)
            buf_putc(out, *text);
        else
            buf_printf(out, "\\x%02x", (unsigned char)text[n - 1]);
    }
}

char *plain_copy(const char *text) {
    Buf out;
    if (plain_is(text))
        return xstrdup(text);
    buf_init(&out, ESCAPED * strlen(text) + 1);
    plain_put(text, &out);
    char *copy = buf_take(&out);
    buf_deinit(&out);
    return copy;
}
