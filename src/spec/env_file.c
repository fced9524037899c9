/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/env_file.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "spec/names.h"

typedef struct Scan {
    const char *file;
    const char *p, *end; /* what is left */
    const char *line_start;
    uint32_t line;
    bool foreign; /* $NAME means something; what is no line of it is no error */
    Report *report;
    Arena *arena;
    StrPair *at; /* in the order of the file */
    size_t n, cap;
} Scan;

PRINTF(3, 4)
static int fail(const Scan *s, const char *hint, const char *format, ...) {
    Place place = {
        .file = s->file, .line = s->line, .column = (uint32_t)(s->p - s->line_start) + 1};
    va_list args;
    va_start(args, format);
    report_add(s->report, &place, hint, "%s", arena_vprintf(s->report->arena, format, args));
    va_end(args);
    return -1;
}

static int peek(const Scan *s) {
    return s->p < s->end ? (unsigned char)*s->p : -1;
}

static void skip_blanks(Scan *s) {
    while (peek(s) == ' ' || peek(s) == '\t')
        s->p++;
}

static bool at_line_end(const Scan *s) {
    return s->p == s->end || *s->p == '\n' ||
           (*s->p == '\r' && s->p + 1 < s->end && s->p[1] == '\n');
}

/* Over the end of the line, and whatever stands before it. */
static void skip_line(Scan *s) {
    while (s->p < s->end && *s->p != '\n')
        s->p++;
    if (s->p < s->end)
        s->p++;
    s->line++;
    s->line_start = s->p;
}

static const char *read_name(Scan *s) {
    const char *from = s->p;
    while (s->p < s->end && *s->p != '=' && *s->p != ' ' && *s->p != '\t' && !at_line_end(s) &&
           !(s->foreign && *s->p == ':'))
        s->p++;
    return arena_strndup(s->arena, from, (size_t)(s->p - from));
}

/* Up to the end of the line or a comment, without the spaces before that. */
static const char *read_bare(Scan *s) {
    const char *from = s->p, *end = s->p;
    bool spaced = true; /* a `#` right at the start is a comment too */
    while (!at_line_end(s)) {
        if (*s->p == '#' && spaced)
            break;
        spaced = *s->p == ' ' || *s->p == '\t';
        if (!spaced)
            end = s->p + 1;
        s->p++;
    }
    return arena_strndup(s->arena, from, (size_t)(end - from));
}

static bool escaped(const Scan *s, char quote) {
    return quote == '"' && *s->p == '\\' && s->p + 1 < s->end && strchr("\"\\$`", s->p[1]);
}

/* NULL: reported. */
static const char *read_quoted(Scan *s) {
    const Scan start = *s;
    char quote = *s->p++;
    char *value = arena_alloc(s->arena, (size_t)(s->end - s->p) + 1);
    size_t n = 0;
    while (s->p < s->end && *s->p != quote) {
        if (escaped(s, quote)) {
            if (s->foreign)
                value[n++] = '\\';
            s->p++;
        }
        value[n++] = *s->p;
        if (*s->p++ == '\n') {
            s->line++;
            s->line_start = s->p;
        }
    }
    if (s->p == s->end) {
        (void)fail(&start, "close it on the line where it shall end", "the quote is never closed");
        return NULL;
    }
    s->p++;
    skip_blanks(s);
    if (!at_line_end(s) && *s->p != '#') {
        (void)fail(s, "quote the whole value", "there is more text after the closing quote");
        return NULL;
    }
    return value;
}

static const char *value_before(const Scan *s, const char *name) {
    for (size_t i = s->n; i-- > 0;)
        if (strcmp(s->at[i].name, name) == 0)
            return s->at[i].value;
    return "";
}

/* What `$` at `p` stands for; *ret_end is behind it. NULL: for itself. */
static const char *variable(const Scan *s, const char *p, const char **ret_end) {
    static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    bool braces = p[1] == '{';
    const char *from = p + 1 + braces;
    size_t n = strspn(from, bytes);
    if (n == 0 || (braces && from[n] != '}'))
        return NULL;
    *ret_end = from + n + braces;
    return value_before(s, arena_strndup(s->arena, from, n));
}

/* The value with its variables; of one in double quotes the escapes too. */
static const char *expanded(const Scan *s, const char *raw, bool quoted) {
    const char *end, *value;
    Buf out;
    buf_init(&out, MAX_CONFIG_BYTES);
    for (const char *p = raw; *p;) {
        if (*p == '$' && (value = variable(s, p, &end))) {
            buf_puts(&out, value);
            p = end;
        } else if (quoted && *p == '\\' && p[1]) {
            buf_putc(&out, p[1] == 'n' ? '\n' : p[1] == 'r' ? '\r' : p[1] == 't' ? '\t' : p[1]);
            p += 2;
        } else {
            buf_putc(&out, *p++);
        }
    }
    value = arena_strdup(s->arena, buf_cstr(&out));
    buf_deinit(&out);
    return value;
}

static void keep(Scan *s, const char *name, const char *value) {
    s->at = arena_grow(s->arena, s->at, s->n, &s->cap, sizeof(*s->at));
    s->at[s->n++] = (StrPair){.name = name, .value = value};
}

static bool skip_export(Scan *s) {
    if (s->end - s->p < 7 || memcmp(s->p, "export", 6) != 0 || (s->p[6] != ' ' && s->p[6] != '\t'))
        return false;
    s->p += 6;
    skip_blanks(s);
    return true;
}

/* Other tools run with what is left. */
static int no_line(const Scan *s, const char *why) {
    Place place = {
        .file = s->file, .line = s->line, .column = (uint32_t)(s->p - s->line_start) + 1};
    if (!s->foreign)
        return fail(s, NULL, "%s", why);
    report_warn(s->report, &place, NULL, "this line is ignored: %s", why);
    return 0;
}

static int read_line(Scan *s) {
    skip_blanks(s);
    if (at_line_end(s) || *s->p == '#')
        return 0;
    (void)skip_export(s);
    const Scan start = *s;
    const char *name = read_name(s);
    skip_blanks(s);
    if (peek(s) != '=' && !(s->foreign && peek(s) == ':'))
        return no_line(&start, "expected NAME=value");
    const char *wrong = check_env_name(name);
    if (wrong)
        return no_line(&start, arena_printf(s->arena, "\"%.60s\": %s", name, wrong));
    s->p++;
    skip_blanks(s);
    bool single = peek(s) == '\'', quoted = single || peek(s) == '"';
    const char *value = quoted ? read_quoted(s) : read_bare(s);
    if (!value)
        return -1;
    if (s->foreign && !single)
        value = expanded(s, value, quoted);
    keep(s, name, value);
    return 0;
}

/* By name, and a later line after an earlier one. */
static int by_name(const void *a, const void *b) {
    const StrPair *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);
    return order ? order : (*x > *y) - (*x < *y);
}

static StrMap last_of_each(const Scan *s) {
    const StrPair **sorted = arena_alloc(s->arena, (s->n + 1) * sizeof(*sorted));
    for (size_t i = 0; i < s->n; i++)
        sorted[i] = &s->at[i];
    qsort(sorted, s->n, sizeof(*sorted), by_name);
    StrMap map = {.at = arena_alloc(s->arena, (s->n + 1) * sizeof(StrPair))};
    for (size_t i = 0; i < s->n; i++)
        if (i + 1 == s->n || strcmp(sorted[i]->name, sorted[i + 1]->name) != 0)
            map.at[map.n++] = *sorted[i];
    return map;
}

static Scan scan(const EnvText *text, Arena *arena, Report *report) {
    return (Scan){.file = text->file,
                  .p = text->text + utf8_mark(text->text, text->size),
                  .end = text->text + text->size,
                  .line_start = text->text,
                  .line = 1,
                  .report = report,
                  .arena = arena};
}

static int parse(Scan *s, StrMap *ret) {
    const char *text = s->line_start;
    size_t size = (size_t)(s->end - text);
    if (!utf8_valid(text, size))
        return fail(s, "save it as UTF-8", "the file is not UTF-8");
    if (memchr(text, 0, size))
        return fail(s, NULL, "the file contains a NUL character, which no program could be given");
    int rc = 0;
    while (s->p < s->end) {
        if (read_line(s) < 0)
            rc = -1;
        skip_line(s);
    }
    if (rc == 0)
        *ret = last_of_each(s);
    return rc;
}

int env_file_parse(const EnvText *text, Arena *arena, Report *report, StrMap *ret) {
    Scan s = scan(text, arena, report);
    return parse(&s, ret);
}

int env_file_parse_expanded(const EnvText *text, Arena *arena, Report *report, StrMap *ret) {
    Scan s = scan(text, arena, report);
    s.foreign = true;
    return parse(&s, ret);
}
