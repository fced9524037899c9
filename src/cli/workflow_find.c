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

/* Most uuids are names but for their case. NULL: this one is not, or there is none. */
static const Value *ask_by_name(Cli *cli, const char *task, Err *err) {
    const Value *workflow;
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    AUTO_FREE char *name = xstrdup(task);
    for (char *at = name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    buf_puts(&path, WORKFLOWS "/");
    client_segment(&path, name);
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &workflow, err);
    buf_deinit(&path);
    if (r < 0)
        return NULL;
    return str_same(workflow_task(workflow), task) || str_same(workflow_name(workflow), task)
               ? workflow
               : NULL;
}

static const Value *exact(const Value *items, const char *task) {
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *workflow = value_at(items, i);
        if (str_same(workflow_task(workflow), task) || str_same(workflow_name(workflow), task))
            return workflow;
    }
    return NULL;
}

static bool begins(const Value *workflow, const char *task) {
    return str_starts(workflow_task(workflow), task) || str_starts(workflow_name(workflow), task);
}

static const Value *by_beginning(const Value *items, const char *task, Err *err) {
    const Value *found = NULL;
    char names[160] = "";
    size_t n = 0;
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *workflow = value_at(items, i);
        if (!begins(workflow, task))
            continue;
        found = workflow;
        size_t at = strlen(names);
        if (n++ < CANDIDATES_MOST)
            snprintf(names + at, sizeof(names) - at, "%s%.44s", at ? ", " : "",
                     workflow_task(workflow));
    }
    if (n == 0)
        err_set(err, ERR_NOT_FOUND, "there is no workflow %.80s; `thole workflow list` shows them",
                task);
    else if (n > 1)
        err_set(err, ERR_INVALID, "%zu workflows begin with %.40s: %s%s", n, task, names,
                n > CANDIDATES_MOST ? ", …" : "");
    return n == 1 ? found : NULL;
}

const Value *workflow_look(Cli *cli, const char *task, Err *err) {
    const Value *list, *found;
    err->kind = ERR_NONE;
    found = ask_by_name(cli, task, err);
    if (found)
        return found;
    if (err->kind != ERR_NONE && err->kind != ERR_NOT_FOUND)
        return NULL;
    if (client_ask(&cli->client, "GET", WORKFLOWS, NULL, &cli->arena, &list, err) < 0)
        return NULL;
    const Value *items = value_get(list, "items");
    found = exact(items, task);
    return found ? found : by_beginning(items, task, err);
}
