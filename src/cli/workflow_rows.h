/* SPDX-License-Identifier: Apache-2.0 */
/* Workflows as rows of the Table that the server makes: what a list shows of them, however large
 * they are. */
#pragma once

#include "cli/cli.h"

typedef struct WorkflowRow {
    const char *name; /* of the object */
    const char *task;
    const char *state; /* "running", …; of one that is over its result */
    bool over;
    const char *backend, *steps, *age, *took;
    const char *started;      /* a time with microseconds, in UTC: they compare as texts do */
    const char *error, *left; /* "": none; left: why not all that it made is gone */
    const char *uid;
} WorkflowRow;

typedef struct WorkflowRows {
    const WorkflowRow *at; /* the newest first */
    size_t n;
    const char *version; /* resourceVersion */
} WorkflowRows;

/* Of a Table, in `arena`; what they say is the table's. columns: its `columnDefinitions`, or, later
 * in a watch, those of the first. */
WorkflowRows workflow_rows_of(const Value *columns, const Value *table, Arena *arena);
/* GET `path`: one workflow, or all. In the arena of the call. */
MUST int workflow_rows(Cli *cli, const char *path, WorkflowRows *ret, Err *err);
