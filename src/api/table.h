/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as Tables: what kubectl prints. Columns are data: a path into the object, or a small
 * function of it. */
#pragma once

#include "api/http_server.h"
#include "data/json.h"
#include "engine/objects.h"

typedef enum TableInclude { INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT } TableInclude;

/* Does the Accept header ask for a Table before it asks for plain JSON? */
bool table_wanted(const Request *request);
TableInclude table_include(const Request *request);

/* A whole Table is: table_begin, table_row..., table_end. */
typedef struct TableHead {
    ObjectKind kind;
    uint64_t version;
    const char *next;  /* continue token; NULL: none */
    int64_t remaining; /* -1: unknown */
    bool columns;      /* false: as null, in a watch's later events */
} TableHead;
void table_begin(const TableHead *head, JsonWriter *out);
void table_row(ObjectKind kind, const char *json, size_t size, TableInclude include,
               JsonWriter *out);
/* Of one that lives. Where no column needs its JSON it is not rendered: there may be thousands. */
void table_object(Object *object, TableInclude include, JsonWriter *out);
void table_end(JsonWriter *out);
