/* SPDX-License-Identifier: Apache-2.0 */
/* Environment: an isolated copy of a project, as the store knows it (store/environments.h), and
 * what this server is doing to it: one Operation at a time. What is to be done about each step is
 * said by plan/lifecycle.h; here that is performed, written down, and shown.
 *
 * The store is the truth, and may be shared: what others have changed in it is known after
 * environments_refresh(). What an operation was asked for lies on disk before anything is done
 * (operation_files.h), so that the next server goes on with it. */
#pragma once

#include "engine/engine.h"
#include "spec/environment.h"
#include "spec/environment_kinds.h"

typedef struct Environment Environment;

typedef struct OperationAsk {
    OperationKind kind;
    const char *file; /* config file of the project: absolute */
    const char *name; /* of the environment; "": of none (hook: init) */
    /* create, provision; NULL, 0: as it is, or as is usual */
    const char *mode, *branch, *base, *path;
    const char *worktree; /* absolute: an existing tree that is taken, and never removed */
    const char *manifest; /* run, or stop of what that has run: absolute, links resolved; file, name
                             and mode follow from it */
    int64_t ttl_ms;
    StrList copy; /* files that are brought along, relative to the project */
    bool no_cache;
    bool again;                   /* a server before has begun it */
    bool recalls;                 /* while its file is not valid it goes by what that said last */
    const char *from;             /* this step and all after it are done anew */
    StrList only;                 /* refresh: these alone; empty: all */
    const char *step;             /* step, invalidate */
    const char *service, *action; /* hook */
    const char *status;           /* status: running, stopped, … */
    bool force, keep_worktree;    /* delete */
    const ClientSetup *client;    /* whose environment the hooks have */
} OperationAsk;

/* What has changed in the store is known when the OpFn is called; the objects show it. */
Op *environments_refresh(Engine *engine, OpFn fn, void *arg);

/* Begins it; right after a refresh, but for what has a manifest. What is under way and was asked
 * for with the same words is not begun again: it is looked at. ERR_INVALID, with `report` for a bad
 * config; ERR_NOT_FOUND; ERR_CONFLICT: something else is under way (a delete is told nothing: it
 * ends what is). Then nothing was begun. */
MUST Environment *environment_begin(Engine *engine, const OperationAsk *ask, Report *report,
                                    Err *err);
/* The operation under way ends as soon as it can: what runs is asked to stop. ERR_CONFLICT: there
 * is none. */
MUST int environment_cancel(Environment *environment, Err *err);

/* Once what is being done to it is over, with the error that it failed with; at once, if nothing
 * is. No result. */
Op *environment_await(Environment *environment, OpFn fn, void *arg);

Environment *environment_of(Object *object);
/* No store has it, and no list: of a manifest that was run, or of hooks that all share. */
bool environment_is_apart(const Environment *environment);
/* What this server does to it now: "create"; that is known here before it is in the store. NULL:
 * nothing. */
const char *environment_doing(const Environment *environment);
Object *environment_object(Environment *environment);
/* By its raw name. */
Environment *environment_find(Engine *engine, const char *file, const char *name);
/* The one whose worktree contains `path` (absolute, links resolved): the innermost. */
Environment *environment_at(Engine *engine, const char *path);
/* Does the session's file lie in its worktree, whatever its name and its file? In a tree that is
 * not ours people run what they like. */
bool environment_has(const Environment *environment, const Session *session);
/* Of whose project this is the config file, as its worktree has it. NULL: of none. */
Environment *environment_of_file(Engine *engine, const char *file);
const EnvironmentEntry *environment_entry(const Environment *environment); /* without its steps */
/* What its status is now. The store has what was made of it; whether services that this server has
 * started run is told by the session of its worktree, whoever has ended or begun that; and what its
 * deploy has left by the pins of that. */
EnvironmentStatus environment_phase(const Environment *environment);
const char *environment_project(const Environment *environment);
/* The config file of the project that `file` is: itself, or if it is that of an environment's
 * worktree, the one of the project. */
const char *environments_project_of(Engine *engine, const char *file);

/* With these parts (EnvironmentParts); the result is a StoredEnvironment. */
Op *environment_read(Environment *environment, unsigned parts, OpFn fn, void *arg);

/* Processes that runner.deploy has left running in an environment of this state directory, or in a
 * checkout (`env run`). `space` as its object has it, `name` the raw one; while no store was asked
 * that of its object. Walks the directories of all: for whoever ends all. */
typedef void (*EnvironmentLeftFn)(void *arg, const char *space, const char *name, size_t processes);
void environments_left_running(Engine *engine, EnvironmentLeftFn fn, void *arg);

/* ---- for engine.c ---- */
char *environments_holder(const Engine *engine); /* Engine.holder; returns owned */
MUST int environments_adopt(Engine *engine, Err *err);
/* Once all sessions are known: their operations look whether what they have started runs. */
void environments_go_on(Engine *engine);
bool environments_idle(const Engine *engine);
void environments_stop_all(Engine *engine); /* what is under way is canceled */
void environments_leave(Engine *engine);    /* nothing is called any more; what runs is left */
void environments_free(Engine *engine);     /* once no worker works any more */
