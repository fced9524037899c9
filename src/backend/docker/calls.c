/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of the contract that are about one step. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

#include "backend/docker/inside.h"
#include "backend/docker/stop.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/xalloc.h"

enum { CALL_MS = 30 * 1000 };

/* ---- Start, wait, resume ---- */

Op *docker_start_step(Backend *backend, StepId id, const Step *step, OpFn fn, void *arg) {
    Docker *docker = docker_of(backend);
    DockerTask *task = docker_task(docker, id.task);
    Err err = {0};
    if (!task)
        err_set(&err, ERR_NOT_FOUND, "workflow %s was not set up", id.task);
    else if (docker_run(docker, id))
        err_set(&err, ERR_CONFLICT, "run %" PRIu32 " of %s was started already", id.run, id.step);
    if (err.kind != ERR_NONE)
        return docker_refuse(docker, fn, arg, &err);
    AUTO_FREE char *dir = docker_run_dir(task, id);
    DockerRun *run = docker_run_new(docker, id, dir);
    if (docker_run_prepare(run, step, &err) < 0) {
        docker_run_free(run);
        return docker_refuse(docker, fn, arg, &err);
    }
    sys_point("launched");
    Op *op = docker_run_call(run, DOCKER_CALL_START, fn, arg);
    docker_run_begin(run);
    return op;
}

Op *docker_wait_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    Docker *docker = docker_of(backend);
    Err err = {0};
    DockerRun *run = docker_known_run(docker, id, &err);
    if (!run)
        return docker_refuse(docker, fn, arg, &err);
    return docker_run_call(run, DOCKER_CALL_WAIT, fn, arg);
}

Op *docker_resume_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    Docker *docker = docker_of(backend);
    Err err = {0};
    if (!docker_task(docker, id.task)) {
        err_set(&err, ERR_NOT_FOUND, "workflow %s was not set up", id.task);
        return docker_refuse(docker, fn, arg, &err);
    }
    DockerRun *run = docker_known_run(docker, id, &err);
    if (run)
        return docker_run_call(run, DOCKER_CALL_RESUME, fn, arg);
    if (err.kind != ERR_NOT_FOUND)
        return docker_refuse(docker, fn, arg, &err);
    Op *op = docker_op(docker, fn, arg, NULL, NULL);
    StepState never = {.phase = STEP_NEVER, .oom_killed = UNKNOWN, .container = ""};
    op_finish(op, &never, sizeof(never), NULL);
    return op;
}

/* ---- Signals ---- */

static void on_signalled(void *arg, const void *result, const Err *err) {
    Op *op = arg;
    const DockerReply *reply = result;
    Err bad = {0};
    if (!err && docker_reply_check(reply, &bad) < 0)
        err = &bad;
    op_finish(op, NULL, 0, err);
}

Op *docker_signal_step(Backend *backend, StepId id, int signal, OpFn fn, void *arg) {
    Docker *docker = docker_of(backend);
    Err err = {0};
    DockerRun *run = docker_known_run(docker, id, &err);
    if (run && run->state != DOCKER_RUN_RUNNING)
        err_set(&err, ERR_CONFLICT, "run %" PRIu32 " of %s is not running", id.run, id.step);
    if (err.kind != ERR_NONE)
        return docker_refuse(docker, fn, arg, &err);
    Op *op = docker_op(docker, fn, arg, NULL, NULL);
    AUTO_FREE char *path = xasprintf("/containers/%s/kill?signal=%d", run->container, signal);
    DockerCall what = {.method = "POST", .path = path, .timeout_ms = CALL_MS};
    docker_call(docker->engine, &what, on_signalled, op);
    return op;
}

/* ---- Destroy ---- */

typedef struct Stop {
    List link; /* DockerRun.stops */
    DockerRun *run;
    Op *op;     /* the caller's */
    Op *inner;  /* at the engine */
    bool asked; /* it was told to end */
    Timer *again;
    Patience patience;
    StopHow how;
} Stop;

static void stop_free(Stop *stop) {
    op_drop(stop->inner);
    timer_free(stop->again);
    list_remove(&stop->link);
    free(stop);
}

void docker_stops_free(DockerRun *run) {
    while (!list_empty(&run->stops))
        stop_free(LIST_ENTRY(run->stops.next, (Stop *)NULL, link));
}

static void stop_over(Stop *stop, const Err *err) {
    DockerRun *run = stop->run;
    StepStopped stopped = {0};
    op_finish(stop->op, err ? NULL : &stopped, sizeof(stopped), err);
    stop_free(stop);
    if (run->forgotten && list_empty(&run->stops) && log_tails_empty(&run->tails))
        docker_run_free(run);
}

static void stop_go(Stop *stop);

static void on_again(void *arg) {
    Stop *stop = arg;
    stop->again = timer_free(stop->again);
    stop_go(stop);
}

/* True: it is tried again in a while. */
static bool try_again(Stop *stop, const Err *err) {
    Loop *loop = stop->run->docker->base.loop;
    if (!docker_is_away(err))
        return false;
    int64_t pause_ms =
        patience_again(&stop->patience, loop_now_ms(loop), stop->run->docker->settings.patience_ms);
    if (pause_ms < 0)
        return false;
    stop->asked = false;
    stop->again = timer_new(loop, pause_ms, on_again, stop);
    return true;
}

static void on_removed(void *arg, const void *result, const Err *err) {
    Stop *stop = arg;
    (void)result;
    stop->inner = NULL;
    if (err && try_again(stop, err))
        return;
    stop->run->removed |= !err;
    stop_over(stop, err);
}

/* That it has ended comes from its run. */
static void on_stopped(void *arg, const void *result, const Err *err) {
    Stop *stop = arg;
    (void)result;
    stop->inner = NULL;
    if (err && !try_again(stop, err))
        stop_over(stop, err);
}

static void at_end(Stop *stop) {
    DockerRun *run = stop->run;
    if (stop->asked) {
        op_drop(stop->inner);
        stop->inner = NULL;
        stop->asked = false;
    }
    if (run->removed || stop->how.keep)
        stop_over(stop, NULL);
    else if (!stop->inner && !stop->again)
        stop->inner =
            docker_inner(run->docker, docker_remove(run->docker->engine, docker_run_handle(run),
                                                    on_removed, stop));
}

/* Before it is sent: a trap is not to run twice because a server was killed in between. One that
 * was killed before it had sent it costs the step its signal, and it is killed after its grace. */
static void note_signal(Stop *stop) {
    DockerRun *run = stop->run;
    Err err;
    if (run->stopping || stop->how.grace_ms == 0 || stop->how.signal == SIGKILL)
        return;
    run->stopping = true;
    if (docker_run_note(run, &err) < 0)
        log_warn("docker: %s", err.msg);
}

static void stop_ask(Stop *stop) {
    DockerRun *run = stop->run;
    DockerStop what = {.container = run->container,
                       .how = stop->how,
                       .script = run->script,
                       .told = &run->told,
                       .patience = &stop->patience};
    note_signal(stop);
    stop->asked = true;
    stop->inner =
        docker_inner(run->docker, docker_stop(run->docker->engine, &what, on_stopped, stop));
}

static void stop_go(Stop *stop) {
    DockerRun *run = stop->run;
    switch (run->state) {
    case DOCKER_RUN_STARTING: docker_run_abort(run); return;
    case DOCKER_RUN_LOOKING:
    case DOCKER_RUN_ENDING: return;
    case DOCKER_RUN_RUNNING:
        if (stop->asked || stop->again || run->exited)
            return;
        stop_ask(stop);
        return;
    case DOCKER_RUN_ENDED:
    case DOCKER_RUN_VOID: at_end(stop); return;
    }
    UNREACHABLE();
}

/* Each may end, and the last one free the run with it. */
void docker_stops_go(DockerRun *run) {
    for (List *at = run->stops.next, *next; at != &run->stops; at = next) {
        next = at->next;
        bool last = next == &run->stops;
        stop_go(LIST_ENTRY(at, (Stop *)NULL, link));
        if (last)
            return;
    }
}

Op *docker_run_destroy(DockerRun *run, const StopHow *how, OpFn fn, void *arg) {
    Stop *stop = xcalloc(1, sizeof *stop);
    stop->run = run;
    stop->how = *how;
    stop->how.command = NULL;
    /* who has waited for it until it gave the step up has waited for this as well */
    if (run->now.phase == STEP_ENDED && run->now.end == STEP_LOST)
        stop->patience.since_ms = docker_engine_silent_ms(run->docker->engine);
    stop->op = docker_op(run->docker, fn, arg, NULL, NULL);
    list_append(&run->stops, &stop->link);
    Op *op = stop->op;
    stop_go(stop);
    return op;
}

Op *docker_destroy_step(Backend *backend, StepId id, const StopHow *how, OpFn fn, void *arg) {
    Docker *docker = docker_of(backend);
    Err err = {0};
    DockerRun *run = docker_known_run(docker, id, &err);
    if (run)
        return docker_run_destroy(run, how, fn, arg);
    return err.kind == ERR_NOT_FOUND ? docker_succeed(docker, fn, arg)
                                     : docker_refuse(docker, fn, arg, &err);
}
