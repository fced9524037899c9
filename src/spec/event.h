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
    EVENT_SESSION, /* the session itself: Created, Succeeded, Failed, Stopping, Down */
    EVENT_SERVER,  /* thole-server: Adopted, EventsLost */
    EVENT_CONFIG,  /* the config file: Reloaded, Refused, Degraded */
    EVENT_ASKED, /* a run was wished for: Start, Needed, Restart, FileChanged, Triggered, Schedule,
                  * Connection, DependencyRestarted, ConfigChanged. The message says by what, so
                  * that it can follow "because": "app.js changed" */
    EVENT_BACKOFF,  /* a run was wished for by the restart policy: Policy */
    EVENT_WAITING,  /* it cannot start yet: WaitingForDep, WaitingForBuild, WaitingForSlot,
                     * WaitingForLock, WaitingForConnection, Schedule */
    EVENT_STARTED,  /* its program runs */
    EVENT_READY,    /* ... and is ready */
    EVENT_UNREADY,  /* ... and is not any more */
    EVENT_STOPPING, /* it was told to end: Requested, Session, Restart, TimedOut, ProbeFailed,
                       Disabled */
    EVENT_ENDED,   /* Completed, Stopped; anything else is a failure: ExitCode, Signal, OutOfMemory,
                      NotStarted, Lost, … */
    EVENT_GAVE_UP, /* the policy tries no more: TooManyRestarts, Hopeless */
    EVENT_UNSTOPPED, /* the stop failed: Survivors */
    EVENT_SKIPPED,   /* a run was not needed: Unchanged, Overlap */
    EVENT_DISABLED,
    EVENT_ENABLED,
    EVENT_HOOK,  /* one of its hooks: Failed, TimedOut; its stop command: StopCommand */
    EVENT_PORT,  /* one of its ports: Taken */
    EVENT_WATCH, /* looking at its files: Degraded, Restored, OwnFile (it writes what it watches),
                  * Changed (nothing follows from it: `trigger: manual`), Signalled */
    EVENT_WORKFLOW, /* a workflow itself: Created, SetUp, NotSetUp, Canceled, TimedOut,
                     * NotDestroyed, Succeeded, Failed */
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

/* Reasons that somebody goes by; of the others only people read the words. */
#define REASON_CREATED      "Created"
#define REASON_SUCCEEDED    "Succeeded"
#define REASON_FAILED       "Failed"
#define REASON_STOPPING     "Stopping"
#define REASON_DOWN         "Down"
#define REASON_START        "Start"
#define REASON_RESTART      "Restart"
#define REASON_TRIGGERED    "Triggered"
#define REASON_REQUESTED    "Requested"
#define REASON_SESSION      "Session"
#define REASON_COMPLETED    "Completed"
#define REASON_STOPPED      "Stopped"
#define REASON_OVERLAP      "Overlap"
#define REASON_STOP_COMMAND "StopCommand"
#define REASON_CANCELED     "Canceled"
#define REASON_TIMED_OUT    "TimedOut"

const char *event_kind_name(EventKind kind); /* "started" */
/* EVENT_KINDS: there is none of that name. */
EventKind event_kind_find(const char *name);
/* A run ended, and badly. */
bool event_is_failure(const Event *event);
bool event_has_reason(const Event *event, const char *reason);
bool event_begins_session(const Event *event);
bool event_ends_session(const Event *event); /* by itself: it is done */

/* What became of a target, as a timeline says. */
typedef enum SpanState {
    STATE_NONE,      /* nothing */
    STATE_WAITING,   /* still, or to the end */
    STATE_RUNNING,   /* a job */
    STATE_DONE,      /* a job */
    STATE_NOT_READY, /* a server */
    STATE_READY,     /* a server */
    STATE_STOPPED,
    STATE_SKIPPED,
    STATE_FAILED,
    SPAN_STATES,
} SpanState;

const char *span_state_name(SpanState state); /* "not-ready" */
/* SPAN_STATES: there is none of that name. */
SpanState span_state_find(const char *name);

void event_encode(const Event *event, JsonWriter *out);
/* Its members alone, of an object that was begun. */
void event_put(const Event *event, JsonWriter *out);
/* What it points to belongs to `v` and the literals of this program. -1: it is none, or of a kind
 * that we do not know. */
MUST int event_decode(const Value *v, Event *ret);
