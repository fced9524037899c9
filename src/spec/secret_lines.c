/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/secret_lines.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "data/json.h"
#include "data/schema.h"
#include "spec/environment_secrets.h"

typedef struct Line {
    const char *at;
    size_t head, value, size; /* bytes up to the value, of it with its quotes, of the line */
    bool json;
} Line;

static bool json_line(Line *line) {
    static const char between[] = "\": \"";
    const char *colon = memmem(line->at, line->size, between, strlen(between));
    if (!colon || line->at[strspn(line->at, " ")] != '"')
        return false;
    line->head = (size_t)(colon - line->at) + strlen(between) - 1;
    line->value = line->size - line->head - (line->at[line->size - 1] == ',');
    return line->json = true;
}

static bool env_line(Line *line) {
    const char *equals = memchr(line->at, '=', line->size);
    if (!equals || line->at[0] == '#')
        return false;
    line->head = (size_t)(equals - line->at) + 1;
    line->value = line->size - line->head;
    return true;
}

/* The line at `text`. False: nothing in it has a name. */
static bool line_at(const char *text, Line *ret) {
    *ret = (Line){.at = text, .size = strcspn(text, "\n")};
    return json_line(ret) || env_line(ret);
}

static const char *name_of(const Line *line, Arena *arena) {
    const char *from = line->at + strspn(line->at, " \"");
    return arena_strndup(arena, from, strcspn(from, "=\""));
}

/* Without quotes. */
static const char *value_of(const Line *line, Arena *arena) {
    const char *from = line->at + line->head;
    const Value *v;
    if (line->json && json_parse(from, line->value, arena, &v, NULL) == 0 && value_str(v))
        return value_str(v);
    bool quoted = line->value > 1 && (*from == '\'' || *from == '"');
    return arena_strndup(arena, from + quoted, line->value - 2 * (size_t)quoted);
}

/* Is the value under the same name in `like` to be seen? */
static bool shown_in(const char *like, const Line *line) {
    Line other;
    for (; *like; like += other.size + (like[other.size] == '\n'))
        if (line_at(like, &other) && other.head == line->head &&
            memcmp(other.at, line->at, line->head) == 0)
            return memmem(other.at + other.head, other.value, SCHEMA_MASKED,
                          strlen(SCHEMA_MASKED)) == NULL;
    return false;
}

static bool is_secret(const SecretLines *lines, const StrList *forms, const Line *line,
                      Arena *arena) {
    const char *name = name_of(line, arena), *value = value_of(line, arena);
    for (size_t i = 0; i < lines->names.n; i++)
        if (strcmp(lines->names.at[i], name) == 0)
            return true;
    for (size_t i = 0; i < forms->n; i++)
        if (strstr(value, forms->at[i]))
            return true;
    return environment_is_secret(lines->entry, value) ||
           (lines->like && !shown_in(lines->like, line));
}

const char *secret_lines_mask(const SecretLines *lines, const char *text, Arena *arena) {
    const StrList forms = environment_mask_forms(lines->entry, arena);
    const char *masked;
    Line line;
    Buf out;
    buf_init(&out, MAX_JSON_BYTES);
    for (; *text; text += line.size + (text[line.size] == '\n')) {
        const char *quote = "";
        if (line_at(text, &line) && is_secret(lines, &forms, &line, arena)) {
            quote = line.json ? "\"" : "";
            buf_printf(&out, "%.*s%s" SCHEMA_MASKED "%s", (int)line.head, text, quote, quote);
            buf_printf(&out, "%.*s", (int)(line.size - line.head - line.value),
                       text + line.head + line.value);
        } else {
            buf_printf(&out, "%.*s", (int)line.size, text);
        }
        if (text[line.size])
            buf_putc(&out, '\n');
    }
    masked = arena_strndup(arena, buf_cstr(&out), out.n);
    buf_deinit(&out);
    return masked;
}
