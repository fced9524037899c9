/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/mask_forms.h"

#include <ctype.h>
#include <string.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"

typedef struct Text {
    const char *p;
    size_t n;
} Text;

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
static void add_room(MaskForms *forms, const char *form, size_t size) {
    if (forms->list.n + size / MASK_FORM_BYTES_MAX < MASK_FORMS_MAX)
        add(forms, form, size);
}

/* Both alphabets. */
static void add_alphabets(MaskForms *forms, char *form, size_t size) {
    if (size < LONG_SECRET)
        return;
    add_room(forms, form, size);
    for (size_t i = 0; i < size; i++)
        form[i] = form[i] == '+' ? '-' : form[i] == '/' ? '_' : form[i];
    add_room(forms, form, size);
}

/* With so many bytes before it in its group: the characters that depend on the secret alone, which
 * at the end of the text are one more. */
static void add_base64(MaskForms *forms, Text secret, size_t before, bool at_end) {
    size_t size = before + secret.n, last = size % GROUP, skip = before ? before + 1 : 0;
    AUTO_FREE char *padded = xmalloc(size + 1);
    Buf encoded;
    memset(padded, 0, before);
    memcpy(padded + before, secret.p, secret.n);
    buf_init(&encoded, (size + GROUP) * 2);
    base64_put(&encoded, padded, size);
    add_alphabets(forms, encoded.p + skip,
                  size / GROUP * ENCODED_GROUP + last + (at_end && last) - skip);
    buf_deinit(&encoded);
}

/* `space`, `hex`: how a form says one, and any other byte. */
static void add_percent(MaskForms *forms, Text secret, const char *space, const char *digits) {
    Buf form;
    buf_init(&form, secret.n * GROUP + 1);
    for (size_t i = 0; i < secret.n; i++) {
        unsigned char c = (unsigned char)secret.p[i];
        if (isalnum(c) || (c && strchr("-._~", c)))
            buf_putc(&form, secret.p[i]);
        else if (c == ' ')
            buf_puts(&form, space);
        else
            buf_printf(&form, "%%%c%c", digits[c >> 4], digits[c & 15]);
    }
    add_room(forms, buf_cstr(&form), form.n);
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

static void add_encoded(MaskForms *forms, const char *value, bool more) {
    size_t size = trim(&value);
    const Text secret = {value, size};
    const char *digits = more ? "0123456789abcdef" : "0123456789ABCDEF";
    if (size < LONG_SECRET)
        return;
    for (size_t before = 0; before < GROUP; before++)
        add_base64(forms, secret, before, more);
    add_percent(forms, secret, "%20", digits);
    add_percent(forms, secret, "+", digits);
}

void mask_forms_add_encoded(MaskForms *forms, const char *value) {
    add_encoded(forms, value, false);
}

void mask_forms_add_more(MaskForms *forms, const char *value) {
    add_encoded(forms, value, true);
}

/* ---- texts ---- */

void form_mask_init(FormMask *mask, const StrList *forms, Arena *arena) {
    *mask = (FormMask){.at = arena_alloc(arena, (forms->n + 1) * sizeof(*mask->at))};
    uint16_t next[256];
    for (size_t i = 0; i < forms->n; i++)
        mask->from[(unsigned char)*forms->at[i] + 1]++;
    for (size_t c = 0; c < 256; c++) {
        next[c] = mask->from[c];
        mask->from[c + 1] = (uint16_t)(mask->from[c + 1] + mask->from[c]);
    }
    for (size_t i = 0; i < forms->n; i++)
        mask->at[next[(unsigned char)*forms->at[i]]++] = forms->at[i];
}

/* The longest form that begins there; 0: none. */
static size_t form_at(const FormMask *mask, const char *text) {
    unsigned char c = (unsigned char)*text;
    size_t longest = 0;
    for (size_t i = mask->from[c]; i < mask->from[c + 1]; i++) {
        size_t n = 1;
        while (mask->at[i][n] && mask->at[i][n] == text[n])
            n++;
        if (!mask->at[i][n] && n > longest)
            longest = n;
    }
    return longest;
}

/* ---- sentences ---- */

/* Is it the beginning of a form, of which the rest was cut off? */
static bool is_cut(const StrList *forms, const char *text) {
    size_t n = strlen(text);
    for (size_t i = 0; n >= SECRET_MIN && i < forms->n; i++)
        if (strncmp(text, forms->at[i], n) == 0)
            return true;
    return false;
}

/* `cut`: the text is, at its end perhaps within one of these; NULL: it is whole. */
static void put_masked(const FormMask *mask, const char *text, const StrList *cut, Buf *out) {
    for (const char *plain = text;;) {
        size_t n = *text ? form_at(mask, text) : 0;
        if (*text && !n && cut && is_cut(cut, text))
            n = strlen(text);
        if (*text && !n) {
            text++;
            continue;
        }
        buf_put(out, plain, (size_t)(text - plain));
        if (!*text)
            return;
        buf_puts(out, SCHEMA_MASKED);
        plain = text += n;
    }
}

void form_mask_put(const FormMask *mask, const char *text, Buf *out) {
    put_masked(mask, text, NULL, out);
}

static char *masked(const StrList *forms, const char *text, bool cut) {
    Arena arena;
    FormMask mask;
    Buf out;
    arena_init(&arena);
    form_mask_init(&mask, forms, &arena);
    buf_init(&out, strlen(text) * strlen(SCHEMA_MASKED) + 1);
    put_masked(&mask, text, cut ? forms : NULL, &out);
    arena_deinit(&arena);
    return buf_take(&out);
}

char *mask_copy(const StrList *forms, const char *text) {
    return masked(forms, text, false);
}

void mask_text(const StrList *forms, char *text, size_t size) {
    AUTO_FREE char *copy = masked(forms, text, strlen(text) + 1 >= size);
    str_copy(text, size, copy);
}
