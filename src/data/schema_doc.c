/* SPDX-License-Identifier: Apache-2.0 */
/* What people and editors get from the tables: JSON Schema and the reference page. */
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "data/schema.h"
#include "data/schema_private.h"

enum { MAX_STRUCTS = 64 };

typedef struct Structs {
    const Type *at[MAX_STRUCTS];
    size_t n;
} Structs;

/* All structs with keys of their own that can occur in `type`, itself first, each once. */
static void collect(const Type *type, Structs *all) {
    if (type->of)
        collect(type->of, all);
    if (type->kind != TYPE_STRUCT || type->only_short)
        return;
    for (size_t i = 0; i < all->n; i++)
        if (all->at[i] == type)
            return;
    assert(all->n < MAX_STRUCTS);
    all->at[all->n++] = type;
    for (size_t i = 0; i < type->field_n; i++)
        if (field_public(&type->fields[i]))
            collect(type->fields[i].type, all);
}

/* --- JSON Schema --- */

static void schema_of(const Type *type, const Field *field, JsonWriter *out);

static void one_type(JsonWriter *out, const char *type) {
    json_kv_string(out, "type", type);
}

/* Text, for which numbers and booleans are taken as well. */
static void text_type(JsonWriter *out) {
    json_kv_array(out, "type");
    json_string(out, "string");
    json_string(out, "number");
    json_string(out, "boolean");
    json_array_end(out);
}

static void type_object(JsonWriter *out, const char *type) {
    json_object_begin(out);
    one_type(out, type);
    json_object_end(out);
}

static void text_object(JsonWriter *out) {
    json_object_begin(out);
    text_type(out);
    json_object_end(out);
}

static void unit_members(JsonWriter *out, const Type *type) {
    json_kv_array(out, "anyOf");
    type_object(out, "string");
    if (type->kind == TYPE_SIZE) {
        type_object(out, "integer");
    } else {
        json_object_begin(out);
        json_kv_int(out, "const", 0);
        json_object_end(out);
    }
    json_array_end(out);
}

static void enum_members(JsonWriter *out, const Type *type) {
    json_kv_array(out, "enum");
    for (const EnumName *name = type->names; name->name; name++)
        json_string(out, name->name);
    json_array_end(out);
}

static void ref_object(JsonWriter *out, const Type *type) {
    json_object_begin(out);
    json_key(out, "$ref");
    json_stringf(out, "#/$defs/%s", type->name);
    json_object_end(out);
}

/* How the struct can be written short: by a scalar, a list; one that takes both counts once. */
static const Field *short_form(const Type *type, size_t i) {
    const char *key = i == 0 ? type->scalar : type->list;
    bool both = i == 1 && type->scalar && key && strcmp(type->scalar, key) == 0;
    return key && !both ? field_find(type, key) : NULL;
}

static void struct_members(JsonWriter *out, const Type *type) {
    json_kv_array(out, "anyOf");
    if (!type->only_short)
        ref_object(out, type);
    for (size_t i = 0; i < 2; i++) {
        const Field *field = short_form(type, i);
        if (!field)
            continue;
        json_object_begin(out);
        schema_of(field->type, field, out);
        json_object_end(out);
    }
    json_array_end(out);
}

static void map_members(JsonWriter *out, const Type *type) {
    json_kv_array(out, "anyOf");
    json_object_begin(out);
    one_type(out, "object");
    json_kv_object(out, "additionalProperties");
    json_kv_array(out, "anyOf");
    json_object_begin(out);
    schema_of(type->of, NULL, out);
    json_object_end(out);
    type_object(out, "null");
    json_array_end(out);
    json_object_end(out);
    json_object_end(out);
    if (type->keys) {
        json_object_begin(out);
        one_type(out, "array");
        json_key(out, "items");
        text_object(out);
        json_object_end(out);
    }
    json_array_end(out);
}

static void strings_members(JsonWriter *out, const Type *type) {
    json_kv_array(out, "anyOf");
    json_object_begin(out);
    one_type(out, "array");
    json_key(out, "items");
    text_object(out);
    json_object_end(out);
    if (type->scalar)
        text_object(out);
    json_array_end(out);
}

static void int_members(JsonWriter *out, const Field *field) {
    one_type(out, "integer");
    if (!field || (!field->min && !field->max))
        return;
    json_kv_int(out, "minimum", field->min);
    if (field->max != INT64_MAX)
        json_kv_int(out, "maximum", field->max);
}

/* The members of the schema object of a type. */
static void schema_of(const Type *type, const Field *field, JsonWriter *out) {
    switch (type->kind) {
    case TYPE_BOOL: one_type(out, "boolean"); return;
    case TYPE_INT: int_members(out, field); return;
    case TYPE_DURATION:
    case TYPE_SIZE: unit_members(out, type); return;
    case TYPE_STRING: text_type(out); return;
    case TYPE_STRINGS: strings_members(out, type); return;
    case TYPE_STRING_MAP:
        one_type(out, "object");
        json_key(out, "additionalProperties");
        text_object(out);
        return;
    case TYPE_ENUM: enum_members(out, type); return;
    case TYPE_STRUCT: struct_members(out, type); return;
    case TYPE_LIST:
        one_type(out, "array");
        json_kv_object(out, "items");
        schema_of(type->of, field, out);
        json_object_end(out);
        return;
    case TYPE_MAP: map_members(out, type); return;
    case TYPE_CUSTOM:
        json_key(out, "anyOf");
        json_raw(out, type->json_schema, strlen(type->json_schema));
        return;
    }
    UNREACHABLE();
}

static void required_members(const Type *type, JsonWriter *out) {
    json_kv_array(out, "required");
    for (size_t i = 0; i < type->field_n; i++)
        if (type->fields[i].flags & FIELD_REQUIRED)
            json_string(out, type->fields[i].name);
    json_array_end(out);
}

static void schema_struct(const Type *type, JsonWriter *out) {
    one_type(out, "object");
    json_kv_object(out, "properties");
    for (size_t i = 0; i < type->field_n; i++) {
        const Field *field = &type->fields[i];
        if (!field_public(field))
            continue;
        json_kv_object(out, field->name);
        schema_of(field->type, field, out);
        json_kv_string(out, "description", field->doc);
        if (field->dflt)
            json_kv_string(out, "default", field->dflt);
        json_object_end(out);
    }
    json_object_end(out);
    json_kv_object(out, "patternProperties");
    json_kv_object(out, "^x-");
    json_object_end(out);
    json_object_end(out);
    json_kv_bool(out, "additionalProperties", false);
    if (field_with(type, FIELD_REQUIRED))
        required_members(type, out);
}

void schema_json_schema(const Type *type, const char *title, JsonWriter *out) {
    Structs all = {.n = 0};
    collect(type, &all);
    json_object_begin(out);
    json_kv_string(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_kv_string(out, "title", title);
    schema_struct(type, out);
    json_kv_object(out, "$defs");
    for (size_t i = 1; i < all.n; i++) {
        json_kv_object(out, all.at[i]->name);
        schema_struct(all.at[i], out);
        json_object_end(out);
    }
    json_object_end(out);
    json_object_end(out);
}

/* --- the reference page --- */

static void link_to(const Type *type, Buf *out) {
    buf_printf(out, "[%s](#", type->name);
    for (const char *p = type->name; *p; p++)
        buf_putc(out, (char)(*p == ' ' ? '-' : tolower((unsigned char)*p)));
    buf_putc(out, ')');
}

static void put_type(const Type *type, Buf *out);

static void put_struct_type(const Type *type, Buf *out) {
    const char * or = "";
    if (!type->only_short) {
        link_to(type, out);
        or = " or ";
    }
    for (size_t i = 0; i < 2; i++) {
        const Field *field = short_form(type, i);
        if (!field)
            continue;
        buf_puts(out, or);
        put_type(field->type, out);
        if (!type->only_short)
            buf_printf(out, " (`%s`)", field->name);
        or = " or ";
    }
}

static void put_type(const Type *type, Buf *out) {
    switch (type->kind) {
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_STRING:
    case TYPE_STRING_MAP:
    case TYPE_CUSTOM: buf_puts(out, type->name); return;
    case TYPE_STRINGS:
        buf_puts(out, type->scalar ? "string or list of strings" : type->name);
        return;
    case TYPE_ENUM:
        for (const EnumName *name = type->names; name->name; name++)
            buf_printf(out, "%s`%s`", name == type->names ? "" : ", ", name->name);
        return;
    case TYPE_STRUCT: put_struct_type(type, out); return;
    case TYPE_LIST:
        buf_puts(out, "list of ");
        put_type(type->of, out);
        return;
    case TYPE_MAP:
        buf_puts(out, type->keys ? "list of names, or map of " : "map of ");
        put_type(type->of, out);
        return;
    }
    UNREACHABLE();
}

static void put_bounds(const Field *field, Buf *out) {
    if (!field->min && !field->max)
        return;
    if (field->type->kind != TYPE_INT && field->type->kind != TYPE_LIST)
        return;
    if (field->max == INT64_MAX)
        buf_printf(out, ", at least %" PRId64, field->min);
    else
        buf_printf(out, ", %" PRId64 "..%" PRId64, field->min, field->max);
}

static void put_row(const Field *field, Buf *out) {
    buf_printf(out, "| `%s` | ", field->name);
    put_type(field->type, out);
    put_bounds(field, out);
    buf_puts(out, " | ");
    if (field->dflt)
        buf_printf(out, "`%s`", field->dflt);
    else if (field->flags & FIELD_REQUIRED)
        buf_puts(out, "required");
    buf_printf(out, " | %s |\n", field->doc);
}

void schema_markdown(const Type *type, Buf *out) {
    Structs all = {.n = 0};
    collect(type, &all);
    for (size_t i = 0; i < all.n; i++) {
        buf_printf(out, "%s## %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
                   i ? "\n" : "", all.at[i]->name);
        for (size_t k = 0; k < all.at[i]->field_n; k++)
            if (field_public(&all.at[i]->fields[k]))
                put_row(&all.at[i]->fields[k], out);
    }
}
