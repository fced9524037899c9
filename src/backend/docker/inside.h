/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the docker backend share. The shape: a Docker has Tasks (directories) and Runs;
 * calls are remembered at the run they are about and answered when its state changes, by
 * docker_run_set_state() alone. */
#pragma once

#include "backend/docker/docker.h"
#include "backend/docker/engine.h"
#include "backend/docker/patience.h"
#include "backend/docker/run_log.h"
#include "backend/docker/settings.h"
#include "backend/docker/start.h"
#include "backend/log_tail.h"
#include "base/list.h"
#include "base/map.h"

typedef struct Docker Docker;
typedef struct DockerRun DockerRun;

typedef struct DockerTask {
    char *name, *dir;
} DockerTask;

struct Docker {
    Backend base; /* first */
    DockerSettings settings;
    Arena arena; /* of the settings */
    char *owner;
    DockerEngine *engine;
    Map tasks;    /* name → DockerTask */
    Map runs;     /* docker_run_key() → DockerRun */
    List all;     /* DockerRun.link */
    List lists;   /* Find.link, find.c */
    List setups;  /* SetUp.link, setup.c */
    List gones;   /* Gone.link, gone.c */
    OpList calls; /* in flight, of our callers */
    OpList inner; /* ours: starts, stops, sweeps */
};

Docker *docker_of(Backend *backend); /* the only way down from the contract */
/* op_new, and in docker->calls. */
Op *docker_op(Docker *docker, OpFn fn, void *arg, OpCancelFn cancel, void *state);
Op *docker_refuse(Docker *docker, OpFn fn, void *arg, const Err *err);
Op *docker_succeed(Docker *docker, OpFn fn, void *arg);
/* An op of start.h, stop.h or sweep.h, which ends before the engine does. Returns it. */
Op *docker_inner(Docker *docker, Op *op);
DockerTask *docker_task(Docker *docker, const char *name); /* NULL: it was not set up */
/* It did not answer, which may pass; not: it has refused. */
bool docker_is_away(const Err *err);

/* ---- run.c: one execution ---- */

typedef enum DockerRunState {
    DOCKER_RUN_STARTING, /* its container is being made */
    DOCKER_RUN_LOOKING,  /* what became of it is being asked */
    DOCKER_RUN_RUNNING,
    DOCKER_RUN_ENDING, /* `now` says how, and the disk has not taken it yet */
    DOCKER_RUN_ENDED,  /* its end is on disk, its log whole */
    DOCKER_RUN_VOID,   /* it never started and never will */
} DockerRunState;

typedef enum DockerCallKind {
    DOCKER_CALL_START,
    DOCKER_CALL_WAIT,
    DOCKER_CALL_RESUME
} DockerCallKind;

struct DockerRun {
    Docker *docker;
    List link, calls, stops; /* Call.link, Stop.link */
    LogTails tails;
    char *key, *task, *step, *dir;
    uint32_t number;
    char name[CONTAINER_NAME_MAX]; /* of its container */
    DockerRunState state;
    bool forgotten; /* it goes when the last tail has */
    bool removed;   /* its container is, or never was */
    bool script;    /* its first process is a shell that runs our script */
    StepState now;
    char container[80]; /* the engine's id; "": not known */
    uint64_t log_max;   /* bytes to keep, 0: all */
    Err unwritten;      /* ENDING: why */
    Arena arena;        /* what follows: until it has started */
    StartPlan *plan;    /* NULL: another server's start */
    RunLog log;         /* open until it has ended */
    Op *start;          /* of start.h */
    Op *look, *wait, *removal;
    int64_t away_ms; /* it ended while its engine was away, for so long; 0: that was there */
    bool stopping;   /* it is noted that it gets the signal of a stop, */
    bool told;       /* and has had it, or may have had it from a server that was killed */
    bool pulls;      /* its start does */
    bool aborted;    /* it is not to be started after all */
    bool barred;     /* what was under way to start it does not find it any more */
    bool exited;     /* its container has, `now` says how */
    bool troubled;   /* the engine did not answer once */
    bool doubted;    /* its start was refused in a way that an engine which leaves has, too */
    Timer *retry;    /* of an engine that does not answer, of a disk that is full */
    Timer *again;    /* a look at what runs: nobody says that a connection is dead */
    Patience patience;
};

char *docker_run_key(StepId id); /* returns owned */
DockerRun *docker_run(Docker *docker, StepId id);
/* In memory, or found on disk: then it is being looked up. NULL: err. */
DockerRun *docker_known_run(Docker *docker, StepId id, Err *err);
DockerRun *docker_run_new(Docker *docker, StepId id, const char *dir);
/* Frees it; its calls are dropped, its container is not touched. */
void docker_run_free(DockerRun *run);
/* Its container is gone. Who waits for it hears so; it goes when the last tail has. */
void docker_run_let_go(DockerRun *run);
Op *docker_run_call(DockerRun *run, DockerCallKind kind, OpFn fn, void *arg);
void docker_run_set_state(DockerRun *run, DockerRunState state);
/* Writes down how it ended, then tells; until the disk takes it, nobody hears of it and its
 * container stays. What was forgotten may be freed on return. */
void docker_run_end(DockerRun *run);
void docker_run_fail(DockerRun *run, StepEnd end, const char *why);
void docker_run_dismiss(DockerRun *run); /* it never was and never will be */
MUST int docker_run_prepare(DockerRun *run, const Step *step, Err *err);
MUST int docker_run_note(const DockerRun *run, Err *err); /* for the next server: who it is */
char *docker_run_dir(const DockerTask *task, StepId id);

/* ---- watch.c: what becomes of its container ---- */

/* By which the engine knows its container: the id, else the name. */
const char *docker_run_handle(const DockerRun *run);
void docker_run_begin(DockerRun *run); /* makes and starts it */
void docker_run_look(DockerRun *run);  /* asks the engine, and acts on what it says */
/* It is not to be started after all. What the engine was asked for already is waited for: nobody
 * knows else what there is. */
void docker_run_abort(DockerRun *run);
void docker_run_unwatch(DockerRun *run);
extern const RunLogOwner docker_run_log_owner;
bool docker_waits_for(Backend *backend, StepId id, char *ret, size_t size);

/* ---- calls.c, tail.c, setup.c, gone.c, find.c ---- */

Op *docker_start_step(Backend *backend, StepId id, const Step *step, OpFn fn, void *arg);
Op *docker_wait_step(Backend *backend, StepId id, OpFn fn, void *arg);
Op *docker_resume_step(Backend *backend, StepId id, OpFn fn, void *arg);
Op *docker_signal_step(Backend *backend, StepId id, int signal, OpFn fn, void *arg);
Op *docker_destroy_step(Backend *backend, StepId id, const StopHow *how, OpFn fn, void *arg);
Op *docker_run_destroy(DockerRun *run, const StopHow *how, OpFn fn, void *arg);
void docker_stops_go(DockerRun *run); /* its state has changed */
void docker_stops_free(DockerRun *run);
Op *docker_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn,
                     void *arg);
void docker_tail_resume(Backend *backend, Op *tail);
extern const LogTailOwner docker_tail_owner;
Op *docker_setup_workflow(Backend *backend, const char *task, const char *dir,
                          const WorkflowConfig *config, OpFn fn, void *arg);
void docker_setups_free(Docker *docker);
Op *docker_destroy_workflow(Backend *backend, const char *task, const WorkflowConfig *config,
                            OpFn fn, void *arg);
void docker_gones_free(Docker *docker);
Op *docker_discover(Backend *backend, OpFn fn, void *arg);
Op *docker_leftovers(Backend *backend, OpFn fn, void *arg);
void docker_finds_free(Docker *docker);
