/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/json_reader.h"

#include <string.h>

JsonAt json_below(const JsonAt *at, const char *key) {
    return (JsonAt){.above = at, .key = key, .reader = at->reader};
}

static const char *path_of(const JsonAt *at, Arena *arena) {
    if (!at->above)
        return "";
    const char *above = path_of(at->above, arena);
    return arena_printf(arena, "%s%s%.80s", above, *above ? "." : "", at->key);
}

void json_problem(const JsonAt *at, const char *format, ...) {
    Arena *arena = at->reader->report->arena;
    Place place = {.file = at->reader->file, .path = path_of(at, arena)};
    va_list args;
    va_start(args, format);
    report_add(at->reader->report, &place, NULL, "%s", arena_vprintf(arena, format, args));
    va_end(args);
    at->reader->failed = true;
}

static void expected(const JsonAt *at, ValueKind kind, const Value *v) {
    const char *name = value_kind_name(kind);
    json_problem(at, "expected a%s %s, got %s", *name == 'i' ? "n" : "", name,
                 v ? value_kind_name(v->kind) : "nothing");
}

bool json_is_map(const JsonAt *at, const Value *v) {
    if (value_is(v, VALUE_MAP))
        return true;
    expected(at, VALUE_MAP, v);
    return false;
}

const Value *json_kind(const JsonAt *at, const Value *v, ValueKind kind) {
    if (v->kind == VALUE_NULL)
        return NULL;
    if (v->kind == kind)
        return v;
    expected(at, kind, v);
    return NULL;
}

const Value *json_member(const JsonAt *at, const Value *map, const char *key, ValueKind kind) {
    const Value *v = value_get(map, key);
    JsonAt here = json_below(at, key);
    return v ? json_kind(&here, v, kind) : NULL;
}

const char *json_read_string(const JsonAt *at, const Value *v) {
    if (v->kind != VALUE_STRING)
        expected(at, VALUE_STRING, v);
    else if (memchr(v->text, '\0', v->len))
        json_problem(at, "it has a NUL character in it");
    else
        return arena_strdup(at->reader->arena, v->text);
    return "";
}

int64_t json_read_whole(const JsonAt *at, const Value *v, int64_t max) {
    const Value *whole = json_kind(at, v, VALUE_INT);
    if (!whole)
        return 0;
    if (whole->integer >= 0 && whole->integer <= max)
        return whole->integer;
    json_problem(at, "%lld is outside 0..%lld", (long long)whole->integer, (long long)max);
    return 0;
}

/* Of a member of a list or map: as Go has it, null is "". */
static const char *item(const JsonAt *at, const Value *v) {
    return v->kind == VALUE_NULL ? "" : json_read_string(at, v);
}

StrMap json_strings(const JsonAt *at, const Value *map) {
    Arena *arena = at->reader->arena;
    StrMap all = {.at = arena_alloc(arena, (value_count(map) + 1) * sizeof(StrPair))};
    for (size_t i = 0; i < value_count(map); i++) {
        const ValuePair *pair = &map->map.at[i];
        JsonAt here = json_below(at, pair->key);
        all.at[all.n++] = (StrPair){arena_strdup(arena, pair->key), item(&here, pair->value)};
    }
    strmap_sort(&all);
    return all;
}

StrList json_string_list(const JsonAt *at, const Value *list) {
    StrList ret = {.at = arena_alloc(at->reader->arena, value_count(list) * sizeof(*ret.at))};
    for (; ret.n < value_count(list); ret.n++)
        ret.at[ret.n] = item(at, value_at(list, ret.n));
    return ret;
}

const char *json_text(const JsonAt *at, const Value *map, const char *key, const char *otherwise) {
    const Value *v = json_member(at, map, key, VALUE_STRING);
    JsonAt here = json_below(at, key);
    return v ? json_read_string(&here, v) : otherwise;
}

const char *json_optional(const JsonAt *at, const Value *map, const char *key) {
    const char *got = json_text(at, map, key, NULL);
    return got && *got ? got : NULL;
}

int64_t json_whole(const JsonAt *at, const Value *map, const char *key, int64_t max) {
    const Value *v = value_get(map, key);
    JsonAt here = json_below(at, key);
    return v ? json_read_whole(&here, v, max) : 0;
}
