/* SPDX-License-Identifier: Apache-2.0 */
/* A command beside a step: a run of its own in <task>/exec/<id>, under a pin like any other; its
 * directory goes with it. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/local/inside.h"
#include "backend/local/launch_file.h"
#include "backend/log_reader.h"
#include "base/boot.h"
#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"

enum { EXEC_LOG_MAX = 1024 * 1024 }; /* unless the step says how much */

typedef struct Exec {
    List link; /* Local.execs */
    Local *local;
    Run *run;
    Op *op; /* NULL: nobody wants to know (any more) */
    Timer *timer;
    bool timed_out;
    char *keep; /* where its directory goes at the end; NULL: nowhere */
} Exec;

static void exec_free(Exec *exec) {
    timer_free(exec->timer);
    list_remove(&exec->link);
    free(exec->keep);
    free(exec);
}

/* The last of what it wrote. */
static void read_output(const Run *run, ExecResult *ret) {
    LogReader *reader = log_reader_new(run->dir);
    uint64_t first, end;
    Err ignored;
    LogPiece piece;
    size_t n = 0, room = sizeof ret->output - 1;
    if (log_reader_bounds(reader, &first, &end, &ignored) == 0 && end > first) {
        log_reader_seek(reader, end - first > room ? end - room : first);
        while (log_reader_next(reader, &piece, &ignored) > 0 && n < room) {
            size_t size = piece.data ? piece.size : 0;
            size = size < room - n ? size : room - n;
            memcpy(ret->output + n, piece.data ? piece.data : "", size);
            n += size;
        }
    }
    ret->output[n] = '\0';
    log_reader_free(reader);
}

static void answer(Exec *exec, const StepState *state, const Err *err) {
    ExecResult result = {.timed_out = exec->timed_out};
    if (state) {
        result.end = state->end;
        result.code = state->code;
        if (state->end == STEP_FAILED || state->end == STEP_LOST)
            snprintf(result.output, sizeof result.output, "%s", state->error);
        else
            read_output(exec->run, &result);
    }
    op_finish(exec->op, state ? &result : NULL, state ? sizeof result : 0, err);
    exec->op = NULL;
}

/* As the directory of a run, which it is; false: there is no room for it (any more). */
static bool keep(const Exec *exec) {
    AUTO_FREE char *above = exec->keep ? path_dir(exec->keep) : NULL;
    if (!above || (mkdir(above, 0700) < 0 && errno != EEXIST))
        return false;
    return rename(exec->run->dir, exec->keep) == 0;
}

static void on_end(void *arg, const void *result, const Err *err) {
    Exec *exec = arg;
    Err failed = {0};
    if (exec->op)
        answer(exec, result, err);
    if (!keep(exec) && path_remove_tree(exec->run->dir, &failed) < 0)
        log_warn("%s", failed.msg);
    run_let_go(exec->run);
    exec_free(exec);
}

static void on_timeout(void *arg) {
    Exec *exec = arg;
    exec->timed_out = true;
    run_kill(exec->run);
}

static void on_cancel(Op *op, void *state) {
    Exec *exec = state;
    exec->op = NULL;
    exec->timer = timer_free(exec->timer);
    run_kill(exec->run);
    op_fail(op, ERR_CANCELLED, "cancelled");
}

static Exec *exec_new(Local *local, Run *run) {
    Exec *exec = xcalloc(1, sizeof *exec);
    exec->local = local;
    exec->run = run;
    list_append(&local->execs, &exec->link);
    return exec;
}

static Run *prepare(const Task *task, Local *local, const LaunchPlan *plan, Err *err) {
    AUTO_FREE char *dir = xasprintf("%s/exec/%s", task->dir, plan->id);
    size_t size = 0;
    if (launch_check(plan, err) < 0 || path_mkdirs(dir, 0700, err) < 0)
        return NULL;
    if (launch_write(dir, plan, false, &size, err) < 0) {
        Err ignored;
        (void)!path_remove_tree(dir, &ignored);
        return NULL;
    }
    Run *run = run_new(local, dir, (StepId){.task = task->name, .run = plan->run});
    snprintf(run->id, sizeof run->id, "%s", plan->id);
    run->program = xstrdup(plan->step->entrypoint.at[0]);
    run->cwd = plan->step->working_dir ? xstrdup(plan->step->working_dir) : NULL;
    if (!run->cwd && plan->base)
        run->cwd = xstrdup(launch_string(plan->base, plan->base->cwd_at));
    run->environment = size;
    return run;
}

/* What the step it belongs to was started with stands in for what the command leaves out. */
static Run *prepare_beside(Local *local, StepId id, const Step *step, Err *err) {
    Task *task = local_task(local, id.task);
    char run_id[WIRE_ID_MAX];
    if (!task) {
        err_set(err, ERR_NOT_FOUND, "workflow %s was not set up", id.task);
        return NULL;
    }
    random_hex(run_id, 16);
    AUTO_FREE char *beside = local_run_dir(task, id);
    Launch *base = NULL;
    if (launch_read(beside, &base, err) < 0)
        return NULL;
    Step own = *step;
    own.log_max = step->log_max ? step->log_max : EXEC_LOG_MAX;
    LaunchPlan plan = {.id = run_id, .run = 1, .step = &own, .base = base};
    Run *run = prepare(task, local, &plan, err);
    free(base);
    return run;
}

Op *local_exec_step(Backend *backend, StepId id, const Step *step, int64_t timeout_ms, OpFn fn,
                    void *arg) {
    Local *local = local_of(backend);
    Err err = {0};
    Run *run = prepare_beside(local, id, step, &err);
    if (!run)
        return local_refuse(local, fn, arg, &err);
    Exec *exec = exec_new(local, run);
    Op *op = exec->op = local_op(local, fn, arg, on_cancel, exec);
    if (timeout_ms > 0)
        exec->timer = timer_new(local->base.loop, timeout_ms, on_timeout, exec);
    run_call(run, CALL_WAIT, on_end, exec);
    list_append(&local->queue, &run->queued);
    local_flush(local);
    return op;
}

void local_exec_keep(Local *local, const Op *op, const char *dir) {
    Exec *exec;
    LIST_FOREACH (exec, &local->execs, link)
        if (exec->op == op && !exec->keep)
            exec->keep = xstrdup(dir);
}

static bool at_work(const Local *local, const char *dir) {
    const Exec *exec;
    LIST_FOREACH (exec, &local->execs, link)
        if (strcmp(exec->run->dir, dir) == 0)
            return true;
    return false;
}

void local_exec_tidy(Local *local, const Task *task) {
    AUTO_FREE char *all = xasprintf("%s/exec", task->dir);
    DIR *stream = opendir(all);
    struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        AUTO_FREE char *dir = xasprintf("%s/%s", all, entry->d_name);
        if (entry->d_name[0] == '.' || at_work(local, dir))
            continue;
        Run *run = run_new(local, dir, (StepId){.task = task->name});
        Exec *exec = exec_new(local, run);
        run_call(run, CALL_WAIT, on_end, exec);
        run_kill(run);
        run_seek(run);
    }
    if (stream)
        closedir(stream);
}

void local_execs_free(Local *local) {
    Exec *exec;
    LIST_FOREACH_SAFE (exec, &local->execs, link) {
        if (exec->op)
            op_abandon(exec->op);
        exec_free(exec);
    }
}

void local_execs_kill(Local *local, const char *task) {
    Exec *exec;
    LIST_FOREACH (exec, &local->execs, link)
        if (strcmp(exec->run->task, task) == 0)
            run_kill(exec->run);
}
