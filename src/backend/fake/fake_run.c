/* SPDX-License-Identifier: Apache-2.0 */
/* The world of the fake: runs that start, live, are stopped and end, whether a server watches or
 * not. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "backend/fake/fake_inside.h"
#include "backend/fake/fake_record.h"
#include "base/path.h"
#include "base/xalloc.h"

enum { FIRST_PID = 100000, LOG_MAX = 256 << 20 };

static void stop_running(FakeRun *run, const StopHow *how);

/* ---- Telling ---- */

static void tell_waits(FakeRun *run) {
    FakeCall *call;
    LIST_FOREACH_SAFE (call, &run->waits, link) {
        op_finish(call->op, &run->state, sizeof(run->state), NULL);
        fake_call_free(call);
    }
}

static void tell_stops(FakeRun *run, const Err *err) {
    FakeCall *call;
    LIST_FOREACH_SAFE (call, &run->stops, link) {
        op_finish(call->op, NULL, 0, err);
        fake_call_free(call);
    }
}

static bool task_lives(Fake *fake, const char *task) {
    FakeRun *run;
    LIST_FOREACH (run, &fake->runs, link) {
        if (strcmp(run->task, task) == 0 &&
            (run->phase == FAKE_RUNNING || run->phase == FAKE_LAUNCHED))
            return true;
    }
    return false;
}

/* Those who wait for the end of all of its task: err, or done once nothing lives. */
static void tell_ends(FakeRun *run, const Err *err) {
    FakeCall *call;
    LIST_FOREACH_SAFE (call, &run->fake->ends, link) {
        if (strcmp(call->task, run->task) != 0 || (!err && task_lives(run->fake, run->task)))
            continue;
        op_finish(call->op, NULL, 0, err);
        fake_call_free(call);
    }
}

static void tell_start(FakeRun *run) {
    if (run->start)
        op_finish(run->start, &run->state, sizeof(run->state), NULL);
    run->start = NULL;
}

/* ---- Ending ---- */

/* It writes no more. There may be thousands of its kind. */
static void shrink(FakeRun *run) {
    free(run->plan.output);
    run->plan.output = NULL;
    if (run->pieces.n && run->pieces.n < run->pieces.cap) {
        run->pieces.at = xreallocarray(run->pieces.at, run->pieces.n, sizeof(*run->pieces.at));
        run->pieces.cap = run->pieces.n;
    }
}

void fake_run_end(FakeRun *run, StepEnd end, int code, const char *error) {
    run->phase = FAKE_ENDED;
    shrink(run);
    run->timer = timer_free(run->timer);
    run->kill_timer = timer_free(run->kill_timer);
    run->state.phase = STEP_ENDED;
    run->state.end = end;
    run->state.code = code;
    run->state.oom_killed = run->plan.oom_killed;
    run->state.ended_us = loop_wall_us(run->fake->base.loop);
    run->state.log_size = run->log.n;
    run->state.lingering = run->linger && !run->stop.helpers ? run->plan.helpers : 0;
    run->state.killed = run->plan.helpers - run->state.lingering;
    if (error)
        snprintf(run->state.error, sizeof(run->state.error), "%s", error);
    tell_start(run);
    tell_waits(run);
    tell_stops(run, NULL);
    fake_tails_wake(run);
    tell_ends(run, NULL);
}

static void on_life_over(void *arg) {
    FakeRun *run = arg;
    fake_run_end(run, run->plan.end, run->plan.code, run->plan.end_error);
}

/* ---- Stopping ---- */

static void on_kill(void *arg) {
    FakeRun *run = arg;
    Err err = {0};
    run->kill_timer = timer_free(run->kill_timer);
    if (!run->plan.survives_kill) {
        fake_run_end(run, STEP_SIGNALED, SIGKILL, NULL);
        return;
    }
    run->stopping = false;
    err_set(&err, ERR_DENIED, "process %lld of %s cannot be ended", (long long)run->state.pid,
            run->step);
    tell_stops(run, &err);
    tell_ends(run, &err);
}

/* A second stop may hasten the first. */
static void arm_kill(FakeRun *run, uint32_t grace_ms) {
    Loop *loop = run->fake->base.loop;
    int64_t at = loop_now_ms(loop) + grace_ms;
    if (run->kill_timer && run->kill_ms <= at)
        return;
    run->kill_ms = at;
    if (!run->kill_timer)
        run->kill_timer = timer_idle(loop, on_kill, run);
    timer_set(run->kill_timer, grace_ms);
}

static void stop_running(FakeRun *run, const StopHow *how) {
    bool kill = how->signal == SIGKILL;
    run->stopping = true;
    if (run->plan.ignores_stop || run->plan.survives_kill)
        arm_kill(run, kill ? 0 : how->grace_ms);
    else if (run->plan.stopped_code >= 0 && !kill)
        fake_run_end(run, STEP_EXITED, run->plan.stopped_code, NULL);
    else if (how->command)
        fake_run_end(run, STEP_EXITED, 0, NULL);
    else
        fake_run_end(run, STEP_SIGNALED, how->signal, NULL);
}

/* By the script of the step named stop. */
static bool command_works(const FakeRun *run) {
    FakePlan plan;
    Step step = {.name = "stop", .type = STEP_PROCESS};
    fake_plan_make(run->fake, (StepId){.task = run->task}, &step, &plan);
    bool works = !plan.start_error && plan.end == STEP_EXITED && plan.code == 0;
    fake_plan_clear(&plan);
    return works;
}

void fake_run_stop(FakeRun *run, const StopHow *how) {
    run->stop.helpers |= how->helpers;
    if (run->phase == FAKE_RUNNING) {
        StopHow by_signal = *how;
        by_signal.command = how->command && command_works(run) ? how->command : NULL;
        stop_running(run, &by_signal);
    } else if (run->phase == FAKE_LAUNCHED) { /* as soon as it runs */
        run->stop.signal = how->signal;
        run->stop.grace_ms = how->grace_ms;
        run->stop.command = NULL; /* it never ran long enough to be asked politely */
        run->stopping = true;
    }
}

/* ---- Starting ---- */

/* The number is the value itself. */
static void count_start(const FakeRun *run) {
    AUTO_FREE char *key = fake_key((StepId){run->task, run->step, 0});
    uintptr_t n = (uintptr_t)map_get(&run->fake->starts, key);
    map_put(&run->fake->starts, key, (void *)(n + 1));
}

static void on_start(void *arg) {
    FakeRun *run = arg;
    run->timer = timer_free(run->timer);
    if (run->plan.start_error) {
        run->state.own_fault = run->plan.start_errno != 0;
        fake_run_end(run, STEP_FAILED, run->plan.start_errno, run->plan.start_error);
        return;
    }
    count_start(run);
    run->phase = FAKE_RUNNING;
    run->state.phase = STEP_RUNNING;
    run->state.pid = FIRST_PID + ++run->fake->last_pid;
    run->state.started_us = loop_wall_us(run->fake->base.loop);
    run->state.started_boot_ms = loop_boot_ms(run->fake->base.loop);
    if (run->plan.output)
        fake_log_put(run, 1, run->plan.output);
    fake_record_write(run);
    tell_start(run);
    if (run->plan.life_ms >= 0)
        run->timer = timer_new(run->fake->base.loop, run->plan.life_ms, on_life_over, run);
    if (run->stopping)
        stop_running(run, &run->stop);
}

static void copy_secrets(FakeRun *run, const StrList *secrets) {
    run->secrets = secrets->n ? xcalloc(secrets->n, sizeof(*run->secrets)) : NULL;
    for (size_t i = 0; i < secrets->n; i++)
        run->secrets[run->secret_n++] = xstrdup(secrets->at[i]);
}

static FakeRun *new_run(Fake *fake, StepId id) {
    FakeRun *run = xcalloc(1, sizeof(*run));
    run->fake = fake;
    run->task = xstrdup(id.task);
    run->step = xstrdup(id.step);
    run->run = id.run;
    run->dir = fake_run_dir(fake, id);
    run->known = true;
    run->state = (StepState){.container = "", .oom_killed = UNKNOWN, .phase = STEP_NEVER};
    buf_init(&run->log, LOG_MAX);
    list_init(&run->waits);
    list_init(&run->stops);
    list_init(&run->tails);
    list_append(&fake->runs, &run->link);
    AUTO_FREE char *key = fake_key(id);
    map_put(&fake->by_id, key, run);
    return run;
}

FakeRun *fake_run_new(Fake *fake, StepId id, const Step *step) {
    FakeRun *run = new_run(fake, id);
    run->no_log = step->no_log;
    run->linger = step->linger;
    run->tty = step->tty;
    run->reads = step->tty || step->stdin_open;
    run->state.restarts = step->restarts;
    run->state.attempt = step->attempt;
    copy_secrets(run, &step->secrets);
    fake_plan_make(fake, id, step, &run->plan);
    (void)!path_mkdirs(run->dir, 0700, NULL);
    run->timer = timer_new(fake->base.loop, run->plan.start_delay_ms, on_start, run);
    return run;
}

static void go_on(FakeRun *run) {
    Loop *loop = run->fake->base.loop;
    int64_t age_us = loop_wall_us(loop) - run->state.started_us;
    int64_t rest_ms = run->plan.life_ms - age_us / 1000;
    run->phase = FAKE_RUNNING;
    run->state.phase = STEP_RUNNING;
    if (run->plan.life_ms < 0)
        return;
    if (rest_ms > 0) {
        run->timer = timer_new(loop, rest_ms, on_life_over, run);
        return;
    }
    on_life_over(run);
    run->state.ended_us = run->state.started_us + run->plan.life_ms * 1000;
}

FakeRun *fake_run_again(Fake *fake, StepId id) {
    FakeRun *run = new_run(fake, id);
    if (fake_record_read(run)) {
        fake_log_load(run);
        go_on(run);
        return run;
    }
    (void)!path_remove_tree(run->dir, NULL); /* what it may have written nobody is to see twice */
    return fake_run_free(run);
}

void fake_run_lose_calls(FakeRun *run) {
    run->start = NULL;
    while (!list_empty(&run->waits))
        fake_call_free(LIST_ENTRY(run->waits.next, (FakeCall *)NULL, link));
    while (!list_empty(&run->stops))
        fake_call_free(LIST_ENTRY(run->stops.next, (FakeCall *)NULL, link));
    while (!list_empty(&run->tails))
        fake_tail_free(LIST_ENTRY(run->tails.next, (FakeTail *)NULL, link));
}

FakeRun *fake_run_free(FakeRun *run) {
    AUTO_FREE char *key = fake_key((StepId){run->task, run->step, run->run});
    map_remove(&run->fake->by_id, key);
    fake_run_lose_calls(run);
    list_remove(&run->link);
    timer_free(run->timer);
    timer_free(run->kill_timer);
    for (size_t i = 0; i < run->secret_n; i++)
        free(run->secrets[i]);
    free(run->secrets);
    VEC_FREE(run->pieces);
    buf_deinit(&run->log);
    fake_plan_clear(&run->plan);
    free(run->task);
    free(run->step);
    free(run->dir);
    free(run);
    return NULL;
}

/* ---- Scripting ---- */

void fake_end(Backend *backend, StepId id, StepEnd end, int code) {
    FakeRun *run = fake_run(fake_of(backend), id);
    if (run && run->phase == FAKE_RUNNING)
        fake_run_end(run, end, code, end == STEP_LOST ? "its exit code is unknown" : NULL);
}

size_t fake_running(const Backend *backend) {
    const Fake *fake = (const Fake *)backend;
    size_t n = 0;
    const FakeRun *run;
    LIST_FOREACH (run, &fake->runs, link)
        n += run->phase == FAKE_RUNNING;
    return n;
}

uint32_t fake_starts(const Backend *backend, const char *task, const char *step) {
    const Fake *fake = (const Fake *)backend;
    AUTO_FREE char *key = fake_key((StepId){task, step, 0});
    return (uint32_t)(uintptr_t)map_get(&fake->starts, key);
}
