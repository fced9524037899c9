/* SPDX-License-Identifier: Apache-2.0 */
/* The events of an operation as a stream, from the past into the future (operation_files.h). */
#pragma once

#include "engine/environments/environment.h"
#include "engine/events/event_cursor.h"

typedef struct OperationEvents OperationEvents;

typedef struct OperationEventAsk {
    int64_t number; /* of the operation; 0: of all */
    int64_t after;  /* only what has a higher seq */
    bool follow;    /* until the operation is over */
} OperationEventAsk;

/* `more` says when there may be more to read. */
OperationEvents *operation_events_new(Environment *environment, const OperationEventAsk *ask,
                                      LoopFn more, void *arg, Err *err);
OperationEvents *operation_events_free(OperationEvents *events);
/* 1: an event; 0: nothing for now; -1: the end. Lent until the next call. */
int operation_events_next(OperationEvents *events, EventLine *ret);

void operation_readers_wake(const Environment *environment);
/* Another file is in the place of theirs, with newer events: they read on there. */
void operation_readers_reopen(const Environment *environment);
void operation_readers_leave(Environment *environment); /* nothing more comes */
