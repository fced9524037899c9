/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/events/events_look.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "engine/events/event_cursor.h"
#include "engine/targets/target.h"

static void record(Target *target, const Event *event) {
    Event own = *event;
    own.target = target_name(target);
    event_record(target->session, &own);
}

/* ---- why it started now, and not before ---- */

static int64_t satisfied_us(const TargetFacts *facts, const Dep *dep) {
    switch (dep->condition) {
    case DEP_STARTED: return facts->started_us;
    case DEP_READY: return facts->last_ready_us;
    case DEP_COMPLETED:
    case DEP_ENDED:
    case DEP_DEFAULT: return facts->ended_us;
    }
    return 0;
}

/* What it waited for to the last, if it had to wait. */
static void find_cause(Target *target, Event *event) {
    const TargetSpec *spec = target_spec(target);
    const TargetFacts *own = target_facts(target), *all = target->session->facts;
    int64_t last_us = own->trigger_us;
    for (size_t d = 0; d < spec->dep_n && last_us; d++) {
        const TargetFacts *on = &all[spec->deps[d].target];
        int64_t us = satisfied_us(on, &spec->deps[d]);
        if (us <= last_us || us > own->started_us)
            continue;
        last_us = us;
        event->cause.target = target->session->graph.targets[spec->deps[d].target].name;
        event->cause.run = on->run;
    }
}

static void look_started(Target *target) {
    const TargetFacts *facts = target_facts(target);
    char message[64];
    Event event = {.run = facts->run,
                   .time_us = facts->started_us,
                   .kind = EVENT_STARTED,
                   .reason = "Started",
                   .message = message};
    if (!facts->started_us || facts->run <= target->events.started)
        return;
    target->events.started = facts->run;
    target->events.held = HOLD_NONE;
    find_cause(target, &event);
    snprintf(message, sizeof(message), "run %u started, process %d", facts->run, facts->pid);
    record(target, &event);
}

/* ---- ready ---- */

static void look_ready(Target *target) {
    const TargetFacts *facts = target_facts(target);
    char message[FACTS_TEXT + 40], took[DURATION_TEXT];
    bool running = facts->run_state == RUN_RUNNING && !facts->stop_requested;
    if (!running || facts->ready == target->events.ready)
        return;
    target->events.ready = facts->ready;
    duration_format_short((facts->last_ready_us - facts->started_us) / 1000, took);
    if (facts->ready && facts->last_ready_us - facts->started_us < 1000)
        snprintf(message, sizeof(message), "ready at once");
    else if (facts->ready)
        snprintf(message, sizeof(message), "ready after %s", took);
    else
        snprintf(message, sizeof(message), "not ready any more%s%s",
                 target->probe_why[0] ? ": " : "", target->probe_why);
    record(target, &(Event){.run = facts->run,
                            .time_us = facts->ready ? facts->last_ready_us : 0,
                            .kind = facts->ready ? EVENT_READY : EVENT_UNREADY,
                            .reason = facts->ready ? "Ready" : "NotReady",
                            .message = message});
}

/* ---- stopped ---- */

static const char *stop_reason(const TargetFacts *facts) {
    if (facts->timed_out)
        return "TimedOut";
    if (facts->probe_failed)
        return "ProbeFailed";
    switch (facts->want) {
    case WANT_DOWN: return REASON_SESSION;
    case WANT_DISABLED: return "Disabled";
    case WANT_STOPPED:
    case WANT_NOTHING: return REASON_REQUESTED;
    case WANT_RUN: return facts->queued ? REASON_RESTART : REASON_REQUESTED;
    }
    return REASON_REQUESTED;
}

static const char *stop_message(const TargetFacts *facts) {
    if (facts->failure)
        return facts->failure;
    if (facts->queued && facts->cause) /* the note is still that of the run that ends */
        return facts->cause;
    if (facts->note && facts->note[0])
        return facts->note;
    return facts->queued ? "stopped, to be started again" : "stopped";
}

static void look_stopping(Target *target) {
    const TargetFacts *facts = target_facts(target);
    if (facts->run_state != RUN_STOPPING)
        return;
    if (!facts->stop_failed && facts->run != target->events.stopping)
        record(target, &(Event){.run = facts->run,
                                .kind = EVENT_STOPPING,
                                .reason = stop_reason(facts),
                                .message = stop_message(facts)});
    if (facts->stop_failed && facts->run != target->events.unstopped)
        record(target, &(Event){.run = facts->run,
                                .kind = EVENT_UNSTOPPED,
                                .reason = "Survivors",
                                .message = facts->note});
    target->events.stopping = facts->run;
    target->events.unstopped = facts->stop_failed ? facts->run : 0;
}

/* ---- over ---- */

static const char *end_reason(const TargetFacts *facts) {
    if (!facts->failure)
        return facts->stop_requested ? REASON_STOPPED : REASON_COMPLETED;
    if (facts->timed_out)
        return "TimedOut";
    if (facts->probe_failed)
        return "ProbeFailed";
    switch (facts->result.kind) {
    case END_EXITED: return facts->result.oom_killed == YES ? "OutOfMemory" : "ExitCode";
    case END_SIGNALED: return facts->result.oom_killed == YES ? "OutOfMemory" : "Signal";
    case END_FAILED: return "NotStarted";
    case END_LOST: return "Lost";
    }
    return "Lost";
}

static void record_end(Target *target) {
    const TargetFacts *facts = target_facts(target);
    char code[40];
    snprintf(code, sizeof(code), "exit code %d", facts->result.code);
    record(target, &(Event){.run = facts->run,
                            .time_us = facts->ended_us,
                            .kind = EVENT_ENDED,
                            .reason = end_reason(facts),
                            .message = facts->failure          ? facts->failure
                                       : facts->stop_requested ? stop_message(facts)
                                                               : code});
}

static void record_backoff(Target *target) {
    const TargetFacts *facts = target_facts(target);
    int64_t max = target_spec(target)->service->restart.max_restarts;
    char message[120], delay[DURATION_TEXT], of[40] = "";
    duration_format_short(facts->backoff_ms, delay);
    if (max > 0)
        snprintf(of, sizeof(of), " of %lld", (long long)max);
    snprintf(message, sizeof(message), "restart %u%s by its policy after %s", facts->attempt, of,
             delay);
    record(target, &(Event){.run = facts->run,
                            .kind = EVENT_BACKOFF,
                            .reason = "Policy",
                            .message = message,
                            .cause = {target_name(target), facts->run}});
}

static void look_ended(Target *target) {
    const TargetFacts *facts = target_facts(target);
    if (facts->run_state != RUN_ENDED || facts->run <= target->events.ended)
        return;
    target->events.ended = facts->run;
    target->events.ready = false;
    record_end(target);
    if (facts->failure && facts->queued)
        record_backoff(target);
    else if (facts->gave_up)
        record(target, &(Event){.run = facts->run,
                                .kind = EVENT_GAVE_UP,
                                .reason = facts->result.own_fault ? "Hopeless" : "TooManyRestarts",
                                .message = "nothing starts it again by itself"});
}

void events_look(Target *target) {
    if (!target_spec(target)->service)
        return;
    look_started(target);
    look_ready(target);
    look_stopping(target);
    look_ended(target);
}

/* ---- held back ---- */

static Hold hold_of(const char *reason) {
    for (Hold hold = HOLD_NONE + 1; hold <= HOLD_STARTING; hold++)
        if (strcmp(hold_event_reason(hold), reason) == 0)
            return hold;
    return HOLD_NONE;
}

static uint32_t name_hash(const char *name) {
    return name ? (uint32_t)str_hash(STR_HASH, name) : 0;
}

static const char *waits_for(const Target *target, const Verdict *verdict, uint32_t i) {
    return target->session->graph.targets[verdict->waiting_on[i]].name;
}

/* It was said already, and what it was said to wait for is still of those. Who has a lock or a
 * place may change often, and is no news. */
static bool is_known(const Target *target, const Verdict *verdict) {
    const EventsSeen *seen = &target->events;
    if (verdict->hold != seen->held || verdict->hold != HOLD_DEP)
        return verdict->hold == seen->held;
    for (uint32_t i = 0; i < verdict->waiting_on_n; i++)
        if (name_hash(waits_for(target, verdict, i)) == seen->on)
            return true;
    return false;
}

void events_held(Target *target, const Verdict *verdict, const char *why) {
    Hold hold = verdict->hold;
    bool passing =
        hold == HOLD_LOOK || hold == HOLD_HOOK || hold == HOLD_STOPPING || hold == HOLD_STARTING;
    if (hold == HOLD_NONE || hold == HOLD_BACKOFF || passing || is_known(target, verdict))
        return;
    Event event = {.kind = EVENT_WAITING, .reason = hold_event_reason(hold), .message = why};
    if (verdict->waiting_on_n)
        event.cause.target = waits_for(target, verdict, 0);
    target->events.held = hold;
    target->events.on = hold == HOLD_DEP ? name_hash(event.cause.target) : 0;
    record(target, &event);
}

/* ---- a new server ---- */

static void recall(EventsSeen *seen, const Event *event) {
    switch (event->kind) {
    case EVENT_STARTED:
        seen->started = event->run;
        seen->held = HOLD_NONE;
        return;
    case EVENT_WAITING:
        seen->held = hold_of(event->reason);
        seen->on = seen->held == HOLD_DEP ? name_hash(event->cause.target) : 0;
        return;
    case EVENT_STOPPING: seen->stopping = event->run; return;
    case EVENT_UNSTOPPED: seen->unstopped = event->run; return;
    case EVENT_READY: seen->ready = true; return;
    case EVENT_UNREADY: seen->ready = false; return;
    case EVENT_ENDED:
        seen->ended = event->run;
        seen->ready = false;
        return;
    case EVENT_SESSION:
    case EVENT_SERVER:
    case EVENT_CONFIG:
    case EVENT_ASKED:
    case EVENT_BACKOFF:
    case EVENT_GAVE_UP:
    case EVENT_SKIPPED:
    case EVENT_DISABLED:
    case EVENT_ENABLED:
    case EVENT_HOOK:
    case EVENT_PORT:
    case EVENT_WATCH:
    case EVENT_WORKFLOW:
    case EVENT_KINDS: return;
    }
}

void events_recall(Session *session) {
    EventCursor *cursor = event_cursor_new(session->dir, 0);
    EventLine line;
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < session->graph.n; i++) {
        uint32_t base = session->targets[i]->base_run;
        session->targets[i]->events = (EventsSeen){.started = base, .ended = base};
    }
    while (event_cursor_next(cursor, &arena, &line)) {
        int64_t t = line.event.target ? graph_find(&session->graph, line.event.target) : -1;
        if (t >= 0)
            recall(&session->targets[t]->events, &line.event);
    }
    arena_deinit(&arena);
    event_cursor_free(cursor);
}
