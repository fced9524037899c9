/* SPDX-License-Identifier: Apache-2.0 */
/* What every backend must do, as tests. A test program links conformance*.c and defines
 * `conformance`: how to make a world with its backend in it, and steps that act as the tests ask.
 * The tests register themselves. */
#pragma once

#include "backend/backend.h"
#include "base/buf.h"
#include "base/arena.h"

/* One machine with a server on it. */
typedef struct World {
    Loop *loop;
    Backend *backend;
    const char *dir; /* absolute, the world's own; tasks get directories below it */
    Arena arena;     /* for steps; as long as the world */
    void *own;       /* the factory's */
} World;

/* What a step does. */
typedef struct Act {
    const char *name;
    const char *out; /* written to stdout first; no quotes, backslashes or percent signs in it */
    int lines;       /* then the numbers from 1 to this, a line each */
    int64_t life_ms; /* then it lives so long; -1: until it is ended */
    int code;        /* then it exits with this, */
    int dies_of;     /* or by this signal */
    bool ignores_term;
    bool cannot_start;  /* e.g. its program does not exist */
    bool reads;         /* first of all it copies what it is given to read, to the end of that */
    bool tty;           /* it has a terminal */
    const char *secret; /* to be masked */
    uint32_t restarts;
} Act;

typedef struct Conformance {
    void (*open)(World *world);  /* sets loop, backend, dir; the backend was not loaded yet */
    void (*close)(World *world); /* ends everything that was started */
    /* the server is killed: its calls in flight are heard of by nobody. world->backend is the next
     * one's */
    void (*crash)(World *world);
    const Step *(*step)(World *world, const Act *act); /* lives as long as the world */
    /* Likewise, as a step with commands of a workflow that was set up; NULL: `step` makes these */
    const Step *(*workflow_step)(World *world, const Act *act);
    /* a step is the first process of a world of its own: a signal that ends it is told as the code
     * 128 + signal, and it hears signals from when it has written `out` on */
    bool contained;
    /* its log cannot be read any more; NULL: what lies in its run's directory is spoiled */
    void (*break_log)(World *world, StepId id);
    void (*turn)(World *world); /* lets a little time pass: at most some 20 ms */
} Conformance;

extern const Conformance conformance;

/* ---- For those who make worlds ---- */

/* Its loop, and a directory below test_dir(). */
void world_make(World *world);

/* What is being ended, counted: as many calls as are in flight. */
typedef struct Ending {
    World *world;
    int left;
} Ending;

void world_ended(void *arg, const void *result, const Err *err); /* arg: Ending; of one call */

/* ---- For the tests ---- */

/* What was heard of one call. */
typedef struct Heard {
    int called;
    bool result;
    Err err;
    StepState state; /* of calls that have one */
    ExecResult exec;
    size_t found;    /* Discovered: how many, */
    char names[512]; /* and "task/step/run " of each; KeptSockets: "name=inode " */
} Heard;

/* What a tail was shown. */
typedef struct Shown {
    Heard heard; /* its end */
    World *world;
    Op *op;
    Buf text;
    uint64_t first, next; /* offset of the first piece; where the next must begin */
    int pieces, wrong;    /* pieces out of place */
    bool hold;            /* each piece holds it back */
    bool drop;            /* the first piece drops it */
} Shown;

World *world_open(void); /* with its backend loaded */
void world_close(World *world);
void world_crash(World *world);                   /* and loads the next backend */
void world_settle(World *world);                  /* some turns: what was about to come has come */
void world_setup(World *world, const char *task); /* and waits for it */
StepId step_id(const char *task, const char *step, uint32_t run);

void hear(void *arg, const void *result, const Err *err);       /* arg: Heard */
void hear_state(void *arg, const void *result, const Err *err); /* StepState */
void hear_exec(void *arg, const void *result, const Err *err);
void hear_found(void *arg, const void *result, const Err *err);
void hear_kept(void *arg, const void *result, const Err *err);

/* Waits until the call that was just made was heard of: later, never from inside it. */
void await(World *world, const Heard *heard);
void await_well(World *world, const Heard *heard);                 /* and without an error */
void start(World *world, StepId id, const Act *act, Heard *heard); /* asks */
/* ... and waits until it runs (asserted); one that ignores signals has written `out` then */
void start_now(World *world, StepId id, const Act *act);
void break_log(World *world, StepId id);                 /* from now on it cannot be read */
void written(World *world, StepId id, const char *text); /* waits until its log holds the text */
void wait_now(World *world, StepId id, Heard *heard);    /* waits for its end */
void check_signal(const Heard *end, int signal);         /* that is what has ended it */
/* And waits, without error. */
void destroy_now(World *world, StepId id, int signal, uint32_t grace_ms);
void tail(World *world, StepId id, uint64_t from, Shown *shown);
void shown_clear(Shown *shown);
/* One turn; fails the test once it took too long. */
bool world_waits(World *world, int64_t *deadline);

/* Turns the world until the condition holds; the test fails if it never does. */
#define UNTIL(world, condition)                \
    for (int64_t deadline_ = 0; !(condition);) \
    ASSERT(world_waits(world, &deadline_))
