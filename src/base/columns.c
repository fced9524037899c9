/* SPDX-License-Identifier: Apache-2.0 */
#include "base/columns.h"

#include <stdio.h>
#include <string.h>

static const char *next(const char *at) {
    do
        at++;
    while (((unsigned char)*at & 0xc0) == 0x80);
    return at;
}

static const char *skip(const char *at, size_t columns) {
    while (*at && columns--)
        at = next(at);
    return at;
}

size_t columns_of(const char *text) {
    size_t n = 0;
    for (; *text; text = next(text))
        n++;
    return n;
}

/* `head` columns, an ellipsis, and the last `tail`. */
static void leave_out(const char *text, size_t head, size_t tail, char *to, size_t size) {
    const char *end = skip(text, head), *rest = skip(text, columns_of(text) - tail);
    while (end > text && (size_t)(end - text) + strlen("…") + strlen(rest) >= size) {
        do
            end--;
        while (((unsigned char)*end & 0xc0) == 0x80);
    }
    snprintf(to, size, "%.*s…%s", (int)(end - text), text, rest);
}

/* `head` of the columns that stay beside the ellipsis are of the beginning. */
static void cut(const char *text, size_t columns, size_t head, char *to, size_t size) {
    if (columns_of(text) <= columns && strlen(text) < size)
        snprintf(to, size, "%s", text);
    else
        leave_out(text, head, columns ? columns - 1 - head : 0, to, size);
}

void columns_cut(const char *text, size_t columns, char *to, size_t size) {
    cut(text, columns, columns ? columns - 1 : 0, to, size);
}

void columns_cut_middle(const char *text, size_t columns, char *to, size_t size) {
    cut(text, columns, columns ? columns / 2 : 0, to, size);
}

void columns_cut_start(const char *text, size_t columns, char *to, size_t size) {
    cut(text, columns, 0, to, size);
}
