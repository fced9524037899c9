/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: sessions and their targets. Facts come in, plan/ is asked, backends are told; what
 * everybody may see is in objects.h. All calls return at once; what they lead to shows in the
 * objects. Strings given are copied. */
#pragma once

#include "backend/backend.h"
#include "base/report.h"
#include "engine/objects.h"

typedef struct Engine Engine;
typedef struct Session Session;
typedef struct Target Target;

typedef struct Store Store;
typedef struct ConfigAsk ConfigAsk; /* spec/config.h */

typedef struct EngineOptions {
    Loop *loop;
    const char *state_dir;
    const char *owner; /* its id: that of every server it ever has; NULL: of tests */
    Backend *backend;  /* where sessions' steps run */
    /* Where workflows may run: of "auto" it is the first one that is available. Lent. */
    const BackendKind *kinds;
    size_t kind_n;
    Store *store;           /* of port leases; lent */
    const char *store_file; /* where it has environments, as store_file() says; NULL: of tests */
    const char *version;
    bool scripted; /* tests: no state file of the project is written */
} EngineOptions;

Engine *engine_new(const EngineOptions *options);
Engine *engine_free(Engine *engine); /* leaves everything running */

/* Reads sessions from disk and adopts what runs. Call once, before serving: until `adopted` is
 * called (once, from the loop; may be NULL) objects do not show what runs. A file of a newer format
 * is left untouched and named. */
MUST int engine_adopt(Engine *engine, LoopFn adopted, void *arg, Err *err);

Objects *engine_objects(Engine *engine);
const char *engine_store_file(const Engine *engine); /* EngineOptions.store_file */

/* Looks again at what nobody tells of: the helpers that runs have left running. Before somebody is
 * shown the objects. */
void engine_look(Engine *engine);

/* True when nothing runs or waits: the server may leave. */
bool engine_idle(const Engine *engine);
bool engine_empty(const Engine *engine); /* no session at all, and every workflow is over */

/* ---- Sessions ---- */
/* The client whose environment, limits, ... the session's processes inherit. */
typedef struct ClientSetup {
    StrMap env;
    ProcessSetup process;
    int32_t pid;
} ClientSetup;

typedef struct SessionAsk {
    const char *file; /* absolute path of the config file */
    /* the session's, chosen by the client so that it may ask twice; NULL: one is drawn */
    const char *uid;
    const char *session; /* further session of the same file (--session); NULL: the first */
    bool ci;             /* exit condition */
    int64_t ci_timeout_ms, ci_readiness_timeout_ms; /* -1: as the file says */
    StrList names; /* resources or targets; empty: all that are `auto` */
    StrMap labels; /* -l: only resources that carry all of these; NULL is any value */
    const ClientSetup *client;
    /* in whose worktree the file lies, with its key-values; NULL: in none */
    const struct EnvironmentEntry *environment;
    bool force; /* jobs run even if their inputs are as they were */
    bool hold;  /* the session ends when nobody has held it for 30 s (ci without -d) */
} SessionAsk;

/* ERR_CONFLICT if the file's session exists already; ERR_INVALID with `report` for a bad file: then
 * nothing was started. */
MUST Session *session_create(Engine *engine, const SessionAsk *ask, Report *report, Err *err);
enum { SESSION_AS_IS = -1, SESSION_AS_FILE = -2 };

typedef struct SessionPatch {
    Tristate ci;                              /* exit condition; UNKNOWN: as it is */
    int64_t timeout_ms, readiness_timeout_ms; /* of ci; or SESSION_AS_IS, SESSION_AS_FILE */
} SessionPatch;

/* From now on the session is for this. What becomes a ci session counts its timeouts from now. */
MUST int session_patch(Session *session, const SessionPatch *patch, Err *err);
typedef struct StartAsk {
    const StrList *names;
    const StrMap *labels;      /* or NULL */
    const ClientSetup *client; /* replaces the stored one (--env-refresh); NULL: it stays */
    bool force; /* jobs run again, also those that are done or whose inputs are as they were */
} StartAsk;
/* Starts what the names choose in a session that exists (`up` again, `start`). */
MUST int session_start(Session *session, const StartAsk *ask, Err *err);
/* Graceful stop of everything in reverse order of dependence (grace_ms < 0: each its own; 0: kill),
 * then the object goes. purge: also its files. */
void session_delete(Session *session, int64_t grace_ms, bool purge);
/* Of a session that is down and has left helpers: loads it again, and deletes it with purge. */
MUST int session_purge_down(Engine *engine, const char *slug, Err *err);
/* A client that holds a session (SessionAsk.hold) came or went. */
void session_hold(Session *session, int change);

Session *session_find(Engine *engine, const char *slug); /* living ones */
Session *session_of(Object *object);
Object *session_object(Session *session);
/* The living session of a config file, by its name (NULL: the first). */
Session *session_of_file(Engine *engine, const char *file, const char *name);
const char *session_slug(const Session *session);
const char *session_file(const Session *session); /* its config file */

/* Reads and checks a file for `vet` and `config`, by config_review(). True: it is valid. What it
 * comes to (JSON: resolved, secrets masked) is written if that can be said, valid or not. */
bool engine_review(const ConfigAsk *ask, Report *report, JsonWriter *resolved);
/* Of a good file of another tool: the thole.yaml to keep instead. False: it is one of ours. */
bool engine_translate(const char *file, const StrMap *client, JsonWriter *written);

/* The ports of a session that is gone are not remembered any more. session: of `--session`, or
 * NULL. */
void engine_forget_ports(Engine *engine, const char *file, const char *session);

/* ---- Targets ---- */
Target *target_of(Object *object);
const char *target_name(const Target *target);   /* "api:serve" */
bool target_active(const Target *target);        /* as is shown */
MUST int target_start(Target *target, Err *err); /* with what it depends on */
MUST int target_stop(Target *target, Err *err);
MUST int target_restart(Target *target, Err *err);
/* After one of them: the run that was asked for is not skipped, whatever the inputs are. */
MUST int target_force(Target *target, Err *err);
typedef struct TriggeredRun {
    Target *target; /* NULL: none */
    uint32_t run;   /* the run that answers the wish, or one that need not be (status.skipped) */
} TriggeredRun;
typedef struct Triggered {
    TriggeredRun run, build; /* of the service's command, and of its build */
} Triggered;
/* What has changed and waits is applied, else its service is built and started afresh; `force`: a
 * job runs even if its inputs are as they were. Whoever asks before that run begins gets the same
 * one. */
MUST int target_trigger(Target *target, bool force, Triggered *ret, Err *err);
/* Disabled: it is stopped, and not run until it is enabled; then it is started if it was chosen.
 * with_deps: likewise what it depends on (enabled), or what depends on it (disabled). Lasts as long
 * as the session, over its file's `enabled`. */
MUST int target_set_enabled(Target *target, bool enabled, bool with_deps, Err *err);
/* Likewise of it alone; UNKNOWN: as its file says again. */
MUST int target_patch_enabled(Target *target, Tristate enabled, Err *err);

/* ---- The server as a whole ---- */
void engine_stop_all(Engine *engine); /* every session, workflow and operation, gracefully */
