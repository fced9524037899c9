/* SPDX-License-Identifier: Apache-2.0 */
/* An event of an environment's operation, as the API sends it. */
#pragma once

#include "cli/env_tree.h"
#include "data/value.h"

typedef enum EnvHappening {
    ENV_STARTED,   /* the step, or the whole, has begun; what it did before is looked at */
    ENV_STREAMING, /* its hook runs, and writes */
    ENV_COMPLETED, /* ... well; of the whole: done */
    ENV_SKIPPED,   /* it was done before */
    ENV_FAILED,
    ENV_CANCELED, /* the whole */
    ENV_WAITING,  /* the whole, for its turn */
    ENV_OTHER,    /* of a newer server */
} EnvHappening;

/* Strings are the event's; "" where there is none. */
typedef struct EnvEvent {
    int64_t seq, run; /* run: of its hook; 0: none */
    EnvHappening what;
    const char *step; /* "": of the whole */
    const char *phase, *message, *error, *resume;
    const char *reason; /* of what kind the error is, as in a Status: "Invalid" */
    const char *note;   /* what people are to know of how it went */
    int64_t took_ms;    /* -1: unknown */
} EnvEvent;

EnvEvent env_event_of(const Value *event);
/* It says how the whole ended. */
bool env_event_is_end(const EnvEvent *event);
