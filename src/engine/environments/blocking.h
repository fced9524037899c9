/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of blocking work (the store, files, programs that look) as an Op, on one of the engine's
 * workers. */
#pragma once

#include "engine/inside.h"
#include "loop/op.h"

typedef struct Blocking Blocking;

struct Blocking {
    Arena arena;        /* what it is given, and what it gives; lives until the OpFn has returned */
    Store *store;       /* of the engine; lent */
    void *ask;          /* lent; `work` may write into it what `done` is to know */
    const void *result; /* set by `work`: what the OpFn is given */
    size_t result_size;
    int stop_fd; /* programs that it runs are ended once that is readable; lent; -1 */
    /* private */
    Engine *engine;
    Worker *worker;
    Op *op;
    int (*work)(Blocking *blocking, Err *err);
    void (*done)(void *arg); /* from the loop, always, before the OpFn; NULL */
    void *done_arg;
    Deferred *deferred; /* scripted engines: it is done in the next turn */
    List link;          /* Engine.blocking, likewise */
    int r;
    Err err;
};

typedef int (*BlockingFn)(Blocking *blocking, Err *err);

/* For store calls; the other is for files and programs, of which several are at work at once. What
 * it is given goes into its arena. */
Blocking *blocking_store(Engine *engine);
Blocking *blocking_files(Engine *engine);
/* Asked once; it is gone with the Op. */
Op *blocking_run(Blocking *blocking, BlockingFn work, OpFn fn, void *arg);
/* The engine leaves: what a scripted one was to do is done, as workers do theirs. */
void blocking_finish(Engine *engine);
