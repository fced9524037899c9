/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "base/xalloc.h"

void json_writer_init(JsonWriter *w, Buf *out) {
    *w = (JsonWriter){.out = out};
}

static void new_line(JsonWriter *w) {
    if (!w->pretty)
        return;
    buf_putc(w->out, '\n');
    for (uint32_t i = 0; i < w->depth; i++)
        buf_put(w->out, "  ", 2);
}

/* What comes before a value (or a key): the comma, and in pretty style the line. */
static void before(JsonWriter *w) {
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->comma)
        buf_putc(w->out, ',');
    if (w->depth > 0)
        new_line(w);
}

static void begin(JsonWriter *w, char bracket) {
    before(w);
    buf_putc(w->out, bracket);
    w->depth++;
    w->comma = false;
}

static void end(JsonWriter *w, char bracket) {
    w->depth--;
    if (w->comma)
        new_line(w);
    buf_putc(w->out, bracket);
    w->comma = true;
}

void json_object_begin(JsonWriter *w) {
    begin(w, '{');
}

void json_object_end(JsonWriter *w) {
    end(w, '}');
}

void json_array_begin(JsonWriter *w) {
    begin(w, '[');
}

void json_array_end(JsonWriter *w) {
    end(w, ']');
}

static const char *short_escape(unsigned char c) {
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\b': return "\\b";
    case '\f': return "\\f";
    default: return NULL;
    }
}

static void put_escaped(Buf *out, unsigned char c) {
    const char *escape = short_escape(c);
    if (escape)
        buf_puts(out, escape);
    else
        buf_printf(out, "\\u%04x", c);
}

static bool plain(unsigned char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void quote(Buf *out, const char *bytes, size_t len) {
    buf_putc(out, '"');
    size_t i = 0;
    while (i < len) {
        size_t from = i;
        while (i < len && plain((unsigned char)bytes[i]))
            i++;
        buf_put(out, bytes + from, i - from);
        if (i == len)
            break;
        unsigned char c = (unsigned char)bytes[i];
        size_t n = c < 0x80 ? 0 : utf8_length(bytes + i, len - i);
        if (c < 0x80)
            put_escaped(out, c);
        else if (n == 0)
            buf_puts(out, "\xef\xbf\xbd"); /* U+FFFD */
        else
            buf_put(out, bytes + i, n);
        i += n ? n : 1;
    }
    buf_putc(out, '"');
}

void json_key(JsonWriter *w, const char *key) {
    before(w);
    quote(w->out, key, strlen(key));
    buf_puts(w->out, w->pretty ? ": " : ":");
    w->after_key = true;
    w->comma = true;
}

void json_stringn(JsonWriter *w, const char *bytes, size_t len) {
    before(w);
    quote(w->out, bytes, len);
    w->comma = true;
}

static void put_hidden(JsonWriter *w, const char *text) {
    const JsonHide *hide = w->hide;
    Buf shown;
    buf_init(&shown, w->out->max);
    hide->put(hide->arg, text, &shown);
    w->out->failed |= shown.failed;
    json_stringn(w, buf_cstr(&shown), shown.n);
    buf_deinit(&shown);
}

void json_string(JsonWriter *w, const char *text) {
    if (text && w->hide)
        put_hidden(w, text);
    else if (text)
        json_stringn(w, text, strlen(text));
    else
        json_null(w);
}

void json_stringf(JsonWriter *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    AUTO_FREE char *text = xvasprintf(format, args);
    va_end(args);
    json_string(w, text);
}

void json_raw(JsonWriter *w, const char *json, size_t len) {
    before(w);
    buf_put(w->out, json, len);
    w->comma = true;
}

void json_repeat(JsonWriter *w, size_t from, size_t size) {
    before(w);
    buf_repeat(w->out, from, size);
    w->comma = true;
}

void json_base64(JsonWriter *w, const char *bytes, size_t len) {
    before(w);
    buf_putc(w->out, '"');
    base64_put(w->out, bytes, len);
    buf_putc(w->out, '"');
    w->comma = true;
}

void json_int(JsonWriter *w, int64_t n) {
    char text[24];
    json_raw(w, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, n));
}

void json_real(JsonWriter *w, double n) {
    if (!isfinite(n)) {
        json_null(w);
        return;
    }
    char text[40];
    /* The shortest of these that reads back the same. */
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof(text), "%.*g", digits, n);
        double back = 0;
        if (sscanf(text, "%lf", &back) == 1 && back == n)
            break;
    }
    /* Without any of these it would be read as an integer. */
    if (!strpbrk(text, ".e"))
        len += snprintf(text + len, sizeof(text) - (size_t)len, ".0");
    json_raw(w, text, (size_t)len);
}

void json_bool(JsonWriter *w, bool b) {
    json_raw(w, b ? "true" : "false", b ? 4 : 5);
}

void json_null(JsonWriter *w) {
    json_raw(w, "null", 4);
}

static void put_map(JsonWriter *w, const Value *v) {
    json_object_begin(w);
    for (size_t i = 0; i < v->map.n; i++) {
        json_key(w, v->map.at[i].key);
        json_value(w, v->map.at[i].value);
    }
    json_object_end(w);
}

static void put_list(JsonWriter *w, const Value *v) {
    json_array_begin(w);
    for (size_t i = 0; i < v->list.n; i++)
        json_value(w, v->list.at[i]);
    json_array_end(w);
}

void json_value(JsonWriter *w, const Value *v) {
    if (!v) {
        json_null(w);
        return;
    }
    switch (v->kind) {
    case VALUE_NULL: json_null(w); return;
    case VALUE_BOOL: json_bool(w, v->boolean); return;
    case VALUE_INT: json_int(w, v->integer); return;
    case VALUE_REAL: json_real(w, v->real); return;
    case VALUE_STRING:
        if (w->hide)
            json_string(w, v->text);
        else
            json_stringn(w, v->text, v->len);
        return;
    case VALUE_LIST: put_list(w, v); return;
    case VALUE_MAP: put_map(w, v); return;
    }
    UNREACHABLE();
}

void json_kv_string(JsonWriter *w, const char *key, const char *text) {
    json_key(w, key);
    json_string(w, text);
}

void json_kv_int(JsonWriter *w, const char *key, int64_t n) {
    json_key(w, key);
    json_int(w, n);
}

void json_kv_bool(JsonWriter *w, const char *key, bool b) {
    json_key(w, key);
    json_bool(w, b);
}

void json_kv_object(JsonWriter *w, const char *key) {
    json_key(w, key);
    json_object_begin(w);
}

void json_kv_array(JsonWriter *w, const char *key) {
    json_key(w, key);
    json_array_begin(w);
}
