/* SPDX-License-Identifier: Apache-2.0 */
/* By recursive descent, straight into the arena: lists of thousands of objects are read whenever
 * somebody looks. Where something is wrong is counted only then. */
#include "data/json_parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/utf8.h"

enum { FEW_KEYS = 16 }; /* are compared one by one */

typedef struct Parser {
    const char *at, *end;
    Arena *arena;
    const char *wrong; /* where */
    Err *err;
    int depth;
} Parser;

static Value *parse_value(Parser *p);

/* ---- what is wrong ---- */

static void *fail(Parser *p, const char *at, const char *what) {
    p->wrong = at;
    err_set(p->err, ERR_INVALID, "%s", what);
    return NULL;
}

/* Something else stands there. */
static void *expected(Parser *p, const char *what) {
    size_t n = p->at < p->end ? utf8_length(p->at, (size_t)(p->end - p->at)) : 0;
    p->wrong = p->at;
    if (p->at == p->end)
        err_set(p->err, ERR_INVALID, "%s is expected, but the text ends", what);
    else if (n == 0 || (unsigned char)*p->at < ' ')
        err_set(p->err, ERR_INVALID, "%s is expected, not the byte 0x%02x", what,
                (unsigned char)*p->at);
    else
        err_set(p->err, ERR_INVALID, "%s is expected, not '%.*s'", what, (int)n, p->at);
    return NULL;
}

static JsonPlace place_of(const JsonText *source, const char *at) {
    JsonPlace place = {1, 1};
    for (const char *p = source->text; p < at; p++) {
        if (*p == '\n')
            place = (JsonPlace){place.line + 1, 1};
        else if (((unsigned char)*p & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

/* ---- tokens ---- */

static void skip_blanks(Parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

/* The character after blanks, which is left where it is; 0 at the end (and of a NUL, which is wrong
 * everywhere). */
static char peek(Parser *p) {
    skip_blanks(p);
    return p->at < p->end ? *p->at : '\0';
}

static bool accept(Parser *p, char c) {
    if (peek(p) != c || p->at == p->end)
        return false;
    p->at++;
    return true;
}

/* ---- strings ---- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1: they are none. */
static int32_t hex4(const Parser *p, const char *at) {
    int32_t n = 0;
    if (p->end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        n = n << 4 | digit;
    }
    return n;
}

static void put_utf8(Buf *out, uint32_t c) {
    if (c < 0x80) {
        buf_putc(out, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_putc(out, (char)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_putc(out, (char)(0xe0 | c >> 12));
        } else {
            buf_putc(out, (char)(0xf0 | c >> 18));
            buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        }
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_putc(out, (char)(0x80 | (c & 0x3f)));
}

/* After "\u". */
static bool parse_unicode(Parser *p, Buf *out) {
    const char *from = p->at - 2;
    int32_t c = hex4(p, p->at), low = -1;
    p->at += c < 0 ? 0 : 4;
    if (c >= 0xd800 && c < 0xdc00 && p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u') {
        low = hex4(p, p->at + 2);
        p->at += 6;
    }
    if (c < 0 || (c >= 0xdc00 && c < 0xe000) ||
        (c >= 0xd800 && c < 0xdc00 && (low < 0xdc00 || low >= 0xe000)))
        return fail(p, from,
                    c < 0 ? "four hexadecimal digits are expected after \\u"
                          : "half of a surrogate pair is no character");
    put_utf8(out, low < 0 ? (uint32_t)c
                          : 0x10000 + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return true;
}

static bool parse_escape(Parser *p, Buf *out) {
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *from = p->at++;
    char c = p->at < p->end ? *p->at++ : '\0';
    if (c == 'u')
        return parse_unicode(p, out);
    const char *name = c ? strchr(names, c) : NULL;
    if (!name)
        return fail(p, from, "there is no such escape; a backslash is written \\\\");
    buf_putc(out, bytes[name - names]);
    return true;
}

/* Up to what has to be looked at: a quote, a backslash. False: something that no string has. */
static bool skip_plain(Parser *p) {
    while (p->at < p->end && *p->at != '"' && *p->at != '\\') {
        unsigned char c = (unsigned char)*p->at;
        size_t n = c < 0x80 ? 1 : utf8_length(p->at, (size_t)(p->end - p->at));
        if (c < ' ')
            return fail(p, p->at, "a control character in a string; a line break is written \\n");
        if (n == 0)
            return fail(p, p->at, "a string that is not UTF-8");
        p->at += n;
    }
    return p->at < p->end || fail(p, p->at, "a string without its end");
}

/* One with escapes, from its first one on; `from` is where it begins. */
static const char *parse_escaped(Parser *p, const char *from, size_t *ret_len) {
    Buf out;
    bool ok = true;
    buf_init(&out, MAX_JSON_BYTES);
    while (ok && p->at < p->end && *p->at == '\\') {
        buf_put(&out, from, (size_t)(p->at - from));
        ok = parse_escape(p, &out);
        from = p->at;
        ok = ok && skip_plain(p);
    }
    const char *text = NULL;
    if (ok) {
        buf_put(&out, from, (size_t)(p->at - from));
        text = arena_strndup(p->arena, buf_cstr(&out), out.n);
        *ret_len = out.n;
    }
    buf_deinit(&out);
    return text;
}

/* At its quote. NULL: it is wrong. */
static const char *parse_text(Parser *p, size_t *ret_len) {
    const char *from = ++p->at;
    if (!skip_plain(p))
        return NULL;
    const char *text;
    if (*p->at == '"') {
        *ret_len = (size_t)(p->at - from);
        text = arena_strndup(p->arena, from, *ret_len);
    } else {
        text = parse_escaped(p, from, ret_len);
    }
    p->at += text != NULL;
    return text;
}

static Value *parse_string(Parser *p) {
    size_t len;
    const char *text = parse_text(p, &len);
    if (!text)
        return NULL;
    Value *v = value_new(p->arena, VALUE_STRING);
    v->text = text;
    v->len = len;
    return v;
}

/* ---- numbers ---- */

static size_t skip_digits(Parser *p) {
    const char *from = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        p->at++;
    return (size_t)(p->at - from);
}

/* Moves over it. False: it is none. */
static bool skip_number(Parser *p, bool *ret_real) {
    p->at += *p->at == '-';
    bool zero = p->at < p->end && *p->at == '0';
    const char *first = p->at;
    if (skip_digits(p) == 0)
        return expected(p, "a digit");
    if (zero && p->at - first > 1)
        return fail(p, first, "a number with a zero before it");
    *ret_real = false;
    if (p->at < p->end && *p->at == '.') {
        *ret_real = true;
        p->at++;
        if (skip_digits(p) == 0)
            return expected(p, "a digit");
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        *ret_real = true;
        p->at++;
        p->at += p->at < p->end && (*p->at == '+' || *p->at == '-');
        if (skip_digits(p) == 0)
            return expected(p, "a digit");
    }
    return true;
}

static Value *parse_number(Parser *p) {
    const char *from = p->at;
    bool real;
    if (!skip_number(p, &real))
        return NULL;
    char *text = arena_strndup(p->arena, from, (size_t)(p->at - from));
    errno = 0;
    if (real) {
        double n = strtod(text, NULL);
        return isinf(n) ? fail(p, from, "a number that is too big") : value_new_real(p->arena, n);
    }
    long long n = strtoll(text, NULL, 10);
    if (errno == ERANGE)
        return fail(p, from, "an integer that is too big: it has more than 64 bits");
    Value *v = value_new(p->arena, VALUE_INT);
    v->integer = n;
    v->text = n == 0 ? "0" : text; /* "-0" is 0 */
    v->len = strlen(v->text);
    return v;
}

/* ---- lists and maps ---- */

static Value *parse_list(Parser *p) {
    Value *list = value_new(p->arena, VALUE_LIST);
    p->at++;
    if (accept(p, ']'))
        return list;
    do {
        Value *item = parse_value(p);
        if (!item)
            return NULL;
        value_add(p->arena, list, item);
    } while (accept(p, ','));
    return accept(p, ']') ? list : expected(p, "',' or ']'");
}

/* Of many keys `seen` has all. */
static bool is_there(const Value *map, Map *seen, const char *key) {
    if (map->map.n < FEW_KEYS)
        return value_get(map, key) != NULL;
    if (map->map.n == FEW_KEYS)
        for (size_t i = 0; i < FEW_KEYS; i++)
            map_put(seen, map->map.at[i].key, seen);
    return map_put(seen, key, seen) != NULL;
}

static bool parse_member(Parser *p, Value *map, Map *seen) {
    size_t len;
    if (peek(p) != '"')
        return expected(p, "a string");
    const char *from = p->at, *key = parse_text(p, &len);
    if (!key)
        return false;
    if (strlen(key) != len)
        return fail(p, from, "a NUL byte in the key of an object");
    if (is_there(map, seen, key))
        return fail(p, from, "duplicate object key");
    if (!accept(p, ':'))
        return expected(p, "':'");
    Value *value = parse_value(p);
    if (!value)
        return false;
    map->map.at =
        arena_grow(p->arena, map->map.at, map->map.n, &map->map.cap, sizeof(*map->map.at));
    map->map.at[map->map.n++] = (ValuePair){.key = key, .value = value};
    return true;
}

static Value *parse_map(Parser *p) {
    Value *map = value_new(p->arena, VALUE_MAP);
    Map seen;
    bool ok = true;
    p->at++;
    if (accept(p, '}'))
        return map;
    map_init(&seen);
    do
        ok = parse_member(p, map, &seen);
    while (ok && accept(p, ','));
    map_deinit(&seen);
    if (!ok)
        return NULL;
    return accept(p, '}') ? map : expected(p, "',' or '}'");
}

/* ---- values ---- */

static bool accept_word(Parser *p, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0)
        return false;
    p->at += n;
    return true;
}

static Value *parse_nested(Parser *p, Value *(*parse)(Parser *p)) {
    if (p->depth == MAX_JSON_DEPTH) {
        err_set(p->err, ERR_LIMIT, "JSON is nested more than %d deep", MAX_JSON_DEPTH);
        return NULL;
    }
    p->depth++;
    Value *v = parse(p);
    p->depth--;
    return v;
}

static Value *parse_value(Parser *p) {
    char c = peek(p);
    if (c == '"')
        return parse_string(p);
    if (c == '{')
        return parse_nested(p, parse_map);
    if (c == '[')
        return parse_nested(p, parse_list);
    if (c == '-' || (c >= '0' && c <= '9'))
        return parse_number(p);
    if (accept_word(p, "true"))
        return value_new_bool(p->arena, true);
    if (accept_word(p, "false"))
        return value_new_bool(p->arena, false);
    if (accept_word(p, "null"))
        return value_new(p->arena, VALUE_NULL);
    return expected(p, "a value");
}

int json_parse_placed(const JsonText *source, Arena *arena, const Value **ret, JsonPlace *ret_place,
                      Err *err) {
    Parser p = {.at = source->text, .end = source->text + source->size, .arena = arena, .err = err};
    *ret_place = (JsonPlace){0};
    if (source->size > MAX_JSON_BYTES)
        return err_set(err, ERR_LIMIT, "JSON of %zu bytes is larger than the limit of %d",
                       source->size, MAX_JSON_BYTES);
    const Value *value = parse_value(&p);
    if (value && (peek(&p), p.at < p.end))
        value = expected(&p, "the end of the text");
    if (!value) {
        if (p.wrong)
            *ret_place = place_of(source, p.wrong);
        return -1;
    }
    *ret = value;
    return 0;
}

int json_parse(const char *text, size_t size, Arena *arena, const Value **ret, Err *err) {
    JsonPlace place;
    int r = json_parse_placed(&(JsonText){text, size}, arena, ret, &place, err);
    if (r < 0 && place.line)
        err_in(err, "not valid JSON: line %d, column %d", place.line, place.column);
    return r;
}
