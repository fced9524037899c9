/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/log_tail.h"

#include <stdlib.h>

#include "backend/log_reader.h"
#include "base/xalloc.h"

enum { TURN_BYTES = 1024 * 1024, TURN_PIECES = 1024 }; /* then it is somebody else's turn */

struct LogTail {
    List link; /* LogTails.all */
    LogTails *tails;
    Op *op;
    LogReader *reader;
    LogFn fn;
    void *arg;
    Deferred *turn; /* its next turn to read; NULL: it waits */
    bool held;      /* by its consumer */
    bool telling;   /* inside fn: not to be freed */
    bool over;
};

static void tail_free(LogTail *tail) {
    list_remove(&tail->link);
    deferred_free(tail->turn);
    log_reader_free(tail->reader);
    free(tail);
}

static void leave(LogTail *tail) {
    LogTails *tails = tail->tails;
    tail_free(tail);
    tails->owner->left(tails->run);
}

static void tail_over(LogTail *tail, const Err *err) {
    tail->over = true;
    op_finish(tail->op, NULL, 0, err);
    if (!tail->telling) /* else its turn frees it */
        leave(tail);
}

void log_tail_cancel(Op *op, void *tail) {
    Err err;
    err_set(&err, ERR_CANCELLED, "cancelled");
    tail_over(tail, &err);
}

/* ---- Reading ---- */

static void on_turn(void *arg);

static void wake(LogTail *tail) {
    if (!tail->turn && !tail->held)
        tail->turn = loop_defer_last(tail->tails->loop, on_turn, tail);
}

/* Hands on one piece. False: the tail is over. */
static bool tell(LogTail *tail, const LogPiece *piece) {
    tail->telling = true;
    tail->held = !tail->fn(tail->arg, piece);
    tail->telling = false;
    if (!tail->over)
        return true;
    leave(tail);
    return false;
}

/* Reads one piece and hands it on. False: not now, or never again. `bytes` grows by its size. */
static bool step(LogTail *tail, size_t *bytes) {
    const LogTails *tails = tail->tails;
    LogPiece piece;
    Err err = {0};
    bool last = tails->owner->at_rest(tails->run); /* before reading: what it wrote is there */
    int got = log_reader_next(tail->reader, &piece, &err);
    if (got < 0 || (got == 0 && last))
        tail_over(tail, got < 0 ? &err : NULL);
    else if (got == 0 && tails->owner->waits)
        tails->owner->waits(tails->run, log_reader_tell(tail->reader));
    if (got <= 0)
        return false;
    *bytes += piece.data ? piece.size : 0;
    return tell(tail, &piece) && !tail->held;
}

static void on_turn(void *arg) {
    LogTail *tail = arg;
    size_t bytes = 0;
    tail->turn = NULL;
    if (op_forgotten(tail->op)) { /* nobody listens */
        tail_over(tail, NULL);
        return;
    }
    for (size_t i = 0; i < TURN_PIECES && bytes < TURN_BYTES; i++)
        if (!step(tail, &bytes))
            return;
    wake(tail);
}

/* ---- Life ---- */

LogTail *log_tail_new(LogTails *tails, const char *run_dir, uint64_t from, LogFn fn, void *arg) {
    LogTail *tail = xcalloc(1, sizeof *tail);
    *tail = (LogTail){.tails = tails, .fn = fn, .arg = arg, .reader = log_reader_new(run_dir)};
    log_reader_seek(tail->reader, from);
    list_append(&tails->all, &tail->link);
    return tail;
}

void log_tail_begin(LogTail *tail, Op *op) {
    tail->op = op;
    wake(tail);
}

void log_tail_resume(LogTail *tail) {
    tail->held = false;
    wake(tail);
}

void log_tails_init(LogTails *tails, Loop *loop, const LogTailOwner *owner, void *run) {
    *tails = (LogTails){.loop = loop, .owner = owner, .run = run};
    list_init(&tails->all);
}

void log_tails_free(LogTails *tails) {
    LogTail *tail;
    LIST_FOREACH_SAFE (tail, &tails->all, link) {
        op_abandon(tail->op);
        tail_free(tail);
    }
}

bool log_tails_empty(const LogTails *tails) {
    return list_empty(&tails->all);
}

void log_tails_wake(LogTails *tails) {
    LogTail *tail;
    LIST_FOREACH (tail, &tails->all, link)
        wake(tail);
}
