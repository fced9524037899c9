/* SPDX-License-Identifier: Apache-2.0 */
/* A Worker does blocking work (stores, files that are synced) on one thread of its own, in the
 * order in which it was given; the loop hears when each piece is done. The thread is started with
 * the first piece and sleeps when there is none.
 *
 * What `work` may touch is what it was given: `arg`, and nothing of the loop's. The loop leaves
 * `arg` alone until `done`. */
#pragma once

#include "base/err.h"
#include "loop/loop.h"

typedef struct Worker Worker;
typedef void (*WorkFn)(void *arg);

enum { WORKER_QUEUE_MAX = 1024 }; /* pieces whose `done` was not called yet */

Worker *worker_new(Loop *loop);
/* Does all that was given, waits for it, and calls each `done` that was not called yet (the one
 * callback that comes from inside a call: what they free is not lost). NULL is fine, returns
 * NULL. */
Worker *worker_free(Worker *worker);
/* `work` on the thread, then `done` (or NULL) from the loop. ERR_LIMIT: the queue is full; nothing
 * will be called. */
MUST int worker_run(Worker *worker, WorkFn work, LoopFn done, void *arg, Err *err);
