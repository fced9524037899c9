/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/str.h"
#include "plan/plan.h"

typedef struct Build {
    const TimelineAsk *ask;
    Arena *arena;
    Timeline *out;
    Map by_name; /* to the index of the row, plus 1 */
    size_t cap;
} Build;

/* ---- rows ---- */

static TimelineRow *find_row(const Build *b, const char *target) {
    uintptr_t at = target ? (uintptr_t)map_get(&b->by_name, target) : 0;
    return at ? &b->out->rows[at - 1] : NULL;
}

static TimelineRow *row_of(Build *b, const char *target) {
    TimelineRow *row = find_row(b, target);
    if (row)
        return row;
    Timeline *t = b->out;
    t->rows = arena_grow(b->arena, t->rows, t->n, &b->cap, sizeof(*t->rows));
    row = &t->rows[t->n++];
    *row = (TimelineRow){.target = target, .job = str_ends(target, ":update")};
    map_put(&b->by_name, target, (void *)(uintptr_t)t->n);
    return row;
}

static Span *open_span(const TimelineRow *row) {
    Span *last = row->n ? &row->spans[row->n - 1] : NULL;
    return last && last->open ? last : NULL;
}

static void close_span(TimelineRow *row, int64_t us, bool failed) {
    Span *span = open_span(row);
    if (!span)
        return;
    span->open = false;
    span->failed = failed;
    span->to_us = us > span->from_us ? us : span->from_us;
}

static void begin_span(const Build *b, TimelineRow *row, SpanKind kind, const Event *event) {
    int64_t from_us = event->time_us;
    close_span(row, from_us, false);
    if (row->n && row->spans[row->n - 1].to_us > from_us) /* the clock was set back */
        from_us = row->spans[row->n - 1].to_us;
    row->spans = arena_grow(b->arena, row->spans, row->n, &row->cap, sizeof(*row->spans));
    row->spans[row->n++] = (Span){.kind = kind,
                                  .run = kind == SPAN_WAIT ? 0 : event->run,
                                  .from_us = from_us,
                                  .to_us = from_us,
                                  .open = true};
}

/* ---- events ---- */

static void on_wish(const Build *b, TimelineRow *row, const Event *event) {
    row->asked |= !row->began_us && event->kind == EVENT_ASKED;
    if (!open_span(row))
        begin_span(b, row, SPAN_WAIT, event);
}

static void on_started(const Build *b, TimelineRow *row, const Event *event) {
    begin_span(b, row, row->job ? SPAN_RUN : SPAN_START, event);
    row->runs++;
    row->last_run = event->run;
    row->failed = NULL;
    row->skipped = false;
    if (row->began_us)
        return;
    row->began_us = event->time_us;
    row->began = event;
}

static void settle(TimelineRow *row, const Event *event) {
    if (row->settled_us)
        return;
    row->settled_us = event->time_us;
    row->settled_run = event->run;
}

static void on_ended(TimelineRow *row, const Event *event) {
    bool failed = event_is_failure(event);
    row->last_run = event->run;
    close_span(row, event->time_us, failed);
    row->failed = failed ? event : NULL;
    if (row->job && event_has_reason(event, REASON_COMPLETED))
        settle(row, event);
}

/* Not if it runs: then it was another run that was left out. */
static void on_skipped(TimelineRow *row, const Event *event) {
    Span *span = open_span(row);
    if (span && span->kind != SPAN_WAIT)
        return;
    close_span(row, event->time_us, false);
    row->skipped = true;
    settle(row, event);
}

static void on_event(Build *b, const Event *event) {
    TimelineRow *row = event->target ? row_of(b, event->target) : NULL;
    if (!row)
        return;
    switch (event->kind) {
    case EVENT_WAITING:
        if (!row->began_us)
            row->held = event;
        on_wish(b, row, event);
        return;
    case EVENT_ASKED:
    case EVENT_BACKOFF: on_wish(b, row, event); return;
    case EVENT_STARTED: on_started(b, row, event); return;
    case EVENT_READY:
        begin_span(b, row, SPAN_READY, event);
        settle(row, event);
        return;
    case EVENT_UNREADY: begin_span(b, row, SPAN_START, event); return;
    case EVENT_ENDED: on_ended(row, event); return;
    case EVENT_SKIPPED: on_skipped(row, event); return;
    case EVENT_STOPPING:
        if (!event->run)
            close_span(row, event->time_us, false);
        return;
    case EVENT_SESSION:
    case EVENT_SERVER:
    case EVENT_CONFIG:
    case EVENT_GAVE_UP:
    case EVENT_UNSTOPPED:
    case EVENT_DISABLED:
    case EVENT_ENABLED:
    case EVENT_HOOK:
    case EVENT_PORT:
    case EVENT_WATCH:
    case EVENT_WORKFLOW:
    case EVENT_KINDS: return;
    }
}

/* Where the newest session begins. */
static size_t newest_session(EventList events) {
    for (size_t i = events.n; i-- > 0;)
        if (event_begins_session(&events.at[i]))
            return i;
    return 0;
}

/* Is the newest session done, although it is not down? */
static bool is_over(EventList events) {
    for (size_t i = events.n; i-- > 0;)
        if (events.at[i].kind == EVENT_SESSION)
            return event_ends_session(&events.at[i]);
    return false;
}

/* ---- the critical path ---- */

/* Of what belongs to the beginning: the one that was settled last, or the first failure that
 * nothing has mended. */
static TimelineRow *end_of_path(Build *b) {
    Timeline *t = b->out;
    TimelineRow *last = NULL, *failed = NULL;
    for (size_t i = 0; i < t->n; i++) {
        TimelineRow *row = &t->rows[i];
        bool never = !row->settled_us && row->failed;
        if (never && (!failed || row->failed->time_us < failed->failed->time_us))
            failed = row;
        if (row->settled_us && !row->asked && (!last || row->settled_us > last->settled_us))
            last = row;
    }
    t->failed = failed != NULL;
    t->settled_us = failed ? failed->failed->time_us : last ? last->settled_us : 0;
    return failed ? failed : last;
}

/* Whose end let it start, when it waited for a place: the job that ended right before. */
static TimelineRow *before_slot(const Build *b, const Event *start) {
    const Event *event = start;
    while (event > b->ask->events.at) {
        event--;
        if (event->kind == EVENT_ENDED && str_ends(event->target ? event->target : "", ":update"))
            return find_row(b, event->target);
        if (event->kind == EVENT_SESSION)
            return NULL;
    }
    return NULL;
}

static bool is_held(const TimelineRow *row, Hold hold) {
    return row->held && event_has_reason(row->held, hold_event_reason(hold));
}

static TimelineRow *predecessor(const Build *b, const TimelineRow *row) {
    if (!row->began)
        return NULL;
    TimelineRow *before = is_held(row, HOLD_SLOT)   ? before_slot(b, row->began)
                          : is_held(row, HOLD_LOCK) ? find_row(b, row->held->cause.target)
                                                    : find_row(b, row->began->cause.target);
    return before && before != row && before->settled_us && !before->critical &&
                   before->settled_us <= row->began_us
               ? before
               : NULL;
}

static void find_path(Build *b) {
    Timeline *t = b->out;
    t->path = arena_alloc(b->arena, (t->n + 1) * sizeof(*t->path));
    int64_t to_us = 0;
    for (TimelineRow *row = end_of_path(b), *before; row; row = before) {
        if (!to_us)
            to_us = t->settled_us;
        row->critical = true;
        before = predecessor(b, row);
        int64_t from_us = before ? before->settled_us : t->from_us;
        t->path[t->path_n++] = (TimelineStep){
            row->target, row->settled_us ? row->settled_run : row->failed->run, from_us, to_us};
        to_us = from_us;
    }
    for (size_t i = 0; i < t->path_n / 2; i++) {
        TimelineStep kept = t->path[i];
        t->path[i] = t->path[t->path_n - 1 - i];
        t->path[t->path_n - 1 - i] = kept;
    }
}

/* ---- all of it ---- */

static int64_t first_us(const TimelineRow *row) {
    return row->n ? row->spans[0].from_us : INT64_MAX;
}

static int by_first(const void *a, const void *b) {
    const TimelineRow *x = a, *y = b;
    int64_t x_began = x->began_us ? x->began_us : INT64_MAX;
    int64_t y_began = y->began_us ? y->began_us : INT64_MAX;
    if (x_began != y_began)
        return x_began < y_began ? -1 : 1;
    if (first_us(x) != first_us(y))
        return first_us(x) < first_us(y) ? -1 : 1;
    return strcmp(x->target, y->target);
}

/* What has no end yet ends where we stop looking. */
static void close_open(Timeline *t) {
    for (size_t i = 0; i < t->n; i++) {
        Span *span = open_span(&t->rows[i]);
        if (span)
            span->to_us = t->to_us > span->from_us ? t->to_us : span->from_us;
    }
}

static void cut_span(Span *span, const Timeline *t) {
    if (span->from_us < t->from_us)
        span->from_us = t->from_us;
    if (span->to_us > t->to_us) {
        span->to_us = t->to_us;
        span->failed = false;
    }
}

static void cut(Timeline *t, int64_t since_us, int64_t until_us) {
    t->from_us = since_us > t->from_us ? since_us : t->from_us;
    t->to_us = until_us && until_us < t->to_us ? until_us : t->to_us;
    if (t->to_us < t->from_us)
        t->to_us = t->from_us;
    for (size_t i = 0; i < t->n; i++) {
        TimelineRow *row = &t->rows[i];
        size_t n = 0;
        for (size_t s = 0; s < row->n; s++) {
            if (row->spans[s].to_us < t->from_us || row->spans[s].from_us > t->to_us)
                continue;
            row->spans[n] = row->spans[s];
            cut_span(&row->spans[n++], t);
        }
        row->n = n;
    }
}

/* It never ran: its hook failed, or there is no such program. */
static bool failed_at_once(const TimelineRow *row, const Timeline *t) {
    return row->failed && row->failed->time_us >= t->from_us && row->failed->time_us <= t->to_us;
}

/* Rows of which there is nothing to see. */
static void drop_empty(Timeline *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->rows[i].n || t->rows[i].skipped || failed_at_once(&t->rows[i], t))
            t->rows[n++] = t->rows[i];
    t->n = n;
}

void timeline_build(const TimelineAsk *ask, Arena *arena, Timeline *ret) {
    Build b = {.ask = ask, .arena = arena, .out = ret};
    *ret = (Timeline){.n = 0};
    map_init(&b.by_name);
    size_t from = newest_session(ask->events);
    for (size_t i = from; i < ask->events.n; i++) {
        const Event *event = &ask->events.at[i];
        if (i == from || event->time_us < ret->from_us)
            ret->from_us = event->time_us;
        ret->to_us = event->time_us > ret->to_us ? event->time_us : ret->to_us;
        on_event(&b, event);
    }
    ret->down = ask->down || is_over(ask->events);
    if (!ret->down && ask->now_us > ret->to_us)
        ret->to_us = ask->now_us;
    close_open(ret);
    find_path(&b);
    map_deinit(&b.by_name);
    cut(ret, ask->since_us, ask->until_us);
    drop_empty(ret);
    if (ret->n)
        qsort(ret->rows, ret->n, sizeof(*ret->rows), by_first);
}

/* ---- words ---- */

const char *span_kind_name(SpanKind kind) {
    switch (kind) {
    case SPAN_WAIT: return "wait";
    case SPAN_START: return "start";
    case SPAN_READY: return "ready";
    case SPAN_RUN: return "run";
    }
    UNREACHABLE();
}

static const char *for_how_long(const TimelineRow *row, const char *words, Arena *arena) {
    char text[DURATION_TEXT];
    int64_t ms = (row->settled_us - row->began_us) / 1000;
    duration_format_short(ms, text);
    return arena_printf(arena, "%s%s%s%s",
                        ms         ? words
                        : row->job ? "done"
                                   : "ready",
                        ms ? " " : " at once", ms ? text : "",
                        row->runs > 1 ? arena_printf(arena, ", %u runs", row->runs) : "");
}

SpanState timeline_state(const TimelineRow *row, const Timeline *timeline) {
    const Span *last = row->n ? &row->spans[row->n - 1] : NULL;
    bool open = last && last->open;
    if (row->failed)
        return STATE_FAILED;
    if (row->skipped)
        return STATE_SKIPPED;
    if (!row->began_us || (open && last->kind == SPAN_WAIT))
        return row->n ? STATE_WAITING : STATE_NONE;
    if (!row->job && (!row->settled_us || (open && last->kind == SPAN_START && !timeline->down)))
        return STATE_NOT_READY;
    if (row->job && open)
        return timeline->down ? STATE_STOPPED : STATE_RUNNING;
    if (!row->settled_us)
        return STATE_STOPPED;
    return row->job ? STATE_DONE : STATE_READY;
}

bool timeline_unsettled(const Timeline *timeline) {
    const unsigned states =
        1u << STATE_WAITING | 1u << STATE_NOT_READY | 1u << STATE_RUNNING | 1u << STATE_STOPPED;
    for (size_t i = 0; i < timeline->n; i++) {
        const TimelineRow *row = &timeline->rows[i];
        if (!row->settled_us && !row->asked && states & 1u << timeline_state(row, timeline))
            return true;
    }
    return false;
}

const char *timeline_outcome(const TimelineRow *row, const Timeline *timeline, Arena *arena) {
    const Span *last = row->n ? &row->spans[row->n - 1] : NULL;
    bool waits = last && last->open && last->kind == SPAN_WAIT;
    if (row->failed)
        return arena_printf(arena, "%s: %s", waits ? "is tried again" : "failed",
                            row->failed->message);
    if (row->skipped)
        return "skipped";
    if (waits)
        return timeline->down ? "never started" : "waiting";
    if (last && last->open && last->kind == SPAN_START)
        return row->settled_us ? "not ready any more" : "not ready yet";
    if (row->settled_us)
        return for_how_long(row, row->job ? "done in" : "ready after", arena);
    if (last && last->open)
        return "running";
    return row->began_us ? "stopped" : "never started";
}
