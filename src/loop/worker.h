/* SPDX-License-Identifier: Apache-2.0 */
/* A Worker does blocking work (stores, files that are synced, programs that look at something) on
 * threads of its own; the loop hears when each piece is done. Pieces are begun in the order in
 * which they were given: with one thread they are also done in it. A thread is started when there
 * is a piece and no thread for it, and sleeps when there is none.
 *
 * What `work` may touch is what it was given: `arg`, and nothing of the loop's. The loop leaves
 * `arg` alone until `done`. */
#pragma once

#include "base/err.h"
#include "loop/loop.h"

typedef struct Worker Worker;
typedef void (*WorkFn)(void *arg);

enum {
    WORKER_QUEUE_MAX = 1024, /* pieces whose `done` was not called yet */
    WORKER_THREADS_MAX = 64
};

Worker *worker_new(Loop *loop, unsigned threads); /* up to WORKER_THREADS_MAX */
/* Does all that was given, waits for it, and calls each `done` that was not called yet (the one
 * callback that comes from inside a call: what they free is not lost). Work that can be long hears
 * of it by worker_leaving_fd(). NULL is fine, returns NULL. */
Worker *worker_free(Worker *worker);
/* `work` on the thread, then `done` (or NULL) from the loop. ERR_LIMIT: the queue is full; nothing
 * will be called. */
MUST int worker_run(Worker *worker, WorkFn work, LoopFn done, void *arg, Err *err);
/* For work: readable as soon as its worker is being freed, so that what can be begun anew another
 * time ends early. Lent; -1: this is no worker's thread. */
int worker_leaving_fd(void);
bool worker_is_leaving(void); /* the same, asked at once */
/* Likewise of the piece in hand alone: once `fd` is readable nobody wants it any more. Lent until
 * the piece is done. -1: that will not be. */
void worker_heed(int fd);
int worker_heeded_fd(void);
