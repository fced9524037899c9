/* SPDX-License-Identifier: Apache-2.0 */
/* Events as a stream of lines, wherever they come from. */
#pragma once

#include "api/api_inside.h"
#include "engine/events/event_cursor.h"

typedef struct EventSource {
    void *events;                              /* NULL: they cannot be had */
    int (*next)(void *events, EventLine *ret); /* as event_stream_next */
    void (*free)(void *events);
} EventSource;

/* What the source is made with: it calls more(arg) when there may be more. */
typedef struct EventFlow {
    LoopFn more;
    void *arg;
} EventFlow;

EventFlow event_flow_new(void);
/* Answers with it, or (source without events) with the error; exactly once. */
void event_flow_begin(EventFlow flow, Request *request, const EventSource *source, const Err *err);
