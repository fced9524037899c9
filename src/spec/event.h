/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, as it is recorded and served: one Event each, a line of JSON each. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

typedef struct Arena Arena;
typedef struct JsonWriter JsonWriter;
typedef struct Value Value;

/* What happened. What it says in JSON is event_kind_name(); the words in brackets are usual
 * reasons. */
typedef enum EventKind {
    EVENT_SESSION, /* the session itself: Created, Done, Stopping, Down */
    EVENT_SERVER,  /* thole-server: Adopted, Left */
    EVENT_CONFIG,  /* the config file: Reloaded, Refused */
    EVENT_ASKED, /* a run was wished for: Start, Needed, Restart, FileChanged, Triggered, Schedule,
                  * Connection, DependencyRestarted, ConfigChanged. The message says by what, so
                  * that it can follow "because": "app.js changed" */
    EVENT_BACKOFF,  /* a run was wished for by the restart policy: Policy */
    EVENT_WAITING,  /* it cannot start yet: Dependency, Build, Slot, Lock, Schedule, Connection */
    EVENT_STARTED,  /* its program runs */
    EVENT_READY,    /* ... and is ready */
    EVENT_UNREADY,  /* ... and is not any more */
    EVENT_STOPPING, /* it was told to end: Requested, Session, Restart, TimedOut, ProbeFailed,
                       Disabled */
    EVENT_ENDED,   /* Completed, Stopped; anything else is a failure: ExitCode, Signal, OutOfMemory,
                      NotStarted, Lost, … */
    EVENT_GAVE_UP, /* the policy tries no more: TooManyRestarts, Hopeless, GraceExceeded */
    EVENT_UNSTOPPED, /* the stop failed: Survivors */
    EVENT_SKIPPED,   /* a run was not needed: Unchanged, Overlap */
    EVENT_DISABLED,
    EVENT_ENABLED,
    EVENT_HOOK,  /* one of its hooks: Failed, TimedOut */
    EVENT_PORT,  /* one of its ports: Taken, Changed */
    EVENT_WATCH, /* looking at its files: Degraded, Changed (nothing follows from it: `trigger:
                    manual`) */
    EVENT_KINDS,
} EventKind;

enum { EVENT_MESSAGE = 1024, EVENT_REASON = 32, EVENT_NAME = 128 }; /* longer texts are cut */

typedef struct Event {
    int64_t seq;        /* from 1, in order, never twice in a session's directory */
    int64_t time_us;    /* wall clock: when it happened, which may be before it was recorded */
    const char *target; /* "api:serve"; NULL: the session as a whole */
    uint32_t run;       /* 0: none */
    EventKind kind;
    const char *reason;  /* a CamelCase word */
    const char *message; /* one sentence without the name of the target, or "" */
    struct {
        const char *target; /* what it follows from; NULL: as far as we know nothing */
        uint32_t run;       /* 0: no run of it */
    } cause;
} Event;

typedef struct EventList {
    const Event *at; /* by seq */
    size_t n;
} EventList;

const char *event_kind_name(EventKind kind); /* "started" */
/* EVENT_KINDS: there is none of that name. */
EventKind event_kind_find(const char *name);
/* A run ended, and badly. */
bool event_is_failure(const Event *event);

void event_encode(const Event *event, JsonWriter *out);
/* What it points to belongs to `v` and the literals of this program. -1: it is none, or of a kind
 * that we do not know. */
MUST int event_decode(const Value *v, Event *ret);
