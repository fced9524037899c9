/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON that others wrote: member by member, each problem told with the path of its key.
 * What is absent or null is as if it were empty. */
#pragma once

#include "base/report.h"
#include "data/json_parse.h"
#include "data/schema.h"

typedef struct JsonReader {
    Arena *arena; /* where what is read lives */
    Report *report;
    const char *file; /* for messages */
    bool failed;      /* a problem was told */
} JsonReader;

/* Where we are. */
typedef struct JsonAt {
    const struct JsonAt *above; /* NULL: at the top */
    const char *key;
    JsonReader *reader;
} JsonAt;

JsonAt json_below(const JsonAt *at, const char *key); /* `at` must live as long */
void json_problem(const JsonAt *at, const char *format, ...) PRINTF(2, 3);

bool json_is_map(const JsonAt *at, const Value *v); /* false: told */
/* The member of this kind. NULL: there is none, or it was told. */
const Value *json_member(const JsonAt *at, const Value *map, const char *key, ValueKind kind);
/* `v`, which stands at `at`, if it is of this kind. NULL: it is null, or it was told. */
const Value *json_kind(const JsonAt *at, const Value *v, ValueKind kind);

/* Of `v` at `at` itself; what is none is told, and "" or 0. */
const char *json_read_string(const JsonAt *at, const Value *v);
int64_t json_read_whole(const JsonAt *at, const Value *v, int64_t max); /* 0 to max; null: 0 */
StrMap json_strings(const JsonAt *at, const Value *map);       /* NULL: none. A null in it is "" */
StrList json_string_list(const JsonAt *at, const Value *list); /* likewise */

/* Of a member. */
const char *json_text(const JsonAt *at, const Value *map, const char *key, const char *otherwise);
const char *json_optional(const JsonAt *at, const Value *map, const char *key); /* NULL for "" */
int64_t json_whole(const JsonAt *at, const Value *map, const char *key, int64_t max);
