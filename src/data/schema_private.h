/* SPDX-License-Identifier: Apache-2.0 */
/* What schema.c, schema_decode.c, schema_encode.c and schema_doc.c share. */
#pragma once

#include "data/schema.h"

/* The generic form of every list and map member. */
typedef struct Items {
    char *at;
    size_t n;
} Items;

static inline void *field_at(const Field *field, const void *object) {
    return (char *)(uintptr_t)object + field->offset;
}

/* The field with this key; NULL: none. */
const Field *field_find(const Type *type, const char *key);
const Field *field_with(const Type *type, unsigned flag);
/* Was it given? The struct has presence bits. */
bool field_written(const Type *type, const Field *field, const void *object);
size_t field_index(const Type *type, const Field *field);
/* Is it a key that people write? */
bool field_public(const Field *field);
/* The text of the default as a value: a scalar, or JSON. */
const Value *field_default(const Field *field, Arena *arena);
