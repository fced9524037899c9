/* SPDX-License-Identifier: Apache-2.0 */
/* What ran when, and which chain of targets determined when everything was ready or done: out of
 * the events of a session. Pure; as rows of spans, as text, as SVG, as JSON. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "spec/event.h"

typedef enum SpanKind {
    SPAN_WAIT,  /* wished for, and held back */
    SPAN_START, /* a server that runs and is not ready */
    SPAN_READY, /* a server that is */
    SPAN_RUN,   /* a job */
} SpanKind;

typedef struct Span {
    SpanKind kind;
    uint32_t run; /* 0: SPAN_WAIT */
    int64_t from_us, to_us;
    bool open;   /* goes on: `to_us` is the end of what is looked at */
    bool failed; /* the run ended here, badly */
} Span;

typedef struct TimelineRow {
    const char *target;
    bool job;
    Span *spans; /* in order of time, none overlaps */
    size_t n, cap;
    bool skipped;  /* a run was not needed */
    bool asked;    /* first started because somebody asked for it later: no part of the beginning */
    bool critical; /* in the path */
    int64_t began_us;   /* the first start; 0: never */
    int64_t settled_us; /* first ready, or (a job) done; 0: never */
    uint32_t runs, settled_run, last_run;
    const Event *began;  /* that first start */
    const Event *held;   /* what last held it back before that; NULL: nothing */
    const Event *failed; /* the newest end, if it was a failure */
} TimelineRow;

/* One target on the way to when all was well; they follow each other in time without a gap. */
typedef struct TimelineStep {
    const char *target;
    uint32_t run;
    int64_t from_us, to_us;
} TimelineStep;

typedef struct Timeline {
    int64_t from_us, to_us;
    bool down;         /* or done: nothing of it goes on */
    TimelineRow *rows; /* in order of their first start, then of their first span, then by name */
    size_t n;
    TimelineStep *path; /* the critical path */
    size_t path_n;
    int64_t settled_us; /* when the last one was ready or done, or (failed) the one that failed
                           first; 0: never yet */
    bool failed;        /* `path` leads to a failure */
} Timeline;

typedef struct TimelineAsk {
    EventList events; /* of all sessions of the place: the newest is shown */
    int64_t now_us; /* where what runs ends; of a session that is down the last event is the end */
    bool down;
    int64_t since_us, until_us; /* only what lies between; 0: all */
} TimelineAsk;

void timeline_build(const TimelineAsk *ask, Arena *arena, Timeline *ret);

/* For a terminal of that many columns; at least 20 are used. */
typedef struct TimelineText {
    int width;
    bool color;
} TimelineText;
void timeline_text(const Timeline *timeline, const TimelineText *how, Buf *out);
/* The critical path alone, a line each; nothing if there is none. */
void timeline_path_text(const Timeline *timeline, Buf *out);
/* A picture that needs nothing else: no script, no fonts; light or dark as the reader's. */
void timeline_svg(const Timeline *timeline, const char *title, Buf *out);
void timeline_encode(const Timeline *timeline, JsonWriter *out);

/* A server that was ready before it was stopped with its session counts as ready. */
SpanState timeline_state(const TimelineRow *row, const Timeline *timeline);
/* What became of a row, in a few words: "ready after 1.2s", "done in 300ms", "failed: exit code
 * 3". */
const char *timeline_outcome(const TimelineRow *row, const Timeline *timeline, Arena *arena);
/* Of what belongs to the beginning: something never became what it was to be, or has not yet. */
bool timeline_unsettled(const Timeline *timeline);
const char *span_kind_name(SpanKind kind); /* "wait" "start" "ready" "run" */
