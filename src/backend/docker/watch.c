/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a run's container. The engine's word that something has changed (the end of a
 * wait, of a log) is only a reason to look: what the container's own state says counts, and so a
 * lost connection, a killed server and an engine that was restarted need no ways of their own. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backend/docker/inside.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"

enum {
    LOOK_MS = 30 * 1000,
    AGAIN_MIN_MS = 1000,
    DOUBT_MS = 300,
    AWAY_MIN_MS = 500,   /* of an engine; connections break for less */
    NO_CODE = 0xffffffff /* what engines say of an exit code that they do not know */
};

/* What is put to the name of a container that is not to be started. */
#define ASIDE ".aside"

static void go_on(DockerRun *run);

/* ---- An engine that does not answer ---- */

static void on_retry(void *arg) {
    DockerRun *run = arg;
    run->retry = timer_free(run->retry);
    if (!run->start)
        docker_run_look(run);
}

static void give_up(DockerRun *run, const Err *err) {
    Err why = *err;
    char waited[DURATION_TEXT];
    duration_format_short(run->docker->settings.patience_ms, waited);
    err_in(&why, "given up after %s", waited);
    docker_run_fail(run, STEP_LOST, why.msg);
}

/* Asks again in a while, or gives up. */
static void wait_for_engine(DockerRun *run, Patience *patience, const Err *err) {
    Loop *loop = run->docker->base.loop;
    run->log.whole = false;
    run->troubled = true;
    if (patience->since_ms == 0)
        log_info("docker: %s", err->msg);
    int64_t pause_ms =
        patience_again(patience, loop_now_ms(loop), run->docker->settings.patience_ms);
    if (pause_ms < 0)
        give_up(run, err);
    else if (!run->retry)
        run->retry = timer_new(loop, pause_ms, on_retry, run);
}

static void call(DockerRun *run, Op **ret, const DockerCall *what, OpFn fn) {
    *ret = docker_call(run->docker->engine, what, fn, run);
}

const char *docker_run_handle(const DockerRun *run) {
    return run->container[0] ? run->container : run->name;
}

/* ---- The log ---- */

static void on_log_grown(void *arg) {
    DockerRun *run = arg;
    log_tails_wake(&run->tails);
}

static void on_log_ended(void *arg, const Err *err) {
    DockerRun *run = arg;
    Err why = err ? *err : (Err){0};
    if (!err) {
        go_on(run);
    } else if (err->kind == ERR_NOT_FOUND) {
        docker_run_look(run); /* it says what there is */
    } else {
        err_in(&why, "the log of step %s", run->step);
        wait_for_engine(run, &run->log.patience, &why);
    }
}

const RunLogOwner docker_run_log_owner = {.grown = on_log_grown, .ended = on_log_ended};

/* ---- Its end ---- */

static void on_waited(void *arg, const void *result, const Err *err) {
    DockerRun *run = arg;
    (void)result;
    run->wait = NULL;
    if (err)
        wait_for_engine(run, &run->patience, err);
    else if (!run->look)
        docker_run_look(run);
}

static void on_look_again(void *arg) {
    DockerRun *run = arg;
    run->again = timer_free(run->again);
    docker_run_look(run);
}

/* Of a peer that vanished without a word nothing is ever heard: it is asked, as often as it would
 * be waited for. */
static void look_again(DockerRun *run) {
    int64_t ms = run->docker->settings.patience_ms;
    if (!run->again)
        run->again = timer_new(run->docker->base.loop, ms > AGAIN_MIN_MS ? ms : AGAIN_MIN_MS,
                               on_look_again, run);
}

/* It runs: waits for its end, and copies what it writes. */
static void follow(DockerRun *run) {
    look_again(run);
    if (!run->log.stream)
        run_log_read(&run->log, docker_run_handle(run), false);
    if (run->wait)
        return;
    char *path = xasprintf("/containers/%s/wait", docker_run_handle(run));
    call(run, &run->wait, &(DockerCall){.method = "POST", .path = path}, on_waited);
    free(path);
}

/* It has exited, and nothing is left to be learned but its log. */
static void go_on(DockerRun *run) {
    if (!run->exited)
        return;
    if (run->log.whole)
        docker_run_end(run);
    else if (!run->log.stream || !run->log.last)
        run_log_read(&run->log, docker_run_handle(run), true);
}

/* ---- Looking ---- */

static int64_t time_of(const Value *state, const char *key) {
    const char *text = value_get_str(state, key);
    int64_t us = 0;
    Err ignored;
    return text && time_parse(text, &us, &ignored) == 0 && us > 0 ? us : 0;
}

static void take_id(DockerRun *run, const Value *body) {
    const char *id = value_get_str(body, "Id");
    if (id)
        str_copy(run->container, sizeof(run->container), id);
}

static void take_start(DockerRun *run, const Value *body) {
    take_id(run, body);
    if (run->now.started_us == 0)
        run->now.started_us = time_of(value_get(body, "State"), "StartedAt");
    if (run->now.started_us == 0)
        run->now.started_us = loop_wall_us(run->docker->base.loop);
}

static void take_end(DockerRun *run, const Value *state) {
    int64_t code = value_get_int(state, "ExitCode", -1);
    run->exited = true;
    run->now.end = STEP_EXITED;
    run->now.code = code == NO_CODE ? -1 : (int)code;
    run->now.oom_killed = value_get_bool(state, "OOMKilled", false) ? YES : NO;
    run->now.ended_us = time_of(state, "FinishedAt");
}

/* What a container writes is read by its engine. Of one that ended while that was not there nobody
 * knows whether all was. */
static void note_away(DockerRun *run) {
    Loop *loop = run->docker->base.loop;
    DockerSilence silence = docker_engine_last_silence(run->docker->engine);
    int64_t ms = silence.until_ms - silence.from_ms;
    int64_t ended_ms = loop_now_ms(loop) - (loop_wall_us(loop) - run->now.ended_us) / 1000;
    if (ms >= AWAY_MIN_MS && ended_ms >= silence.from_ms && ended_ms <= silence.until_ms)
        run->away_ms = ms;
}

static void on_dismissed(void *arg, const void *result, const Err *err) {
    DockerRun *run = arg;
    const DockerReply *reply = result;
    run->removal = NULL;
    if (err && docker_is_away(err)) {
        wait_for_engine(run, &run->patience, err);
    } else if (err || reply->status == 409) { /* it runs after all */
        Err busy = {0};
        err_set(&busy, ERR_UNAVAILABLE, "container %s cannot be removed: %s", run->name,
                err ? err->msg : reply->message);
        wait_for_engine(run, &run->patience, &busy);
    } else {
        docker_run_dismiss(run);
    }
}

static void on_barred(void *arg, const void *result, const Err *err) {
    DockerRun *run = arg;
    const DockerReply *reply = result;
    Err bad = {0};
    run->removal = NULL;
    if (err)
        bad = *err;
    else if (reply->status == 409)
        (void)!docker_reply_check(reply, &bad);
    if (bad.kind != ERR_NONE) {
        err_in(&bad, "container %s cannot be set aside", run->name);
        wait_for_engine(run, &run->patience, &bad);
    } else {
        run->barred = true;
        docker_run_look(run);
    }
}

/* Another server's start came as far as making it. It never is to run then. But what that server
 * asked for may be under way in the engine still, and a container that ran for a moment would be
 * removed with what it wrote. Such a start names it (start.c): so its name is taken away first, for
 * which the engine lets a start that has begun come to its end. What it is then, it stays. */
static void dismiss(DockerRun *run, const Value *body) {
    const char *name = value_get_str(body, "Name");
    size_t n = name ? strlen(name) : 0, end = strlen(ASIDE);
    bool barred = run->barred || (n > end && strcmp(name + n - end, ASIDE) == 0);
    take_id(run, body); /* it has no other name that the next server knows */
    Err err;
    if (!barred && docker_run_note(run, &err) < 0) {
        wait_for_engine(run, &run->patience, &err);
        return;
    }
    char *path = barred ? xasprintf("/containers/%s?v=1", docker_run_handle(run))
                        : xasprintf("/containers/%s/rename?name=%s" ASIDE, docker_run_handle(run),
                                    run->name);
    DockerCall what = {.method = barred ? "DELETE" : "POST", .path = path, .timeout_ms = LOOK_MS};
    call(run, &run->removal, &what, barred ? on_dismissed : on_barred);
    free(path);
}

/* An engine that is being stopped fails at what it is asked for in ways of its own, over the
 * connections that it has, for seconds, and takes no new one; then another may be there. So an
 * error of its inside counts if an engine that takes a new connection says it a second time. */
static void doubt(DockerRun *run, const Err *err) {
    log_info("docker: %s", err->msg);
    run->doubted = true;
    run->troubled = true; /* nobody knows how far it came */
    if (!run->retry)
        run->retry = timer_new(run->docker->base.loop, DOUBT_MS, on_retry, run);
}

static void stopped_before(DockerRun *run) {
    docker_run_fail(run, STEP_FAILED, "it was stopped before it had started");
}

static void not_there(DockerRun *run) {
    if (run->plan && run->aborted) {
        stopped_before(run);
    } else if (run->plan) {
        docker_run_begin(run);
    } else if (run->now.started_us == 0) {
        docker_run_dismiss(run);
    } else {
        char why[200];
        snprintf(why, sizeof(why), "its container %.80s is gone: somebody has removed it",
                 run->name);
        run->removed = true;
        docker_run_fail(run, STEP_LOST, why);
    }
}

static void found(DockerRun *run, const Value *body) {
    const Value *state = value_get(body, "State");
    const char *status = value_get_str(state, "Status");
    if (str_same(status, "created")) {
        if (run->plan && run->aborted)
            stopped_before(run);
        else if (run->plan)
            docker_run_begin(run); /* takes it as it is */
        else if (!run->removal)
            dismiss(run, body);
        return;
    }
    run->doubted = false;
    take_start(run, body);
    bool runs = value_get_bool(state, "Running", false) || str_same(status, "restarting");
    if (!runs) {
        take_end(run, state);
        note_away(run);
    }
    if (run->state != DOCKER_RUN_RUNNING)
        docker_run_set_state(run, DOCKER_RUN_RUNNING);
    if (runs)
        follow(run);
    else
        go_on(run);
}

static void on_looked(void *arg, const void *result, const Err *err) {
    DockerRun *run = arg;
    const DockerReply *reply = result;
    Err bad = {0};
    run->look = NULL;
    if (err) {
        run->doubted = false; /* it was leaving */
        wait_for_engine(run, &run->patience, err);
    } else if (reply->status == 404) {
        not_there(run);
    } else if (docker_reply_check(reply, &bad) < 0 || !value_get(reply->body, "State")) {
        if (bad.kind == ERR_NONE)
            err_set(&bad, ERR_UNAVAILABLE, "docker says nothing of the state of container %s",
                    run->name);
        wait_for_engine(run, &run->patience, &bad);
    } else {
        run->patience.since_ms = 0; /* the pauses stay: what else is asked may fail again */
        found(run, reply->body);
    }
}

void docker_run_look(DockerRun *run) {
    if (run->look)
        return;
    char *path = xasprintf("/containers/%s/json", docker_run_handle(run));
    DockerCall what = {
        .path = path, .timeout_ms = LOOK_MS, .fresh = run->doubted || run->patience.since_ms};
    call(run, &run->look, &what, on_looked);
    free(path);
}

/* ---- Starting ---- */

static void on_started(void *arg, const void *result, const Err *err) {
    DockerRun *run = arg;
    const DockerStarted *started = result;
    run->start = NULL;
    if (!err) {
        str_copy(run->container, sizeof(run->container), started->container);
        docker_run_set_state(run, DOCKER_RUN_LOOKING);
        docker_run_look(run);
    } else if (docker_is_away(err)) { /* nobody knows how far it came */
        wait_for_engine(run, &run->patience, err);
    } else if (run->aborted && err->kind == ERR_CANCELLED) {
        stopped_before(run);
    } else if (err->kind == ERR_CONFLICT && run->troubled) { /* the answer to its start was lost */
        docker_run_set_state(run, DOCKER_RUN_LOOKING);
        docker_run_look(run);
    } else if (err->kind == ERR_INTERNAL && !run->doubted) {
        doubt(run, err);
    } else {
        docker_run_fail(run, STEP_FAILED, err->msg);
    }
}

/* What a pull says goes to the log, before what the step writes there. */
static void on_pull(void *arg, const char *line) {
    DockerRun *run = arg;
    run_log_say(&run->log, line);
}

void docker_run_begin(DockerRun *run) {
    DockerStart start = {
        .plan = run->plan, .on_pull = on_pull, .pull_arg = run, .pulls = &run->pulls};
    if (run->start)
        return;
    run->start =
        docker_inner(run->docker, docker_start(run->docker->engine, &start, on_started, run));
}

/* Without a start in flight it is being looked at, or will be. */
void docker_run_abort(DockerRun *run) {
    run->aborted = true;
    if (run->start)
        op_cancel(run->start);
}

void docker_run_unwatch(DockerRun *run) {
    Op **ops[] = {&run->start, &run->look, &run->wait, &run->removal};
    for (size_t i = 0; i < COUNT(ops); i++) {
        op_drop(*ops[i]);
        *ops[i] = NULL;
    }
    run->retry = timer_free(run->retry);
    run_log_stop(&run->log);
    run->again = timer_free(run->again);
}

bool docker_waits_for(Backend *backend, StepId id, char *ret, size_t size) {
    const DockerRun *run = docker_run(docker_of(backend), id);
    int64_t away_ms = !run                     ? 0
                      : run->patience.since_ms ? run->patience.since_ms
                                               : run->log.patience.since_ms;
    bool starts = run && run->state == DOCKER_RUN_STARTING;
    char waited[DURATION_TEXT];
    if (run && run->state == DOCKER_RUN_ENDING) {
        str_copy(ret, size, run->unwritten.msg);
        return true;
    }
    if (away_ms) {
        duration_format_short(loop_now_ms(backend->loop) - away_ms, waited);
        snprintf(ret, size, "the engine at %s has not answered for %s", backend->where, waited);
    } else if (starts && run->start && run->pulls) {
        str_copy(ret, size, "its image is being pulled");
    } else if (starts) {
        snprintf(ret, size, "the engine at %s is to start its container", backend->where);
    }
    return away_ms || starts;
}
