/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a workflow as a stream, from the past into the future: its facts
 * (workflow_files.h), told as events. There is no other record, so that none is missing and none
 * comes twice, whatever was killed: a step that was executed has two, `started` and `ended`, one
 * that was left out one, `skipped`; one that never had its turn has none. Each has the step as it
 * was then, in the form of the object's `status.steps`. Their number is that of
 * the fact's line. */
#pragma once

#include "engine/events/event_cursor.h"
#include "engine/workflows/workflow.h"

typedef struct WorkflowEvents WorkflowEvents;

typedef struct WorkflowEventAsk {
    StrList steps;    /* names or uuids; empty: all, and what is about the whole */
    bool follow;      /* until it is over */
    int64_t tail;     /* the last n of what is asked for; -1: all */
    int64_t since_us; /* 0: no bound */
    int64_t after;    /* only what has a higher number; 0: all */
} WorkflowEventAsk;

/* Says when there may be more to read. ERR_NOT_FOUND: it has no such step. */
WorkflowEvents *workflow_events_new(Workflow *workflow, const WorkflowEventAsk *ask, LoopFn more,
                                    void *arg, Err *err);
WorkflowEvents *workflow_events_free(WorkflowEvents *events);

/* 1: an event; 0: nothing for now (`more` will be called, if it follows); -1: the end. Lent until
 * the next call. */
int workflow_events_next(WorkflowEvents *events, EventLine *ret);
