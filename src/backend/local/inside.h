/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the local backend share. The shape: a Local has Tasks (directories) and Runs
 * (one execution of a step each, the file run.c); calls are remembered at the run they are about
 * and answered by run_set_state() alone. */
#pragma once

#include "backend/local/kept.h"
#include "backend/local/local.h"
#include "backend/local/rail_link.h"
#include "backend/local/workflow_services.h"
#include "backend/log_tail.h"
#include "backend/step_name.h"
#include "base/list.h"
#include "base/map.h"
#include "loop/worker.h"
#include "pin/wire.h"

typedef struct Local Local;
typedef struct Run Run;

typedef struct Task {
    char *name, *dir;
    Arena arena;
    StrMap services;    /* of a workflow: where its services are, as variables; in `arena` */
    ServicePorts ports; /* and what they listen on, while they run; likewise */
} Task;

struct Local {
    Backend base;         /* first */
    LocalOptions options; /* our own copies */
    Map tasks;            /* name → Task */
    Map runs;             /* run_key() → Run, without ephemeral ones */
    List all;             /* Run.link */
    List queue;           /* Run.queued: those a pin is to be asked for */
    List execs;           /* Exec.link, exec.c */
    List clears;          /* Clear.link, stop.c */
    List endings;         /* Ending.link, leftovers.c */
    Worker *worker;       /* removes workspaces, which may be large */
    OpList calls;         /* every call in flight, of whatever kind */
    RailLink *rail;
    Kept kept;
    uint32_t rail_sockets; /* the most that the rail passes to a process; 0: it is an older one, or
                              not met yet */
    int cgroup;            /* directory for control groups, -1 */
    uint64_t last_tag;
    Timer *queue_timer; /* while descriptors are short */
    Timer *sweep_timer; /* while runs are being swept */
    Deferred *burial;   /* frees runs that were let go, when nobody stands on them */
};

/* The only way down from the contract. */
Local *local_of(Backend *backend);

Task *local_task(Local *local, const char *name);        /* NULL: it was not set up */
void task_free(Task *task);                              /* NULL is fine */
Run *local_run(Local *local, StepId id);                 /* NULL: not known in memory */
Run *local_known_run(Local *local, StepId id, Err *err); /* in memory or found on disk; NULL: err */
Op *local_succeed(Local *local, OpFn fn, void *arg);     /* a call that is done at once */
char *local_run_dir(const Task *task, StepId id);        /* returns owned */
char *local_run_key(StepId id);                          /* returns owned */
void local_flush(Local *local);                          /* hands queued runs to the rail */
/* op_new, and in local->calls. */
Op *local_op(Local *local, OpFn fn, void *arg, OpCancelFn cancel, void *state);
Op *local_refuse(Local *local, OpFn fn, void *arg, const Err *err); /* a call that fails at once */

/* ---- run.c: one execution ---- */

typedef enum RunState {
    RUN_ASKED,   /* a pin was, or will be, asked for; nothing was heard of it yet */
    RUN_SEEKING, /* adoption: its pin is being looked for */
    RUN_RUNNING,
    RUN_SWEEPING, /* its pin is gone without an exit record; what it left behind is being ended */
    RUN_ENDED, /* its exit record is on disk; helpers may linger (then its socket is still there) */
    RUN_VOID,  /* it never started and never will */
} RunState;

typedef struct StopAsk {
    int signal;
    uint32_t grace_ms;
    bool linger; /* helpers are left alone */
} StopAsk;

struct Run {
    Local *local;
    List link, queued;
    LogTails tails;
    List inputs; /* Input.link, input.c; the first is at work */
    List calls;  /* Call.link */
    char *key;   /* in local->runs; NULL: ephemeral, or forgotten */
    char *task;  /* name of its workflow */
    char *dir;
    uint32_t number;
    char id[WIRE_ID_MAX];
    uint64_t tag; /* of the request at the rail, and of a sweep */
    RunState state;
    bool asked_again; /* the one second chance of a start whose pin never claimed is used up */
    bool forgotten;   /* goes when nobody wants anything of it any more */
    Err *gave_up;     /* why nothing can be known of it; NULL: it can */
    int64_t since_ms; /* of the state */
    int fd;           /* -1: no connection to its pin */
    Poll *poll;
    Timer *timer; /* SEEKING: next look; SWEEPING: the rail need not be waited for any longer */
    StopAsk stop; /* what is to be sent once it runs */
    bool stop_wanted;
    StepState now;
    char *program, *cwd, *path; /* for the sentence of a failed start; gone when it has started */
    size_t environment;         /* bytes of it, for the same */
    int *sockets;               /* to be passed; our copies, until it has started */
    size_t socket_n;
    uint32_t lost; /* LostHow, while SWEEPING */
    bool swept;    /* the rail has ended what was below its pin */
    uint32_t left; /* processes of it that the last look found; `left_names` names them */
    char left_names[128];
    uint64_t log_told;       /* size of its log, as its pin said last */
    struct Stopper *stopper; /* a stop command at work, stop.c */
    StepStopped stopped;     /* how that came out */
};

typedef enum CallKind { CALL_START, CALL_WAIT, CALL_DESTROY, CALL_RESUME } CallKind;

Run *run_new(Local *local, const char *dir, StepId id); /* id.step NULL: ephemeral */
Run *run_free(Run *run);   /* forgets it; its process is not touched. Calls in flight are dropped */
void run_let_go(Run *run); /* frees it, later, when the last call and tail is answered */
Op *run_call(Run *run, CallKind kind, OpFn fn, void *arg);
void run_set_state(Run *run, RunState state);
RailSent run_ask(Run *run);                    /* asks the rail for its pin */
void run_fail_start(Run *run, const Err *err); /* it was never claimed, and will not be */
void run_fail_fork(Run *run, int error);       /* likewise, since no process could be made */
void run_attach(Run *run, int fd);             /* takes the socket to its pin */
void run_stop(Run *run, const StopAsk *ask);   /* now, or as soon as it runs */
void run_kill(Run *run);                       /* at once, with all that is below its pin */
void run_hang_up(Run *run);                    /* ends the connection to its pin, if there is one */
int run_tell(Run *run, const void *message, size_t size); /* to its pin; -1: nobody there */
void run_ended(Run *run, const WireEnded *ended);
/* Every call fails; nothing is known of the run any more. */
void run_give_up(Run *run, const Err *err);

/* ---- resume.c: whose run is it, after somebody died? ---- */

void run_seek(Run *run);     /* looks on disk and for its pin, and sets the state */
void run_pin_gone(Run *run); /* its socket ended without WIRE_ENDED */
void local_pin_died(Local *local, const WirePinDied *died);
void local_swept(Local *local, uint64_t tag);

/* ---- tail.c ---- */

Op *local_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn, void *arg);
void local_tail_resume(Backend *backend, Op *tail);
extern const LogTailOwner local_tail_owner;

/* ---- input.c ---- */

Op *local_input_step(Backend *backend, StepId id, const StepInput *input, OpFn fn, void *arg);
Op *local_resize_step(Backend *backend, StepId id, StepSize size, OpFn fn, void *arg);
void inputs_send(Run *run); /* it runs, or has another connection, or there is room in it */
void inputs_taken(Run *run, const WireTaken *taken);
void inputs_fail(Run *run);    /* it has ended */
void inputs_abandon(Run *run); /* nobody is answered */

/* ---- exec.c, stop.c, discover.c ---- */

Op *local_exec_step(Backend *backend, StepId id, const Step *step, int64_t timeout_ms, OpFn fn,
                    void *arg);
/* Ends and removes what a killed server left in exec/. */
void local_exec_tidy(Local *local, const Task *task);
/* Of a command that is at work: its directory, with its log, goes there when it has ended. */
void local_exec_keep(Local *local, const Op *op, const char *dir);
void local_execs_free(Local *local);
void local_execs_kill(Local *local, const char *task);
void local_clears_free(Local *local);
void stopper_free(Run *run);
Op *local_destroy_step(Backend *backend, StepId id, const StopHow *how, OpFn fn, void *arg);
Op *local_destroy_workflow(Backend *backend, const char *task, const WorkflowConfig *config,
                           OpFn fn, void *arg);

/* ---- leftovers.c: of tasks whose directory is gone ---- */

Op *local_leftovers(Backend *backend, OpFn fn, void *arg);
/* Ends what is left of a task; fn is called, later, for each of as many as it returns. */
size_t local_end_lost(Local *local, const char *task, OpFn fn, void *arg);
void local_endings_free(Local *local);

typedef struct FoundRun {
    const char *step; /* lent */
    const char *dir;  /* lent */
    uint32_t run;
    bool ended; /* it has an exit record */
} FoundRun;
typedef void (*FoundRunFn)(void *arg, const FoundRun *found);
/* What lies below its runs/, in no order. */
void task_each_run(const Task *task, FoundRunFn fn, void *arg);
Op *local_discover(Backend *backend, OpFn fn, void *arg);
bool run_dir_lingers(const char *dir); /* of a run that has ended: it has left helpers */
size_t local_helpers(Backend *backend, StepId id, Helper *ret, size_t max);
