/* SPDX-License-Identifier: Apache-2.0 */
/* How sessions end: by their exit condition, by request, or because nobody holds them any more. */
#include <assert.h>

#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "engine/sessions/reload.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/target.h"

enum { HOLD_MS = 30 * 1000 };

/* ---- the end ---- */

/* What nobody asked for keeps saying so, and what has ended has its own reasons. */
void session_want_down(Session *session, const char *why) {
    int64_t now_us = loop_wall_us(session->engine->loop);
    for (size_t i = 0; i < session->graph.n; i++) {
        TargetFacts *facts = &session->facts[i];
        bool idle =
            facts->want == WANT_NOTHING || (facts->want == WANT_DISABLED && !facts_alive(facts));
        if (i == session->graph.tiltfile || idle)
            continue;
        char note[80] = "";
        if (facts->run_state == RUN_NONE && facts->queued && session->targets[i]->why[0])
            event_record(session, &(Event){.target = session->graph.targets[i].name,
                                           .kind = EVENT_WAITING,
                                           .reason = REASON_SESSION,
                                           .message = session->targets[i]->why});
        if (facts_alive(facts) || facts->run_state == RUN_NONE)
            snprintf(note, sizeof note, "%s: %s", facts_alive(facts) ? "stopped" : "not started",
                     why);
        fact_wanted(facts, WANT_DOWN, now_us, note);
        target_mark(session->targets[i]);
    }
}

static void retry_survivors(Session *session) {
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->facts[i].stop_failed)
            target_kill(session->targets[i]);
        else
            session->targets[i]->stop_failed[0] = '\0';
}

/* What `linger` keeps is left alone, unless nothing is to be left. True: it is as it should be. */
static bool helpers_settled(Session *session) {
    bool settled = true;
    for (size_t i = 0; i < session->graph.n; i++) {
        Target *target = session->targets[i];
        if (target->helpers.runs.n)
            target_look(target);
        settled = (!session->purge || target_end_helpers(target)) && settled;
    }
    return settled;
}

void session_delete(Session *session, int64_t grace_ms, bool purge) {
    Err err;
    session->purge |= purge;
    if (!session->deleting) {
        session->deleting = true;
        session->object.deleted_us = loop_wall_us(session->engine->loop);
        if (session_save(session, &err) < 0)
            log_warn("%s: %s", session->slug, err.msg);
        event_record(session, &(Event){.kind = EVENT_SESSION,
                                       .reason = REASON_STOPPING,
                                       .message = "the session is stopped"});
        session_want_down(session, "its session is stopped");
    } else {
        retry_survivors(session);
    }
    if (grace_ms == 0)
        for (size_t i = 0; i < session->graph.n; i++)
            target_kill(session->targets[i]);
    session_touch(session);
}

static void finish_delete(Session *session) {
    Err err;
    session->down = true;
    event_record(session, &(Event){.kind = EVENT_SESSION,
                                   .reason = REASON_DOWN,
                                   .message = "nothing of the session runs any more"});
    sys_point("down");
    int r = session->purge ? path_remove_tree(session->dir, &err) : session_save(session, &err);
    if (r < 0)
        log_warn("%s: %s", session->slug, err.msg);
    log_info("%s: gone", session->slug);
    session_unpublish(session);
    session_free(session);
}

static void on_exit_timer(void *arg) {
    engine_changed(((Session *)arg)->engine, arg);
}

static void check_exit(Session *session) {
    ExitVerdict verdict;
    ExitInput input = {.graph = &session->graph,
                       .facts = session->facts,
                       .chosen = session->chosen,
                       .shown = session->statuses,
                       .started_ms = session->started_ms,
                       .healthy_since_ms = session->healthy_since_ms,
                       .now_ms = loop_now_ms(session->engine->loop),
                       .ci = &session->ci_config};
    (session->ci ? exit_check : exit_check_ends)(&input, &verdict);
    session->healthy_since_ms = verdict.healthy_since_ms;
    session->exit_timer = timer_free(session->exit_timer);
    if (!verdict.done) {
        if (verdict.wake_ms)
            session->exit_timer = timer_new(session->engine->loop, verdict.wake_ms - input.now_ms,
                                            on_exit_timer, session);
        return;
    }
    Err err;
    session->done = true;
    session->late = verdict.timeout;
    str_copy(session->error, sizeof(session->error), verdict.error);
    if (verdict.culprit >= 0)
        session->culprit =
            arena_strdup(&session->arena, session->graph.targets[verdict.culprit].name);
    log_info("%s: done%s%s", session->slug, verdict.error[0] ? ": " : "", verdict.error);
    event_record(session, &(Event){.kind = EVENT_SESSION,
                                   .reason = verdict.error[0] ? REASON_FAILED : REASON_SUCCEEDED,
                                   .message = verdict.error[0] ? verdict.error
                                              : session->ci    ? "everything succeeded"
                                                               : "what ends the session has ended",
                                   .cause = {.target = session->culprit}});
    if (session_save(session, &err) < 0)
        log_warn("%s: %s", session->slug, err.msg);
    object_touch(session->engine->objects, &session->object);
    session_want_down(session, "the session is done");
}

/* A job stays what it has become as long as its session does; a build is of no use by itself. */
static bool is_up(const Session *session, size_t i) {
    const TargetFacts *facts = &session->facts[i];
    const TargetSpec *spec = &session->graph.targets[i];
    if (facts_alive(facts))
        return true;
    if (facts->want != WANT_RUN)
        return false;
    bool job = spec->type == TARGET_JOB && target_has_hooks(spec);
    bool done = facts->run_state == RUN_ENDED && !facts->failure;
    return facts->queued || facts->due_us || (job && done);
}

SessionStanding session_standing(const Session *session) {
    SessionStanding standing = session->adopting ? SESSION_UP : SESSION_IDLE;
    for (size_t i = 0; i < session->graph.n; i++) {
        Want want = session->facts[i].want;
        if (i == session->graph.tiltfile)
            continue;
        if (is_up(session, i))
            return SESSION_UP;
        if (standing == SESSION_IDLE && want != WANT_NOTHING && want != WANT_DISABLED)
            standing = SESSION_OVER;
    }
    return standing;
}

static void tell_environment(Session *session) {
    SessionStanding now = session_standing(session);
    if (now == session->standing)
        return;
    session->standing = now;
    session_touch_environment(session);
}

/* A service of another kind can come now that the former one has gone. */
static void reload_rest(Session *session) {
    Report report;
    Arena arena;
    Err err;
    arena_init(&arena);
    report_init(&report, &arena);
    if (session_reload(session, &report, &err) < 0)
        log_warn("%s: %s", session->slug, err.msg);
    arena_deinit(&arena);
}

void session_settle(Session *session) {
    if (session->touched) {
        session->touched = false;
        object_touch(session->engine->objects, &session->object);
        state_view_changed(session->view);
        tell_environment(session);
    }
    if (session->adopting)
        return;
    if (!session->deleting && session_drop_leaving(session) && session->reload_again)
        reload_rest(session);
    bool may_end = session->ci || session->generation->may_end;
    if (may_end && session->ready && !session->done && !session->deleting)
        check_exit(session);
    if (session->deleting && session->alive == 0 && helpers_settled(session) &&
        ports_release(session) && state_view_finish(session->view, session->purge))
        finish_delete(session);
}

/* ---- held by a client ---- */

static void on_unheld(void *arg) {
    Session *session = arg;
    session->hold_timer = timer_free(session->hold_timer);
    log_info("%s: its client has been gone for %d s", session->slug, HOLD_MS / 1000);
    session_delete(session, -1, false);
}

static void hold_changed(Session *session) {
    session->hold_timer = timer_free(session->hold_timer);
    if (session->hold && session->holders == 0 && !session->deleting)
        session->hold_timer = timer_new(session->engine->loop, HOLD_MS, on_unheld, session);
}

void session_hold(Session *session, int change) {
    session->holders += change;
    assert(session->holders >= 0);
    hold_changed(session);
}
