/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/mask_forms.h"

#include <ctype.h>
#include <string.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"

enum { LONG_SECRET = 8, GROUP = 3, ENCODED_GROUP = 4 };

static void put(MaskForms *forms, const char *form, size_t size) {
    const char *own = arena_strndup(forms->arena, form, size);
    if (map_get(&forms->seen, own))
        return;
    forms->list.at = arena_grow(forms->arena, forms->list.at, forms->list.n, &forms->cap,
                                sizeof(*forms->list.at));
    forms->list.at[forms->list.n++] = own;
    (void)map_put(&forms->seen, own, forms);
}

static void add(MaskForms *forms, const char *form, size_t size) {
    for (size_t n; size >= SECRET_MIN; form += n, size -= n) {
        n = size < MASK_FORM_BYTES_MAX ? size : MASK_FORM_BYTES_MAX;
        put(forms, form, n);
    }
}

static void add_lines(MaskForms *forms, const char *text, size_t size) {
    for (const char *line = text, *end = text + size; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((newline ? newline : end) - line);
        if (n > 0 && line[n - 1] == '\r')
            n--;
        add(forms, line, n);
        line = newline ? newline + 1 : end;
    }
}

/* An encoding, if there is room for it. */
static void add_more(MaskForms *forms, const char *form, size_t size) {
    if (forms->list.n + size / MASK_FORM_BYTES_MAX < MASK_FORMS_MAX)
        add(forms, form, size);
}

/* With so many bytes before it in its group: the characters that depend on the secret alone. */
static void add_base64(const char *text, size_t size, size_t before, MaskForms *forms) {
    AUTO_FREE char *padded = xmalloc(before + size + 1);
    size_t groups = (before + size) / GROUP, skip = before ? ENCODED_GROUP : 0;
    Buf encoded;
    memset(padded, 0, before);
    memcpy(padded + before, text, size);
    buf_init(&encoded, (size + GROUP) * 2 + ENCODED_GROUP);
    base64_put(&encoded, padded, before + size);
    if (groups * ENCODED_GROUP >= skip + LONG_SECRET) {
        char *form = encoded.p + skip;
        size_t n = groups * ENCODED_GROUP - skip;
        add_more(forms, form, n);
        for (size_t i = 0; i < n; i++)
            form[i] = form[i] == '+' ? '-' : form[i] == '/' ? '_' : form[i];
        add_more(forms, form, n);
    }
    buf_deinit(&encoded);
}

/* `space`: how a form says it. */
static void add_percent(const char *text, size_t size, const char *space, MaskForms *forms) {
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
    add_more(forms, buf_cstr(&form), form.n);
    buf_deinit(&form);
}

/* Without white space around it; the size. */
static size_t trim(const char **value) {
    size_t size = strlen(*value);
    while (size && isspace((unsigned char)**value))
        ++*value, size--;
    while (size && isspace((unsigned char)(*value)[size - 1]))
        size--;
    return size;
}

void mask_forms_init(MaskForms *forms, Arena *arena) {
    *forms = (MaskForms){.arena = arena};
    map_init(&forms->seen);
}

void mask_forms_deinit(MaskForms *forms) {
    map_deinit(&forms->seen);
}

void mask_forms_add(MaskForms *forms, const char *value) {
    size_t size = trim(&value);
    if (size < SECRET_MIN)
        return;
    add(forms, value, size);
    add_lines(forms, value, size);
}

void mask_forms_add_encoded(MaskForms *forms, const char *value) {
    size_t size = trim(&value);
    if (size < LONG_SECRET)
        return;
    for (size_t before = 0; before < GROUP; before++)
        add_base64(value, size, before, forms);
    add_percent(value, size, "%20", forms);
    add_percent(value, size, "+", forms);
}

/* ---- sentences ---- */

/* The longest form that begins there; 0: none. */
static size_t form_at(const StrList *forms, const char *text) {
    size_t longest = 0;
    for (size_t i = 0; i < forms->n; i++) {
        size_t n = strlen(forms->at[i]);
        if (n > longest && strncmp(text, forms->at[i], n) == 0)
            longest = n;
    }
    return longest;
}

/* Is it the beginning of a form, of which the rest was cut off? */
static bool is_cut(const StrList *forms, const char *text) {
    size_t n = strlen(text);
    for (size_t i = 0; n >= SECRET_MIN && i < forms->n; i++)
        if (strncmp(text, forms->at[i], n) == 0)
            return true;
    return false;
}

static char *masked(const StrList *forms, const char *text, bool cut) {
    Buf out;
    buf_init(&out, strlen(text) * strlen(SCHEMA_MASKED) + 1);
    for (const char *at = text; *at;) {
        size_t n = form_at(forms, at);
        if (!n && cut && is_cut(forms, at))
            n = strlen(at);
        if (n)
            buf_puts(&out, SCHEMA_MASKED);
        else
            buf_putc(&out, *at);
        at += n ? n : 1;
    }
    return buf_take(&out);
}

char *mask_copy(const StrList *forms, const char *text) {
    return masked(forms, text, false);
}

void mask_text(const StrList *forms, char *text, size_t size) {
    AUTO_FREE char *copy = masked(forms, text, strlen(text) + 1 >= size);
    str_copy(text, size, copy);
}
