/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/workflow_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Columns come in any order, and are found by name. */
static const char *cell(const Value *columns, const Value *cells, const char *name) {
    for (size_t i = 0; i < value_count(columns); i++)
        if (str_same(value_get_str(value_at(columns, i), "name"), name)) {
            const char *text = value_str(value_at(cells, i));
            return text ? text : "";
        }
    return "";
}

static WorkflowRow row_of(const Value *columns, const Value *row) {
    const Value *cells = value_get(row, "cells");
    const char *phase = cell(columns, cells, "Phase"), *result = cell(columns, cells, "Result");
    const char *uid = value_get_str(value_get(value_get(row, "object"), "metadata"), "uid");
    return (WorkflowRow){.name = cell(columns, cells, "Name"),
                         .task = cell(columns, cells, "Task"),
                         .state = str_same(phase, "over") && *result ? result : phase,
                         .over = str_same(phase, "over"),
                         .backend = cell(columns, cells, "Backend"),
                         .steps = cell(columns, cells, "Steps"),
                         .age = cell(columns, cells, "Age"),
                         .took = cell(columns, cells, "Took"),
                         .started = cell(columns, cells, "Started"),
                         .error = cell(columns, cells, "Error"),
                         .left = cell(columns, cells, "Left"),
                         .uid = uid ? uid : ""};
}

static int newest_first(const void *a, const void *b) {
    const WorkflowRow *x = a, *y = b;
    int order = strcmp(y->started, x->started);
    return order ? order : strcmp(x->name, y->name);
}

WorkflowRows workflow_rows_of(const Value *columns, const Value *table, Arena *arena) {
    const Value *rows = value_get(table, "rows");
    size_t n = value_count(rows);
    WorkflowRow *at = arena_alloc(arena, (n + 1) * sizeof(*at));
    for (size_t i = 0; i < n; i++)
        at[i] = row_of(columns, value_at(rows, i));
    if (n > 1)
        qsort(at, n, sizeof(*at), newest_first);
    const char *version = value_get_str(value_get(table, "metadata"), "resourceVersion");
    return (WorkflowRows){at, n, version ? version : ""};
}

int workflow_rows(Cli *cli, const char *path, WorkflowRows *ret, Err *err) {
    const Value *table;
    if (client_table(&cli->client, path, &cli->arena, &table, err) < 0)
        return -1;
    *ret = workflow_rows_of(value_get(table, "columnDefinitions"), table, &cli->arena);
    return 0;
}
