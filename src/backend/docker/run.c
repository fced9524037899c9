/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/docker/inside.h"
#include "backend/docker/run_record.h"
#include "backend/step_name.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "pin/wire.h"

enum { WRITE_AGAIN_MS = 2000 };

/* Somebody waiting for a state. */
typedef struct Call {
    List link;
    DockerCallKind kind;
    Op *op;
} Call;

/* ---- Names ---- */

char *docker_run_key(StepId id) {
    return xasprintf("%" PRIu32 ":%zu:%s%s", id.run, strlen(id.step), id.step, id.task);
}

char *docker_run_dir(const DockerTask *task, StepId id) {
    AUTO_FREE char *name = step_to_name(id.step);
    return xasprintf("%s/runs/%s/%" PRIu32, task->dir, name, id.run);
}

DockerRun *docker_run(Docker *docker, StepId id) {
    AUTO_FREE char *key = docker_run_key(id);
    return map_get(&docker->runs, key);
}

/* ---- Life ---- */

DockerRun *docker_run_new(Docker *docker, StepId id, const char *dir) {
    DockerRun *run = xcalloc(1, sizeof *run);
    run->docker = docker;
    list_init(&run->calls);
    log_tails_init(&run->tails, docker->base.loop, &docker_tail_owner, run);
    list_init(&run->stops);
    list_append(&docker->all, &run->link);
    run->key = docker_run_key(id);
    run->task = xstrdup(id.task);
    run->step = xstrdup(id.step);
    run->dir = xstrdup(dir);
    run->number = id.run;
    run->now = (StepState){.phase = STEP_RUNNING, .oom_killed = UNKNOWN};
    run->now.container = run->container;
    arena_init(&run->arena);
    run_log_init(&run->log, docker->engine, &docker_run_log_owner, run);
    map_put(&docker->runs, run->key, run);
    return run;
}

static void call_free(Call *call) {
    list_remove(&call->link);
    free(call);
}

static void forget(DockerRun *run) {
    if (map_get(&run->docker->runs, run->key) == run)
        map_remove(&run->docker->runs, run->key);
}

void docker_run_free(DockerRun *run) {
    docker_run_unwatch(run);
    docker_stops_free(run);
    log_tails_free(&run->tails);
    while (!list_empty(&run->calls))
        call_free(LIST_ENTRY(run->calls.next, (Call *)NULL, link));
    run_log_deinit(&run->log);
    forget(run);
    list_remove(&run->link);
    arena_deinit(&run->arena);
    free(run->key);
    free(run->task);
    free(run->step);
    free(run->dir);
    free(run);
}

void docker_run_let_go(DockerRun *run) {
    run->removed = true;
    if (run->state != DOCKER_RUN_ENDED && run->state != DOCKER_RUN_VOID &&
        run->state != DOCKER_RUN_ENDING)
        docker_run_fail(run, STEP_LOST,
                        "it was removed with its workflow before its end was known");
    if (run->state == DOCKER_RUN_ENDING) { /* nothing is left to wait for */
        run->retry = timer_free(run->retry);
        docker_run_set_state(run, DOCKER_RUN_ENDED);
    }
    run->forgotten = true;
    forget(run);
    if (log_tails_empty(&run->tails) && list_empty(&run->stops))
        docker_run_free(run);
}

/* ---- Its directory ---- */

/* One that a killed server has left is used if it had not come to ask the engine. */
static int make_dir(const char *dir, Err *err) {
    Arena arena;
    RunNote note;
    StepState end;
    if (sys_mkdirat(AT_FDCWD, dir, 0700) == 0)
        return 0;
    if (errno == ENOENT) {
        AUTO_FREE char *parent = path_dir(dir);
        return path_mkdirs(parent, 0700, err) < 0     ? -1
               : sys_mkdirat(AT_FDCWD, dir, 0700) < 0 ? err_sys(err, errno, "make %s", dir)
                                                      : 0;
    }
    if (errno != EEXIST)
        return err_sys(err, errno, "make %s", dir);
    arena_init(&arena);
    int there = run_note_read(dir, &arena, &note, err);
    there = there == 0 ? run_end_read(dir, &arena, &end, err) : there;
    arena_deinit(&arena);
    return there > 0 ? err_set(err, ERR_CONFLICT, "there is a run already: %s", dir) : there;
}

int docker_run_note(const DockerRun *run, Err *err) {
    RunNote note = {.name = run->name,
                    .container = run->container,
                    .started_us = run->now.started_us,
                    .log_from = run_log_from(&run->log),
                    .log_max = run->log_max,
                    .stopping = run->stopping,
                    .script = run->script,
                    .restarts = run->now.restarts,
                    .attempt = run->now.attempt,
                    .cause = run->now.cause};
    return run_note_write(run->dir, &note, err);
}

static int open_log(DockerRun *run, uint64_t from, Err *err) {
    AUTO_FREE char *secrets = NULL;
    LogCopyAsk ask = {.dir = run->dir, .max = run->log_max, .from = from};
    if (run_secrets_read(run->dir, &secrets, &ask.secrets_size, err) < 0)
        return -1;
    ask.secrets = secrets;
    return run_log_open(&run->log, &ask, err);
}

int docker_run_prepare(DockerRun *run, const Step *step, Err *err) {
    const ContainerAsk ask = {.id = {run->task, run->step, run->number},
                              .owner = run->docker->owner,
                              .step = step,
                              .defaults = &run->docker->settings.defaults};
    StartPlan *plan = arena_alloc(&run->arena, sizeof *plan);
    if (start_plan(&ask, &run->arena, plan, err) < 0 || make_dir(run->dir, err) < 0)
        return -1;
    run->plan = plan;
    run->now.restarts = step->restarts;
    run->now.attempt = step->attempt;
    run->script = container_has_script(step);
    str_copy(run->name, sizeof(run->name), plan->name);
    str_copy(run->now.cause, sizeof(run->now.cause), step->cause ? step->cause : "");
    run->log_max = (uint64_t)step->log_max;
    if (run_secrets_write(run->dir, &step->secrets, err) == 0 && open_log(run, 0, err) == 0 &&
        docker_run_note(run, err) == 0)
        return 0;
    Err ignored;
    (void)!path_remove_tree(run->dir, &ignored);
    return -1;
}

/* ---- Its state ---- */

static void on_cancel(Op *op, void *state) {
    call_free(state);
    op_fail(op, ERR_CANCELLED, "cancelled");
}

static bool answers(const DockerRun *run, DockerCallKind kind) {
    switch (run->state) {
    case DOCKER_RUN_STARTING:
    case DOCKER_RUN_LOOKING:
    case DOCKER_RUN_ENDING: return false;
    case DOCKER_RUN_RUNNING:
        return kind == DOCKER_CALL_START || (kind == DOCKER_CALL_RESUME && !run->exited);
    case DOCKER_RUN_ENDED:
    case DOCKER_RUN_VOID: return true;
    }
    UNREACHABLE();
}

static void answer(DockerRun *run, DockerCallKind kind, Op *op) {
    Err err = {0};
    if (run->state == DOCKER_RUN_VOID && kind != DOCKER_CALL_RESUME) {
        err_set(&err, ERR_NOT_FOUND, "run %" PRIu32 " of %s was never started", run->number,
                run->step);
        op_finish(op, NULL, 0, &err);
        return;
    }
    StepState state = run->now;
    state.container = arena_strdup(op_arena(op), run->container);
    op_finish(op, &state, sizeof(state), NULL);
}

Op *docker_run_call(DockerRun *run, DockerCallKind kind, OpFn fn, void *arg) {
    if (answers(run, kind)) {
        Op *op = docker_op(run->docker, fn, arg, NULL, NULL);
        answer(run, kind, op);
        return op;
    }
    Call *call = xcalloc(1, sizeof *call);
    bool goes_on = kind == DOCKER_CALL_START; /* whoever asked does not stop it by leaving */
    call->kind = kind;
    call->op = docker_op(run->docker, fn, arg, goes_on ? NULL : on_cancel, call);
    list_append(&run->calls, &call->link);
    return call->op;
}

/* Also for the next server: it runs, as this container. */
static void note_start(DockerRun *run) {
    Err err;
    if (docker_run_note(run, &err) < 0)
        log_warn("docker: %s", err.msg);
    sys_point("started");
    run->plan = NULL;
    arena_reset(&run->arena);
}

void docker_run_set_state(DockerRun *run, DockerRunState state) {
    Call *call;
    run->state = state;
    if (state == DOCKER_RUN_RUNNING && run->plan)
        note_start(run);
    LIST_FOREACH_SAFE (call, &run->calls, link) {
        if (answers(run, call->kind)) {
            answer(run, call->kind, call->op);
            call_free(call);
        }
    }
    log_tails_wake(&run->tails);
    docker_stops_go(run);
}

static void on_unwritten(void *arg);

/* False: it is tried again. Whoever stops it is not kept waiting for a disk for longer than for an
 * engine. */
static bool write_end(DockerRun *run) {
    Loop *loop = run->docker->base.loop;
    if (run_end_write(run->dir, &run->now, &run->unwritten) == 0)
        return true;
    err_in(&run->unwritten, "the end of step %s cannot be written down", run->step);
    if (run->state != DOCKER_RUN_ENDING) {
        log_warn("docker: %s", run->unwritten.msg);
        patience_ok(&run->patience);
    }
    int64_t pause_ms =
        patience_again(&run->patience, loop_now_ms(loop), run->docker->settings.patience_ms);
    if (pause_ms < 0 && !list_empty(&run->stops))
        return true;
    run->retry = timer_new(loop, pause_ms < 0 ? WRITE_AGAIN_MS : pause_ms, on_unwritten, run);
    return false;
}

/* `now` says how. Written down, then told. */
static void conclude(DockerRun *run) {
    if (!write_end(run)) {
        if (run->state != DOCKER_RUN_ENDING)
            docker_run_set_state(run, DOCKER_RUN_ENDING);
        return;
    }
    run_secrets_remove(run->dir);
    run->plan = NULL;
    arena_reset(&run->arena);
    docker_run_set_state(run, run->now.phase == STEP_NEVER ? DOCKER_RUN_VOID : DOCKER_RUN_ENDED);
}

static void on_unwritten(void *arg) {
    DockerRun *run = arg;
    run->retry = timer_free(run->retry);
    conclude(run);
}

static uint64_t close_log(DockerRun *run) {
    char away[DURATION_TEXT], line[160];
    if (!run->away_ms)
        return run_log_close(&run->log, NULL);
    duration_format_short(run->away_ms, away);
    snprintf(line, sizeof(line),
             "the engine was away for %s; what was written meanwhile may be missing", away);
    log_warn("docker: step %s: %s", run->step, line);
    return run_log_close(&run->log, line);
}

void docker_run_end(DockerRun *run) {
    docker_run_unwatch(run);
    run->now.log_size = close_log(run);
    if (run->now.ended_us == 0)
        run->now.ended_us = loop_wall_us(run->docker->base.loop);
    if (run->now.ended_us < run->now.started_us)
        run->now.ended_us = run->now.started_us;
    run->now.phase = STEP_ENDED;
    sys_point("ended");
    conclude(run);
}

void docker_run_fail(DockerRun *run, StepEnd end, const char *why) {
    run->now.end = end;
    run->now.code = 0;
    run->now.oom_killed = UNKNOWN;
    str_copy(run->now.error, sizeof(run->now.error), why);
    docker_run_end(run);
}

void docker_run_dismiss(DockerRun *run) {
    docker_run_unwatch(run);
    (void)run_log_close(&run->log, NULL);
    run->now = (StepState){.phase = STEP_NEVER, .oom_killed = UNKNOWN};
    run->container[0] = '\0';
    run->now.container = run->container;
    run->removed = true;
    conclude(run);
}

/* ---- Found on disk ---- */

/* From what it has left: ended, never begun, or to be looked up. */
static int take_up(DockerRun *run, Err *err) {
    Arena arena;
    StepState end;
    RunNote note;
    arena_init(&arena);
    int there = run_end_read(run->dir, &arena, &end, err);
    if (there > 0) {
        run->now = end;
        str_copy(run->container, sizeof(run->container), end.container);
        run->now.container = run->container;
        run->state = end.phase == STEP_NEVER ? DOCKER_RUN_VOID : DOCKER_RUN_ENDED;
        run->removed = end.phase == STEP_NEVER;
    }
    int known = there < 0 ? -1 : run_note_read(run->dir, &arena, &note, err);
    if (known > 0) {
        run->now.restarts = note.restarts;
        run->now.attempt = note.attempt;
        run->script = note.script;
        run->stopping = run->told = note.stopping;
        run->log_max = note.log_max;
        str_copy(run->name, sizeof(run->name), note.name);
        str_copy(run->now.cause, sizeof(run->now.cause), note.cause);
    }
    if (there == 0 && known > 0) {
        run->now.started_us = note.started_us;
        str_copy(run->container, sizeof(run->container), note.container);
        run->state = DOCKER_RUN_LOOKING;
        known = open_log(run, note.log_from, err);
    } else if (there == 0 && known == 0) { /* the engine was never asked */
        docker_run_dismiss(run);
    }
    arena_deinit(&arena);
    return known < 0 ? -1 : 0;
}

DockerRun *docker_known_run(Docker *docker, StepId id, Err *err) {
    DockerRun *run = docker_run(docker, id);
    DockerTask *task = docker_task(docker, id.task);
    if (run)
        return run;
    AUTO_FREE char *dir = task ? docker_run_dir(task, id) : NULL;
    if (!task || access(dir, F_OK) < 0) {
        err_set(err, ERR_NOT_FOUND, "there is no run %" PRIu32 " of %s in %s", id.run, id.step,
                id.task);
        return NULL;
    }
    run = docker_run_new(docker, id, dir);
    if (take_up(run, err) < 0) {
        docker_run_free(run);
        return NULL;
    }
    if (run->state == DOCKER_RUN_LOOKING)
        docker_run_look(run);
    return run;
}
