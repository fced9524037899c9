/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of values, as YAML and JSON know them. Everything lives in an Arena and goes with it; a
 * tree that was read is not changed afterwards. Each node knows where it stood in its text. Three
 * things differ and stay apart: absent (a NULL pointer), null (VALUE_NULL) and empty (a string,
 * list or map of length 0). All readers accept NULL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"

typedef enum ValueKind {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_REAL,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_MAP,
} ValueKind;

typedef struct Value Value;

/* One entry of a map. Keys are valid UTF-8 without NUL; no key occurs twice. */
typedef struct ValuePair {
    const char *key;
    uint32_t line, column; /* of the key */
    Value *value;
} ValuePair;

/* In `line`, of what was merged of a file and its overlay: it is a line of the overlay. */
#define VALUE_OVERLAY (UINT32_C(1) << 31)

struct Value {
    ValueKind kind;
    uint32_t line, column; /* from 1, column in characters; 0: unknown (JSON, made by us) */
    /* Scalars: what was written, NUL-terminated. The bytes of a string, and "1.10" for the real
     * 1.1. Strings may contain NUL. */
    const char *text;
    size_t len; /* of text */
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct {
            Value **at;
            size_t n, cap;
        } list;
        struct {
            ValuePair *at;
            size_t n, cap;
        } map; /* in the order of the text */
    };
};

/* "null" "boolean" "integer" "number" "string" "list" "map", for messages. */
const char *value_kind_name(ValueKind kind);

/* --- reading --- */

/* The member of a map. NULL: absent, or `map` is no map. Linear: for maps of data, walk
 * `map.at`. */
const Value *value_get(const Value *map, const char *key);
/* Number of items of a list or map; 0 for everything else. */
size_t value_count(const Value *v);
/* The i-th item of a list, or NULL. */
const Value *value_at(const Value *list, size_t i);
bool value_is(const Value *v, ValueKind kind);

/* The string; NULL if v is something else. */
const char *value_str(const Value *v);
int64_t value_int(const Value *v, int64_t otherwise);
bool value_bool(const Value *v, bool otherwise);

/* value_str(value_get(map, key)) and so on. */
const char *value_get_str(const Value *map, const char *key);
int64_t value_get_int(const Value *map, const char *key, int64_t otherwise);
bool value_get_bool(const Value *map, const char *key, bool otherwise);

/* A file of ours, of which we know the formats up to `newest`: one of a newer thole is refused
 * (ERR_UNAVAILABLE), to be left as it is. */
MUST int value_check_format(const Value *file, int64_t newest, Err *err);

/* Same content: positions, the way numbers were written and the order of maps do not count. */
bool value_equal(const Value *a, const Value *b);

/* --- making; `v` of add and set is lent to the tree and must live as long --- */

Value *value_new(Arena *arena, ValueKind kind);
/* With all that is in it; it stands nowhere. NULL: of NULL. */
Value *value_copy(const Value *v, Arena *arena);
Value *value_new_bool(Arena *arena, bool boolean);
Value *value_new_int(Arena *arena, int64_t integer);
Value *value_new_real(Arena *arena, double real);
Value *value_new_string(Arena *arena, const char *text); /* copies */
Value *value_new_bytes(Arena *arena, const char *bytes, size_t len);
void value_add(Arena *arena, Value *list, Value *v);
/* All that is in it stands in an overlay. */
void value_mark_overlay(Value *v);
/* Appends; the caller sees to it that the key is new. Copies the key, lends back the pair until
 * the next call. */
ValuePair *value_set(Arena *arena, Value *map, const char *key, Value *v);
