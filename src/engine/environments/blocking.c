/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/environments/blocking.h"

#include <stdlib.h>

#include "base/xalloc.h"

static Blocking *blocking_new(Engine *engine, Worker *worker) {
    Blocking *blocking = xcalloc(1, sizeof(*blocking));
    arena_init(&blocking->arena);
    blocking->engine = engine;
    blocking->store = engine->options.store;
    blocking->worker = worker;
    blocking->stop_fd = -1;
    return blocking;
}

Blocking *blocking_store(Engine *engine) {
    return blocking_new(engine, engine->store_worker);
}

Blocking *blocking_files(Engine *engine) {
    return blocking_new(engine, engine->looker);
}

static void work(void *arg) {
    Blocking *blocking = arg;
    worker_heed(blocking->stop_fd);
    blocking->r = blocking->work(blocking, &blocking->err);
}

static void done(void *arg) {
    Blocking *blocking = arg;
    if (blocking->done)
        blocking->done(blocking->done_arg);
    arena_adopt(op_arena(blocking->op), &blocking->arena);
    op_finish(blocking->op, blocking->result, blocking->result_size,
              blocking->r < 0 ? &blocking->err : NULL);
    free(blocking);
}

static void work_here(void *arg) {
    Blocking *blocking = arg;
    list_remove(&blocking->link);
    work(blocking);
    done(blocking);
}

void blocking_finish(Engine *engine) {
    while (!list_empty(&engine->blocking)) {
        Blocking *blocking = LIST_ENTRY(engine->blocking.next, blocking, link);
        deferred_free(blocking->deferred);
        work_here(blocking);
    }
}

Op *blocking_run(Blocking *blocking, BlockingFn fn, OpFn on_done, void *arg) {
    Op *op = blocking->op = op_new(blocking->engine->loop, on_done, arg, NULL, NULL);
    blocking->work = fn;
    if (!blocking->worker) {
        list_append(&blocking->engine->blocking, &blocking->link);
        blocking->deferred = loop_defer(blocking->engine->loop, work_here, blocking);
    } else if (worker_run(blocking->worker, work, done, blocking, &blocking->err) < 0) {
        blocking->r = -1;
        done(blocking);
    }
    return op;
}
