/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/hook_output.h"

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

/* Bytes of a text that lies in another. */
typedef struct Span {
    const char *p;
    size_t n;
} Span;

static Span trimmed(Span s) {
    utf8_trim(&s.p, &s.n);
    return s;
}

static bool is_name(Span s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return s.n > 0;
}

static bool is_end(Span s) {
    static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(bytes, s.p[i]))
            return false;
    return s.n > 0 && s.n <= HOOK_OUTPUT_END;
}

typedef enum LineKind { LINE_TALK, LINE_ENDLESS, LINE_OUTPUT, LINE_HEREDOC } LineKind;

/* What a line is; its name, and its value or the END of it. LINE_ENDLESS: that is none. */
static LineKind look(Span line, Span *ret_name, Span *ret_rest) {
    const char *equals = memchr(line.p, '=', line.n);
    const char *here = memmem(line.p, line.n, "<<", 2);
    size_t mark = here && (!equals || here < equals) ? 2 : 1;
    const char *at = mark == 2 ? here : equals;
    if (!at)
        return LINE_TALK;
    Span name = trimmed((Span){line.p, (size_t)(at - line.p)});
    Span rest = trimmed((Span){at + mark, (size_t)(line.p + line.n - at) - mark});
    if (!is_name(name))
        return LINE_TALK;
    *ret_name = name;
    *ret_rest = rest;
    if (mark == 2)
        return is_end(rest) ? LINE_HEREDOC : LINE_ENDLESS;
    return LINE_OUTPUT;
}

/* ---- reading ---- */

typedef struct Scan {
    const char *p, *end; /* what is left */
    size_t line;         /* the number of the one that was read last */
    Arena *arena;
    StrPair *at;
    size_t n, cap;
    size_t bytes;
} Scan;

/* Without its end. */
static Span next_line(Scan *s) {
    const char *end = memchr(s->p, '\n', (size_t)(s->end - s->p));
    Span line = {s->p, (size_t)((end ? end : s->end) - s->p)};
    s->p = end ? end + 1 : s->end;
    s->line++;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

/* The same name by its first bytes, for messages. */
static int shown(Span name) {
    return name.n < 60 ? (int)name.n : 60;
}

static int count(Scan *s, size_t bytes, Err *err) {
    if (bytes > HOOK_OUTPUT_MAX - s->bytes)
        return err_set(err, ERR_LIMIT,
                       "line %zu: the outputs of the hook are larger than %d bytes; write what is "
                       "large to a file, and print its path",
                       s->line, HOOK_OUTPUT_MAX);
    s->bytes += bytes;
    return 0;
}

static int add(Scan *s, Span name, Span value, Err *err) {
    if (memchr(value.p, '\0', value.n))
        return err_set(err, ERR_INVALID,
                       "line %zu: the value of %.*s has a NUL byte, which no variable can hold",
                       s->line, shown(name), name.p);
    if (!utf8_valid(value.p, value.n))
        return err_set(err, ERR_INVALID,
                       "line %zu: the value of %.*s is not UTF-8; print it in base64", s->line,
                       shown(name), name.p);
    if (count(s, name.n + value.n, err) < 0)
        return -1;
    s->at = arena_grow(s->arena, s->at, s->n, &s->cap, sizeof(*s->at));
    s->at[s->n++] = (StrPair){arena_strndup(s->arena, name.p, name.n),
                              arena_strndup(s->arena, value.p, value.n)};
    return 0;
}

static bool is(Span line, Span end) {
    return line.n == end.n && memcmp(line.p, end.p, end.n) == 0;
}

/* The lines after NAME<<END. */
static int heredoc(Scan *s, Span name, Span end, Err *err) {
    size_t from = s->line;
    Buf value;
    buf_init(&value, HOOK_OUTPUT_MAX + 1);
    while (s->p < s->end && !value.failed) {
        Span line = next_line(s);
        if (is(line, end)) {
            size_t n = value.n ? value.n - 1 : 0; /* the last line break belongs to END */
            int rc = add(s, name, (Span){buf_cstr(&value), n}, err);
            buf_deinit(&value);
            return rc;
        }
        buf_put(&value, line.p, line.n);
        buf_putc(&value, '\n');
    }
    bool failed = value.failed;
    buf_deinit(&value);
    if (failed)
        return count(s, HOOK_OUTPUT_MAX + (size_t)1, err);
    return err_set(err, ERR_INVALID, "line %zu: %.*s<<%.*s has no line %.*s that ends it", from,
                   shown(name), name.p, (int)end.n, end.p, (int)end.n, end.p);
}

static int read_line(Scan *s, Err *err) {
    Span name, rest, line = trimmed(next_line(s));
    switch (look(line, &name, &rest)) {
    case LINE_OUTPUT: return add(s, name, rest, err);
    case LINE_HEREDOC: return heredoc(s, name, rest, err);
    case LINE_ENDLESS:
    case LINE_TALK: return 0;
    }
    return 0;
}

/* Of those of one name strmap_sort keeps the first: they are turned round. */
static StrMap last_of_each(const Scan *s) {
    StrMap map = {.at = arena_alloc(s->arena, (s->n + 1) * sizeof(*map.at)), .n = s->n};
    for (size_t i = 0; i < s->n; i++)
        map.at[i] = s->at[s->n - 1 - i];
    strmap_sort(&map);
    return map;
}

int hook_output_parse(const char *text, size_t size, Arena *arena, StrMap *ret, Err *err) {
    Scan s = {.p = text, .end = text + size, .arena = arena};
    while (s.p < s.end)
        if (read_line(&s, err) < 0)
            return -1;
    *ret = last_of_each(&s);
    return 0;
}

/* What was perhaps meant to begin its value: talk, which nobody else speaks of. */
static void say_endless(const char *name, const char *text, size_t size, Err *err) {
    Scan s = {.p = text, .end = text + size};
    Span seen, rest;
    while (s.p < s.end)
        if (look(trimmed(next_line(&s)), &seen, &rest) == LINE_ENDLESS &&
            is(seen, (Span){name, strlen(name)})) {
            err_set(err, ERR_NOT_FOUND,
                    "the hook did not print %.60s: line %zu has not one word of letters, digits, _ "
                    "and - after %.60s<<",
                    name, s.line, name);
            return;
        }
}

int hook_output_require(const StrMap *outputs, const StrList *declared, const char *text,
                        size_t size, Err *err) {
    Buf missing;
    const char *first = NULL;
    buf_init(&missing, HOOK_OUTPUT_MAX);
    for (size_t i = 0; i < declared->n; i++)
        if (!strmap_get(outputs, declared->at[i])) {
            buf_printf(&missing, "%s%s", first ? ", " : "", declared->at[i]);
            first = first ? first : declared->at[i];
        }
    int rc = missing.n ? err_set(err, ERR_NOT_FOUND, "the hook did not print %s", missing.p) : 0;
    buf_deinit(&missing);
    if (first)
        say_endless(first, text, size, err);
    return rc;
}

/* ---- showing ---- */

/* What the next line is. Of a line within a value: LINE_OUTPUT without a name. */
static LineKind go_on(HookOutputMask *mask, Span line, Span *ret_name, Span *ret_rest) {
    *ret_name = (Span){line.p, 0};
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    *ret_rest = line;
    if (*mask->end) {
        if (!is(line, (Span){mask->end, strlen(mask->end)}))
            return LINE_OUTPUT;
        *mask->end = '\0';
        return LINE_TALK;
    }
    LineKind kind = look(trimmed(line), ret_name, ret_rest);
    if (kind == LINE_HEREDOC) {
        memcpy(mask->end, ret_rest->p, ret_rest->n);
        mask->end[ret_rest->n] = '\0';
    }
    return kind;
}

const char *hook_output_mask(HookOutputMask *mask, const char *line, size_t size, Arena *arena) {
    Span name, rest;
    if (go_on(mask, (Span){line, size}, &name, &rest) != LINE_OUTPUT)
        return NULL;
    return name.n ? arena_printf(arena, "%.*s=" SCHEMA_MASKED, (int)name.n, name.p) : SCHEMA_MASKED;
}

const char *hook_output_value(HookOutputMask *mask, const char *line, size_t size, Arena *arena) {
    Span name, rest;
    bool has = go_on(mask, (Span){line, size}, &name, &rest) == LINE_OUTPUT;
    return has ? arena_strndup(arena, rest.p, rest.n) : NULL;
}
