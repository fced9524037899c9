/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/mask_forms.h"

#include <ctype.h>
#include <string.h>

#include "base/base64.h"
#include "base/limits.h"

enum { LONG_SECRET = 8, GROUP = 3, ENCODED_GROUP = 4 };

static void add(StrList *list, Arena *arena, const char *form, size_t size) {
    if (size < SECRET_MIN)
        return;
    for (size_t i = 0; i < list->n; i++)
        if (strlen(list->at[i]) == size && memcmp(list->at[i], form, size) == 0)
            return;
    const char **at = arena_alloc(arena, (list->n + 1) * sizeof(*at));
    if (list->n)
        memcpy(at, list->at, list->n * sizeof(*at));
    at[list->n++] = arena_strndup(arena, form, size);
    list->at = at;
}

static void add_lines(const char *text, size_t size, Arena *arena, StrList *list) {
    for (const char *line = text, *end = text + size; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((newline ? newline : end) - line);
        if (n > 0 && line[n - 1] == '\r')
            n--;
        add(list, arena, line, n);
        line = newline ? newline + 1 : end;
    }
}

/* With so many bytes before it in its group: the characters that depend on the secret alone. */
static void add_base64(const char *text, size_t size, size_t before, StrList *list, Arena *arena) {
    char *padded = arena_alloc(arena, before + size + 1);
    size_t groups = (before + size) / GROUP, skip = before ? ENCODED_GROUP : 0;
    Buf encoded;
    memcpy(padded + before, text, size);
    buf_init(&encoded, (size + GROUP) * 2 + ENCODED_GROUP);
    base64_put(&encoded, padded, before + size);
    if (groups * ENCODED_GROUP >= skip + LONG_SECRET) {
        char *form = encoded.p + skip;
        size_t n = groups * ENCODED_GROUP - skip;
        add(list, arena, form, n);
        for (size_t i = 0; i < n; i++)
            form[i] = form[i] == '+' ? '-' : form[i] == '/' ? '_' : form[i];
        add(list, arena, form, n);
    }
    buf_deinit(&encoded);
}

/* `space`: how a form says it. */
static void add_percent(const char *text, size_t size, const char *space, StrList *list,
                        Arena *arena) {
    Buf form;
    buf_init(&form, size * GROUP + 1);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (isalnum(c) || strchr("-._~", c))
            buf_putc(&form, text[i]);
        else if (c == ' ')
            buf_puts(&form, space);
        else
            buf_printf(&form, "%%%02X", c);
    }
    add(list, arena, buf_cstr(&form), form.n);
    buf_deinit(&form);
}

void mask_forms(const char *value, Arena *arena, StrList *list) {
    size_t size = strlen(value);
    while (size && isspace((unsigned char)*value))
        value++, size--;
    while (size && isspace((unsigned char)value[size - 1]))
        size--;
    if (size < SECRET_MIN)
        return;
    add(list, arena, value, size);
    add_lines(value, size, arena, list);
    if (size < LONG_SECRET)
        return;
    for (size_t before = 0; before < GROUP; before++)
        add_base64(value, size, before, list, arena);
    add_percent(value, size, "%20", list, arena);
    add_percent(value, size, "+", list, arena);
}
