/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xalloc.h"
#include "cli/workflow.h"
#include "spec/routes.h"

static bool is_over(LogPrint *print) {
    Arena arena;
    const Value *workflow;
    Err err;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s", print->ask.workflow);
    arena_init(&arena);
    int r = client_ask(&print->cli->client, "GET", path, NULL, &arena, &workflow, &err);
    bool over = r < 0 || value_get_bool(value_get(workflow, "status"), "done", false);
    arena_deinit(&arena);
    return over;
}

/* On a terminal: room for the names that may come. */
static void widen(LogPrint *print, const Value *workflow) {
    const Value *steps = value_get(value_get(workflow, "status"), "steps");
    for (size_t i = 0; print->prefix.terminal && i < value_count(steps); i++)
        prefix_widen(&print->prefix, value_get_str(value_at(steps, i), "name"));
}

static int print_steps(LogPrint *print, const char *task, Err *err) {
    const Value *workflow = workflow_look(print->cli, task, err);
    if (!workflow)
        return -1;
    print->ask.workflow = workflow_name(workflow);
    if (!print->ask.names->n)
        widen(print, workflow);
    return log_print(print, is_over, err);
}

int workflow_logs(Cli *cli, const WorkflowOptions *ask, Err *err) {
    const TextList steps = {cli->names.at + 2, cli->names.n - 2};
    LogPrint print;
    int r = log_print_init(&print, cli, &ask->log, err);
    print.ask.names = &steps;
    if (r == 0)
        r = print_steps(&print, cli->names.at[1], err);
    log_print_deinit(&print);
    return r;
}
