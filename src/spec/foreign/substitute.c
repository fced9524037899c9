/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/substitute.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"

enum { DEPTH_MAX = 20 };

typedef struct Scan {
    const Source *source;
    const StrMap *env;
    const char *text; /* the whole of it, for places */
    size_t depth;
} Scan;

static bool name_byte(char c, bool first) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static size_t name_length(const char *p, const char *end) {
    size_t n = 0;
    while (p + n < end && name_byte(p[n], n == 0))
        n++;
    return n;
}

static int fail(const Scan *s, const char *at, const char *message) {
    Place place = {.file = s->source->file, .line = 1, .column = 1};
    for (const char *p = s->text; p < at; p++) {
        place.column = *p == '\n' ? 1 : place.column + (((unsigned char)*p & 0xc0) != 0x80);
        place.line += *p == '\n';
    }
    report_add(s->source->report, &place, "write $$ for a dollar sign", "%s", message);
    return -1;
}

/* The brace that closes the one before `p`; NULL: none. */
static const char *closing(const char *p, const char *end) {
    for (size_t open = 1; p < end; p++) {
        if (*p == '}' && --open == 0)
            return p;
        if (*p == '$' && p + 1 < end && p[1] == '{')
            open++;
    }
    return NULL;
}

static int expand(Scan *s, const char *p, const char *end, Buf *out);

/* What stands in a default, expanded. NULL: reported. */
static const char *argument(Scan *s, const char *p, const char *end) {
    Buf out;
    buf_init(&out, MAX_CONFIG_BYTES);
    if (s->depth++ >= DEPTH_MAX || expand(s, p, end, &out) < 0) {
        buf_deinit(&out);
        return NULL;
    }
    s->depth--;
    const char *text = arena_strdup(s->source->arena, buf_cstr(&out));
    buf_deinit(&out);
    return text;
}

static const char *change_case(Arena *arena, const char *value, const char *op, size_t n) {
    char *text = arena_strdup(arena, value);
    for (char *p = text; *p && (n == 2 || p == text); p++) {
        if (*op == '^' && *p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
        if (*op == ',' && *p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    return text;
}

/* `position` or `position:length`; NULL: it is none. */
static const char *slice(Arena *arena, const char *value, const char *spec) {
    int64_t from, length = INT64_MAX, size = (int64_t)strlen(value);
    const char *colon = strchr(spec, ':');
    const char *first = colon ? arena_strndup(arena, spec, (size_t)(colon - spec)) : spec;
    if (number_parse(first, 0, INT32_MAX, &from) < 0 ||
        (colon && number_parse(colon + 1, 0, INT32_MAX, &length) < 0))
        return NULL;
    from = from > size ? size : from;
    length = length > size - from ? size - from : length;
    return arena_strndup(arena, value + from, (size_t)length);
}

/* Cuts what `glob` matches off the front ('#') or the end ('%'): the shortest, or `longest`. */
static const char *cut(Arena *arena, const char *value, const char *glob, char side, bool longest) {
    size_t size = strlen(value);
    for (size_t i = 0; i <= size; i++) {
        size_t n = longest ? size - i : i;
        const char *part = side == '#' ? arena_strndup(arena, value, n) : value + size - n;
        if (fnmatch(glob, part, 0) == 0)
            return side == '#' ? value + n : arena_strndup(arena, value, size - n);
    }
    return value;
}

static const char *replace(Arena *arena, const char *value, const char *spec, bool all) {
    const char *slash = strchr(spec, '/'), *found;
    size_t n = slash ? (size_t)(slash - spec) : strlen(spec);
    const char *what = arena_strndup(arena, spec, n), *with = slash ? slash + 1 : "";
    Buf out;
    buf_init(&out, MAX_CONFIG_BYTES);
    while (n && (found = strstr(value, what))) {
        buf_put(&out, value, (size_t)(found - value));
        buf_puts(&out, with);
        value = found + n;
        if (!all)
            break;
    }
    buf_puts(&out, value);
    const char *result = arena_strdup(arena, buf_cstr(&out));
    buf_deinit(&out);
    return result;
}

/* ${NAME-x} and its kin. NULL: it is none of them. */
static const char *with_default(const char *value, const char *op, size_t n, const char *arg) {
    bool given = value && (n == 1 || *value);
    switch (op[n - 1]) {
    case '-':
    case '=': return given ? value : arg;
    case '+': return given ? arg : "";
    default: return NULL;
    }
}

static const char *cut_or_replace(Arena *arena, const char *value, const char *op,
                                  const char *arg) {
    bool twice = arg[0] == op[0];
    if (*op == '/')
        return arg[0] == '#' || arg[0] == '%' ? NULL : replace(arena, value, arg + twice, twice);
    return cut(arena, value, arg + twice, *op, twice);
}

/* `op` to `end` is what follows the name. NULL: not understood, or reported if report->errors
 * grew. */
static const char *apply(Scan *s, const char *value, const char *op, const char *end) {
    Arena *arena = s->source->arena;
    const char *set = value ? value : "";
    size_t n = (size_t)(end - op);
    if (n == 0)
        return set;
    if ((*op == '^' || *op == ',') && (n == 1 || (n == 2 && op[1] == *op)))
        return change_case(arena, set, op, n);
    bool colon = *op == ':';
    if (strchr("-=+", op[colon]) && n > colon) {
        const char *arg = argument(s, op + colon + 1, end);
        return arg ? with_default(value, op, 1 + colon, arg) : NULL;
    }
    const char *arg = argument(s, op + 1, end);
    if (!arg)
        return NULL;
    if (colon)
        return slice(arena, set, arg);
    return strchr("#%/", *op) ? cut_or_replace(arena, set, op, arg) : NULL;
}

/* `p` stands behind "${". */
static int expand_braces(Scan *s, const char *p, const char *end, Buf *out) {
    bool count = *p == '#';
    const char *name_at = p + count;
    size_t n = name_length(name_at, end), errors = s->source->report->errors;
    const char *name = arena_strndup(s->source->arena, name_at, n);
    const char *value = strmap_get(s->env, name);
    if (count) {
        buf_printf(out, "%zu", value ? strlen(value) : 0);
        return name_at + n == end ? 0 : fail(s, p - 2, "this ${#…} is not understood");
    }
    const char *result = apply(s, value, name_at + n, end);
    if (result)
        buf_puts(out, result);
    if (result || s->source->report->errors > errors)
        return result ? 0 : -1;
    return fail(s, p - 2,
                arena_printf(s->source->arena, "${%.*s} is not understood", (int)(end - p), p));
}

static int expand(Scan *s, const char *p, const char *end, Buf *out) {
    while (p < end) {
        const char *close;
        if (*p != '$' || p + 1 == end) {
            buf_putc(out, *p++);
        } else if (p[1] == '$') {
            buf_putc(out, '$');
            p += 2;
        } else if (p[1] == '{' && p + 2 < end && name_length(p + 2 + (p[2] == '#'), end) > 0 &&
                   (close = closing(p + 2, end))) {
            if (expand_braces(s, p + 2, close, out) < 0)
                return -1;
            p = close + 1;
        } else {
            buf_putc(out, *p++);
        }
    }
    return 0;
}

const char *substitute(const Source *source, const char *text, size_t size, const StrMap *env,
                       size_t *ret_size) {
    Scan s = {.source = source, .env = env, .text = text};
    Buf out;
    buf_init(&out, MAX_CONFIG_BYTES);
    int r = expand(&s, text, text + size, &out);
    if (r == 0 && out.failed)
        r = fail(&s, text, "with its ${…} replaced, the file is longer than 4 MiB");
    const char *result = r == 0 ? arena_strndup(source->arena, buf_cstr(&out), out.n) : NULL;
    *ret_size = out.n;
    buf_deinit(&out);
    return result;
}
