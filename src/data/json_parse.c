/* SPDX-License-Identifier: Apache-2.0 */
/* jansson parses, and what it made is moved into the arena. */
#include "data/json_parse.h"

#include <jansson.h>
#include <string.h>

#include "base/limits.h"

static Value *convert(const json_t *json, Arena *arena, int depth, Err *err);

static Value *convert_array(const json_t *json, Arena *arena, int depth, Err *err) {
    Value *list = value_new(arena, VALUE_LIST);
    for (size_t i = 0; i < json_array_size(json); i++) {
        Value *item = convert(json_array_get(json, i), arena, depth + 1, err);
        if (!item)
            return NULL;
        value_add(arena, list, item);
    }
    return list;
}

static Value *convert_object(const json_t *json, Arena *arena, int depth, Err *err) {
    Value *map = value_new(arena, VALUE_MAP);
    /* The iterator does not write, but jansson has no const form of it. */
    json_t *object = (json_t *)(uintptr_t)json;
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        Value *item = convert(json_object_iter_value(i), arena, depth + 1, err);
        if (!item)
            return NULL;
        value_set(arena, map, json_object_iter_key(i), item);
    }
    return map;
}

static Value *convert(const json_t *json, Arena *arena, int depth, Err *err) {
    if (depth > MAX_JSON_DEPTH) {
        err_set(err, ERR_LIMIT, "JSON is nested more than %d deep", MAX_JSON_DEPTH);
        return NULL;
    }
    switch (json_typeof(json)) {
    case JSON_NULL: return value_new(arena, VALUE_NULL);
    case JSON_TRUE: return value_new_bool(arena, true);
    case JSON_FALSE: return value_new_bool(arena, false);
    case JSON_INTEGER: return value_new_int(arena, json_integer_value(json));
    case JSON_REAL: return value_new_real(arena, json_real_value(json));
    case JSON_STRING:
        return value_new_bytes(arena, json_string_value(json), json_string_length(json));
    case JSON_ARRAY: return convert_array(json, arena, depth, err);
    case JSON_OBJECT: return convert_object(json, arena, depth, err);
    }
    UNREACHABLE();
}

int json_parse_placed(const JsonText *source, Arena *arena, const Value **ret, JsonPlace *ret_place,
                      Err *err) {
    json_error_t why;
    *ret_place = (JsonPlace){0};
    if (source->size > MAX_JSON_BYTES)
        return err_set(err, ERR_LIMIT, "JSON of %zu bytes is larger than the limit of %d",
                       source->size, MAX_JSON_BYTES);
    AUTO(json_decrefp)
    json_t *json = json_loadb(source->text, source->size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!json) {
        *ret_place = (JsonPlace){why.line, why.column};
        return err_set(err, ERR_INVALID, "%s", why.text);
    }
    const Value *value = convert(json, arena, 1, err);
    if (!value)
        return -1;
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
