/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, found on disk without any memory of it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/local/inside.h"
#include "backend/local/records.h"
#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"

static void each_number(const char *dir, const char *step, FoundRunFn fn, void *arg) {
    DIR *stream = opendir(dir);
    struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        int64_t number;
        if (number_parse(entry->d_name, 1, UINT32_MAX, &number) < 0)
            continue;
        AUTO_FREE char *run = xasprintf("%s/%s", dir, entry->d_name);
        AUTO_FREE char *record = xasprintf("%s/" EXIT_RECORD, run);
        FoundRun found = {
            .step = step, .dir = run, .run = (uint32_t)number, .ended = access(record, F_OK) == 0};
        fn(arg, &found);
    }
    if (stream)
        closedir(stream);
}

void task_each_run(const Task *task, FoundRunFn fn, void *arg) {
    AUTO_FREE char *runs = xasprintf("%s/runs", task->dir);
    DIR *stream = opendir(runs);
    struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        AUTO_FREE char *step = entry->d_name[0] == '.' ? NULL : step_from_name(entry->d_name);
        AUTO_FREE char *dir = step ? xasprintf("%s/%s", runs, entry->d_name) : NULL;
        if (step)
            each_number(dir, step, fn, arg);
    }
    if (stream)
        closedir(stream);
}

typedef struct Discovery {
    const Task *task;
    Arena *arena;
    VEC(DiscoveredStep) steps;
} Discovery;

/* Started, not ended, and its pin lives. */
static void consider(void *arg, const FoundRun *found) {
    Discovery *discovery = arg;
    RunRecord record;
    Err ignored;
    if (found->ended || records_run(found->dir, &record, &ignored) <= 0 ||
        !records_pin_lives(found->dir, &record))
        return;
    DiscoveredStep step = {.task = arena_strdup(discovery->arena, discovery->task->name),
                           .step = arena_strdup(discovery->arena, found->step),
                           .run = found->run,
                           .container = "",
                           .pid = record.pid};
    VEC_PUSH(discovery->steps, step);
}

static int by_name(const void *a, const void *b) {
    const DiscoveredStep *x = a, *y = b;
    int order = strcmp(x->task, y->task);
    order = order ? order : strcmp(x->step, y->step);
    return order ? order : (x->run > y->run) - (x->run < y->run);
}

Op *local_discover(Backend *backend, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Op *op = local_op(local, fn, arg, NULL, NULL);
    Discovery discovery = {.arena = op_arena(op)};
    size_t at = 0;
    void *task;
    const char *name;
    while (map_next(&local->tasks, &at, &name, &task)) {
        discovery.task = task;
        task_each_run(task, consider, &discovery);
    }
    if (discovery.steps.n > 1)
        qsort(discovery.steps.at, discovery.steps.n, sizeof *discovery.steps.at, by_name);
    Discovered result = {.n = discovery.steps.n};
    if (result.n)
        result.at = arena_dup(op_arena(op), discovery.steps.at, result.n * sizeof *result.at);
    VEC_FREE(discovery.steps);
    op_finish(op, &result, sizeof result, NULL);
    return op;
}

/* ---- What has been left running ---- */

static bool living_pin(const char *dir, RunRecord *ret) {
    Err ignored;
    return records_run(dir, ret, &ignored) > 0 && records_pin_lives(dir, ret);
}

bool run_dir_lingers(const char *dir) {
    WireEnded ended;
    RunRecord record;
    Err ignored;
    return records_exit(dir, &ended, &ignored) > 0 && ended.lingering && living_pin(dir, &record);
}

/* Whatever is below its pin, which lives as long as they do. */
size_t local_helpers(Backend *backend, StepId id, Helper *ret, size_t max) {
    Task *task = local_task(local_of(backend), id.task);
    AUTO_FREE char *dir = task ? local_run_dir(task, id) : NULL;
    RunRecord record;
    Pids pids = {0};
    if (!dir || !run_dir_lingers(dir) || !living_pin(dir, &record))
        return 0;
    process_tree((pid_t)record.pin, &pids);
    size_t n = pids.n - 1;
    for (size_t i = 0; i < n && i < max; i++) {
        ret[i] = (Helper){.run = id.run, .pid = pids.at[i + 1]};
        process_command(pids.at[i + 1], ret[i].command, sizeof ret[i].command);
    }
    VEC_FREE(pids);
    return n;
}
