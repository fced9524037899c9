/* SPDX-License-Identifier: Apache-2.0 */
/* JSON into a Value tree. (The writer is in data/json.h, which includes this.) */
#pragma once

#include "base/err.h"
#include "data/value.h"

/* Reads exactly one JSON value of any kind. Refused, with a sentence that names line and column:
 * broken or non-UTF-8 text, duplicate keys, integers beyond 64 bits, NUL in keys, more than
 * MAX_JSON_BYTES, deeper than MAX_JSON_DEPTH. */
MUST int json_parse(const char *text, size_t size, Arena *arena, const Value **ret, Err *err);

typedef struct JsonPlace {
    int line, column; /* from 1; 0: of no place */
} JsonPlace;

typedef struct JsonText {
    const char *text;
    size_t size;
} JsonText;

/* The same with a sentence that does not name the place, which goes to *ret_place. */
MUST int json_parse_placed(const JsonText *source, Arena *arena, const Value **ret,
                           JsonPlace *ret_place, Err *err);
