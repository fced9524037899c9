/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/chain.h"

#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"
#include "plan/plan.h"

typedef struct Walk {
    const ChainAsk *ask;
    Arena *arena;
    Chain *chain;
} Walk;

static void happened(const Walk *w, const char *target, int64_t before);
static void is_now(const Walk *w, const TargetStatus *status);

/* ---- lines ---- */

static void add(const Walk *w, ChainLine line) {
    if (w->chain->n < CHAIN_LINES && line.text)
        w->chain->at[w->chain->n++] = line;
}

static bool is_full(const Walk *w) {
    return w->chain->n == CHAIN_LINES;
}

/* "3s ago" */
static const char *ago(const Walk *w, int64_t time_us) {
    char text[DURATION_TEXT];
    duration_format_short((w->ask->now_us - time_us) / 1000, text);
    return arena_printf(w->arena, "%s ago", text);
}

static const char *since(const Walk *w, int64_t time_us) {
    char text[DURATION_TEXT];
    duration_format_short((w->ask->now_us - time_us) / 1000, text);
    return arena_printf(w->arena, "for %s", text);
}

/* " (run 3)", or "" */
static const char *of_run(const Walk *w, uint32_t run) {
    return run ? arena_printf(w->arena, " (run %u)", run) : "";
}

/* ": exit code 3", or "" */
static const char *because(const Walk *w, const char *message) {
    return message && message[0] ? arena_printf(w->arena, ": %s", message) : "";
}

static const char *without(const char *message, const char *prefix) {
    return str_starts(message, prefix) ? message + strlen(prefix) : message;
}

static void show_log(const Walk *w, const char *target, uint32_t run) {
    if (strcmp(target, TARGET_FILE) == 0)
        w->chain->command = "vet";
    else
        w->chain->command = run ? arena_printf(w->arena, "logs %s --run %u", target, run)
                                : arena_printf(w->arena, "logs %s", target);
}

/* ---- events ---- */

/* The newest before `before` (a seq) of these kinds (1 << kind); target NULL: of the session. */
static const Event *last(const Walk *w, const char *target, unsigned kinds, int64_t before) {
    for (size_t i = w->ask->events.n; i-- > 0;) {
        const Event *event = &w->ask->events.at[i];
        if (event->seq < before && kinds & 1u << event->kind && str_same(event->target, target))
            return event;
    }
    return NULL;
}

static const TargetStatus *status_of(const Walk *w, const char *target) {
    for (size_t i = 0; i < w->ask->status_n; i++)
        if (strcmp(w->ask->statuses[i].name, target) == 0)
            return &w->ask->statuses[i];
    return NULL;
}

/* ---- what happened ---- */

static void it_failed(const Walk *w, const Event *end) {
    const char *reason = end->message;
    add(w, (ChainLine){end->target, end->run, end->time_us,
                       arena_printf(w->arena, "%s failed %s%s%s", end->target, ago(w, end->time_us),
                                    of_run(w, end->run), because(w, reason))});
    show_log(w, end->target, end->run);
}

static void session_line(const Walk *w, const Event *event) {
    bool stopped = !event_ends_session(event);
    add(w, (ChainLine){NULL, 0, event->time_us,
                       arena_printf(w->arena, "the session was %s %s%s",
                                    stopped ? "stopped" : "done", ago(w, event->time_us),
                                    stopped ? "" : because(w, event->message))});
}

/* Which wish a start goes back to: the newest since the start before. */
static const Event *wish_of(const Walk *w, const Event *start) {
    const unsigned wishes = 1u << EVENT_ASKED | 1u << EVENT_BACKOFF | 1u << EVENT_ENABLED;
    const Event *wish = last(w, start->target, wishes, start->seq);
    const Event *former = last(w, start->target, 1u << EVENT_STARTED, start->seq);
    const Event *session = last(w, NULL, 1u << EVENT_SESSION, start->seq);
    if (wish && former && former->seq > wish->seq)
        return NULL;
    return wish && session && event_begins_session(session) && session->seq > wish->seq ? NULL
                                                                                        : wish;
}

/* It failed, and the policy started it again. */
static void again_after(const Walk *w, const Event *start) {
    const Event *end = last(w, start->target, 1u << EVENT_ENDED, start->seq);
    add(w, (ChainLine){start->target, start->run, start->time_us,
                       arena_printf(w->arena, "%s started %s%s because it had failed",
                                    start->target, ago(w, start->time_us), of_run(w, start->run))});
    if (end)
        it_failed(w, end);
}

/* Its message says what was done: "restarted by request". */
static bool by_request(const Event *wish) {
    return wish->kind == EVENT_ENABLED || event_has_reason(wish, REASON_START) ||
           event_has_reason(wish, REASON_RESTART) || event_has_reason(wish, REASON_TRIGGERED);
}

static void on_wish(const Walk *w, const Event *start, const Event *wish) {
    add(w, (ChainLine){start->target, start->run, start->time_us,
                       arena_printf(w->arena, "%s started %s%s because %s%s", start->target,
                                    ago(w, start->time_us), of_run(w, start->run),
                                    by_request(wish) ? "it was " : "", wish->message)});
    if (wish->cause.target && strcmp(wish->cause.target, start->target) != 0)
        happened(w, wish->cause.target, wish->seq + 1);
}

/* "when migrate:update was done" */
static void after_another(const Walk *w, const Event *start) {
    const Event *cause =
        last(w, start->cause.target,
             1u << EVENT_READY | 1u << EVENT_ENDED | 1u << EVENT_STARTED | 1u << EVENT_SKIPPED,
             start->seq);
    const char *how = !cause                         ? "let it"
                      : cause->kind == EVENT_READY   ? "was ready"
                      : cause->kind == EVENT_STARTED ? "had started"
                      : cause->kind == EVENT_SKIPPED ? "was skipped"
                                                     : "was done";
    add(w, (ChainLine){start->target, start->run, start->time_us,
                       arena_printf(w->arena, "%s started %s%s when %s %s", start->target,
                                    ago(w, start->time_us), of_run(w, start->run),
                                    start->cause.target, how)});
    happened(w, start->cause.target, start->seq);
}

/* A lock that another had is what it waited for, too. */
static Event with_lock(const Walk *w, const Event *start) {
    const Event *held =
        last(w, start->target, 1u << EVENT_WAITING | 1u << EVENT_STARTED, start->seq);
    Event own = *start;
    if (held && event_has_reason(held, hold_event_reason(HOLD_LOCK)) && !own.cause.target)
        own.cause.target = held->cause.target;
    return own;
}

static void was_started(const Walk *w, const Event *event) {
    const Event own = with_lock(w, event), *start = &own;
    const Event *wish = wish_of(w, start);
    if (wish && wish->kind == EVENT_BACKOFF) {
        again_after(w, start);
    } else if (wish) {
        on_wish(w, start, wish);
    } else if (start->cause.target) {
        after_another(w, start);
    } else {
        const Event *begun = last(w, NULL, 1u << EVENT_SESSION, start->seq);
        add(w, (ChainLine){start->target, start->run, start->time_us,
                           arena_printf(w->arena, "%s started %s%s%s%s", start->target,
                                        ago(w, start->time_us), of_run(w, start->run),
                                        begun ? " because " : "", begun ? begun->message : "")});
    }
}

/* Why the newest run of before `before` was started. */
static void happened(const Walk *w, const char *target, int64_t before) {
    const Event *start = last(w, target, 1u << EVENT_STARTED, before);
    if (start && !is_full(w))
        was_started(w, start);
}

/* The session ended, and took it along: what ended the session? */
static void session_over(const Walk *w, int64_t before) {
    const Event *over = last(w, NULL, 1u << EVENT_SESSION, before);
    if (!over || event_begins_session(over))
        return;
    session_line(w, over);
    if (!over->cause.target)
        return;
    const Event *end = last(w, over->cause.target, 1u << EVENT_ENDED, over->seq);
    if (end && event_is_failure(end))
        it_failed(w, end);
}

/* A session that is done starts nothing any more, one that is being stopped nothing yet. */
static const char *how_to_start(const Walk *w, const char *target) {
    const Event *session = last(w, NULL, 1u << EVENT_SESSION, INT64_MAX);
    if (!session || event_begins_session(session))
        return arena_printf(w->arena, "start %s", target);
    return event_ends_session(session) ? "ci" : NULL;
}

static void was_stopped(const Walk *w, const char *target, const char *message) {
    const Event *stop = last(w, target, 1u << EVENT_STOPPING, INT64_MAX);
    const Event *asked = last(w, target, 1u << EVENT_ASKED | 1u << EVENT_STARTED, INT64_MAX);
    bool stopped = stop && (!asked || asked->seq < stop->seq);
    if (!stopped && !message[0])
        return;
    const char *since = stopped
                            ? arena_printf(w->arena, "has not been running since it was stopped %s",
                                           ago(w, stop->time_us))
                            : "is not running";
    add(w, (ChainLine){target, stopped ? stop->run : 0, stopped ? stop->time_us : 0,
                       arena_printf(w->arena, "%s %s%s", target, since,
                                    because(w, message[0] ? message : stop->message))});
    if (w->ask->statuses)
        w->chain->command = how_to_start(w, target);
    const Event *hook = last(w, target, 1u << EVENT_HOOK, INT64_MAX);
    if (stopped && !w->ask->statuses && hook && hook->seq > stop->seq &&
        event_has_reason(hook, REASON_STOP_COMMAND))
        add(w, (ChainLine){target, hook->run, hook->time_us, hook->message});
    if (stopped && event_has_reason(stop, REASON_SESSION))
        session_over(w, stop->seq);
}

/* ---- what holds now ---- */

/* What cannot change by itself is most to blame. */
static int blame(const TargetStatus *status) {
    switch (status->state.phase) {
    case PHASE_TERMINATED: return status->state.error ? 4 : 0;
    case PHASE_DISABLED:
    case PHASE_NONE: return 3;
    case PHASE_WAITING: return 2;
    case PHASE_ACTIVE: return 1;
    }
    UNREACHABLE();
}

static const TargetStatus *culprit(const Walk *w, const TargetState *state) {
    const TargetStatus *worst = NULL;
    for (size_t i = 0; i < state->waiting_on_n; i++) {
        const TargetStatus *other = status_of(w, state->waiting_on[i]);
        if (other && (!worst || blame(other) > blame(worst)))
            worst = other;
    }
    return worst;
}

/* Who has the slot that it waits for: of the jobs that run the one that began first. */
static const TargetStatus *slot_holder(const Walk *w) {
    const TargetStatus *first = NULL;
    for (size_t i = 0; i < w->ask->status_n; i++) {
        const TargetStatus *other = &w->ask->statuses[i];
        if (other->type == TARGET_JOB && other->state.phase == PHASE_ACTIVE &&
            (!first || other->state.start_us < first->state.start_us))
            first = other;
    }
    return first;
}

static void is_waiting(const Walk *w, const TargetStatus *status) {
    const char *message = status->message ? status->message : "waiting";
    bool backoff = str_same(status->state.wait_reason, hold_reason(HOLD_BACKOFF));
    bool slot = str_same(status->state.wait_reason, hold_reason(HOLD_SLOT));
    const char *is = backoff ? "is to be restarted: "
                     : str_starts(message, "waiting") || str_starts(message, "being")
                         ? "is "
                         : "is waiting: ";
    const TargetStatus *next = slot ? slot_holder(w) : culprit(w, &status->state);
    add(w, (ChainLine){status->name, 0, 0,
                       arena_printf(w->arena, "%s %s%s", status->name, is, message)});
    const Event *end = backoff ? last(w, status->name, 1u << EVENT_ENDED, INT64_MAX) : NULL;
    if (end)
        it_failed(w, end);
    else if (next && next != status && !is_full(w))
        is_now(w, next);
}

static void is_active(const Walk *w, const TargetStatus *status) {
    const TargetState *state = &status->state;
    bool settled = status->type == TARGET_JOB || state->ready;
    const char *what = status->type == TARGET_JOB ? "running" : settled ? "ready" : "running";
    int64_t from = state->ready && state->last_ready_us ? state->last_ready_us : state->start_us;
    add(w,
        (ChainLine){status->name, state->run, from,
                    arena_printf(w->arena, "%s has been %s %s%s%s%s", status->name, what,
                                 since(w, from), of_run(w, state->run), settled ? "" : " and is ",
                                 settled           ? because(w, status->message)
                                 : status->message ? status->message
                                                   : "not ready yet")});
    if (!settled)
        show_log(w, status->name, state->run);
    const Event *lost = settled ? NULL : last(w, status->name, 1u << EVENT_UNREADY, INT64_MAX);
    if (lost && lost->run == state->run)
        add(w, (ChainLine){status->name, lost->run, lost->time_us,
                           arena_printf(w->arena, "%s lost its readiness %s%s", status->name,
                                        ago(w, lost->time_us), because(w, lost->message))});
    happened(w, status->name, INT64_MAX);
}

static void is_over(const Walk *w, const TargetStatus *status) {
    const TargetState *state = &status->state;
    const Event *skip = last(w, status->name, 1u << EVENT_SKIPPED | 1u << EVENT_STARTED, INT64_MAX);
    if (state->error) {
        it_failed(w, &(Event){.target = status->name,
                              .run = state->run,
                              .time_us = state->finish_us,
                              .message = state->error});
        return;
    }
    bool skipped = skip && skip->kind == EVENT_SKIPPED && !event_has_reason(skip, REASON_OVERLAP);
    int64_t when = skipped ? skip->time_us : state->finish_us;
    add(w, (ChainLine){
               status->name, state->run, when,
               skipped
                   ? arena_printf(w->arena, "%s was skipped %s%s", status->name, ago(w, when),
                                  because(w, without(skip->message, "skipped: ")))
                   : arena_printf(w->arena, "%s has been done %s%s%s", status->name, since(w, when),
                                  of_run(w, state->run), because(w, status->message))});
    if (!skipped)
        happened(w, status->name, INT64_MAX);
}

static void is_disabled(const Walk *w, const TargetStatus *status) {
    const Event *event = last(w, status->name, 1u << EVENT_DISABLED, INT64_MAX);
    const char *message = event ? event->message : status->message;
    bool said = str_same(message, "disabled");
    const char *is = event
                         ? arena_printf(w->arena, "has been disabled %s", since(w, event->time_us))
                         : "is disabled";
    add(w, (ChainLine){status->name, 0, event ? event->time_us : 0,
                       arena_printf(w->arena, "%s %s%s", status->name, is,
                                    said ? "" : because(w, message))});
    w->chain->command = arena_printf(w->arena, "enable %s", status->name);
}

static void is_now(const Walk *w, const TargetStatus *status) {
    switch (status->state.phase) {
    case PHASE_WAITING: is_waiting(w, status); return;
    case PHASE_ACTIVE: is_active(w, status); return;
    case PHASE_TERMINATED: is_over(w, status); return;
    case PHASE_DISABLED: is_disabled(w, status); return;
    case PHASE_NONE: was_stopped(w, status->name, status->message ? status->message : ""); return;
    }
}

/* ---- of a session that is down ---- */

static void was_then(const Walk *w, const char *target) {
    const Event *event = last(w, target, 1u << EVENT_ENDED | 1u << EVENT_WAITING, INT64_MAX);
    if (!event) {
        happened(w, target, INT64_MAX);
    } else if (event->kind == EVENT_WAITING) {
        add(w, (ChainLine){target, 0, event->time_us,
                           arena_printf(w->arena, "%s never started%s", target,
                                        because(w, event->message))});
        const Event *on =
            event->cause.target ? last(w, event->cause.target, 1u << EVENT_ENDED, INT64_MAX) : NULL;
        if (on && event_is_failure(on))
            it_failed(w, on);
        else
            session_over(w, INT64_MAX);
    } else if (event_is_failure(event)) {
        it_failed(w, event);
    } else if (event_has_reason(event, REASON_STOPPED)) {
        was_stopped(w, target, event->message);
    } else {
        add(w, (ChainLine){target, event->run, event->time_us,
                           arena_printf(w->arena, "%s was done %s%s", target,
                                        ago(w, event->time_us), of_run(w, event->run))});
        happened(w, target, event->seq);
    }
}

void chain_build(const ChainAsk *ask, Arena *arena, Chain *ret) {
    Walk w = {ask, arena, ret};
    const TargetStatus *status = status_of(&w, ask->target);
    *ret = (Chain){.n = 0};
    if (status)
        is_now(&w, status);
    else
        was_then(&w, ask->target);
    if (!ret->n)
        add(&w, (ChainLine){ask->target, 0, 0,
                            arena_printf(arena, "%s has not run, and nothing is recorded of it",
                                         ask->target)});
}
