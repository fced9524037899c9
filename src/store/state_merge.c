/* SPDX-License-Identifier: Apache-2.0 */
#include "store/state_merge.h"

#include <string.h>

static const Field *field_named(const Type *type, const char *key) {
    for (size_t i = 0; i < type->field_n; i++)
        if (!(type->fields[i].flags & (FIELD_KEY | FIELD_SET_BITS)) &&
            strcmp(type->fields[i].name, key) == 0)
            return &type->fields[i];
    return NULL;
}

/* The member of a map, looked for from where the last one was: documents are mostly in the same
 * order. */
static const Value *member_near(const Value *map, const char *key, size_t *at) {
    size_t n = value_is(map, VALUE_MAP) ? map->map.n : 0;
    for (size_t i = 0; i < n; i++) {
        const ValuePair *pair = &map->map.at[(*at + i) % n];
        if (strcmp(pair->key, key) == 0) {
            *at = (*at + i + 1) % n;
            return pair->value;
        }
    }
    return NULL;
}

static void put(Arena *arena, Value *map, const char *key, const Value *v) {
    /* lent: a tree that was read stays as it is */
    value_set(arena, map, key, (Value *)(uintptr_t)v);
}

static const Value *merge_struct(const Type *type, const Value *old, const Value *now,
                                 Arena *arena) {
    Value *out = value_new(arena, VALUE_MAP);
    size_t at = 0;
    for (size_t i = 0; i < now->map.n; i++) {
        const ValuePair *pair = &now->map.at[i];
        const Field *field = field_named(type, pair->key);
        if (field && pair->value->kind != VALUE_NULL)
            put(arena, out, pair->key,
                state_merge(field->type, member_near(old, pair->key, &at), pair->value, arena));
    }
    for (size_t i = 0; value_is(old, VALUE_MAP) && i < old->map.n; i++) {
        const ValuePair *pair = &old->map.at[i];
        if (!field_named(type, pair->key))
            put(arena, out, pair->key, pair->value);
    }
    return out;
}

static const Value *merge_map(const Type *type, const Value *old, const Value *now, Arena *arena) {
    Value *out = value_new(arena, VALUE_MAP);
    size_t at = 0;
    for (size_t i = 0; i < now->map.n; i++) {
        const ValuePair *pair = &now->map.at[i];
        put(arena, out, pair->key,
            state_merge(type->of, member_near(old, pair->key, &at), pair->value, arena));
    }
    return out;
}

const Value *state_merge(const Type *type, const Value *old, const Value *now, Arena *arena) {
    if (!value_is(now, VALUE_MAP))
        return now;
    if (type->kind == TYPE_STRUCT)
        return merge_struct(type, old, now, arena);
    return type->kind == TYPE_MAP ? merge_map(type, old, now, arena) : now;
}

const Value *state_without_nulls(const Value *v, Arena *arena) {
    if (!value_is(v, VALUE_MAP))
        return v;
    Value *out = value_new(arena, VALUE_MAP);
    for (size_t i = 0; i < v->map.n; i++) {
        const ValuePair *pair = &v->map.at[i];
        if (pair->value->kind != VALUE_NULL)
            put(arena, out, pair->key, state_without_nulls(pair->value, arena));
    }
    return out;
}
