/* SPDX-License-Identifier: Apache-2.0 */
/* A server begins: what was asked is read from disk, what runs is asked for at the backend, and the
 * facts are put together as if nothing had happened. No target is planned before all of its session
 * have been looked up. */

#include "engine/sessions/adopt.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "data/json.h"
#include "engine/sessions/enablement.h"
#include "engine/backends/orphans.h"
#include "engine/environments/environment.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/run_files.h"
#include "engine/targets/target.h"
#include "engine/targets/service_watch.h"
#include "engine/workflows/workflow.h"

/* The world as it was at that time: a back-off, say, counts from the end of the run, not from ours.
 * Counted by the clock that nobody sets, where that is known. */
static PlanWorld world_at(const Session *session, Moment when) {
    PlanWorld world = session_world(session);
    int64_t ago_ms = when.boot_ms ? loop_boot_ms(session->engine->loop) - when.boot_ms
                                  : (world.now_us - when.wall_us) / 1000;
    if (when.wall_us > 0 && ago_ms > 0)
        world.now_ms -= ago_ms;
    if (when.wall_us > 0)
        world.now_us = when.wall_us;
    if (when.boot_ms)
        world.boot_ms = when.boot_ms;
    else if (when.wall_us > 0 && ago_ms > 0)
        world.boot_ms -= ago_ms;
    return world;
}

/* The record counts its own run: it is not another restart. */
static void was_asked(Target *target, const StepState *state, const PlanWorld *world) {
    TargetFacts *facts = target_facts(target);
    facts->attempt = state->attempt;
    fact_start_asked(facts, facts->run, world);
    facts->restarts = state->restarts;
    Moment asked = run_files_asked(target->session->dir, target_spec(target)->name, facts->run);
    if (asked.boot_ms)
        facts->at.asked = asked.boot_ms;
}

/* What an earlier server knew of the newest run. */
static void was_started(Target *target, const StepState *state) {
    const Session *session = target->session;
    TargetFacts *facts = target_facts(target);
    PlanWorld world = world_at(session, (Moment){state->started_us, state->started_boot_ms});
    Want want = facts->want;
    was_asked(target, state, &world);
    fact_started(facts, target_spec(target), (int32_t)state->pid, state->started_us, &world);
    facts->want = want;
    fact_noted(facts, state->cause);
    Moment ready = run_files_ready(session->dir, target_spec(target)->name, facts->run);
    if (ready.wall_us && !facts->ready) {
        ready.boot_ms = state->started_boot_ms ? ready.boot_ms : 0;
        world = world_at(session, ready);
        fact_ready(facts, true, &world);
    }
}

static void found_ended(Target *target, const StepState *state) {
    TargetFacts *facts = target_facts(target);
    PlanWorld world = world_at(target->session, (Moment){.wall_us = state->ended_us});
    if (state->started_boot_ms && state->ended_us > state->started_us)
        world.boot_ms = state->started_boot_ms + (state->ended_us - state->started_us) / 1000;
    RunResult end = target_result(state);
    if (state->started_us)
        was_started(target, state);
    else
        was_asked(target, state, &world);
    if (facts->want != WANT_RUN)
        fact_stop_asked(facts, &world);
    fact_ended(facts, target_spec(target), &end, &world);
    target_inputs_ended(target);
    if (state->lingering)
        target_lingers(target, facts->run);
}

static void found(Target *target, const StepState *state) {
    Session *session = target->session;
    TargetFacts *facts = target_facts(target);
    switch (state->phase) {
    case STEP_NEVER: /* announced, never begun: as if its run had not been asked for */
        facts->run_state = RUN_NONE;
        facts->queued = facts->want == WANT_RUN;
        break;
    case STEP_RUNNING:
        was_started(target, state);
        session->alive++;
        target_watch_run(target);
        break;
    case STEP_ENDED:
        if (state->elsewhere && facts->want == WANT_RUN) /* a second one beside it is not meant */
            fact_wanted(facts, WANT_STOPPED, 0, NULL);
        found_ended(target, state);
        if (state->elsewhere)
            fact_noted(facts, state->error);
        hooks_restore(target);
        if (state->rebooted && target_spec(target)->type == TARGET_JOB && facts->want == WANT_RUN)
            fact_wanted(facts, WANT_RUN, loop_wall_us(session->engine->loop),
                        "run again: the machine was restarted while it ran");
        break;
    }
    events_look(target);
    target_ask_queued(target);
}

void target_ask_queued(Target *target) {
    Session *session = target->session;
    TargetFacts *facts = target_facts(target);
    if (target->queued_after && target->queued_after == facts->run && target->queued_cause)
        fact_changed(facts, loop_wall_us(session->engine->loop), target_patient(target),
                     target->queued_cause);
    else if (target->queued_after && target->queued_after == facts->run && facts->want == WANT_RUN)
        fact_restart_asked(facts, loop_wall_us(session->engine->loop), "restarted by request");
}

static void looked_up(Session *session);

void target_looked_up(Target *target) {
    looked_up(target->session);
}

static void record_adopted(Session *session) {
    char message[80];
    snprintf(message, sizeof(message), "another thole-server has taken over, with %zu running",
             session->alive);
    event_record(session, &(Event){.kind = EVENT_SERVER, .reason = "Adopted", .message = message});
}

static void looked_up(Session *session) {
    if (--session->adopting > 0)
        return;
    session_note_disabled(session);
    for (size_t i = 0; i < session->graph.n; i++)
        schedule_resume(session->targets[i]);
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->targets[i]->queued_forced)
            fact_forced(&session->facts[i]);
    for (size_t i = 0; i < session->graph.n; i++)
        target_mark(session->targets[i]);
    engine_changed(session->engine, session);
    config_watch_follow(session);
    log_info("%s: adopted, %zu running", session->slug, session->alive);
    record_adopted(session);
}

/* The backend cannot say what became of it. Until it can, it counts as a survivor: nothing is
 * started beside it, and it is not said to be gone. */
static void found_nothing(Target *target, const Err *err) {
    TargetFacts *facts = target_facts(target);
    PlanWorld world = session_world(target->session);
    fact_unclear(facts, err->msg, &world);
    target->session->alive++;
    str_copy(target->stop_failed, sizeof(target->stop_failed), facts->note);
    log_warn("%s %s: %s", target->session->slug, target_spec(target)->name, err->msg);
}

static void on_resumed(void *arg, const void *result, const Err *err) {
    Target *target = arg;
    target->resume = NULL;
    sys_point("adopt");
    if (err)
        found_nothing(target, err);
    else
        found(target, result);
    looked_up(target->session);
}

/* As its former server has seen it: its inputs are not looked at again. */
static void was_skipped(Target *target) {
    TargetFacts *facts = target_facts(target);
    PlanWorld world = world_at(target->session, (Moment){.wall_us = target->skipped_us});
    if (!facts->queued || !target->skipped_note)
        return;
    fact_look_asked(facts);
    fact_looked(facts, true, target->skipped_note, &world);
}

void target_was_refused(Target *target, const RunRefusal *refusal) {
    TargetFacts *facts = target_facts(target);
    PlanWorld world = session_world(target->session);
    RunResult end = {.kind = END_FAILED,
                     .oom_killed = UNKNOWN,
                     .ended_us = refusal->ended_us,
                     .not_begun = true,
                     .why = refusal->why};
    if (refusal->ended_us && refusal->ended_us < world.now_us)
        world.now_ms -= (world.now_us - refusal->ended_us) / 1000;
    facts->attempt = refusal->attempt;
    fact_start_asked(facts, facts->run, &world);
    facts->restarts = refusal->restarts;
    if (facts->want != WANT_RUN)
        fact_stop_asked(facts, &world);
    fact_ended(facts, target_spec(target), &end, &world);
    events_look(target);
    hooks_restore_refused(target);
    target_ask_queued(target);
}

void target_look_up(Target *target) {
    Session *session = target->session;
    RunRefusal refusal;
    TargetFacts *facts = target_facts(target);
    if (facts->run <= target->base_run) {
        facts->queued =
            facts->want == WANT_RUN && (!schedule_has(target) || schedule_was_queued(target));
        facts->trigger_us = session->started_us;
        was_skipped(target);
        return;
    }
    if (run_files_refused(session->dir, target_spec(target)->name, facts->run, &refusal)) {
        target_was_refused(target, &refusal);
        return;
    }
    session->adopting++;
    target->resume = backend_resume_step(session->engine->backend,
                                         target_step_id(target, facts->run), on_resumed, target);
}

static void on_setup(void *arg, const void *result, const Err *err) {
    Session *session = arg;
    session->setup = NULL;
    if (err)
        log_error("%s: %s", session->slug, err->msg);
    session->ready = true;
    watches_follow(session);
    for (size_t i = 0; i < session->graph.n; i++)
        if (i != session->graph.tiltfile)
            hooks_look_up(session->targets[i]);
    looked_up(session); /* our own share, taken in adopt() */
}

static void adopt(Session *session) {
    events_recall(session);
    session->adopting = 1;
    session_publish(session);
    session_set_up(session, on_setup);
    session_hold(session, 0);
}

/* Versions grow from server to server, also when the clock was set back in between: each writes
 * down where it began, and the next begins beyond all that it can have drawn. What cannot be read
 * or written is no reason not to start. */
static void begin_versions(Engine *engine) {
    enum { DRAWN_AT_MOST = 1000 * 1000 * 1000, TEXT_MAX = 256 };
    AUTO_FREE char *path = path_join(engine->state_dir, "version.json");
    AUTO_FREE char *text = NULL;
    Arena arena;
    const Value *v = NULL;
    size_t size;
    Err err;
    arena_init(&arena);
    if (file_read(path, TEXT_MAX, &text, &size, &err) == 0 &&
        json_parse(text, size, &arena, &v, &err) == 0 && value_get_int(v, "version", -1) > 0)
        objects_begin_at(engine->objects, (uint64_t)value_get_int(v, "version", 0) + DRAWN_AT_MOST);
    const char *next = arena_printf(&arena, "{\"format\":1,\"version\":%llu}\n",
                                    (unsigned long long)objects_version(engine->objects));
    if (value_get_int(v, "format", 1) == 1 &&
        file_write_atomic(path, next, strlen(next), 0600, false, &err) < 0)
        log_warn("%s", err.msg);
    arena_deinit(&arena);
}

int session_purge_down(Engine *engine, const char *slug, Err *err) {
    Session *session;
    if (session_load(engine, slug, true, &session, err) < 0)
        return -1;
    session->deleting = session->purge = true;
    session->object.deleted_us = loop_wall_us(engine->loop);
    adopt(session);
    return 0;
}

int engine_adopt(Engine *engine, LoopFn adopted, void *arg, Err *err) {
    AUTO_FREE char *path = path_join(engine->state_dir, "sessions");
    if (path_mkdirs(path, 0700, err) < 0)
        return -1;
    DIR *dir = opendir(path);
    if (!dir)
        return err_sys(err, errno, "open %s", path);
    begin_versions(engine);
    for (struct dirent *entry; (entry = readdir(dir));) {
        Session *session;
        Err why;
        if (entry->d_name[0] == '.')
            continue;
        int r = session_load(engine, entry->d_name, false, &session, &why);
        if (r < 0 && why.kind != ERR_NOT_FOUND)
            log_error("session %s is not adopted: %s", entry->d_name, why.msg);
        if (r == 0)
            adopt(session);
    }
    closedir(dir);
    if (workflows_adopt(engine, err) < 0 || environments_adopt(engine, err) < 0)
        return -1;
    orphans_sweep(engine);
    engine->looking_up = true;
    engine->adopted = adopted;
    engine->adopted_arg = arg;
    engine_wants_drain(engine);
    return 0;
}
