/* SPDX-License-Identifier: Apache-2.0 */
/* Following the log of a run. At its end the pin is asked for news, which come once: a run that
 * nobody follows costs nothing. */
#include "backend/local/inside.h"

static void watch(Run *run, bool on, uint64_t seen) {
    WireWatchLog message = {.head = {WIRE_WATCH_LOG, sizeof message}, .on = on, .seen = seen};
    run_tell(run, &message, sizeof message);
}

static bool at_rest(const void *arg) {
    const Run *run = arg;
    return run->state == RUN_ENDED || run->state == RUN_VOID || run->forgotten;
}

static void waits(void *arg, uint64_t seen) {
    Run *run = arg;
    watch(run, true, seen > run->log_told ? seen : run->log_told);
}

static void left(void *arg) {
    Run *run = arg;
    if (log_tails_empty(&run->tails))
        watch(run, false, 0);
    if (run->forgotten)
        run_let_go(run);
}

const LogTailOwner local_tail_owner = {.at_rest = at_rest, .waits = waits, .left = left};

Op *local_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn,
                    void *arg) {
    Local *local = local_of(backend);
    Err err = {0};
    Run *run = local_known_run(local, id, &err);
    if (!run)
        return local_refuse(local, fn, arg, &err);
    LogTail *tail = log_tail_new(&run->tails, run->dir, from, on_piece, arg);
    Op *op = local_op(local, fn, arg, log_tail_cancel, tail);
    log_tail_begin(tail, op);
    return op;
}

void local_tail_resume(Backend *backend, Op *op) {
    log_tail_resume(op_state(op));
}
