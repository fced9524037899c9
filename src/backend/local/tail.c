/* SPDX-License-Identifier: Apache-2.0 */
/* Following the log of a run. A tail reads until it is held back or at the end; there it asks the
 * pin for news, which come once: a run that nobody follows costs nothing. */
#include <stdlib.h>

#include "backend/local/inside.h"
#include "backend/log_reader.h"
#include "base/xalloc.h"

enum { TURN_BYTES = 1024 * 1024, TURN_PIECES = 1024 }; /* then it is somebody else's turn */

typedef struct Tail {
    List link; /* Run.tails */
    Run *run;
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

static void watch(Run *run, bool on, uint64_t seen) {
    WireWatchLog message = {.head = {WIRE_WATCH_LOG, sizeof message}, .on = on, .seen = seen};
    run_tell(run, &message, sizeof message);
}

static void tail_over(Tail *tail, const Err *err) {
    Run *run = tail->run;
    tail->over = true;
    op_finish(tail->op, NULL, 0, err);
    if (tail->telling)
        return; /* its turn frees it */
    tail_free(tail);
    if (list_empty(&run->tails))
        watch(run, false, 0);
    if (run->forgotten)
        run_let_go(run);
}

static void on_cancel(Op *op, void *state) {
    Err err;
    err_set(&err, ERR_CANCELLED, "cancelled");
    tail_over(state, &err);
}

static void on_turn(void *arg);

static void wake(Tail *tail) {
    if (!tail->turn && !tail->held)
        tail->turn = loop_defer(tail->run->local->base.loop, on_turn, tail);
}

/* Hands on one piece. False: the tail is over. */
static bool tell(Tail *tail, const LogPiece *piece) {
    tail->telling = true;
    tail->held = !tail->fn(tail->arg, piece);
    tail->telling = false;
    if (!tail->over)
        return true;
    Run *run = tail->run;
    tail_free(tail);
    if (run->forgotten)
        run_let_go(run);
    return false;
}

static bool at_rest(const Run *run) {
    return run->state == RUN_ENDED || run->state == RUN_VOID || run->forgotten;
}

static void on_turn(void *arg) {
    Tail *tail = arg;
    Run *run = tail->run;
    size_t bytes = 0;
    tail->turn = NULL;
    if (op_forgotten(tail->op)) { /* nobody listens */
        tail_over(tail, NULL);
        return;
    }
    for (size_t i = 0; i < TURN_PIECES && bytes < TURN_BYTES; i++) {
        LogPiece piece;
        Err err = {0};
        bool last = at_rest(run); /* asked before reading: what it wrote until then is on disk */
        int got = log_reader_next(tail->reader, &piece, &err);
        if (got < 0 || (got == 0 && last)) {
            tail_over(tail, got < 0 ? &err : NULL);
            return;
        }
        if (got == 0) {
            uint64_t seen = log_reader_tell(tail->reader);
            watch(run, true, seen > run->log_told ? seen : run->log_told);
            return;
        }
        bytes += piece.data ? piece.size : 0;
        if (!tell(tail, &piece) || tail->held)
            return;
    }
    wake(tail);
}

Op *local_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn,
                    void *arg) {
    Local *local = local_of(backend);
    Err err = {0};
    Run *run = local_known_run(local, id, &err);
    if (!run)
        return local_refuse(local, fn, arg, &err);
    Tail *tail = xcalloc(1, sizeof *tail);
    tail->run = run;
    tail->fn = on_piece;
    tail->arg = arg;
    tail->reader = log_reader_new(run->dir);
    log_reader_seek(tail->reader, from);
    list_append(&run->tails, &tail->link);
    tail->op = local_op(local, fn, arg, on_cancel, tail);
    wake(tail);
    return tail->op;
}

void local_tail_resume(Backend *backend, Op *op) {
    Tail *tail = op_state(op);
    tail->held = false;
    wake(tail);
}

void tails_wake(Run *run) {
    Tail *tail;
    LIST_FOREACH (tail, &run->tails, link)
        wake(tail);
}

void tails_abandon(Run *run) {
    Tail *tail;
    LIST_FOREACH_SAFE (tail, &run->tails, link) {
        op_abandon(tail->op);
        tail_free(tail);
    }
}
