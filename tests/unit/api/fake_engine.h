/* SPDX-License-Identifier: Apache-2.0 */
/* An engine that only remembers: objects are real (engine/objects.c), everything else is what a
 * test set. */
#pragma once

#include "engine/backends/backend_look.h"
#include "engine/backends/orphans.h"
#include "engine/engine.h"
#include "engine/environments/environment.h"
#include "engine/environments/environment_look.h"
#include "engine/environments/environment_orphans.h"
#include "engine/environments/environment_state.h"
#include "engine/environments/environment_values.h"
#include "engine/events/event_stream.h"
#include "engine/events/history.h"
#include "engine/logs/log_hub.h"
#include "engine/targets/terminal.h"
#include "engine/workflows/workflow.h"

typedef struct FakeLine {
    const char *target, *text;
    int stream;
    uint32_t run;
    bool partial;
    size_t size;
} FakeLine;

struct Target {
    Object object;
    Session *session;
    char target[64], name[64], state[512];
    Tristate patched;
    StrMap labels;
    int starts, stops, restarts, enabled; /* enabled: 1, -1 it was disabled, 0 neither */
    bool with_deps;
};

struct Session {
    List link;
    Engine *engine;
    Object object;
    char slug[64], file[200];
    bool ci, done;
    int holders;
    int64_t deleted_grace_ms;
    bool deleted, purge;
    SessionPatch patch;
    Target *targets[64];
    size_t target_n;
};

struct Workflow {
    Object object;
    char name[64];
    bool stopped, deleted;
};

struct Environment {
    Object object;
    Engine *engine;
    Loop *loop;
    EnvironmentEntry entry;
    ComputeAccess compute;
    int canceled;
};

struct Engine {
    Loop *loop;
    Objects *objects;
    List sessions;    /* Session.link */
    SessionAsk asked; /* of the last create */
    WorkflowAsk workflow_asked;
    Workflow *workflow;           /* the only one, or NULL */
    Environment *environment;     /* likewise */
    OperationAsk operation_asked; /* strings: lent while it was asked */
    char asked_from[64];
    unsigned looked_at;   /* LOOK_…, of the last look */
    bool bad_config;      /* a look is refused */
    char values_set[256]; /* "A=1 B=2 -C" */
    char imported[256];   /* "project: a b" */
    char removed[256];    /* "compose shop-old" */
    int refreshes;
    int looks_for_left; /* of deploys */
    bool store_away, in_environment;
    char env_seen[256], names_seen[256];
    uint32_t umask_seen;
    int64_t soft_seen;
    bool stopped_all;
    const FakeLine *lines; /* what logs have */
    size_t line_n;
    LogAsk log_asked;
    char log_targets[256];
    EventAsk events_asked;
    LogStream *stream; /* the one that is open */
    Terminal terminal; /* run 0: it does not run */
    char options_seen[256];
    char given[256]; /* what was given to be read */
    StepInput input; /* of the last time, without its bytes */
    StepSize size;
    Op *waits; /* of an input that is not read: while `slow` */
    bool slow;
    Err refused; /* of an input, late; kind 0: it is read */
};

Engine *fake_engine_new(Loop *loop);
Engine *fake_engine_free(Engine *engine);
Session *fake_session(Engine *engine, const char *slug, const char *file);
Environment *fake_environment(Engine *engine, const char *space, const char *name);
void fake_environment_remove(Engine *engine);
Workflow *fake_workflow(Engine *engine, const char *name);
Target *fake_target(Session *session, const char *target, const char *state_json);
void fake_set(Target *target, const char *state_json); /* touches target and session */
void fake_label(Target *target, const char *name, const char *value);
void fake_remove_target(Target *target);
void fake_remove(Session *session);
void fake_log_more(Engine *engine, const FakeLine *lines, size_t n); /* and tells the stream */
