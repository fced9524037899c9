/* SPDX-License-Identifier: Apache-2.0 */
/* Ending runs: by a signal, by a command of the step's own, and all those of a workflow. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/local/inside.h"
#include "backend/local/workflow_step.h"
#include "base/log.h"
#include "base/xalloc.h"

enum { CLEAR_GRACE_MS = 5000 };

/* A stop command at work. The step has until the end of the grace, however long the command
 * takes. */
typedef struct Stopper {
    Run *run;
    Op *exec;
    Timer *timer;
    StopAsk ask; /* sent when the command fails, with what is left of the grace */
    int64_t until_ms;
} Stopper;

void stopper_free(Run *run) {
    Stopper *stopper = run->stopper;
    if (!stopper)
        return;
    run->stopper = NULL;
    op_drop(stopper->exec);
    timer_free(stopper->timer);
    free(stopper);
}

/* Why the signal is sent after all. */
static void complain(Run *run, const ExecResult *done, const Err *err) {
    char *text = run->stopped.command;
    size_t size = sizeof run->stopped.command, n = done ? strcspn(done->output, "\r\n") : 0;
    if (err)
        snprintf(text, size, "could not be run: %s", err->msg);
    else if (done->timed_out)
        snprintf(text, size, "did not end in time%s%.*s", n ? ": " : "", (int)n, done->output);
    else if (done->end == STEP_FAILED || done->end == STEP_LOST)
        snprintf(text, size, "could not be run: %s", done->output);
    else
        snprintf(text, size, "failed: %s %d%s%.*s",
                 done->end == STEP_EXITED ? "exit code" : "signal", done->code, n ? ": " : "",
                 (int)n, done->output);
    log_warn("%s: the stop command %s", run->dir, text);
}

/* The command has had its time, too. */
static void on_grace_over(void *arg) {
    Stopper *stopper = arg;
    Run *run = stopper->run;
    if (stopper->exec)
        complain(run, &(ExecResult){.timed_out = true}, NULL);
    else if (!run->stopped.command[0])
        snprintf(run->stopped.command, sizeof run->stopped.command, "did not end the process");
    run_stop(run, &(StopAsk){.signal = SIGKILL, .linger = stopper->ask.linger});
}

static void on_command_done(void *arg, const void *result, const Err *err) {
    Stopper *stopper = arg;
    const ExecResult *done = result;
    stopper->exec = NULL;
    if (!err && !done->timed_out && done->end == STEP_EXITED && done->code == 0)
        return; /* it is up to the step now */
    complain(stopper->run, done, err);
    int64_t left = stopper->until_ms - loop_now_ms(stopper->run->local->base.loop);
    stopper->ask.grace_ms = left > 0 ? (uint32_t)left : 0;
    run_stop(stopper->run, &stopper->ask);
}

/* What it writes is the log of "<step>.stop", as a run of the same number. */
static void keep_log(const Stopper *stopper, StepId id) {
    Local *local = stopper->run->local;
    AUTO_FREE char *name = xasprintf("%s.stop", id.step);
    AUTO_FREE char *dir =
        local_run_dir(local_task(local, id.task), (StepId){id.task, name, id.run});
    local_exec_keep(local, stopper->exec, dir);
}

static void stop_by_command(Run *run, StepId id, const StopHow *how) {
    Loop *loop = run->local->base.loop;
    int64_t until = loop_now_ms(loop) + how->grace_ms;
    Stopper *stopper = run->stopper;
    if (stopper) { /* again: may only hasten it */
        stopper->ask.linger = stopper->ask.linger && !how->helpers;
        stopper->until_ms = until < stopper->until_ms ? until : stopper->until_ms;
        timer_set(stopper->timer, stopper->until_ms - loop_now_ms(loop));
        return;
    }
    size_t n = 0;
    while (how->command[n])
        n++;
    Step step = {.name = "stop", .type = STEP_PROCESS, .cause = "stop"};
    AUTO_FREE const char **argv = xcalloc(n + 1, sizeof *argv);
    memcpy(argv, how->command, n * sizeof *argv);
    step.entrypoint = (StrList){.at = argv, .n = n};
    stopper = run->stopper = xcalloc(1, sizeof *stopper);
    stopper->run = run;
    stopper->ask = (StopAsk){.signal = how->signal, .linger = !how->helpers};
    stopper->until_ms = until;
    stopper->timer = timer_new(loop, how->grace_ms, on_grace_over, stopper);
    stopper->exec =
        local_exec_step(&run->local->base, id, &step, how->grace_ms, on_command_done, stopper);
    keep_log(stopper, id);
}

Op *local_destroy_step(Backend *backend, StepId id, const StopHow *how, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Err err = {0};
    Run *run = local_known_run(local, id, &err);
    if (!run && err.kind == ERR_NOT_FOUND)
        return local_succeed(local, fn, arg);
    if (!run)
        return local_refuse(local, fn, arg, &err);
    if (run->state == RUN_ENDED && !how->helpers)
        return local_succeed(local, fn, arg);
    StopAsk ask = {.signal = how->signal, .grace_ms = how->grace_ms, .linger = !how->helpers};
    bool over = run->state == RUN_VOID || (run->state == RUN_ENDED && run->fd < 0);
    if (!over && how->command && how->command[0] && how->grace_ms > 0 && run->state != RUN_ENDED)
        stop_by_command(run, id, how);
    else if (!over)
        run_stop(run, &ask);
    return run_call(run, CALL_DESTROY, fn, arg);
}

/* ---- A whole workflow ---- */

typedef struct Clear {
    List link; /* Local.clears */
    Local *local;
    char *task;
    char *dir; /* its; NULL: it has none */
    Op *op;
    size_t left; /* parts at work */
    Err first;
} Clear;

static void clear_free(Clear *clear) {
    list_remove(&clear->link);
    free(clear->task);
    free(clear->dir);
    free(clear);
}

/* What is not gone stays known: whoever asks again is to hear of it again. */
static void on_places_removed(void *arg) {
    Clear *clear = arg;
    if (!clear->first.kind)
        task_free(map_remove(&clear->local->tasks, clear->task));
    op_finish(clear->op, NULL, 0, clear->first.kind ? &clear->first : NULL);
    clear_free(clear);
}

/* By the worker: of nothing but this. */
static void remove_places(void *arg) {
    Clear *clear = arg;
    (void)!workflow_places_remove(clear->dir, &clear->first);
}

static void clear_part_done(Clear *clear) {
    if (--clear->left > 0)
        return;
    if (clear->first.kind || !clear->dir || !workflow_places_exist(clear->dir) ||
        worker_run(clear->local->worker, remove_places, on_places_removed, clear, &clear->first) <
            0)
        on_places_removed(clear);
}

static void on_part(void *arg, const void *result, const Err *err) {
    Clear *clear = arg;
    if (err && clear->first.kind == ERR_NONE)
        clear->first = *err;
    clear_part_done(clear);
}

static void clear_run(Clear *clear, Run *run) {
    clear->left++;
    if (run->state != RUN_VOID)
        run_stop(run, &(StopAsk){.signal = SIGTERM, .grace_ms = CLEAR_GRACE_MS});
    run_call(run, CALL_DESTROY, on_part, clear);
}

/* Runs that only the disk knows become known. */
static void know_all(void *arg, const FoundRun *found) {
    Clear *clear = arg;
    Err err = {0};
    StepId id = {clear->task, found->step, found->run};
    bool lives = !found->ended || run_dir_lingers(found->dir);
    if (lives && !local_known_run(clear->local, id, &err) && !clear->first.kind)
        clear->first = err;
}

Op *local_destroy_workflow(Backend *backend, const char *name, const WorkflowConfig *config,
                           OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Task *task = local_task(local, name);
    Clear *clear = xcalloc(1, sizeof *clear);
    clear->local = local;
    clear->task = xstrdup(name);
    clear->dir = task ? xstrdup(task->dir) : NULL;
    clear->left = 1;
    list_append(&local->clears, &clear->link);
    Op *op = clear->op = local_op(local, fn, arg, NULL, NULL);
    if (task)
        task_each_run(task, know_all, clear);
    else
        clear->left += local_end_lost(local, name, on_part, clear);
    local_execs_kill(local, name);
    Run *run;
    LIST_FOREACH (run, &local->all, link)
        if (strcmp(run->task, name) == 0 && !run->forgotten)
            clear_run(clear, run);
    clear_part_done(clear);
    return op;
}

void local_clears_free(Local *local) {
    Clear *clear;
    local->worker = worker_free(local->worker);
    LIST_FOREACH_SAFE (clear, &local->clears, link)
        clear_free(clear);
}
