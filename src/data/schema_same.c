/* SPDX-License-Identifier: Apache-2.0 */
/* Do two structs say the same? */
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "data/schema.h"
#include "data/schema_private.h"

static Items items_at(const void *at) {
    Items items;
    memcpy(&items, at, sizeof(items));
    return items;
}

static bool same_items(const Type *of, const void *a, const void *b) {
    Items left = items_at(a), right = items_at(b);
    if (left.n != right.n)
        return false;
    for (size_t i = 0; i < left.n; i++)
        if (!schema_same(of, left.at + i * of->size, right.at + i * of->size))
            return false;
    return true;
}

bool strlist_same(const StrList *left, const StrList *right) {
    if (left->n != right->n)
        return false;
    for (size_t i = 0; i < left->n; i++)
        if (strcmp(left->at[i], right->at[i]) != 0)
            return false;
    return true;
}

bool strlist_has(const StrList *list, const char *text) {
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i], text) == 0)
            return true;
    return false;
}

static bool same_string_map(const void *a, const void *b) {
    const StrMap *left = a, *right = b;
    if (left->n != right->n)
        return false;
    for (size_t i = 0; i < left->n; i++)
        if (strcmp(left->at[i].name, right->at[i].name) != 0 ||
            !str_same(left->at[i].value, right->at[i].value))
            return false;
    return true;
}

static bool same_custom(const Type *type, const void *a, const void *b) {
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_JSON_BYTES);
    json_writer_init(&out, &buf);
    type->encode(a, &out);
    size_t n = buf.n;
    json_writer_init(&out, &buf);
    type->encode(b, &out);
    const char *text = buf_cstr(&buf);
    bool same = buf.n == 2 * n && memcmp(text, text + n, n) == 0;
    buf_deinit(&buf);
    return same;
}

bool schema_same_field(const Type *type, const Field *field, const void *a, const void *b) {
    if (field->flags & (FIELD_SET_BITS | FIELD_LINE))
        return true;
    if (field->flags & FIELD_OPTIONAL &&
        field_written(type, field, a) != field_written(type, field, b))
        return false;
    if (memcmp(field_at(field, a), field_at(field, b), field->size) == 0)
        return true; /* down to the pointers: most is at its default */
    return schema_same(field->type, field_at(field, a), field_at(field, b));
}

static bool same_struct(const Type *type, const void *a, const void *b) {
    for (size_t i = 0; i < type->field_n; i++)
        if (!schema_same_field(type, &type->fields[i], a, b))
            return false;
    return true;
}

bool schema_same(const Type *type, const void *a, const void *b) {
    switch (type->kind) {
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_ENUM: return memcmp(a, b, type->size) == 0;
    case TYPE_STRING: return str_same(*(const char *const *)a, *(const char *const *)b);
    case TYPE_STRINGS: return strlist_same(a, b);
    case TYPE_STRING_MAP: return same_string_map(a, b);
    case TYPE_LIST:
    case TYPE_MAP: return same_items(type->of, a, b);
    case TYPE_STRUCT: return same_struct(type, a, b);
    case TYPE_CUSTOM: return same_custom(type, a, b);
    }
    UNREACHABLE();
}
