/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/stop.h"

#include <signal.h>
#include <stdlib.h>

#include "base/sys.h"
#include "base/xalloc.h"

/* What a kill may take until the engine has seen it; and any other of its short calls. */
enum { KILL_MS = 30 * 1000, CALL_MS = 60 * 1000 };

typedef enum At { EXEC, EXEC_START, SIGNAL, WAIT, KILL, WAIT_KILLED, REMOVE, DONE } At;

typedef struct Stop {
    DockerEngine *engine;
    const char *container; /* in the op's arena */
    StopHow how;
    Patience *patience; /* may be NULL, */
    bool *told;         /* so may this */
    Op *op, *call;
    At at;
    int64_t until_ms; /* the end of its grace, by the loop's clock */
    const char *exec; /* the engine's id, in the op's arena */
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

/* Of its grace, in which it may be asked; never none. */
static int64_t left_ms(const Stop *s) {
    int64_t ms = s->until_ms - loop_now_ms(docker_engine_loop(s->engine));
    return ms > 0 ? ms : 1;
}

static void call(Stop *s, DockerCall what, char *path) {
    what.path = path;
    what.method = what.method ? what.method : "POST";
    s->call = docker_call(s->engine, &what, on_reply, s);
    free(path);
}

/* A signal to all processes of a container but its first. */
static void ask_exec(Stop *s) {
    char body[128];
    snprintf(body, sizeof(body), "{\"Cmd\":[\"/bin/sh\",\"-c\",\"kill -%d -1\"]}", s->how.signal);
    call(s, (DockerCall){.body = body, .timeout_ms = left_ms(s)},
         xasprintf("/containers/%s/exec", s->container));
}

static void ask_kill(Stop *s, int signal) {
    call(s, (DockerCall){.timeout_ms = CALL_MS},
         xasprintf("/containers/%s/kill?signal=%d", s->container, signal));
}

static void ask_wait(Stop *s, int64_t timeout_ms) {
    call(s, (DockerCall){.timeout_ms = timeout_ms}, xasprintf("/containers/%s/wait", s->container));
}

static void ask(Stop *s) {
    switch (s->at) {
    case EXEC: ask_exec(s); return;
    case EXEC_START:
        call(s, (DockerCall){.body = "{\"Detach\":true}", .timeout_ms = left_ms(s)},
             xasprintf("/exec/%s/start", s->exec));
        return;
    case SIGNAL: ask_kill(s, s->how.signal); return;
    case WAIT: ask_wait(s, left_ms(s)); return;
    case KILL: ask_kill(s, SIGKILL); return;
    case WAIT_KILLED: ask_wait(s, KILL_MS); return;
    case REMOVE:
        call(s, (DockerCall){.method = "DELETE", .timeout_ms = CALL_MS},
             xasprintf("/containers/%s?v=1&force=1", s->container));
        return;
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
    case EXEC: /* exec_answered() */
    case EXEC_START:
    case WAIT:
    case WAIT_KILLED:
    case REMOVE:
    case DONE: return DONE;
    }
    UNREACHABLE();
}

static void was_told(const Stop *s) {
    if (s->told)
        *s->told = true;
    sys_point("told");
}

/* Whatever came of it, its first process hears of the signal, too: it may have a handler. */
static void exec_answered(Stop *s, const DockerReply *reply) {
    const char *exec = reply ? value_get_str(reply->body, "Id") : NULL;
    bool made = s->at == EXEC && exec;
    if (made)
        s->exec = arena_strdup(op_arena(s->op), exec);
    s->at = made ? EXEC_START : SIGNAL;
}

static void on_reply(void *arg, const void *result, const Err *err) {
    Stop *s = arg;
    s->call = NULL;
    if (!err && s->patience)
        patience_heard(s->patience);
    if (s->at == EXEC || s->at == EXEC_START) {
        exec_answered(s, err ? NULL : result);
    } else if (err && s->at == WAIT && err->kind == ERR_TIMEOUT) {
        s->at = KILL;
    } else if (err) {
        Err bad = *err;
        err_in(&bad, "container %s", s->container);
        end(s, &bad);
        return;
    } else {
        if (s->at == SIGNAL)
            was_told(s);
        s->at = after(s, result);
    }
    ask(s);
}

static Op *begin(DockerEngine *engine, const DockerStop *stop, At first, OpFn fn, void *arg) {
    Stop *s = xcalloc(1, sizeof *s);
    s->engine = engine;
    s->how = stop->how;
    s->patience = stop->patience;
    s->told = stop->told;
    s->at = first;
    s->until_ms = loop_now_ms(docker_engine_loop(engine)) + stop->how.grace_ms;
    s->op = op_new(docker_engine_loop(engine), fn, arg, on_cancel, s);
    s->container = arena_strdup(op_arena(s->op), stop->container);
    ask(s);
    return s->op;
}

Op *docker_stop(DockerEngine *engine, const DockerStop *stop, OpFn fn, void *arg) {
    bool at_once = stop->how.signal == SIGKILL || stop->how.grace_ms == 0;
    bool told = stop->told && *stop->told;
    At first = at_once ? KILL : told ? WAIT : stop->script ? EXEC : SIGNAL;
    return begin(engine, stop, first, fn, arg);
}

Op *docker_remove(DockerEngine *engine, const char *container, OpFn fn, void *arg) {
    return begin(engine, &(DockerStop){.container = container}, REMOVE, fn, arg);
}
