/* SPDX-License-Identifier: Apache-2.0 */
#include "data/schema.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "data/schema_private.h"

const Type t_bool = {.kind = TYPE_BOOL,
                     .name = "boolean",
                     .size = sizeof(bool),
                     .align = _Alignof(bool),
                     .expected = "true or false"};
const Type t_int = {.kind = TYPE_INT,
                    .name = "integer",
                    .size = sizeof(int64_t),
                    .align = _Alignof(int64_t),
                    .expected = "an integer"};
const Type t_duration = {.kind = TYPE_DURATION,
                         .name = "duration",
                         .size = sizeof(int64_t),
                         .align = _Alignof(int64_t),
                         .expected = "a duration such as 300ms, 10s or 1h30m"};
const Type t_size = {.kind = TYPE_SIZE,
                     .name = "size",
                     .size = sizeof(int64_t),
                     .align = _Alignof(int64_t),
                     .expected = "a size such as 512KiB or 64MiB, or a number of bytes"};
const Type t_string = {.kind = TYPE_STRING,
                       .name = "string",
                       .size = sizeof(char *),
                       .align = _Alignof(char *),
                       .expected = "a string"};
const Type t_strings = {.kind = TYPE_STRINGS,
                        .name = "list of strings",
                        .size = sizeof(StrList),
                        .align = _Alignof(StrList),
                        .expected = "a list of strings"};
const Type t_env = {.kind = TYPE_STRING_MAP,
                    .name = "map of strings",
                    .size = sizeof(StrMap),
                    .align = _Alignof(StrMap),
                    .expected = "a map of names and their values"};

const Field *field_find(const Type *type, const char *key) {
    for (size_t i = 0; i < type->field_n; i++) {
        const char *name = type->fields[i].name;
        if (name[0] == key[0] && strcmp(name, key) == 0) /* most differ at once */
            return &type->fields[i];
    }
    return NULL;
}

const Field *field_with(const Type *type, unsigned flag) {
    for (size_t i = 0; i < type->field_n; i++)
        if (type->fields[i].flags & flag)
            return &type->fields[i];
    return NULL;
}

size_t field_index(const Type *type, const Field *field) {
    return (size_t)(field - type->fields);
}

bool field_public(const Field *field) {
    return !(field->flags & (FIELD_INTERNAL | FIELD_KEY));
}

const Value *field_default(const Field *field, Arena *arena) {
    const Value *v = NULL;
    switch (field->type->kind) {
    case TYPE_BOOL: return value_new_bool(arena, strcmp(field->dflt, "true") == 0);
    case TYPE_INT: return value_new_int(arena, strtoll(field->dflt, NULL, 10));
    case TYPE_STRINGS:
    case TYPE_STRING_MAP:
    case TYPE_LIST:
    case TYPE_MAP: {
        Err err;
        int rc = json_parse(field->dflt, strlen(field->dflt), arena, &v, &err);
        assert(rc == 0);
        (void)rc;
        return v;
    }
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_STRING:
    case TYPE_ENUM:
    case TYPE_STRUCT:
    case TYPE_CUSTOM: return value_new_string(arena, field->dflt);
    }
    UNREACHABLE();
}

bool field_written(const Type *type, const Field *field, const void *object) {
    const Field *bits = field_with(type, FIELD_SET_BITS);
    assert(bits && field);
    uint64_t set;
    memcpy(&set, field_at(bits, object), sizeof(set));
    return set >> field_index(type, field) & 1;
}

bool schema_has(const Type *type, const void *object, const char *key) {
    return field_written(type, field_find(type, key), object);
}

static void set_bit(const Type *type, void *object, const char *key, bool written) {
    const Field *bits = field_with(type, FIELD_SET_BITS);
    const Field *field = field_find(type, key);
    assert(bits && field);
    uint64_t set, bit = (uint64_t)1 << field_index(type, field);
    memcpy(&set, field_at(bits, object), sizeof(set));
    set = written ? set | bit : set & ~bit;
    memcpy((char *)object + bits->offset, &set, sizeof(set));
}

void schema_mark(const Type *type, void *object, const char *key) {
    set_bit(type, object, key, true);
}

void schema_forget(const Type *type, void *object, const char *key) {
    set_bit(type, object, key, false);
}

const char *schema_camel(const char *name, Arena *arena) {
    char *camel = arena_alloc(arena, strlen(name) + 1);
    size_t n = 0;
    for (size_t i = 0; name[i]; i++) {
        if (name[i] == '_' && name[i + 1])
            camel[n++] = (char)toupper((unsigned char)name[++i]);
        else
            camel[n++] = name[i];
    }
    return camel;
}

/* --- overlays --- */

static const Type *member_type(const Type *type, const char *key, unsigned *flags) {
    *flags = 0;
    if (!type)
        return NULL;
    if (type->kind == TYPE_MAP)
        return type->of;
    if (type->kind != TYPE_STRUCT)
        return NULL;
    const Field *field = field_find(type, key);
    *flags = field ? field->flags : 0;
    return field ? field->type : NULL;
}

static const Value *append(const Value *low, const Value *high, Arena *arena) {
    Value *all = value_new(arena, VALUE_LIST);
    for (size_t i = 0; i < low->list.n; i++)
        value_add(arena, all, low->list.at[i]);
    for (size_t i = 0; i < high->list.n; i++)
        value_add(arena, all, high->list.at[i]);
    return all;
}

static void merge_pair(Arena *arena, Value *out, const ValuePair *from, const Value *v) {
    ValuePair *pair = value_set(arena, out, from->key, (Value *)(uintptr_t)v);
    pair->line = from->line;
    pair->column = from->column;
}

/* The shorthand of a struct as the map it stands for, where the other side is a map or a shorthand
 * too: `restart: never` over {policy, delay} leaves the delay. */
static const Value *expand(const Type *type, const Value *v, Arena *arena) {
    if (!type || type->kind != TYPE_STRUCT || type->only_short || v->kind == VALUE_MAP ||
        v->kind == VALUE_NULL)
        return v;
    const char *key = v->kind == VALUE_LIST ? type->list : type->scalar;
    if (!key)
        return v;
    Value *map = value_new(arena, VALUE_MAP);
    map->line = v->line;
    map->column = v->column;
    ValuePair *pair = value_set(arena, map, key, (Value *)(uintptr_t)v);
    pair->line = v->line;
    pair->column = v->column;
    return map;
}

static void merge_low(const Type *type, const ValuePair *low, const Value *high, Arena *arena,
                      Value *out) {
    unsigned flags;
    const ValuePair *over = NULL;
    for (size_t i = 0; i < high->map.n && !over; i++)
        if (strcmp(high->map.at[i].key, low->key) == 0)
            over = &high->map.at[i];
    const Type *inner = member_type(type, low->key, &flags);
    if (!over) {
        merge_pair(arena, out, low, low->value);
        return;
    }
    if (value_is(over->value, VALUE_NULL))
        return;
    if (flags & FIELD_APPEND && value_is(over->value, VALUE_LIST) &&
        value_is(low->value, VALUE_LIST)) {
        merge_pair(arena, out, low, append(low->value, over->value, arena));
        return;
    }
    const Value *merged = schema_merge(inner, low->value, over->value, arena);
    merge_pair(arena, out, merged == over->value ? over : low, merged);
}

const Value *schema_merge(const Type *type, const Value *low, const Value *high, Arena *arena) {
    if (!high)
        return low;
    if (low) {
        low = expand(type, low, arena);
        high = expand(type, high, arena);
    }
    if ((low && low->kind != VALUE_MAP) || high->kind != VALUE_MAP)
        return high;
    const Value *place = low ? low : high;
    Value *out = value_new(arena, VALUE_MAP);
    out->line = place->line;
    out->column = place->column;
    for (size_t i = 0; low && i < low->map.n; i++)
        merge_low(type, &low->map.at[i], high, arena, out);
    for (size_t i = 0; i < high->map.n; i++) {
        const ValuePair *pair = &high->map.at[i];
        unsigned flags;
        if (value_get(low, pair->key) || value_is(pair->value, VALUE_NULL))
            continue;
        const Type *inner = member_type(type, pair->key, &flags);
        merge_pair(arena, out, pair, schema_merge(inner, NULL, pair->value, arena));
    }
    return out;
}

/* --- coverage --- */

static int by_offset(const void *a, const void *b) {
    const Field *const *x = a, *const *y = b;
    return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

static size_t round_up(size_t n, size_t align) {
    return (n + align - 1) / align * align;
}

/* Each field must begin where the one before it ends, but for its alignment. */
static int64_t gap(const Type *type) {
    const Field *sorted[64];
    assert(type->field_n <= COUNT(sorted));
    for (size_t i = 0; i < type->field_n; i++)
        sorted[i] = &type->fields[i];
    qsort(sorted, type->field_n, sizeof(sorted[0]), by_offset);
    size_t end = 0;
    for (size_t i = 0; i < type->field_n; i++) {
        size_t align = sorted[i]->type->align;
        if (sorted[i]->offset > round_up(end, align))
            return (int64_t)end;
        end = sorted[i]->offset + sorted[i]->size;
    }
    return round_up(end, type->align) < type->size ? (int64_t)end : -1;
}

int64_t schema_uncovered(const Type *type, const Type **ret_type) {
    if (type->of)
        return schema_uncovered(type->of, ret_type);
    if (type->kind != TYPE_STRUCT)
        return -1;
    *ret_type = type;
    int64_t at = gap(type);
    for (size_t i = 0; at < 0 && i < type->field_n; i++)
        at = schema_uncovered(type->fields[i].type, ret_type);
    return at;
}
