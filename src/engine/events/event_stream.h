/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a session as a stream, from the past into the future. Read from disk; a reader who
 * is slow holds nobody up. */
#pragma once

#include "engine/engine.h"
#include "engine/events/event_cursor.h"

typedef struct EventStream EventStream;

typedef struct EventAsk {
    const char *slug; /* session; also one that is down */
    StrList targets;  /* names of resources or targets; empty: all, and what is about no target */
    bool follow;
    int64_t tail;     /* the last n of what is asked for; -1: all */
    int64_t since_us; /* 0: no bound */
    int64_t after;    /* only what has a higher number; 0: all */
} EventAsk;

/* Says when there may be more to read. */
EventStream *event_stream_new(Engine *engine, const EventAsk *ask, LoopFn more, void *arg,
                              Err *err);
EventStream *event_stream_free(EventStream *stream);

/* 1: an event; 0: nothing for now (`more` will be called, if it follows); -1: the end. Lent until
 * the next call. */
int event_stream_next(EventStream *stream, EventLine *ret);
