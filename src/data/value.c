/* SPDX-License-Identifier: Apache-2.0 */
#include "data/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *value_kind_name(ValueKind kind) {
    switch (kind) {
    case VALUE_NULL: return "null";
    case VALUE_BOOL: return "boolean";
    case VALUE_INT: return "integer";
    case VALUE_REAL: return "number";
    case VALUE_STRING: return "string";
    case VALUE_LIST: return "list";
    case VALUE_MAP: return "map";
    }
    UNREACHABLE();
}

bool value_is(const Value *v, ValueKind kind) {
    return v && v->kind == kind;
}

const Value *value_get(const Value *map, const char *key) {
    if (!value_is(map, VALUE_MAP))
        return NULL;
    for (size_t i = 0; i < map->map.n; i++)
        if (strcmp(map->map.at[i].key, key) == 0)
            return map->map.at[i].value;
    return NULL;
}

size_t value_count(const Value *v) {
    if (value_is(v, VALUE_LIST))
        return v->list.n;
    return value_is(v, VALUE_MAP) ? v->map.n : 0;
}

const Value *value_at(const Value *list, size_t i) {
    return value_is(list, VALUE_LIST) && i < list->list.n ? list->list.at[i] : NULL;
}

const char *value_str(const Value *v) {
    return value_is(v, VALUE_STRING) ? v->text : NULL;
}

int64_t value_int(const Value *v, int64_t otherwise) {
    return value_is(v, VALUE_INT) ? v->integer : otherwise;
}

bool value_bool(const Value *v, bool otherwise) {
    return value_is(v, VALUE_BOOL) ? v->boolean : otherwise;
}

const char *value_get_str(const Value *map, const char *key) {
    return value_str(value_get(map, key));
}

int64_t value_get_int(const Value *map, const char *key, int64_t otherwise) {
    return value_int(value_get(map, key), otherwise);
}

bool value_get_bool(const Value *map, const char *key, bool otherwise) {
    return value_bool(value_get(map, key), otherwise);
}

int value_check_format(const Value *file, int64_t newest, Err *err) {
    int64_t format = value_get_int(file, "format", 0);
    if (format <= newest)
        return 0;
    return err_set(err, ERR_UNAVAILABLE,
                   "it is of format %lld, written by a newer thole: it is left as it is; use that "
                   "version",
                   (long long)format);
}

static bool lists_equal(const Value *a, const Value *b) {
    if (a->list.n != b->list.n)
        return false;
    for (size_t i = 0; i < a->list.n; i++)
        if (!value_equal(a->list.at[i], b->list.at[i]))
            return false;
    return true;
}

static bool maps_equal(const Value *a, const Value *b) {
    if (a->map.n != b->map.n)
        return false;
    for (size_t i = 0; i < a->map.n; i++) {
        const ValuePair *pair = &a->map.at[i];
        /* Mostly the order is the same; searching is for when it is not. */
        const ValuePair *other = &b->map.at[i];
        const Value *found =
            strcmp(pair->key, other->key) == 0 ? other->value : value_get(b, pair->key);
        if (!found || !value_equal(pair->value, found))
            return false;
    }
    return true;
}

bool value_equal(const Value *a, const Value *b) {
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case VALUE_NULL: return true;
    case VALUE_BOOL: return a->boolean == b->boolean;
    case VALUE_INT: return a->integer == b->integer;
    case VALUE_REAL: return a->real == b->real || (a->real != a->real && b->real != b->real);
    case VALUE_STRING: return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    case VALUE_LIST: return lists_equal(a, b);
    case VALUE_MAP: return maps_equal(a, b);
    }
    UNREACHABLE();
}

Value *value_new(Arena *arena, ValueKind kind) {
    Value *v = arena_alloc(arena, sizeof(*v));
    v->kind = kind;
    v->text = "";
    return v;
}

static void copy_list(const Value *v, Value *copy, Arena *arena) {
    copy->list.n = copy->list.cap = v->list.n;
    copy->list.at = arena_alloc(arena, v->list.n * sizeof(*copy->list.at));
    for (size_t i = 0; i < v->list.n; i++)
        copy->list.at[i] = value_copy(v->list.at[i], arena);
}

static void copy_map(const Value *v, Value *copy, Arena *arena) {
    copy->map.n = copy->map.cap = v->map.n;
    copy->map.at = arena_alloc(arena, v->map.n * sizeof(*copy->map.at));
    for (size_t i = 0; i < v->map.n; i++)
        copy->map.at[i] = (ValuePair){.key = arena_strdup(arena, v->map.at[i].key),
                                      .value = value_copy(v->map.at[i].value, arena)};
}

Value *value_copy(const Value *v, Arena *arena) {
    if (!v)
        return NULL;
    Value *copy = arena_dup(arena, v, sizeof(*v));
    copy->line = copy->column = 0;
    copy->text = arena_strndup(arena, v->text, v->len);
    if (v->kind == VALUE_LIST)
        copy_list(v, copy, arena);
    else if (v->kind == VALUE_MAP)
        copy_map(v, copy, arena);
    return copy;
}

static void set_text(Arena *arena, Value *v, const char *text) {
    v->len = strlen(text);
    v->text = arena_strndup(arena, text, v->len);
}

Value *value_new_bool(Arena *arena, bool boolean) {
    Value *v = value_new(arena, VALUE_BOOL);
    v->boolean = boolean;
    v->text = boolean ? "true" : "false";
    v->len = strlen(v->text);
    return v;
}

Value *value_new_int(Arena *arena, int64_t integer) {
    Value *v = value_new(arena, VALUE_INT);
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, integer);
    set_text(arena, v, text);
    v->integer = integer;
    return v;
}

Value *value_new_real(Arena *arena, double real) {
    Value *v = value_new(arena, VALUE_REAL);
    char text[40];
    snprintf(text, sizeof(text), "%.17g", real);
    set_text(arena, v, text);
    v->real = real;
    return v;
}

Value *value_new_string(Arena *arena, const char *text) {
    return value_new_bytes(arena, text, strlen(text));
}

Value *value_new_bytes(Arena *arena, const char *bytes, size_t len) {
    Value *v = value_new(arena, VALUE_STRING);
    char *copy = arena_alloc(arena, len + 1);
    memcpy(copy, bytes, len);
    v->text = copy;
    v->len = len;
    return v;
}

void value_add(Arena *arena, Value *list, Value *v) {
    list->list.at =
        arena_grow(arena, list->list.at, list->list.n, &list->list.cap, sizeof(Value *));
    list->list.at[list->list.n++] = v;
}

ValuePair *value_set(Arena *arena, Value *map, const char *key, Value *v) {
    map->map.at = arena_grow(arena, map->map.at, map->map.n, &map->map.cap, sizeof(ValuePair));
    ValuePair *pair = &map->map.at[map->map.n++];
    *pair = (ValuePair){.key = arena_strdup(arena, key), .value = v};
    return pair;
}

void value_mark_overlay(Value *v) {
    if (v->line)
        v->line |= VALUE_OVERLAY;
    for (size_t i = 0; v->kind == VALUE_LIST && i < v->list.n; i++)
        value_mark_overlay(v->list.at[i]);
    for (size_t i = 0; v->kind == VALUE_MAP && i < v->map.n; i++) {
        v->map.at[i].line |= v->map.at[i].line ? VALUE_OVERLAY : 0;
        value_mark_overlay(v->map.at[i].value);
    }
}
