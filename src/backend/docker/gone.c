/* SPDX-License-Identifier: Apache-2.0 */
/* Destroying a workflow: what this server knows of is ended as steps are, with time to go and its
 * log read to the end; then all that carries the labels of the task goes, whoever made it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "backend/docker/inside.h"
#include "backend/docker/sweep.h"
#include "base/xalloc.h"

enum { BUSY_MS = 250, BUSY_MAX_MS = 2000, TRIES = 6 };

typedef struct Gone {
    List link; /* Docker.gones */
    Docker *docker;
    Op *op;
    Op *sweep;
    char *task;
    size_t left; /* runs that are being ended */
    int tries;
    Timer *again;
    Patience patience;
} Gone;

static void gone_free(Gone *gone) {
    op_drop(gone->sweep);
    timer_free(gone->again);
    list_remove(&gone->link);
    free(gone->task);
    free(gone);
}

void docker_gones_free(Docker *docker) {
    while (!list_empty(&docker->gones))
        gone_free(LIST_ENTRY(docker->gones.next, (Gone *)NULL, link));
}

static void forget_task(Docker *docker, const char *name) {
    DockerTask *task = map_remove(&docker->tasks, name);
    DockerRun *run;
    LIST_FOREACH_SAFE (run, &docker->all, link) {
        if (strcmp(run->task, name) == 0)
            docker_run_let_go(run);
    }
    if (!task)
        return;
    free(task->name);
    free(task->dir);
    free(task);
}

static void sweep(Gone *gone);

static void on_again(void *arg) {
    Gone *gone = arg;
    gone->again = timer_free(gone->again);
    sweep(gone);
}

/* A volume is in use for a while after its last container has gone, and an engine that is being
 * stopped fails at everything; one that is away may come back. */
static bool try_again(Gone *gone, const Err *err) {
    Loop *loop = gone->docker->base.loop;
    bool busy = err->kind == ERR_CONFLICT || err->kind == ERR_DENIED || err->kind == ERR_INTERNAL;
    int64_t pause_ms = -1;
    if (docker_is_away(err)) {
        pause_ms =
            patience_again(&gone->patience, loop_now_ms(loop), gone->docker->settings.patience_ms);
    } else if (busy && ++gone->tries < TRIES) {
        patience_ok(&gone->patience);
        pause_ms = BUSY_MS << (gone->tries - 1);
        pause_ms = pause_ms > BUSY_MAX_MS ? BUSY_MAX_MS : pause_ms;
    }
    if (pause_ms > 0)
        gone->again = timer_new(loop, pause_ms, on_again, gone);
    return pause_ms > 0;
}

static void on_swept(void *arg, const void *result, const Err *err) {
    Gone *gone = arg;
    (void)result;
    gone->sweep = NULL;
    if (err && try_again(gone, err))
        return;
    if (!err)
        forget_task(gone->docker, gone->task);
    op_finish(gone->op, NULL, 0, err);
    gone_free(gone);
}

static void sweep(Gone *gone) {
    Docker *docker = gone->docker;
    gone->sweep = docker_inner(
        docker, docker_sweep(docker->engine, docker->owner, gone->task, on_swept, gone));
}

/* What could not be ended is told by the sweep. */
static void on_ended(void *arg, const void *result, const Err *err) {
    Gone *gone = arg;
    (void)result, (void)err;
    if (--gone->left == 0)
        sweep(gone);
}

Op *docker_destroy_workflow(Backend *backend, const char *task, const WorkflowConfig *config,
                            OpFn fn, void *arg) {
    Docker *docker = docker_of(backend);
    Gone *gone = xcalloc(1, sizeof *gone);
    StopHow how = {.signal = SIGTERM, .grace_ms = (uint32_t)docker->settings.stop_timeout_ms};
    DockerRun *run;
    (void)config;
    gone->docker = docker;
    gone->task = xstrdup(task);
    gone->op = docker_op(docker, fn, arg, NULL, NULL);
    gone->left = 1;
    /* who has waited for it before, to end a step, has waited for this as well */
    gone->patience.since_ms = docker_engine_silent_ms(docker->engine);
    list_append(&docker->gones, &gone->link);
    LIST_FOREACH (run, &docker->all, link) {
        bool concerns = strcmp(run->task, task) == 0 && !run->removed && !run->forgotten;
        if (concerns && run->state != DOCKER_RUN_ENDED) {
            gone->left++;
            docker_run_destroy(run, &how, on_ended, gone);
        }
    }
    Op *op = gone->op;
    on_ended(gone, NULL, NULL);
    return op;
}
