/* SPDX-License-Identifier: Apache-2.0 */
/* What callbacks tell: see plan.h. */
#include <assert.h>
#include <signal.h>

#include "plan/plan.h"
#include "plan/restart.h"
#include "plan/words.h"

/* The newest run is alive, and on its way out. */
static bool ending(const TargetFacts *f) {
    return f->run_state == RUN_STOPPING || f->stop_requested || f->timed_out || f->probe_failed;
}

/* Somebody asks: a stop that failed may be tried again, and the row of restarts is forgotten. */
static void ask_again(TargetFacts *f, const char *note) {
    if (f->stop_failed) {
        f->stop_failed = false;
        f->run_state = f->started_ms ? RUN_RUNNING : RUN_STARTING;
    }
    f->gone = false;
    f->attempt = 0;
    f->backoff_ms = 0;
    f->not_before_ms = 0;
    f->patient = false;
    words_copy(&f->note, note);
    words_copy(&f->cause, NULL);
}

static void enqueue(TargetFacts *f, int64_t now_us) {
    if (!f->queued)
        f->trigger_us = now_us;
    f->queued = true;
    f->inputs = INPUTS_UNKNOWN;
    f->skipped = 0;
}

void fact_file_read(TargetFacts *f, int64_t started_us, int64_t ended_us, const char *problem) {
    f->run_state = RUN_ENDED;
    f->started_us = started_us;
    f->ended_us = ended_us;
    f->ever_succeeded |= problem == NULL;
    words_copy(&f->failure, problem);
}

void fact_wanted(TargetFacts *f, Want want, int64_t now_us, const char *note) {
    ask_again(f, note);
    f->want = want;
    f->connected = f->connected && facts_alive(f);
    if (want != WANT_RUN) {
        f->queued = f->forced = false;
        f->due_us = 0;
    } else if (!facts_alive(f) || ending(f)) {
        enqueue(f, now_us);
    }
}

void fact_awaited(TargetFacts *f, int64_t now_us) {
    ask_again(f, NULL);
    f->want = WANT_RUN;
    if (!f->trigger_us)
        f->trigger_us = now_us;
}

void fact_due_at(TargetFacts *f, int64_t due_us, const char *text) {
    f->due_us = due_us;
    words_copy(&f->due, text);
}

void fact_due(TargetFacts *f, int64_t now_us) {
    if (f->want != WANT_RUN)
        return;
    if (f->queued || facts_alive(f))
        words_for_left_out(&f->note, f);
    else
        fact_wanted(f, WANT_RUN, now_us, NULL);
}

void fact_restart_asked(TargetFacts *f, int64_t now_us, const char *note) {
    if (f->want == WANT_DOWN || f->want == WANT_DISABLED)
        return;
    ask_again(f, note);
    f->want = WANT_RUN;
    enqueue(f, now_us);
}

void fact_changed(TargetFacts *f, int64_t now_us, bool patient, const char *cause) {
    if (f->want != WANT_RUN)
        return;
    bool was_patient = !f->queued || f->patient, first = f->run_state == RUN_NONE;
    if (!f->stop_failed)
        ask_again(f, facts_alive(f) ? f->note : NULL);
    enqueue(f, now_us);
    f->patient = patient && was_patient && facts_alive(f);
    words_copy(&f->cause, first ? NULL : cause);
}

void fact_forced(TargetFacts *f) {
    f->forced = f->queued;
}

void fact_reachable(TargetFacts *f) {
    f->ever_started = f->ever_ready = true;
}

void fact_connected(TargetFacts *f) {
    f->connected = true;
}

void fact_unwatched(TargetFacts *f) {
    f->unwatched = true;
}

void fact_watched(TargetFacts *f) {
    f->unwatched = false;
}

void fact_look_asked(TargetFacts *f) {
    f->inputs = INPUTS_ASKED;
}

/* As if it had run, and well. */
static void skip(TargetFacts *f, const char *note, const PlanWorld *world) {
    f->queued = f->patient = false;
    f->skipped = f->run + 1;
    f->inputs = INPUTS_UNKNOWN;
    f->run_state = RUN_ENDED;
    f->at.asked = world->boot_ms; /* what has come anew until now was no reason to run */
    f->result = (RunResult){.kind = END_EXITED, .oom_killed = UNKNOWN};
    f->started_us = f->ended_us = world->now_us;
    f->stop_requested = f->timed_out = f->probe_failed = false;
    f->gave_up = f->grace_exceeded = false;
    f->backoff_ms = f->not_before_ms = 0;
    f->ever_started = f->ever_succeeded = true;
    words_copy(&f->failure, NULL);
    words_copy(&f->cause, NULL);
    words_copy(&f->note, note);
}

void fact_looked(TargetFacts *f, bool fresh, const char *note, const PlanWorld *world) {
    if (f->inputs != INPUTS_ASKED || !f->queued || facts_alive(f))
        return;
    if (fresh && !f->forced)
        skip(f, note, world);
    else
        f->inputs = INPUTS_CHANGED;
}

/* What is to be known of the run that follows: how the one before ended is in no log. */
static void note_start(TargetFacts *f) {
    bool lost = f->run_state == RUN_ENDED && f->result.kind == END_LOST && f->failure;
    if (lost)
        words_for_lost(&f->note, f->run, f->failure);
    else
        words_for_again(&f->note, f->cause);
    words_copy(&f->cause, NULL);
}

void fact_start_asked(TargetFacts *f, uint32_t run, const PlanWorld *world) {
    assert(!facts_alive(f));
    note_start(f);
    f->former_run = f->run_state == RUN_ENDED ? f->run : 0;
    f->former_kind = f->result.kind;
    f->former_code = f->result.code;
    f->former_failed = f->failure != NULL;
    f->queued = f->patient = f->forced = f->unwatched = false;
    f->connected = true; /* else it would not be started; it is restarted as any other */
    f->inputs = INPUTS_UNKNOWN;
    f->skipped = 0;
    f->run_state = RUN_STARTING;
    f->run = run;
    f->at.asked = world->boot_ms;
    f->at.started = f->at.ready = f->at.done = 0;
    f->pid = 0;
    f->started_us = f->ended_us = f->started_ms = 0;
    f->result = (RunResult){0};
    f->stop_requested = f->timed_out = f->probe_failed = false;
    f->ready = false;
    f->last_ready_us = f->last_ready_ms = 0;
    f->backoff_ms = f->not_before_ms = 0;
    f->gave_up = f->grace_exceeded = false;
    f->stop_asked_ms = 0;
    f->stop_failed = f->gone = false;
    f->hook = HOOK_NONE;
    f->hooks_owed = 0;
    words_copy(&f->failure, NULL);
    if (f->attempt > 0)
        f->restarts++;
    else
        f->asked_ms = world->now_ms;
}

static void become_ready(TargetFacts *f, int64_t ms, int64_t us, int64_t boot_ms) {
    f->ready = f->ever_ready = true;
    if (!f->at.ready)
        f->at.ready = boot_ms;
    f->last_ready_ms = ms;
    f->last_ready_us = us;
}

void fact_started(TargetFacts *f, const TargetSpec *spec, int32_t pid, int64_t started_us,
                  const PlanWorld *world) {
    if (f->run_state != RUN_STARTING && f->run_state != RUN_STOPPING)
        return;
    f->pid = pid;
    f->started_us = started_us;
    f->started_ms = world->now_ms > 0 ? world->now_ms : 1;
    f->ever_started = true;
    f->at.started = world->boot_ms;
    if (f->attempt == 0)
        f->asked_ms = f->started_ms;
    if (f->run_state == RUN_STOPPING)
        return;
    f->run_state = RUN_RUNNING;
    if (spec->type == TARGET_SERVER && !spec->probed)
        become_ready(f, f->started_ms, started_us, world->boot_ms);
}

void fact_stop_asked(TargetFacts *f, const PlanWorld *world) {
    if (!facts_alive(f))
        return;
    f->run_state = RUN_STOPPING;
    f->stop_requested = true;
    f->stop_failed = false;
    f->stop_asked_ms = world->now_ms;
    f->ready = false;
}

void fact_stop_failed(TargetFacts *f, const char *survivors) {
    if (f->run_state != RUN_STOPPING)
        return;
    f->stop_failed = true;
    words_for_survivors(&f->note, survivors);
}

void fact_unclear(TargetFacts *f, const char *why, const PlanWorld *world) {
    fact_start_asked(f, f->run, world);
    fact_stop_asked(f, world);
    f->stop_failed = true;
    words_for_unclear(&f->note, f->run, why);
}

void fact_ready(TargetFacts *f, bool ready, const PlanWorld *world) {
    if (f->run_state != RUN_RUNNING || ending(f))
        return;
    if (ready && !f->ready)
        become_ready(f, world->now_ms, world->now_us, world->boot_ms);
    f->ready = ready;
}

void fact_timed_out(TargetFacts *f, const TargetSpec *spec, const char *detail) {
    if (!facts_alive(f) || ending(f))
        return;
    if (spec->type == TARGET_JOB)
        f->timed_out = true;
    else
        f->probe_failed = true;
    words_for_timeout(&f->failure, spec, detail);
}

void fact_unlive(TargetFacts *f, const char *detail) {
    if (f->run_state != RUN_RUNNING || ending(f))
        return;
    f->probe_failed = true;
    words_for_unlive(&f->failure, detail);
}

static bool is_success(const TargetSpec *spec, const RunResult *result) {
    bool job = spec->type == TARGET_JOB;
    if (result->kind != END_EXITED ||
        (!job && !schema_has(&type_service, spec->service, "success_exit_codes")))
        return false;
    if (spec->service->success_exit_codes.n == 0)
        return job && result->code == 0;
    for (size_t i = 0; i < spec->service->success_exit_codes.n; i++) {
        if (spec->service->success_exit_codes.at[i] == result->code)
            return true;
    }
    return false;
}

/* Time the run was executing, not counting how long nobody was there to hear of its end. */
static int64_t lived_ms(const TargetFacts *f, const PlanWorld *world) {
    if (!f->started_ms)
        return 0;
    int64_t unheard_ms = (world->now_us - f->ended_us) / 1000;
    return world->now_ms - f->started_ms - (unheard_ms > 0 ? unheard_ms : 0);
}

static void apply_policy(TargetFacts *f, const TargetSpec *spec, const PlanWorld *world) {
    RestartAnswer answer;
    restart_decide(spec, f, lived_ms(f, world), world, &answer);
    f->gave_up = answer.gave_up || answer.hopeless;
    f->grace_exceeded = answer.exceeded;
    if (answer.gave_up)
        words_add_gave_up(&f->failure, f->attempt);
    if (answer.hopeless)
        words_add_hopeless(&f->failure);
    if (!answer.again)
        return;
    enqueue(f, world->now_us);
    f->attempt = answer.attempt;
    f->backoff_ms = answer.delay_ms;
    f->not_before_ms = answer.delay_ms ? world->now_ms + answer.delay_ms : 0;
}

/* A run that was never begun needs no cleaning up. */
static void owe_hooks(TargetFacts *f, const TargetSpec *spec, const RunResult *result) {
    if (!target_has_hooks(spec))
        return;
    if (f->failure && spec->service->hooks.on_failure.argv.n)
        f->hooks_owed |= 1u << HOOK_ON_FAILURE;
    if (!result->not_begun && spec->service->hooks.after.argv.n)
        f->hooks_owed |= 1u << HOOK_AFTER;
}

/* A success, a failure, or neither: then somebody asked for it. */
static void judge_end(TargetFacts *f, const TargetSpec *spec, const RunResult *result,
                      const PlanWorld *world) {
    if (f->timed_out || f->probe_failed || f->stop_requested)
        return;
    if (is_success(spec, result)) {
        f->ever_succeeded = true;
        f->at.done = world->boot_ms;
        return;
    }
    f->stop_requested = f->want == WANT_STOPPED || f->want == WANT_DISABLED;
    if (!f->stop_requested)
        words_for_end(&f->failure, spec, result);
}

void fact_ended(TargetFacts *f, const TargetSpec *spec, const RunResult *result,
                const PlanWorld *world) {
    if (!facts_alive(f))
        return;
    f->run_state = RUN_ENDED;
    f->result = *result;
    f->result.why = NULL;
    f->ended_us = result->ended_us ? result->ended_us : world->now_us;
    if (f->ended_us < f->started_us)
        f->ended_us = f->started_us; /* the clock was set back meanwhile */
    f->ready = false;
    if (f->stop_failed)
        words_copy(&f->note, NULL); /* the survivors are gone after all */
    f->stop_failed = false;
    judge_end(f, spec, result, world);
    bool killed = result->kind == END_SIGNALED && result->code == SIGKILL;
    if (killed && f->stop_requested && !f->failure && !f->queued &&
        spec->service->stop.signal != SIGKILL)
        words_for_more(&f->note, "SIGKILL ended it");
    if (f->failure)
        apply_policy(f, spec, world);
    owe_hooks(f, spec, result);
}

void fact_hook_begun(TargetFacts *f, Hook hook) {
    f->hook = (unsigned char)hook;
    f->hooks_owed &= (unsigned char)~(1u << hook);
}

void fact_hook_ended(TargetFacts *f, const char *why) {
    if (why)
        words_for_hook(&f->note, (Hook)f->hook, why);
    f->hook = HOOK_NONE;
}

void fact_gone(TargetFacts *f) {
    f->gone = true;
}

void fact_noted(TargetFacts *f, const char *note) {
    words_copy(&f->note, note);
}

void fact_noted_too(TargetFacts *f, const char *note) {
    words_for_more(&f->note, note);
}

void facts_deinit(TargetFacts *f) {
    words_copy(&f->cause, NULL);
    words_copy(&f->failure, NULL);
    words_copy(&f->note, NULL);
    words_copy(&f->due, NULL);
}
