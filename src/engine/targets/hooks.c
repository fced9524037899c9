/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/targets/hooks.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/sessions/adopt.h"
#include "engine/targets/run_files.h"
#include "engine/targets/step_build.h"
#include "engine/targets/target.h"

char *hooks_name(const Target *target, Hook hook) {
    return xasprintf("%s.%s", target_spec(target)->name, hook_name(hook));
}

/* As the run was begun with them. */
static const Hooks *hooks_of(const Target *target) {
    const TargetSpec *spec = target_spec(target);
    const Service *begun = target->begun ? target_begun_service(target) : NULL;
    if (!target_has_hooks(spec))
        return NULL;
    return begun ? &begun->hooks : &spec->service->hooks;
}

static const Command *command_of(const Target *target, Hook hook) {
    const Hooks *hooks = hooks_of(target);
    const Command *command = !hooks                    ? NULL
                             : hook == HOOK_BEFORE     ? &hooks->before
                             : hook == HOOK_ON_FAILURE ? &hooks->on_failure
                                                       : &hooks->after;
    return command && command->argv.n ? command : NULL;
}

/* Of the newest run of the hook. `name` lives as long as the id is used. */
static StepId id_of(const Target *target, Hook hook, const char *name) {
    return (StepId){.task = target->session->slug, .step = name, .run = target->hooks.newest[hook]};
}

bool hooks_running(const Target *target) {
    return target->hooks.running != HOOK_NONE;
}

/* ---- its end ---- */

static void forget(Target *target) {
    TargetHooks *h = &target->hooks;
    h->timer = timer_free(h->timer);
    op_forget(h->destroy);
    h->destroy = NULL;
    h->running = HOOK_NONE;
    h->late = h->stopped = false;
    object_touch(target->session->engine->objects, &target->object);
}

static void record_failure(Target *target, Hook hook, const char *why) {
    char message[FACTS_TEXT + 40];
    snprintf(message, sizeof(message), "hook %s failed: %s", hook_name(hook), why);
    event_record(target->session,
                 &(Event){.target = target_name(target),
                          .run = target_facts(target)->run,
                          .kind = EVENT_HOOK,
                          .reason = target->hooks.late ? "TimedOut" : REASON_FAILED,
                          .message = message});
}

/* `why` NULL: well. */
static void ended(Target *target, Hook hook, const char *why) {
    bool stopped = target->hooks.stopped;
    if (why && !stopped)
        record_failure(target, hook, why);
    forget(target);
    if (hook == HOOK_BEFORE) {
        char failed[FACTS_TEXT];
        snprintf(failed, sizeof(failed), "hook before failed: %s", why ? why : "");
        bool leaving = stopped || target_facts(target)->run_state == RUN_STOPPING;
        if (leaving || why)
            target_refused(target, leaving ? "stopped before it was started" : failed);
        else
            target_begun(target);
        return;
    }
    fact_hook_ended(target_facts(target), why);
    target->session->alive--;
    engine_tidy_later(target->session->engine, target);
    target_mark(target);
    engine_changed(target->session->engine, target->session);
}

/* How a hook has failed; "": it has not. */
static void describe(const Target *target, const StepState *state, char *text, size_t size) {
    char timeout[DURATION_TEXT];
    const char *name = sigabbrev_np(state->code);
    text[0] = '\0';
    if (target->hooks.late) {
        duration_format_go(hooks_of(target)->timeout_ms, timeout);
        snprintf(text, size, "timed out after %s", timeout);
    } else if (state->end == STEP_EXITED && state->code != 0) {
        snprintf(text, size, "exit code %d", state->code);
    } else if (state->end == STEP_SIGNALED) {
        snprintf(text, size, "killed by SIG%s", name ? name : "?");
    } else if (state->end == STEP_FAILED || state->end == STEP_LOST) {
        snprintf(text, size, "%s", state->error[0] ? state->error : "its exit code is unknown");
    }
}

static void on_ended(void *arg, const void *result, const Err *err) {
    Target *target = arg;
    char why[FACTS_TEXT];
    target->hooks.op = NULL;
    sys_point("hooked");
    if (err)
        str_copy(why, sizeof(why), err->msg);
    else
        describe(target, result, why, sizeof(why));
    ended(target, target->hooks.running, why[0] ? why : NULL);
}

/* ---- its life ---- */

static void on_destroyed(void *arg, const void *result, const Err *err) {
    Target *target = arg;
    target->hooks.destroy = NULL;
    if (!err)
        return;
    str_copy(target->stop_failed, sizeof(target->stop_failed), err->msg);
    fact_stop_failed(target_facts(target), err->msg);
    target_mark(target);
}

static void end(Target *target, bool kill) {
    TargetHooks *h = &target->hooks;
    AUTO_FREE char *name = hooks_name(target, h->running);
    const Stop *stop = &target_spec(target)->service->stop;
    StopHow how = {.signal = kill ? SIGKILL : SIGTERM,
                   .grace_ms = kill ? 0 : (uint32_t)stop->grace_ms};
    op_forget(h->destroy);
    h->destroy = backend_destroy_step(target->session->engine->backend,
                                      id_of(target, h->running, name), &how, on_destroyed, target);
}

void hooks_stop(Target *target, bool kill) {
    target->hooks.stopped = true;
    end(target, kill);
}

/* One that is being stopped has no time to keep any more. */
static void on_late(void *arg) {
    Target *target = arg;
    if (target->hooks.stopped)
        return;
    target->hooks.late = true;
    end(target, false);
}

static void watch(Target *target, Hook hook) {
    AUTO_FREE char *name = hooks_name(target, hook);
    TargetHooks *h = &target->hooks;
    Engine *engine = target->session->engine;
    int64_t timeout_ms = hooks_of(target)->timeout_ms;
    h->running = hook;
    h->op = backend_wait_step(engine->backend, id_of(target, hook, name), on_ended, target);
    if (timeout_ms && !h->timer)
        h->timer = timer_new(engine->loop, timeout_ms, on_late, target);
}

static void on_started(void *arg, const void *result, const Err *err) {
    Target *target = arg;
    const StepState *state = result;
    target->hooks.op = NULL;
    if (err || state->phase != STEP_RUNNING)
        on_ended(target, result, err);
    else
        watch(target, target->hooks.running);
}

static void start(Target *target, Hook hook, const Command *command) {
    AUTO_FREE char *name = hooks_name(target, hook);
    Session *session = target->session;
    TargetHooks *h = &target->hooks;
    Arena arena;
    Step step;
    arena_init(&arena);
    uint32_t newest = run_files_newest(session->dir, name);
    h->newest[hook] = (newest > h->newest[hook] ? newest : h->newest[hook]) + 1;
    step_build_hook(target, hook, command, &arena, &step);
    step.name = step.uuid = name;
    h->running = hook;
    h->op = backend_start_step(session->engine->backend, id_of(target, hook, name), &step,
                               on_started, target);
    arena_deinit(&arena);
    object_touch(session->engine->objects, &target->object);
}

bool hooks_before(Target *target) {
    const Command *command = command_of(target, HOOK_BEFORE);
    if (command)
        start(target, HOOK_BEFORE, command);
    return command != NULL;
}

void hooks_start(Target *target, Hook hook) {
    const Command *command = command_of(target, hook);
    fact_hook_begun(target_facts(target), hook);
    if (!command) { /* the file has another one by now, or none */
        fact_hook_ended(target_facts(target), NULL);
        return;
    }
    target->session->alive++;
    start(target, hook, command);
}

void hooks_free(Target *target) {
    TargetHooks *h = &target->hooks;
    h->timer = timer_free(h->timer);
    op_drop(h->op);
    op_forget(h->destroy);
    h->op = h->destroy = NULL;
}

void hooks_tidy(Target *target) {
    for (Hook hook = HOOK_BEFORE; hook < HOOKS; hook++) {
        if (!target->hooks.newest[hook])
            continue;
        AUTO_FREE char *name = hooks_name(target, hook);
        RunsKept kept = {.newest = target->hooks.newest[hook],
                         .max_bytes = target->session->config->logs.max_size};
        (void)run_files_retain(target->session->dir, name, &kept);
    }
    AUTO_FREE char *stops = xasprintf("%s.stop", target_spec(target)->name);
    RunsKept kept = {.newest = target_facts(target)->run,
                     .max_bytes = target->session->config->logs.max_size};
    if (target_spec(target)->service && target_spec(target)->service->stop.command.argv.n)
        (void)run_files_retain(target->session->dir, stops, &kept);
}

/* ---- the next server ---- */

void hooks_mark(Target *target) {
    char text[64] = "";
    for (Hook hook = HOOK_ON_FAILURE; hook < HOOKS; hook++)
        if (command_of(target, hook)) {
            size_t n = strlen(text);
            snprintf(text + n, sizeof(text) - n, "%s\n", hook_name(hook));
        }
    if (text[0])
        run_files_mark_hooks(target->session->dir, target_spec(target)->name,
                             target_facts(target)->run, text);
}

/* The run that it was for; 0: nobody knows. */
static uint32_t meant_for(const StepState *state) {
    int64_t run;
    return number_parse(state->cause, 1, UINT32_MAX, &run) == 0 ? (uint32_t)run : 0;
}

/* Whatever its record can tell; what cannot be read counts as run. */
static bool was_for(const StepState *state, const Err *err, uint32_t run) {
    if (err)
        return true;
    uint32_t meant = state->phase == STEP_NEVER ? UINT32_MAX : meant_for(state);
    return meant == run || meant == 0;
}

static bool look_at(Target *target, Hook hook, OpFn fn) {
    AUTO_FREE char *name = hooks_name(target, hook);
    Session *session = target->session;
    uint32_t newest = run_files_newest(session->dir, name);
    target->hooks.newest[hook] = newest;
    if (!newest)
        return false;
    session->adopting++;
    target->resume =
        backend_resume_step(session->engine->backend, id_of(target, hook, name), fn, target);
    return true;
}

static void restore_next(Target *target, Hook from);

/* ---- ... finds a run that waits for its `before` ---- */

static void found_before(Target *target, const StepState *state, uint32_t run) {
    TargetFacts *facts = target_facts(target);
    PlanWorld world = session_world(target->session);
    char why[FACTS_TEXT];
    facts->run = run;
    facts->attempt = state->attempt;
    fact_start_asked(facts, run, &world);
    facts->restarts = state->restarts;
    target->session->alive++;
    target->hooks.running = HOOK_BEFORE;
    target_begin_under(target);
    if (state->phase == STEP_RUNNING) {
        watch(target, HOOK_BEFORE);
        if (facts->want != WANT_RUN)
            target_mark(target);
        return;
    }
    describe(target, state, why, sizeof(why));
    target->hooks.stopped = facts->want != WANT_RUN;
    ended(target, HOOK_BEFORE, why[0] ? why : NULL);
}

/* It had failed, and so its run never began: told as then, but for what has followed since. */
static void found_refused(Target *target, const StepState *state) {
    RunRefusal refusal = {state->ended_us, state->attempt, state->restarts, ""};
    char why[FACTS_TEXT];
    describe(target, state, why, sizeof(why));
    snprintf(refusal.why, sizeof(refusal.why), "hook before failed: %s", why);
    target_was_refused(target, &refusal);
}

static bool has_failed(const StepState *state) {
    return state->phase == STEP_ENDED && !(state->end == STEP_EXITED && state->code == 0);
}

static void on_before(void *arg, const void *result, const Err *err) {
    Target *target = arg;
    const StepState *state = result;
    TargetFacts *facts = target_facts(target);
    target->resume = NULL;
    uint32_t run = !err && state->phase != STEP_NEVER ? meant_for(state) : 0;
    if (run > facts->run) {
        found_before(target, state, run);
        target_looked_up(target);
        return;
    }
    if (run > target->base_run && run == facts->run && has_failed(state)) {
        found_refused(target, state);
        target_looked_up(target);
        return;
    }
    if (!err && state->phase == STEP_NEVER && facts->run) /* announced: its run is still to come */
        target->queued_after = facts->run;
    target_look_up(target);
    target_looked_up(target);
}

void hooks_look_up(Target *target) {
    bool any = target_spec(target)->service && command_of(target, HOOK_BEFORE);
    if (!any || !look_at(target, HOOK_BEFORE, on_before))
        target_look_up(target);
}

/* ---- ... and which are still owed ---- */

static void on_restored(Target *target, Hook hook, const void *result, const Err *err) {
    const StepState *state = result;
    TargetFacts *facts = target_facts(target);
    char why[FACTS_TEXT] = "";
    target->resume = NULL;
    if (was_for(state, err, facts->run)) {
        fact_hook_begun(facts, hook);
        if (!err && state->phase == STEP_RUNNING) {
            target->session->alive++;
            watch(target, hook);
        } else {
            if (!err)
                describe(target, state, why, sizeof(why));
            fact_hook_ended(facts, why[0] ? why : NULL);
        }
    }
    if (facts->hook == HOOK_NONE)
        restore_next(target, hook + 1);
    target_looked_up(target);
}

static void on_failure_restored(void *arg, const void *result, const Err *err) {
    on_restored(arg, HOOK_ON_FAILURE, result, err);
}

static void on_after_restored(void *arg, const void *result, const Err *err) {
    on_restored(arg, HOOK_AFTER, result, err);
}

static void restore_next(Target *target, Hook from) {
    static const OpFn fns[HOOKS] = {
        [HOOK_ON_FAILURE] = on_failure_restored, [HOOK_AFTER] = on_after_restored};
    for (Hook hook = from; hook < HOOKS; hook++)
        if (target_facts(target)->hooks_owed >> hook & 1 && look_at(target, hook, fns[hook]))
            return;
}

void hooks_restore_refused(Target *target) {
    restore_next(target, HOOK_ON_FAILURE);
}

void hooks_restore(Target *target) {
    TargetFacts *facts = target_facts(target);
    if (!facts->hooks_owed)
        return;
    AUTO_FREE char *marked =
        run_files_hooks(target->session->dir, target_spec(target)->name, facts->run);
    for (Hook hook = HOOK_ON_FAILURE; hook < HOOKS; hook++)
        if (!marked || !strstr(marked, hook_name(hook)))
            facts->hooks_owed &= (unsigned char)~(1u << hook);
    restore_next(target, HOOK_ON_FAILURE);
}
