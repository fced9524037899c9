/* SPDX-License-Identifier: Apache-2.0 */
#include "data/yaml_write.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "data/json.h"

static void write_node(const Value *v, Buf *out, size_t indent);

static void put_indent(Buf *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        buf_putc(out, ' ');
}

/* Words that some reader takes for null, a boolean or a number, in any case of their letters. */
static bool reserved_word(const char *text, size_t len) {
    static const char *const words[] = {"null", "true", "false", "yes",  "no",    "on",    "off",
                                        "y",    "n",    "~",     ".inf", "-.inf", "+.inf", ".nan"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strlen(words[i]) == len && strncasecmp(words[i], text, len) == 0)
            return true;
    return false;
}

/* What some reader could take for a number: base 60, dates, hexadecimal and underscores
 * included. */
static bool number_like(const char *text) {
    const char *p = text;
    if (*p == '+' || *p == '-')
        p++;
    if (*p == '.')
        p++;
    return isdigit((unsigned char)*p) &&
           !text[strspn(text, "0123456789abcdefABCDEFxXoO+-._:tTzZ ")];
}

static bool plain_char(const char *text, size_t i, size_t len) {
    unsigned char c = (unsigned char)text[i];
    if (c < 0x20 || c == 0x7f)
        return false;
    if (c == ':')
        return i + 1 < len && text[i + 1] != ' ';
    if (c == '#')
        return i > 0 && text[i - 1] != ' ';
    return c < 0x80 || utf8_length(text + i, len - i) > 0;
}

/* Characters beyond ASCII that are a line break or unprintable to some reader: U+0080 to U+00A0,
 * U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF. */
static bool unprintable(const char *text, size_t n) {
    const unsigned char *p = (const unsigned char *)text;
    if (n == 2)
        return p[0] == 0xc2 && p[1] <= 0xa0;
    if (n != 3)
        return false;
    if (p[0] == 0xe2)
        return p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9);
    return p[0] == 0xef && ((p[1] == 0xbb && p[2] == 0xbf) || (p[1] == 0xbf && p[2] >= 0xbe));
}

static unsigned code_point(const char *text, size_t n) {
    const unsigned char *p = (const unsigned char *)text;
    return n == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
                  : (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

/* May the string stand there without quotes? */
static bool plain(const char *text, size_t len) {
    if (len == 0 || reserved_word(text, len) || number_like(text))
        return false;
    if (strchr(" ?:,[]{}#&*!|>'\"%@`=<", text[0]) || text[len - 1] == ' ')
        return false;
    if (text[0] == '-' && (len == 1 || text[1] == ' ' || text[1] == '-'))
        return false;
    if (strncmp(text, "...", 3) == 0)
        return false;
    for (size_t i = 0; i < len;) {
        if (!plain_char(text, i, len))
            return false;
        size_t n = utf8_length(text + i, len - i);
        if (unprintable(text + i, n))
            return false;
        i += n;
    }
    return true;
}

/* Lines that can be written as a `|` block: printable, no line with spaces at its end, no leading
 * space. */
static bool block_text(const char *text, size_t len) {
    if (len < 2 || !memchr(text, '\n', len - 1) || text[0] == ' ' || text[0] == '\n')
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\n') || c >= 0x7f)
            return false;
        if (c == ' ' && (i + 1 == len || text[i + 1] == '\n'))
            return false;
    }
    return len < 2 || text[len - 1] != '\n' || text[len - 2] != '\n';
}

static void write_block(const char *text, size_t len, Buf *out, size_t indent) {
    buf_puts(out, text[len - 1] == '\n' ? "|" : "|-");
    for (size_t i = 0; i < len;) {
        const char *end = memchr(text + i, '\n', len - i);
        size_t n = end ? (size_t)(end - text) - i : len - i;
        buf_putc(out, '\n');
        if (n > 0)
            put_indent(out, indent);
        buf_put(out, text + i, n);
        i += n + 1;
    }
}

/* JSON's quoting is YAML's double quoting, once the breaks that only YAML knows are escaped. */
static void write_quoted(const char *text, size_t len, Buf *out) {
    AUTO(buf_deinit) Buf json;
    buf_init(&json, 6 * len + 16);
    JsonWriter w;
    json_writer_init(&w, &json);
    json_stringn(&w, text, len);
    const char *quoted = buf_cstr(&json);
    for (size_t i = 0; i < json.n;) {
        size_t n = utf8_length(quoted + i, json.n - i);
        if (unprintable(quoted + i, n))
            buf_printf(out, "\\u%04x", code_point(quoted + i, n));
        else
            buf_put(out, quoted + i, n);
        i += n;
    }
}

static void write_string(const Value *v, Buf *out, size_t indent) {
    if (plain(v->text, v->len))
        buf_put(out, v->text, v->len);
    else if (block_text(v->text, v->len))
        write_block(v->text, v->len, out, indent);
    else
        write_quoted(v->text, v->len, out);
}

static void write_real(const Value *v, Buf *out) {
    if (isnan(v->real)) {
        buf_puts(out, ".nan");
    } else if (isinf(v->real)) {
        buf_puts(out, v->real < 0 ? "-.inf" : ".inf");
    } else {
        char text[40];
        snprintf(text, sizeof(text), "%.17g", v->real);
        buf_puts(out, text);
        if (!strpbrk(text, ".e"))
            buf_puts(out, ".0");
    }
}

static void write_key(const char *key, Buf *out) {
    size_t len = strlen(key);
    if (plain(key, len))
        buf_put(out, key, len);
    else
        write_quoted(key, len, out);
    buf_putc(out, ':');
}

static bool is_block(const Value *v) {
    return v && value_count(v) > 0;
}

static void write_map(const Value *v, Buf *out, size_t indent) {
    for (size_t i = 0; i < v->map.n; i++) {
        const Value *item = v->map.at[i].value;
        if (i > 0)
            put_indent(out, indent);
        write_key(v->map.at[i].key, out);
        if (is_block(item)) {
            buf_putc(out, '\n');
            put_indent(out, indent + 2);
            write_node(item, out, indent + 2);
        } else {
            buf_putc(out, ' ');
            write_node(item, out, indent + 2);
            buf_putc(out, '\n');
        }
    }
}

static void write_list(const Value *v, Buf *out, size_t indent) {
    for (size_t i = 0; i < v->list.n; i++) {
        if (i > 0)
            put_indent(out, indent);
        buf_puts(out, "- ");
        write_node(v->list.at[i], out, indent + 2);
        if (!is_block(v->list.at[i]))
            buf_putc(out, '\n');
    }
}

/* Maps and lists end with their line; scalars leave that to the caller. We stand at column
 * `indent`. */
static void write_node(const Value *v, Buf *out, size_t indent) {
    if (!v) {
        buf_puts(out, "null");
        return;
    }
    switch (v->kind) {
    case VALUE_NULL: buf_puts(out, "null"); return;
    case VALUE_BOOL: buf_puts(out, v->boolean ? "true" : "false"); return;
    case VALUE_INT: buf_printf(out, "%" PRId64, v->integer); return;
    case VALUE_REAL: write_real(v, out); return;
    case VALUE_STRING: write_string(v, out, indent); return;
    case VALUE_LIST:
        if (v->list.n == 0)
            buf_puts(out, "[]");
        else
            write_list(v, out, indent);
        return;
    case VALUE_MAP:
        if (v->map.n == 0)
            buf_puts(out, "{}");
        else
            write_map(v, out, indent);
        return;
    }
    UNREACHABLE();
}

void yaml_write(const Value *v, Buf *out) {
    /* A block text at the top still needs an indent. */
    write_node(v, out, v && v->kind == VALUE_STRING ? 2 : 0);
    if (!is_block(v))
        buf_putc(out, '\n');
}
