/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine: what all its folders share.
 *
 * One direction only: callbacks (a run started, ended, a probe answered, somebody asked) record
 * facts with fact_*() and call target_mark(); the drain, and it alone, asks plan_target() for every
 * marked target and performs the act; target_show() is the only writer of what the API sees.
 * Nothing else starts or stops anything.
 *
 *     files/    watching and reading files: knows no session
 *     backends/ those that workflows use
 *     ports/    leases, holds and listening sockets
 *     logs/     what targets wrote, as lines
 *     events/   what happened, and what is told of it
 *     targets/  one target: its runs, probes, hooks, files
 *     sessions/ one session: its config, life and files
 *     workflows/ one workflow: its steps, life and files
 *     compute/  where an environment is: worktrees, compose, machines of hooks; knows no engine
 *     environments/ what the store knows of them
 *     operations/ what is done to one of them, step by step */
#pragma once

#include "engine/backends/backend_pool.h"
#include "engine/engine.h"
#include "engine/files/file_watch.h"
#include "loop/alarm.h"
#include "loop/worker.h"

typedef struct HttpClient HttpClient;

struct Engine {
    EngineOptions options;
    Loop *loop;
    char *state_dir, *owner;
    char *holder; /* of its leases, as people are told: "machine:state_dir" */
    Backend *backend;
    BackendPool *pool; /* where workflows run */
    List sweeps;       /* Sweep.link: backends that are looked through */
    Objects *objects;
    HttpClient *http;
    Worker *worker;              /* writes state files; NULL: scripted */
    Worker *store_worker;        /* for EngineOptions.store, which may keep it waiting */
    Worker *reader;              /* reads the inputs of jobs; NULL: scripted */
    Worker *looker;              /* for environments: files, git, docker, which may hang */
    FileWatcher *files;          /* NULL: scripted */
    List sessions;               /* Session.link */
    List dirty;                  /* Target.dirty */
    List workflows;              /* Workflow.link */
    List dirty_workflows;        /* Workflow.dirty */
    List environments;           /* Environment.link */
    List blocking;               /* Blocking.link; scripted */
    int64_t environments_change; /* of the store: what we know of it */
    List refreshes;              /* Refresh.link */
    List unsettled;              /* Session.unsettled */
    List slot_wait;              /* Target.slot_wait, in order of plan_slot_compare */
    List tidy;                   /* Target.tidy */
    List lingering;              /* Target.lingers */
    List scheduled;              /* Target.scheduled */
    Alarm *alarm;                /* at the next of their times; NULL: nobody has one */
    List event_logs;             /* EventLog.dirty */
    Timer *calm;                 /* a moment after something changed */
    bool calming;
    int slots, slots_used;
    Deferred *drain;
    bool looking_up; /* ... what a server before has started */
    LoopFn adopted;  /* to be called when all has been looked up, once */
    void *adopted_arg;
    uint32_t random;
};

void engine_wants_drain(Engine *engine);
/* The session is looked at (session_settle) in the next drain. */
void engine_changed(Engine *engine, Session *session);
uint32_t engine_random(Engine *engine);
/* A moment from now: what waits says anew why. */
void engine_calm_later(Engine *engine);
/* Its older runs are tidied when things have calmed down: not between one job and the next. */
void engine_tidy_later(Engine *engine, Target *target);
/* Jobs at once: the most that a living session's file allows, or the default. */
void engine_count_slots(Engine *engine);
/* True, with the reason: nothing can be asked of it ("cannot be <done>"). */
MUST bool target_refuses(const Target *target, const char *done, Err *err);
