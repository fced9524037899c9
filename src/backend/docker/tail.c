/* SPDX-License-Identifier: Apache-2.0 */
/* Following the log of a run. What is copied into it wakes who follows. */
#include "backend/docker/inside.h"

static bool at_rest(const void *arg) {
    const DockerRun *run = arg;
    return run->state == DOCKER_RUN_ENDED || run->state == DOCKER_RUN_VOID || run->forgotten;
}

/* The run goes with its last one, if it is wanted for nothing else. */
static void left(void *arg) {
    DockerRun *run = arg;
    if (run->forgotten)
        docker_run_let_go(run);
}

const LogTailOwner docker_tail_owner = {.at_rest = at_rest, .left = left};

Op *docker_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn,
                     void *arg) {
    Docker *docker = docker_of(backend);
    Err err = {0};
    DockerRun *run = docker_known_run(docker, id, &err);
    if (!run)
        return docker_refuse(docker, fn, arg, &err);
    LogTail *tail = log_tail_new(&run->tails, run->dir, from, on_piece, arg);
    Op *op = docker_op(docker, fn, arg, log_tail_cancel, tail);
    log_tail_begin(tail, op);
    return op;
}

void docker_tail_resume(Backend *backend, Op *op) {
    log_tail_resume(op_state(op));
}
