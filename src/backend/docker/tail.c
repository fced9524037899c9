/* SPDX-License-Identifier: Apache-2.0 */
/* Following the log of a run, as it lies in its directory. A tail reads until it is held back or at
 * the end; there it waits to be woken. */
#include <stdlib.h>

#include "backend/docker/inside.h"
#include "backend/log_reader.h"
#include "base/xalloc.h"

enum { TURN_BYTES = 1024 * 1024, TURN_PIECES = 1024 }; /* then it is somebody else's turn */

typedef struct Tail {
    List link; /* DockerRun.tails */
    DockerRun *run;
    Op *op;
    LogReader *reader;
    LogFn fn;
    void *arg;
    Deferred *turn; /* its next turn to read; NULL: it waits */
    bool held;      /* by its consumer */
    bool telling;   /* inside fn: not to be freed */
    bool over;
} Tail;

static void tail_free(Tail *tail) {
    list_remove(&tail->link);
    deferred_free(tail->turn);
    log_reader_free(tail->reader);
    free(tail);
}

void docker_tails_free(DockerRun *run) {
    while (!list_empty(&run->tails))
        tail_free(LIST_ENTRY(run->tails.next, (Tail *)NULL, link));
}

/* The run goes with its last one, if it is wanted for nothing else. */
static void leave(Tail *tail) {
    DockerRun *run = tail->run;
    tail_free(tail);
    if (run->forgotten)
        docker_run_let_go(run);
}

static void tail_over(Tail *tail, const Err *err) {
    tail->over = true;
    op_finish(tail->op, NULL, 0, err);
    if (!tail->telling)
        leave(tail);
}

static void on_cancel(Op *op, void *state) {
    Err err;
    (void)op;
    err_set(&err, ERR_CANCELLED, "cancelled");
    tail_over(state, &err);
}

static void on_turn(void *arg);

static void wake(Tail *tail) {
    if (!tail->turn && !tail->held)
        tail->turn = loop_defer(tail->run->docker->base.loop, on_turn, tail);
}

void docker_tails_wake(DockerRun *run) {
    Tail *tail;
    LIST_FOREACH (tail, &run->tails, link)
        wake(tail);
}

/* Hands on one piece. False: the tail is over. */
static bool tell(Tail *tail, const LogPiece *piece) {
    tail->telling = true;
    tail->held = !tail->fn(tail->arg, piece);
    tail->telling = false;
    if (tail->over)
        leave(tail);
    else
        return true;
    return false;
}

static bool is_over(const DockerRun *run) {
    return run->state == DOCKER_RUN_ENDED || run->state == DOCKER_RUN_VOID || run->forgotten;
}

static void on_turn(void *arg) {
    Tail *tail = arg;
    size_t bytes = 0;
    tail->turn = NULL;
    if (op_forgotten(tail->op)) { /* nobody listens */
        tail_over(tail, NULL);
        return;
    }
    for (size_t i = 0; i < TURN_PIECES && bytes < TURN_BYTES; i++) {
        LogPiece piece;
        Err err = {0};
        int got = log_reader_next(tail->reader, &piece, &err);
        if (got < 0 || (got == 0 && is_over(tail->run)))
            tail_over(tail, got < 0 ? &err : NULL);
        if (got <= 0)
            return;
        bytes += piece.data ? piece.size : 0;
        if (!tell(tail, &piece) || tail->held)
            return;
    }
    wake(tail);
}

Op *docker_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn,
                     void *arg) {
    Docker *docker = docker_of(backend);
    Err err = {0};
    DockerRun *run = docker_known_run(docker, id, &err);
    if (!run)
        return docker_refuse(docker, fn, arg, &err);
    Tail *tail = xcalloc(1, sizeof *tail);
    tail->run = run;
    tail->fn = on_piece;
    tail->arg = arg;
    tail->reader = log_reader_new(run->dir);
    log_reader_seek(tail->reader, from);
    list_append(&run->tails, &tail->link);
    tail->op = docker_op(docker, fn, arg, on_cancel, tail);
    wake(tail);
    return tail->op;
}

void docker_tail_resume(Backend *backend, Op *op) {
    Tail *tail = op_state(op);
    (void)backend;
    tail->held = false;
    wake(tail);
}
