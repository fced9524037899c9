/* SPDX-License-Identifier: Apache-2.0 */
/* One target: facts in, plan asked, backend told, state shown. */

#include "engine/targets/target.h"

#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/ports/port_sockets.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/run_files.h"
#include "engine/targets/step_build.h"
#include "engine/targets/service_watch.h"
#include "spec/signals.h"

TargetFacts *target_facts(Target *target) {
    return &target->session->facts[target->index];
}

const TargetSpec *target_spec(const Target *target) {
    return &target->session->graph.targets[target->index];
}

StepId target_step_id(const Target *target, uint32_t run) {
    return (StepId){.task = target->session->slug, .step = target_spec(target)->name, .run = run};
}

const char *target_name(const Target *target) {
    return target_spec(target)->name;
}

bool target_active(const Target *target) {
    return target->shown.phase == PHASE_ACTIVE;
}

Target *target_of(Object *object) {
    assert(object->kind == OBJECT_TARGET);
    return container_of(object, Target, object);
}

/* ---- job slots ---- */

static bool slot_before(Target *a, Target *b) {
    return plan_slot_compare(target_facts(a), target_spec(a)->name, target_facts(b),
                             target_spec(b)->name) < 0;
}

static void slot_queue(Target *target, bool waits) {
    list_remove(&target->slot_wait);
    if (!waits)
        return;
    List *head = &target->session->engine->slot_wait, *at = head->prev;
    while (at != head && slot_before(target, container_of(at, Target, slot_wait)))
        at = at->prev;
    list_insert_after(at, &target->slot_wait);
}

static int free_slots(const Engine *engine) {
    return engine->slots - engine->slots_used;
}

static void slot_take(Target *target) {
    if (target_spec(target)->type == TARGET_SERVER)
        return;
    target->has_slot = true;
    target->session->engine->slots_used++;
}

static void slot_release(Target *target) {
    Engine *engine = target->session->engine;
    if (!target->has_slot)
        return;
    target->has_slot = false;
    engine->slots_used--;
    engine_wants_drain(engine);
}

/* ---- a run: started, ready, timed out, ended ---- */

static void run_over(Target *target, const RunResult *result) {
    Session *session = target->session;
    PlanWorld world = session_world(session);
    bool was_alive = facts_alive(target_facts(target));
    target->stop_failed[0] = '\0';
    target_probes_stop(target);
    target->probe_why[0] = '\0';
    slot_release(target);
    fact_ended(target_facts(target), target_spec(target), result, &world);
    target_inputs_ended(target);
    events_look(target);
    state_view_ended(session->view, target->index);
    if (was_alive)
        session->alive--;
    engine_tidy_later(session->engine, target);
    target_mark(target);
}

static int64_t tidy(Target *target, int64_t max_bytes) {
    RunsKept kept = {
        .newest = target_facts(target)->run, .max_bytes = max_bytes, .helpers = &target->helpers};
    return run_files_retain(target->session->dir, target_spec(target)->name, &kept);
}

void target_tidy(Target *target) {
    tidy(target, target->session->config->logs.max_size);
    hooks_tidy(target);
}

/* Less than this is not worth a look at the disk. */
static int64_t little(const Target *target) {
    return target->session->config->logs.max_size / 8;
}

/* What the next run may log, so that all runs together stay below the cap while it writes: those
 * before it have at most half of it. */
static int64_t log_max(Target *target) {
    int64_t max = target->session->config->logs.max_size;
    if (max <= 0)
        return 0;
    if (target->older_bytes < 0 || target->older_bytes > little(target))
        target->older_bytes = tidy(target, max / 2);
    return max - (target->older_bytes < max / 2 ? target->older_bytes : max / 2);
}

static void count_log(Target *target, const StepState *state) {
    bool known = target->older_bytes >= 0 && state && state->log_size <= (uint64_t)little(target);
    target->older_bytes = known ? target->older_bytes + (int64_t)state->log_size : -1;
}

RunResult target_result(const StepState *state) {
    static const EndKind ends[] = {[STEP_EXITED] = END_EXITED,
                                   [STEP_SIGNALED] = END_SIGNALED,
                                   [STEP_FAILED] = END_FAILED,
                                   [STEP_LOST] = END_LOST};
    return (RunResult){.kind = ends[state->end],
                       .code = state->code,
                       .own_fault = state->own_fault,
                       .oom_killed = state->oom_killed,
                       .ended_us = state->ended_us,
                       .why = state->error};
}

static RunResult result_of_error(Loop *loop, const Err *err) {
    return (RunResult){
        .kind = END_FAILED, .oom_killed = UNKNOWN, .ended_us = loop_wall_us(loop), .why = err->msg};
}

/* Which run it was is on disk from now on: nobody else would find them again. */
static void left_helpers(Target *target) {
    Err err;
    target_lingers(target, target_facts(target)->run);
    target_look(target);
    if (session_save(target->session, &err) < 0)
        log_warn("%s: %s", target->session->slug, err.msg);
}

static void on_wait(void *arg, const void *result, const Err *err) {
    Target *target = arg;
    target->wait = NULL;
    sys_point("ended");
    RunResult end =
        err ? result_of_error(target->session->engine->loop, err) : target_result(result);
    if (err) {
        end.kind = END_LOST;
        end.unsure = true;
    }
    count_log(target, err ? NULL : result);
    run_over(target, &end);
    if (!err && ((const StepState *)result)->lingering)
        left_helpers(target);
}

const Service *target_begun_service(const Target *target) {
    return config_service(target->begun->config, target_spec(target)->resource);
}

/* What a run is begun with stays as long as it does. */
void target_begin_under(Target *target) {
    Generation *now = generation_ref(target->session->generation);
    generation_unref(target->begun);
    target->begun = now;
}

void target_watch_run(Target *target) {
    Engine *engine = target->session->engine;
    if (!target->begun)
        target_begin_under(target);
    target->wait = backend_wait_step(
        engine->backend, target_step_id(target, target_facts(target)->run), on_wait, target);
    target_probes_start(target);
}

static void on_start(void *arg, const void *result, const Err *err) {
    Target *target = arg;
    const StepState *state = result;
    PlanWorld world = session_world(target->session);
    target->start = NULL;
    sys_point("started");
    if (err || state->phase != STEP_RUNNING) {
        RunResult end =
            err ? result_of_error(target->session->engine->loop, err) : target_result(state);
        run_over(target, &end);
        return;
    }
    fact_started(target_facts(target), target_spec(target), (int32_t)state->pid, state->started_us,
                 &world);
    events_look(target);
    target_watch_run(target);
    target_mark(target);
}

/* ---- acts ---- */

/* What it follows may come anew at any time: the next server must know whether that was before or
 * after. */
static void mark_asked(const Target *target) {
    const Session *session = target->session;
    const TargetSpec *spec = target_spec(target);
    const TargetFacts *facts = &session->facts[target->index];
    Moment when = {loop_wall_us(session->engine->loop), facts->at.asked};
    for (size_t d = 0; d < spec->dep_n; d++) {
        if (!spec->deps[d].restart)
            continue;
        run_files_mark_asked(session->dir, spec->name, facts->run, when);
        return;
    }
}

static void ask_backend(Target *target) {
    Arena arena;
    Step step;
    Err err;
    arena_init(&arena);
    step_build(target, &arena, &step);
    step.log_max = log_max(target);
    if (ports_sockets(target, &arena, &step, &err) < 0) {
        target_refused(target, err.msg);
    } else {
        target->start = backend_start_step(target->session->engine->backend,
                                           target_step_id(target, target_facts(target)->run), &step,
                                           on_start, target);
        mark_asked(target);
        hooks_mark(target);
    }
    arena_deinit(&arena);
}

/* The run ends before it began: nothing was asked of the backend. Its number is not given again. */
void target_refused(Target *target, const char *why) {
    RunResult end = {.kind = END_FAILED,
                     .oom_killed = UNKNOWN,
                     .ended_us = loop_wall_us(target->session->engine->loop),
                     .not_begun = true,
                     .why = why};
    const TargetFacts *facts = target_facts(target);
    const char *dir = target->session->dir, *name = target_spec(target)->name;
    RunRefusal refusal = {end.ended_us, facts->attempt, facts->restarts, ""};
    str_copy(refusal.why, sizeof(refusal.why), why);
    if (facts->stop_requested)
        run_files_void(dir, name, facts->run);
    else
        run_files_refuse(dir, name, facts->run, &refusal);
    run_over(target, &end);
}

static void refuse_port(Target *target, const Err *err) {
    event_record(target->session, &(Event){.target = target_name(target),
                                           .run = target_facts(target)->run,
                                           .kind = EVENT_PORT,
                                           .reason = "Taken",
                                           .message = err->msg});
    target_refused(target, err->msg);
}

static void on_port(void *arg, const Err *err) {
    Target *target = arg;
    target->port = NULL;
    if (err)
        refuse_port(target, err);
    else
        target_begun(target);
}

/* Nobody else has a port that it is to listen on; ours is let go only now. */
void target_begun(Target *target) {
    Engine *engine = target->session->engine;
    Err err;
    if (ports_check_own(target, &err) < 0) {
        refuse_port(target, &err);
        return;
    }
    uint16_t port = engine->options.scripted ? 0 : ports_in_use(target);
    if (port) {
        target->port = port_clear_new(engine->loop, port, on_port, target);
        return;
    }
    ports_let_go(target);
    ask_backend(target);
}

static void act_start(Target *target) {
    Session *session = target->session;
    TargetFacts *facts = target_facts(target);
    PlanWorld world = session_world(session);
    target_begin_under(target);
    fact_start_asked(facts, facts->run + 1, &world);
    target_mark_lock_waiters(target);
    target_inputs_begun(target);
    session->alive++;
    target->stop_failed[0] = '\0';
    slot_take(target);
    if (!hooks_before(target))
        target_begun(target);
}

/* It was stopped all the same, by a signal; who wrote the command should know. */
static void record_stop_command(Target *target, const StepStopped *stopped) {
    TargetFacts *facts = target_facts(target);
    char message[sizeof(stopped->command) + 40];
    if (!stopped || !stopped->command[0])
        return;
    snprintf(message, sizeof(message), "the stop command %s", stopped->command);
    event_record(target->session, &(Event){.target = target_name(target),
                                           .run = facts->run,
                                           .kind = EVENT_HOOK,
                                           .reason = REASON_STOP_COMMAND,
                                           .message = message});
    if (!facts->queued && !facts->failure)
        fact_noted_too(facts, message);
    target_mark(target);
}

static void on_destroy(void *arg, const void *result, const Err *err) {
    Target *target = arg;
    const TargetFacts *facts = target_facts(target);
    target->destroy = NULL;
    record_stop_command(target, result);
    if (!err) { /* the end itself comes through wait_step; of a run that was unclear nobody has
                   waited for it yet */
        if (facts->run_state == RUN_STOPPING && !target->wait && !target->start)
            target->wait = backend_wait_step(target->session->engine->backend,
                                             target_step_id(target, facts->run), on_wait, target);
        return;
    }
    str_copy(target->stop_failed, sizeof(target->stop_failed), err->msg);
    fact_stop_failed(target_facts(target), err->msg);
    events_look(target);
    target_mark(target);
}

static void stop_run(Target *target, const StopHow *how) {
    Engine *engine = target->session->engine;
    op_forget(target->destroy);
    target->stop_failed[0] = '\0';
    target->destroy =
        backend_destroy_step(engine->backend, target_step_id(target, target_facts(target)->run),
                             how, on_destroy, target);
}

static void stop_politely(Target *target) {
    const Stop *stop = &target_spec(target)->service->stop;
    Arena arena;
    arena_init(&arena);
    stop_run(target, &(StopHow){.signal = (int)stop->signal,
                                .grace_ms = (uint32_t)stop->grace_ms,
                                .command = step_stop_command(target, &arena)});
    arena_deinit(&arena);
}

/* Asked to stop while it waited for its port. */
static void forget_port(Target *target) {
    target->port = port_clear_free(target->port);
    target_refused(target, "stopped before it was started");
}

static void stop_what_runs(Target *target, bool kill) {
    events_look(target);
    target_probes_stop(target);
    if (target->port)
        forget_port(target);
    else if (hooks_running(target))
        hooks_stop(target, kill);
    else if (kill)
        stop_run(target, &(StopHow){.signal = SIGKILL});
    else
        stop_politely(target);
}

static void act_stop(Target *target, bool overdue) {
    PlanWorld world = session_world(target->session);
    if (overdue)
        fact_timed_out(target_facts(target), target_spec(target),
                       target->probe_why[0] ? target->probe_why : NULL);
    fact_stop_asked(target_facts(target), &world);
    stop_what_runs(target, false);
}

void target_kill(Target *target) {
    PlanWorld world = session_world(target->session);
    if (!facts_alive(target_facts(target))) {
        if (hooks_running(target))
            hooks_stop(target, true);
        return;
    }
    if (target_facts(target)->run_state != RUN_STOPPING)
        fact_stop_asked(target_facts(target), &world);
    stop_what_runs(target, true);
    target_mark(target);
}

static void on_wake(void *arg) {
    target_mark_alone(arg);
}

/* What it follows has come anew. */
static void act_follow(Target *target, uint32_t leader) {
    const Session *session = target->session;
    char note[FACTS_TEXT];
    snprintf(note, sizeof note, "restarted because %s was", session->graph.targets[leader].name);
    fact_restart_asked(target_facts(target), loop_wall_us(session->engine->loop), note);
    snprintf(note, sizeof note, "%s was restarted", session->graph.targets[leader].name);
    event_record(target->session, &(Event){.target = target_name(target),
                                           .kind = EVENT_ASKED,
                                           .reason = "DependencyRestarted",
                                           .message = note,
                                           .cause = {session->graph.targets[leader].name,
                                                     session->facts[leader].run}});
    target_mark(target);
}

static bool act(Target *target, const Verdict *verdict) {
    switch (verdict->act) {
    case ACT_NONE: return false;
    case ACT_START: act_start(target); return true;
    case ACT_STOP: act_stop(target, verdict->overdue); return true;
    case ACT_HOOK: hooks_start(target, verdict->start_hook); return true;
    case ACT_DUE: schedule_act(target); return true;
    case ACT_FOLLOW: act_follow(target, verdict->waiting_on[0]); return true;
    case ACT_GONE:
        fact_gone(target_facts(target));
        target_mark(target);
        return true;
    case ACT_LOOK: target_look_at_inputs(target); return true;
    }
    UNREACHABLE();
}

void target_drain(Target *target, int slots) {
    Session *session = target->session;
    Loop *loop = session->engine->loop;
    Verdict verdict = {0};
    do { /* an act changes the facts: ask again, to show what is */
        PlanWorld world = session_world(session);
        world.slots = slots;
        plan_target(&session->graph, session->facts, target->index, &world, &verdict);
        if ((verdict.act == ACT_START || verdict.hold == HOLD_CONNECTION) &&
            ports_lease_wanted(target)) {
            verdict.hold = HOLD_STARTING;
            target_show(target, &verdict);
            return; /* it is marked when they are known */
        }
    } while (act(target, &verdict));
    lazy_follow(target, verdict.hold == HOLD_CONNECTION);
    slot_queue(target, verdict.hold == HOLD_SLOT);
    target->slot_pending =
        verdict.hold == HOLD_SLOT && slots == 0 && free_slots(session->engine) > 0;
    if (target->slot_pending) /* this drain offers it one before anybody looks */
        return;
    target->wake = timer_free(target->wake);
    if (verdict.wake_ms) {
        int64_t left = verdict.wake_ms - loop_now_ms(loop);
        target->wake = timer_new(loop, left > 0 ? left : 0, on_wake, target);
    }
    target_show(target, &verdict);
}

/* ---- helpers ---- */

void target_lingers(Target *target, uint32_t run) {
    helpers_add(&target->helpers, run);
    if (list_empty(&target->lingers))
        list_append(&target->session->engine->lingering, &target->lingers);
}

void target_look(Target *target) {
    Backend *backend = target->session->engine->backend;
    if (!target->session->ready) /* the backend does not know the session yet */
        return;
    if (helpers_look(&target->helpers, backend, target_step_id(target, 0))) {
        target_retold(target);
        session_touch(target->session);
    }
    if (!target->helpers.runs.n)
        list_remove(&target->lingers);
}

static void on_helpers_ended(void *arg, const void *result, const Err *err) {
    Target *target = arg;
    target->helpers.ending = NULL;
    str_copy(target->stop_failed, sizeof(target->stop_failed), err ? err->msg : "");
    target_look(target);
    target_retold(target);
}

bool target_end_helpers(Target *target) {
    const Helpers *helpers = &target->helpers;
    if (!helpers->runs.n)
        return true;
    if (helpers->ending || target->stop_failed[0])
        return false;
    const Stop *stop = &target_spec(target)->service->stop;
    StopHow how = {
        .signal = (int)stop->signal, .grace_ms = (uint32_t)stop->grace_ms, .helpers = true};
    target->helpers.ending = backend_destroy_step(target->session->engine->backend,
                                                  target_step_id(target, helpers->runs.at[0]), &how,
                                                  on_helpers_ended, target);
    return false;
}

/* ---- life ---- */

/* A target's uid follows from its session's and its name, so it is the same for every server: a
 * session's with its last 16 digits mixed with a hash of the name. */
static void derive_uid(const char *session_uid, const char *name, char uid[37]) {
    uint64_t hash = str_hash(str_hash(STR_HASH, session_uid), name);
    snprintf(uid, 37, "%.19s%04x-%012llx", session_uid, (unsigned)(hash >> 48),
             (unsigned long long)(hash & 0xffffffffffffu));
}

static void settle_in(Target *target, const TargetSpec *spec) {
    target->object.name = spec->object;
    target->object.labels = target->session->generation->labels[target->index];
    TargetStatus *status = &target->session->statuses[target->index];
    status->name = spec->name;
    status->resource = spec->resource;
}

/* What waits for is named by the former generation's names. */
static void rename_waiting_on(Target *target) {
    const Graph *graph = &target->session->graph;
    TargetState *shown = &target->shown;
    size_t n = 0;
    for (size_t i = 0; i < shown->waiting_on_n; i++) {
        int64_t t = graph_find(graph, target->waiting_on[i]);
        if (t >= 0)
            target->waiting_on[n++] = graph->targets[t].name;
    }
    shown->waiting_on_n = n;
    target->session->statuses[target->index].state = *shown;
}

void target_move(Target *target, uint32_t index) {
    target->index = index;
    settle_in(target, target_spec(target));
    rename_waiting_on(target);
    schedule_resume(target);
    target_mark_alone(target);
}

Target *target_new(Session *session, uint32_t index) {
    const TargetSpec *spec = &session->graph.targets[index];
    Target *target = xcalloc(1, sizeof(*target));
    *target = (Target){.session = session, .index = index, .enabled_asked = UNKNOWN};
    list_init(&target->dirty);
    list_init(&target->slot_wait);
    list_init(&target->tidy);
    list_init(&target->lingers);
    list_init(&target->scheduled);
    target->object =
        (Object){.kind = OBJECT_TARGET, .space = session->slug, .encode = target_encode};
    derive_uid(session->object.uid, spec->name, target->object.uid);
    target->object.created_us = session->object.created_us;
    session->statuses[index].type = spec->type;
    settle_in(target, spec);
    return target;
}

Target *target_free(Target *target) {
    if (!target)
        return NULL;
    list_remove(&target->dirty);
    list_remove(&target->slot_wait);
    list_remove(&target->tidy);
    list_remove(&target->lingers);
    schedule_free(target);
    hooks_free(target);
    helpers_deinit(&target->helpers);
    target->watch = service_watch_free(target->watch);
    target->look = inputs_look_free(target->look);
    free(target->queued_cause);
    free(target->skipped_note);
    target->wake = timer_free(target->wake);
    target_probes_stop(target);
    target->port = port_clear_free(target->port);
    target->lazy = lazy_free(target->lazy);
    op_forget(target->start); /* what was asked for goes on */
    op_drop(target->wait);
    op_forget(target->destroy);
    op_drop(target->resume);
    if (target->has_slot)
        target->session->engine->slots_used--;
    generation_unref(target->begun);
    object_deinit(&target->object);
    free(target);
    return NULL;
}
