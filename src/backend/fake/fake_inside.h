/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the fake backend share. The shape: a Fake holds Runs, which are its world and
 * outlive a "crash" of the server; calls in flight hang on the run they are about and are the
 * server's, so they do not. */
#pragma once

#include "backend/fake/fake.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"

typedef struct Fake Fake;
typedef struct FakeRun FakeRun;

/* What a step will do: its script's, or its environment's, decided when it is launched. */
typedef struct FakePlan {
    int64_t start_delay_ms, life_ms;
    StepEnd end;
    int code;
    int stopped_code; /* exit code after a stop; -1: it dies of the signal */
    Tristate oom_killed;
    bool ignores_stop, survives_kill, tail_fails;
    uint32_t helpers;
    char *start_error; /* owned; NULL: it can be started */
    int start_errno;   /* not 0: ... by its own fault */
    char *end_error;   /* owned; the sentence of an end that failed */
    char *output;      /* owned; NULL: none */
} FakePlan;

typedef struct FakeRule {
    List link;
    char *task, *step; /* NULL: any */
    FakeScript script; /* its strings are ours */
} FakeRule;

/* Somebody waiting for something: the end of a run, of an exec, or of all of a task. */
typedef struct FakeCall {
    List link;
    Op *op;
    Fake *fake;
    char *task;    /* of destroy_workflow */
    Timer *timer;  /* of exec */
    FakePlan plan; /* of exec */
    bool timed_out;
} FakeCall;

typedef struct FakePiece {
    uint64_t at;
    size_t size;
    int64_t time_us;
    int stream;
} FakePiece;

typedef struct FakeTail {
    List link; /* FakeRun.tails */
    FakeRun *run;
    Op *op;
    LogFn fn;
    void *arg;
    uint64_t at;
    bool held;
    Deferred *pump;
    bool *gone; /* where the pump at work wants to hear that the tail was freed */
} FakeTail;

typedef enum FakePhase { FAKE_LAUNCHED, FAKE_VOID, FAKE_RUNNING, FAKE_ENDED } FakePhase;

struct FakeRun {
    List link; /* Fake.runs */
    Fake *fake;
    char *task, *step;
    uint32_t run;
    char *dir; /* its log goes there, too, for who reads logs from disk */
    FakePhase phase;
    bool dismissed; /* its task was destroyed */
    bool known;     /* this server started or resumed it */
    bool no_log, linger, tty;
    bool reads;               /* it has an input that is open */
    uint64_t writer, written; /* the last one's, and how much of it was read */
    StepSize size;            /* of its terminal, as was said last */
    char **secrets;
    size_t secret_n;
    FakePlan plan;
    StepState state;
    VEC(FakePiece) pieces;
    Buf log;
    Timer *timer;      /* LAUNCHED: the start; RUNNING: the end by itself */
    Timer *kill_timer; /* of a stop that it ignores */
    int64_t kill_ms;   /* when */
    bool stopping;
    StopHow stop;
    Op *start;
    List waits; /* FakeCall.link */
    List stops; /* FakeCall.link */
    List tails; /* FakeTail.link */
};

struct Fake {
    Backend base; /* first */
    OpList calls; /* every call in flight */
    List runs;    /* FakeRun.link */
    List rules;   /* FakeRule.link */
    List execs;   /* FakeCall.link */
    List ends;    /* FakeCall.link: destroy_workflow */
    Map by_id;    /* task, step, run → FakeRun */
    Map starts;   /* task, step → how often it was really started */
    Map tasks;    /* name → directory (owned): those that this server set up */
    int64_t last_pid;
    VEC(KeptSocket) kept;
    bool hidden; /* runs that this server does not know */
};

/* The only way down from the contract. */
Fake *fake_of(Backend *backend);
/* op_new, in fake->calls. */
Op *fake_op(Fake *fake, OpFn fn, void *arg, OpCancelFn cancel, void *state);
FakeCall *fake_call_new(Fake *fake, List *list, OpFn fn, void *arg);
FakeCall *fake_call_free(FakeCall *call);       /* leaves its op alone */
FakeRun *fake_run(const Fake *fake, StepId id); /* NULL: there is none */
char *fake_key(StepId id);                      /* of by_id; run 0: of starts. Owned */
/* Whoever adopts finds a run by it, as with every backend. Owned. */
char *fake_run_dir(const Fake *fake, StepId id);

/* ---- fake_plan.c ---- */
/* By the step of the id, then by the step's own name; id.step NULL: by the name alone. */
void fake_plan_make(Fake *fake, StepId id, const Step *step, FakePlan *ret);
void fake_plan_clear(FakePlan *plan);
FakeRule *fake_rule_free(FakeRule *rule);

/* ---- fake_run.c: the world ---- */
FakeRun *fake_run_new(Fake *fake, StepId id, const Step *step);
/* One that a server before has started, by its record; NULL: it never began. */
FakeRun *fake_run_again(Fake *fake, StepId id);
FakeRun *fake_run_free(FakeRun *run);
void fake_run_end(FakeRun *run, StepEnd end, int code, const char *error);
void fake_run_stop(FakeRun *run, const StopHow *how);
void fake_run_lose_calls(FakeRun *run); /* whose ops were abandoned */

/* ---- fake_input.c ---- */
Op *fake_input_step(Backend *backend, StepId id, const StepInput *input, OpFn fn, void *arg);
Op *fake_resize_step(Backend *backend, StepId id, StepSize size, OpFn fn, void *arg);
Op *fake_kept_sockets(Backend *backend, OpFn fn, void *arg);
int fake_keep_socket(Backend *backend, const char *name, int fd, Err *err);
void fake_kept_free(Fake *fake);

/* ---- fake_log.c ---- */
void fake_log_put(FakeRun *run, int stream, const char *text);
void fake_log_load(FakeRun *run); /* what lies on disk */
Op *fake_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn, void *arg);
void fake_tail_resume(Backend *backend, Op *tail);
void fake_tails_wake(FakeRun *run);
FakeTail *fake_tail_free(FakeTail *tail); /* leaves its op alone */
