/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xalloc.h"
#include "cli/workflow.h"
#include "spec/routes.h"

static bool is_over(LogPrint *print) {
    Arena arena;
    const Value *table;
    Err err;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s", print->ask.workflow);
    arena_init(&arena);
    bool over = client_table(&print->cli->client, path, &arena, &table, &err) < 0;
    if (!over) {
        WorkflowRows rows = workflow_rows_of(value_get(table, "columnDefinitions"), table, &arena);
        over = rows.n == 0 || rows.at->over;
    }
    arena_deinit(&arena);
    return over;
}

/* On a terminal: room for the names that may come. */
static void widen(LogPrint *print, const char *task) {
    Err err;
    const Value *workflow = print->prefix.terminal ? workflow_whole(print->cli, task, &err) : NULL;
    const Value *steps = value_get(value_get(workflow, "status"), "steps");
    for (size_t i = 0; i < value_count(steps); i++)
        prefix_widen(&print->prefix, value_get_str(value_at(steps, i), "name"));
}

static int print_steps(LogPrint *print, const char *task, Err *err) {
    const WorkflowRow *workflow = workflow_look(print->cli, task, err);
    if (!workflow)
        return -1;
    print->ask.workflow = workflow->name;
    if (!print->ask.names->n)
        widen(print, workflow->name);
    return log_print(print, is_over, err);
}

int workflow_logs(Cli *cli, const WorkflowOptions *ask, Err *err) {
    const TextList steps = workflow_given_steps(cli);
    LogPrint print;
    int r = log_print_init(&print, cli, &ask->log, err);
    print.ask.names = &steps;
    if (r == 0)
        r = print_steps(&print, workflow_given(cli), err);
    log_print_deinit(&print);
    return r;
}
