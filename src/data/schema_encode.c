/* SPDX-License-Identifier: Apache-2.0 */
/* Structs into JSON: the way back from schema_decode.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "data/schema.h"
#include "data/schema_private.h"

/* The struct of a type that was written last as a member, and where its text is. Most are as the
 * one before: all defaults. */
typedef struct Written {
    const Type *type;
    const void *object;
    size_t from, size;
} Written;

typedef struct Encoder {
    const EncodeOptions *options;
    JsonWriter *out;
    Written last[32];
    size_t last_n;
} Encoder;

static void encode_any(Encoder *e, const Type *type, const void *at);

static int64_t number_at(const void *at) {
    int64_t n;
    memcpy(&n, at, sizeof(n));
    return n;
}

static const char *string_at(const void *at) {
    const char *text;
    memcpy(&text, at, sizeof(text));
    return text;
}

static Items items_at(const void *at) {
    Items items;
    memcpy(&items, at, sizeof(items));
    return items;
}

/* Only our API's names are computed; the keys of a map are data and stay. */
static void encode_key(Encoder *e, const char *name) {
    if (!e->options->camel) {
        json_key(e->out, name);
        return;
    }
    Arena arena;
    arena_init(&arena);
    json_key(e->out, schema_camel(name, &arena));
    arena_deinit(&arena);
}

/* Exact, and as people write it: 300ms, 10s, 1h30m. */
static void encode_duration(Encoder *e, int64_t ms) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    char text[64] = "";
    for (size_t i = 0; i < COUNT(units); i++) {
        size_t len = strlen(text);
        if (ms / units[i].ms > 0)
            snprintf(text + len, sizeof(text) - len, "%" PRId64 "%s", ms / units[i].ms,
                     units[i].unit);
        ms %= units[i].ms;
    }
    json_string(e->out, *text ? text : "0s");
}

/* In binary units where that is exact. */
static void encode_size(Encoder *e, int64_t bytes) {
    char text[DURATION_TEXT];
    if (bytes == 0 || bytes % 1024) {
        json_int(e->out, bytes);
        return;
    }
    size_format(bytes, text);
    json_string(e->out, text);
}

static void encode_enum(Encoder *e, const Type *type, const void *at) {
    int value;
    memcpy(&value, at, sizeof(value));
    for (const EnumName *name = type->names; name->name; name++)
        if (name->value == value) {
            json_string(e->out, name->name);
            return;
        }
    json_null(e->out);
}

static void encode_strings(Encoder *e, const void *at) {
    StrList list;
    memcpy(&list, at, sizeof(list));
    json_array_begin(e->out);
    for (size_t i = 0; i < list.n; i++)
        json_string(e->out, list.at[i]);
    json_array_end(e->out);
}

static void encode_string_map(Encoder *e, const void *at) {
    StrMap map;
    memcpy(&map, at, sizeof(map));
    json_object_begin(e->out);
    for (size_t i = 0; i < map.n; i++)
        json_kv_string(e->out, map.at[i].name, map.at[i].value);
    json_object_end(e->out);
}

static void encode_list(Encoder *e, const Type *type, const void *at) {
    Items items = items_at(at);
    json_array_begin(e->out);
    for (size_t i = 0; i < items.n; i++)
        encode_any(e, type->of, items.at + i * type->of->size);
    json_array_end(e->out);
}

static void encode_map(Encoder *e, const Type *type, const void *at) {
    Items items = items_at(at);
    const Field *key = field_with(type->of, FIELD_KEY);
    json_object_begin(e->out);
    for (size_t i = 0; i < items.n; i++) {
        const char *item = items.at + i * type->of->size;
        json_key(e->out, string_at(item + key->offset));
        encode_any(e, type->of, item);
    }
    json_object_end(e->out);
}

static bool empty(const Type *type, const void *at) {
    switch (type->kind) {
    case TYPE_STRING: return !string_at(at);
    case TYPE_STRINGS:
    case TYPE_STRING_MAP:
    case TYPE_LIST:
    case TYPE_MAP: return items_at(at).n == 0;
    case TYPE_STRUCT:
        if (!type->only_short)
            return false;
        for (size_t i = 0; i < type->field_n; i++)
            if (!empty(type->fields[i].type, (const char *)at + type->fields[i].offset))
                return false;
        return true;
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_ENUM:
    case TYPE_CUSTOM: return false;
    }
    UNREACHABLE();
}

static void encode_bits(Encoder *e, const Type *type, uint64_t set) {
    json_array_begin(e->out);
    for (size_t i = 0; i < type->field_n; i++)
        if (set >> i & 1)
            json_string(e->out, type->fields[i].name);
    json_array_end(e->out);
}

/* Is the member to be written? What is empty goes without saying, unless it is not so by
 * default. */
static bool shown(Encoder *e, const Type *type, const Field *field, const void *object) {
    if (field->flags & FIELD_KEY || (field->flags & FIELD_INTERNAL && !e->options->internal))
        return false;
    if (field->flags & FIELD_OPTIONAL && !field_written(type, field, object))
        return false;
    if (e->options->applies && !e->options->applies(type, field, object))
        return false;
    return field->dflt || !empty(field->type, field_at(field, object));
}

static Written *last_of(Encoder *e, const Type *type) {
    for (size_t i = 0; i < e->last_n; i++)
        if (e->last[i].type == type)
            return &e->last[i];
    if (e->last_n == COUNT(e->last))
        return NULL;
    e->last[e->last_n] = (Written){.type = type};
    return &e->last[e->last_n++];
}

/* After its key: what has the same bytes has the same text. */
static void encode_member_struct(Encoder *e, const Type *type, const void *at) {
    Buf *out = e->out->out;
    Written *last = e->out->pretty ? NULL : last_of(e, type);
    if (last && last->object && memcmp(last->object, at, type->size) == 0) {
        json_repeat(e->out, last->from, last->size);
        return;
    }
    size_t from = out->n;
    encode_any(e, type, at);
    if (last)
        *last = (Written){type, at, from, out->n - from};
}

/* In the shape it has, and whoever knows its names is to know them here, too. */
static void encode_secret(Encoder *e, const Type *type, const void *at) {
    const StrMap *map = at;
    const StrList *list = at;
    if (type->kind == TYPE_STRING_MAP) {
        json_object_begin(e->out);
        for (size_t i = 0; i < map->n; i++)
            json_kv_string(e->out, map->at[i].name, SCHEMA_MASKED);
        json_object_end(e->out);
    } else if (type->kind == TYPE_STRINGS) {
        json_array_begin(e->out);
        for (size_t i = 0; i < list->n; i++)
            json_string(e->out, SCHEMA_MASKED);
        json_array_end(e->out);
    } else {
        json_string(e->out, SCHEMA_MASKED);
    }
}

static void encode_member(Encoder *e, const Type *type, const Field *field, const void *object) {
    const void *at = field_at(field, object);
    encode_key(e, field->name);
    if (field->flags & FIELD_SET_BITS)
        encode_bits(e, type, (uint64_t)number_at(at));
    else if (field->flags & FIELD_SECRET && e->options->mask)
        encode_secret(e, field->type, at);
    else if (field->type->kind == TYPE_STRUCT)
        encode_member_struct(e, field->type, at);
    else
        encode_any(e, field->type, at);
}

static void encode_short(Encoder *e, const Type *type, const void *object) {
    const Field *scalar = field_find(type, type->scalar);
    bool listed = type->list && empty(scalar->type, field_at(scalar, object));
    const Field *field = listed ? field_find(type, type->list) : scalar;
    encode_any(e, field->type, field_at(field, object));
}

static void encode_struct(Encoder *e, const Type *type, const void *object) {
    if (type->only_short) {
        encode_short(e, type, object);
        return;
    }
    json_object_begin(e->out);
    for (size_t i = 0; i < type->field_n; i++)
        if (shown(e, type, &type->fields[i], object))
            encode_member(e, type, &type->fields[i], object);
    json_object_end(e->out);
}

static void encode_texts(Encoder *e, const Type *type, const void *at) {
    const JsonHide *before = e->out->hide;
    e->out->hide = e->options->hide;
    if (type->kind == TYPE_STRING)
        json_string(e->out, string_at(at));
    else if (type->kind == TYPE_STRINGS)
        encode_strings(e, at);
    else if (type->kind == TYPE_STRING_MAP)
        encode_string_map(e, at);
    else
        type->encode(at, e->out);
    e->out->hide = before;
}

static void encode_any(Encoder *e, const Type *type, const void *at) {
    switch (type->kind) {
    case TYPE_BOOL: json_bool(e->out, *(const bool *)at); return;
    case TYPE_INT: json_int(e->out, number_at(at)); return;
    case TYPE_DURATION: encode_duration(e, number_at(at)); return;
    case TYPE_SIZE: encode_size(e, number_at(at)); return;
    case TYPE_STRING:
    case TYPE_STRINGS:
    case TYPE_STRING_MAP:
    case TYPE_CUSTOM: encode_texts(e, type, at); return;
    case TYPE_ENUM: encode_enum(e, type, at); return;
    case TYPE_STRUCT: encode_struct(e, type, at); return;
    case TYPE_LIST: encode_list(e, type, at); return;
    case TYPE_MAP: encode_map(e, type, at); return;
    }
    UNREACHABLE();
}

void schema_encode(const Type *type, const void *object, const EncodeOptions *options,
                   JsonWriter *out) {
    Encoder e = {.options = options, .out = out};
    encode_any(&e, type, object);
}
