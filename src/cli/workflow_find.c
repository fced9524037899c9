/* SPDX-License-Identifier: Apache-2.0 */
/* Which workflow is meant. */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "cli/workflow.h"
#include "spec/routes.h"

enum { CANDIDATES_MOST = 3 };

const char *workflow_name(const Value *workflow) {
    return value_get_str(value_get(workflow, "metadata"), "name");
}

const char *workflow_task(const Value *workflow) {
    return value_get_str(value_get(workflow, "spec"), "task");
}

static bool is_meant(const WorkflowRow *row, const char *task) {
    return str_same(row->task, task) || str_same(row->name, task);
}

/* Most uuids are names but for their case. NULL: this one is not, or there is none. */
static const WorkflowRow *ask_by_name(Cli *cli, const char *task, Err *err) {
    WorkflowRows rows;
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    AUTO_FREE char *name = xstrdup(task);
    for (char *at = name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    buf_puts(&path, WORKFLOWS "/");
    client_segment(&path, name);
    int r = workflow_rows(cli, buf_cstr(&path), &rows, err);
    buf_deinit(&path);
    return r == 0 && rows.n && is_meant(rows.at, task) ? rows.at : NULL;
}

static const WorkflowRow *exact(const WorkflowRows *rows, const char *task) {
    for (size_t i = 0; i < rows->n; i++)
        if (is_meant(&rows->at[i], task))
            return &rows->at[i];
    return NULL;
}

static const WorkflowRow *by_beginning(const WorkflowRows *rows, const char *task, Err *err) {
    const WorkflowRow *found = NULL;
    char names[160] = "";
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        const WorkflowRow *row = &rows->at[i];
        if (!str_starts(row->task, task) && !str_starts(row->name, task))
            continue;
        found = row;
        size_t at = strlen(names);
        if (n++ < CANDIDATES_MOST)
            snprintf(names + at, sizeof(names) - at, "%s%.44s", at ? ", " : "", row->task);
    }
    if (n == 0)
        err_set(err, ERR_NOT_FOUND, "there is no workflow %.80s; `thole workflow list` shows them",
                task);
    else if (n > 1)
        err_set(err, ERR_INVALID, "%zu workflows begin with %.40s: %s%s", n, task, names,
                n > CANDIDATES_MOST ? ", …" : "");
    return n == 1 ? found : NULL;
}

const char *workflow_given(const Cli *cli) {
    return cli->names.n > 1 ? cli->names.at[1] : NULL;
}

TextList workflow_given_steps(const Cli *cli) {
    return cli->names.n > 2 ? (TextList){cli->names.at + 2, cli->names.n - 2} : (TextList){0};
}

static const WorkflowRow *newest(Cli *cli, Err *err) {
    WorkflowRows rows;
    if (workflow_rows(cli, WORKFLOWS, &rows, err) < 0)
        return NULL;
    if (rows.n)
        return rows.at;
    err_set(err, ERR_NOT_FOUND, "there is no workflow; `thole workflow run CONFIG` begins one");
    return NULL;
}

const WorkflowRow *workflow_look(Cli *cli, const char *task, Err *err) {
    WorkflowRows rows;
    if (!task)
        return newest(cli, err);
    err->kind = ERR_NONE;
    const WorkflowRow *found = ask_by_name(cli, task, err);
    if (found)
        return found;
    if (err->kind != ERR_NONE && err->kind != ERR_NOT_FOUND)
        return NULL;
    if (workflow_rows(cli, WORKFLOWS, &rows, err) < 0)
        return NULL;
    found = exact(&rows, task);
    return found ? found : by_beginning(&rows, task, err);
}

const Value *workflow_whole(Cli *cli, const char *task, Err *err) {
    const Value *workflow;
    const WorkflowRow *row = workflow_look(cli, task, err);
    if (!row)
        return NULL;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s", row->name);
    int r = client_ask(&cli->client, "GET", path, NULL, &cli->arena, &workflow, err);
    return r < 0 ? NULL : workflow;
}
