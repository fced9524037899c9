/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/stop.h"

#include <signal.h>
#include <stdlib.h>

#include "base/xalloc.h"

/* What a kill may take until the engine has seen it; and any other of its short calls. */
enum { KILL_MS = 30 * 1000, CALL_MS = 60 * 1000 };

typedef enum At { SIGNAL, WAIT, KILL, WAIT_KILLED, REMOVE, DONE } At;

typedef struct Stop {
    DockerEngine *engine;
    const char *container; /* in the op's arena */
    StopHow how;
    Op *op, *call;
    At at;
} Stop;

static void on_reply(void *arg, const void *result, const Err *err);

static void end(Stop *s, const Err *err) {
    Op *op = s->op;
    free(s);
    op_finish(op, NULL, 0, err);
}

static void on_cancel(Op *op, void *state) {
    Stop *s = state;
    (void)op;
    op_drop(s->call);
    Err err = {0};
    err_set(&err, ERR_CANCELLED, "cancelled");
    end(s, &err);
}

static void call(Stop *s, const char *method, int64_t timeout_ms, char *path) {
    DockerCall what = {.method = method, .path = path, .timeout_ms = timeout_ms};
    s->call = docker_call(s->engine, &what, on_reply, s);
    free(path);
}

static void ask(Stop *s) {
    const char *name = s->container;
    switch (s->at) {
    case SIGNAL:
        call(s, "POST", CALL_MS, xasprintf("/containers/%s/kill?signal=%d", name, s->how.signal));
        return;
    case WAIT: call(s, "POST", s->how.grace_ms, xasprintf("/containers/%s/wait", name)); return;
    case KILL:
        call(s, "POST", CALL_MS, xasprintf("/containers/%s/kill?signal=%d", name, SIGKILL));
        return;
    case WAIT_KILLED: call(s, "POST", KILL_MS, xasprintf("/containers/%s/wait", name)); return;
    case REMOVE: call(s, "DELETE", CALL_MS, xasprintf("/containers/%s?v=1&force=1", name)); return;
    case DONE: end(s, NULL); return;
    }
    UNREACHABLE();
}

/* 404: it is not there; 409 to a signal: it does not run; 409 to a removal: somebody else removes
 * it. Each is what was wanted. */
static At after(const Stop *s, const DockerReply *reply) {
    if (reply->status == 404 || reply->status == 409)
        return DONE;
    switch (s->at) {
    case SIGNAL: return WAIT;
    case KILL: return WAIT_KILLED;
    case WAIT:
    case WAIT_KILLED:
    case REMOVE:
    case DONE: return DONE;
    }
    UNREACHABLE();
}

static void on_reply(void *arg, const void *result, const Err *err) {
    Stop *s = arg;
    s->call = NULL;
    if (err && s->at == WAIT && err->kind == ERR_TIMEOUT) {
        s->at = KILL;
    } else if (err) {
        Err bad = *err;
        err_in(&bad, "container %s", s->container);
        end(s, &bad);
        return;
    } else {
        s->at = after(s, result);
    }
    ask(s);
}

static Op *begin(DockerEngine *engine, const char *container, Stop first, OpFn fn, void *arg) {
    Stop *s = xcalloc(1, sizeof *s);
    *s = first;
    s->engine = engine;
    s->op = op_new(docker_engine_loop(engine), fn, arg, on_cancel, s);
    s->container = arena_strdup(op_arena(s->op), container);
    ask(s);
    return s->op;
}

Op *docker_stop(DockerEngine *engine, const char *container, const StopHow *how, OpFn fn,
                void *arg) {
    bool at_once = how->signal == SIGKILL || how->grace_ms == 0;
    return begin(engine, container, (Stop){.how = *how, .at = at_once ? KILL : SIGNAL}, fn, arg);
}

Op *docker_remove(DockerEngine *engine, const char *container, OpFn fn, void *arg) {
    return begin(engine, container, (Stop){.at = REMOVE}, fn, arg);
}
