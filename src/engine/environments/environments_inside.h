/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this directory share. */
#pragma once

#include "engine/environments/environment.h"
#include "engine/inside.h"
#include "store/environments.h"

typedef struct Operation Operation;
typedef struct OperationFile OperationFile;

/* The highest numbers that its file of events has, as far as that was read. */
typedef struct EventsCounted {
    long to; /* bytes */
    int64_t number, seq;
} EventsCounted;

struct Environment {
    List link; /* Engine.environments */
    Engine *engine;
    Object object;
    char *space, *slug, *dir, *task; /* task: of the backend */
    Arena arena;                     /* of `project` and `entry` */
    const char *project;
    char *manifest;         /* that is run; NULL */
    bool apart;             /* no store knows it: a run, or the hooks that all share */
    EnvironmentEntry entry; /* without steps, audit and key-values */
    const char *server;     /* entry_server(); in `arena`; NULL */
    bool left_running;      /* what its deploy has left, when it was looked at last */
    int64_t version;        /* of the store's; 0: it does not know it yet */
    Operation *operation;   /* under way, or the last one; NULL */
    int64_t next;           /* the number of the delete that waits for its end; 0: none does */
    List readers;           /* OperationEvents.link */
    EventsCounted counted;
    Buf untold;    /* events that their file could not take: its disk is full */
    bool fresh;    /* no store has had it when it was begun here */
    Timer *drop;   /* ... nor has it now, and nobody hears of it any more */
    List awaiting; /* Awaiting.link */
};

/* ---- environment.c ---- */
Environment *environment_new(Engine *engine, const char *project, const char *name);
char *environment_space(const char *project, Arena *arena); /* its namespace; returns owned */
/* What the backend calls it; in `arena`. */
const char *environment_task(const char *space, const char *slug, Arena *arena);
/* Likewise, but nobody sees it. */
Environment *environment_make(Engine *engine, const char *project, const char *name);
/* Likewise, but no store knows it: of a manifest that is run; without one, of no name, for what all
 * environments of the project share. */
Environment *environment_new_apart(Engine *engine, const OperationAsk *ask);
/* Of what all share: its slug; and what its namespace is made of. Returns owned. */
#define ENVIRONMENT_SHARED "shared"
/* In its directory: the store that knows it. */
#define ENVIRONMENT_STORE "store"
/* Of what has the directory `dir`, if it is another than `own` (THOLE_STORE was another) and still
 * there. Returns owned; NULL: it is ours, or nobody's. */
char *environment_other_store(const char *dir, const char *own);
char *environment_shared_place(const char *project);
/* Where such a run of a manifest (absolute, links resolved) keeps what it does, and what the
 * backend calls it; in `arena`. */
const char *environment_runs_dir(const Engine *engine, const char *manifest, const char *name,
                                 Arena *arena, const char **ret_task);
Environment *environment_unmake(Environment *environment);
/* Was it this server, or one before it, that has started what runs of it? */
bool environment_is_served_here(const Environment *environment);
Environment *environment_forget(Environment *environment); /* it is nowhere any more */
/* What the store has of it now; copied. */
void environment_take(Environment *environment, const StoredEnvironment *stored);
EnvironmentKey environment_key(const Environment *environment);
/* That of its worktree, which runs its services; NULL: there is none. */
Session *environment_session(const Environment *environment);
void environment_touch(Environment *environment);

/* ---- environment_begin.c ---- */
/* Its operation is over. */
void environment_ended(Environment *environment);
/* Nobody listens any more: one of which nothing was ever recorded goes away in a moment. */
void environment_unheard(Environment *environment);
/* What was to be done cannot be: who waits for it is told in its events. */
void environment_set_refused(Environment *environment, const OperationFile *file, const Err *err);
/* What is left of one that is no more. */
void environment_remove_gone(const char *path);
void environment_await_no_more(Environment *environment); /* it goes away */

/* ---- environment_place.c ---- */
/* What is asked for, with what is found out about a tree that is given: its branch, links resolved;
 * in `arena`. Nothing is begun. ERR_INVALID: it is no worktree of the project; ERR_CONFLICT: the
 * environment is elsewhere, or otherwise, or another one is there. */
MUST int environment_place(const Environment *environment, const OperationAsk *ask, Arena *arena,
                           OperationAsk *ret, Err *err);

/* ---- environment_left.c: what runner.deploy has left running ---- */
/* Where the hook of an environment has its runs. Which have left something is told by the disk: it
 * holds whatever became of servers and records. */
typedef struct DeployRuns {
    Backend *backend;
    const char *task, *dir;
} DeployRuns;
extern const char deploy_step[];
StepId deploy_runs_id(const DeployRuns *runs, uint32_t run);
/* The first run after `run` that has left something which goes on, and how many processes; 0: there
 * is none. The backend knows where the runs are. */
uint32_t deploy_runs_next(const DeployRuns *runs, uint32_t run, size_t *ret_processes);
/* The processes of all. If there is any run the backend is told where they are: a server that has
 * done nothing to the environment yet has not told it. */
size_t deploy_runs_count(const DeployRuns *runs);
/* Nobody tells of the end of what goes on unseen: it is looked at when somebody asks. */
void environment_look_left(Environment *environment);

/* ---- environment_show.c ---- */
void environment_encode(Object *object, JsonWriter *out);
void environment_encode_brief(Object *object, JsonWriter *out);
/* The member `resume`: the words that go on where it failed; nothing if it did not. */
void environment_encode_resume(const Environment *environment, const EnvironmentEntry *entry,
                               JsonWriter *out);
