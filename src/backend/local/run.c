/* SPDX-License-Identifier: Apache-2.0 */
/* One run: from asking for its pin to its exit record. What it hears changes its state;
 * run_set_state() answers the calls. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/local/failure.h"
#include "backend/local/inside.h"
#include "backend/local/launch_file.h"
#include "backend/local/pin_socket.h"
#include "backend/local/records.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/xalloc.h"

/* One caller waiting for something of a run. */
typedef struct Call {
    List link; /* Run.calls */
    CallKind kind;
    Run *run;
    Op *op;
} Call;

/* ---- Life ---- */

Run *run_new(Local *local, const char *dir, StepId id) {
    Run *run = xcalloc(1, sizeof *run);
    run->local = local;
    run->dir = xstrdup(dir);
    run->fd = -1;
    run->now.container = "";
    run->now.oom_killed = UNKNOWN;
    run->number = id.run;
    run->task = xstrdup(id.task);
    run->since_ms = loop_now_ms(local->base.loop);
    list_init(&run->queued);
    list_init(&run->calls);
    log_tails_init(&run->tails, local->base.loop, &local_tail_owner, run);
    list_init(&run->inputs);
    list_append(&local->all, &run->link);
    if (id.step) {
        run->key = local_run_key(id);
        map_put(&local->runs, run->key, run);
    }
    return run;
}

void run_hang_up(Run *run) {
    run->poll = poll_free(run->poll);
    if (run->fd >= 0)
        close(run->fd);
    run->fd = -1;
}

static void forget_start(Run *run) {
    free(run->program);
    free(run->cwd);
    free(run->path);
    run->program = run->cwd = run->path = NULL;
    for (size_t i = 0; i < run->socket_n; i++)
        close(run->sockets[i]);
    free(run->sockets);
    run->sockets = NULL;
    run->socket_n = 0;
}

static void leave_map(Run *run) {
    if (run->key)
        map_remove(&run->local->runs, run->key);
    free(run->key);
    run->key = NULL;
}

Run *run_free(Run *run) {
    if (!run)
        return NULL;
    Call *call;
    LIST_FOREACH_SAFE (call, &run->calls, link) {
        op_abandon(call->op);
        free(call);
    }
    log_tails_free(&run->tails);
    inputs_abandon(run);
    run_hang_up(run);
    stopper_free(run);
    timer_free(run->timer);
    forget_start(run);
    leave_map(run);
    list_remove(&run->queued);
    list_remove(&run->link);
    free(run->gave_up);
    free(run->task);
    free(run->dir);
    free(run);
    return NULL;
}

static void bury(void *arg) {
    Local *local = arg;
    Run *run;
    local->burial = NULL;
    LIST_FOREACH_SAFE (run, &local->all, link) {
        if (run->forgotten && list_empty(&run->calls) && log_tails_empty(&run->tails))
            run_free(run);
    }
}

void run_let_go(Run *run) {
    Local *local = run->local;
    leave_map(run);
    run->forgotten = true;
    if (!local->burial)
        local->burial = loop_defer(local->base.loop, bury, local);
}

/* ---- Calls ---- */

static void call_finish(Call *call, const Run *run, const Err *err) {
    bool destroy = call->kind == CALL_DESTROY;
    const void *result = !run ? NULL : destroy ? (const void *)&run->stopped : &run->now;
    op_finish(call->op, result, !run ? 0 : destroy ? sizeof run->stopped : sizeof run->now, err);
    list_remove(&call->link);
    free(call);
}

static void call_cancel(Op *op, void *state) {
    Call *call = state;
    Err err;
    err_set(&err, ERR_CANCELLED, "cancelled");
    call_finish(call, NULL, &err);
}

/* The answer to one call in the state the run is in now; false: it has to wait on. */
static bool answer(Run *run, Call *call) {
    Err err = {0};
    bool gone = run->state == RUN_ENDED && run->fd < 0;
    switch (run->state) {
    case RUN_ASKED:
    case RUN_SEEKING:
    case RUN_SWEEPING: return false;
    case RUN_RUNNING:
        if (call->kind != CALL_START && call->kind != CALL_RESUME)
            return false;
        break;
    case RUN_ENDED:
        if (call->kind == CALL_DESTROY && !gone && !run->stop.linger)
            return false;
        break;
    case RUN_VOID:
        if (call->kind == CALL_START || call->kind == CALL_WAIT) {
            err_set(&err, call->kind == CALL_START ? ERR_CONFLICT : ERR_NOT_FOUND,
                    "run %u never started, and never will", run->number);
            call_finish(call, NULL, &err);
            return true;
        }
        break;
    }
    call_finish(call, run, NULL);
    return true;
}

static void answer_all(Run *run) {
    Call *call;
    bool destroyed = false;
    LIST_FOREACH_SAFE (call, &run->calls, link) {
        bool destroy = call->kind == CALL_DESTROY;
        destroyed = (answer(run, call) && destroy) || destroyed;
    }
    if ((destroyed && run->fd < 0) || run->state == RUN_VOID)
        run_let_go(run);
}

Op *run_call(Run *run, CallKind kind, OpFn fn, void *arg) {
    Call *call = xcalloc(1, sizeof *call);
    call->kind = kind;
    call->run = run;
    call->op = local_op(run->local, fn, arg, call_cancel, call);
    list_append(&run->calls, &call->link);
    Op *op = call->op;
    answer_all(run);
    return op;
}

static void fail_calls(Run *run, CallKind kind, const Err *err) {
    Call *call;
    LIST_FOREACH_SAFE (call, &run->calls, link) {
        if (call->kind == kind)
            call_finish(call, NULL, err);
    }
}

void run_give_up(Run *run, const Err *err) {
    free(run->gave_up);
    run->gave_up = xmalloc(sizeof *err);
    *run->gave_up = *err;
    run_hang_up(run);
    run->timer = timer_free(run->timer);
    for (CallKind kind = CALL_START; kind <= CALL_RESUME; kind++)
        fail_calls(run, kind, err);
    inputs_fail(run);
    log_tails_wake(&run->tails);
    run_let_go(run);
}

/* ---- State ---- */

static const char *const state_names[] = {
    [RUN_ASKED] = "asked",       [RUN_SEEKING] = "seeking", [RUN_RUNNING] = "running",
    [RUN_SWEEPING] = "sweeping", [RUN_ENDED] = "ended",     [RUN_VOID] = "void",
};

static StepPhase phase_of(RunState state) {
    switch (state) {
    case RUN_ENDED: return STEP_ENDED;
    case RUN_VOID: return STEP_NEVER;
    case RUN_ASKED:
    case RUN_SEEKING:
    case RUN_RUNNING:
    case RUN_SWEEPING: break;
    }
    return STEP_RUNNING;
}

void run_set_state(Run *run, RunState state) {
    log_debug("run %s: %s -> %s", run->dir, state_names[run->state], state_names[state]);
    run->state = state;
    run->since_ms = loop_now_ms(run->local->base.loop);
    run->now.phase = phase_of(state);
    run->timer = timer_free(run->timer);
    if (state != RUN_ASKED) {
        list_remove(&run->queued);
        forget_start(run);
    }
    if (state == RUN_RUNNING && run->stop_wanted)
        run_stop(run, &run->stop);
    if (state == RUN_ENDED || state == RUN_VOID)
        stopper_free(run);
    if (state == RUN_ENDED || state == RUN_VOID || state == RUN_SWEEPING)
        inputs_fail(run);
    inputs_send(run);
    log_tails_wake(&run->tails);
    answer_all(run);
}

/* ---- What its pin says ---- */

static void on_started(Run *run, const PinPacket *packet) {
    WireStarted started;
    pin_packet_body(packet, &started, sizeof started);
    run->now.pid = started.pid;
    run->now.started_us = started.started_us;
    rail_link_works(run->local->rail);
    if (run->state == RUN_ASKED || run->state == RUN_SEEKING)
        run_set_state(run, RUN_RUNNING);
}

static void on_state(Run *run, const PinPacket *packet) {
    WireState state;
    pin_packet_body(packet, &state, sizeof state);
    if (run->state != RUN_SEEKING || state.phase == RUN_PHASE_STARTING ||
        state.phase == RUN_PHASE_ENDED)
        return; /* WIRE_STARTED or WIRE_ENDED follows */
    run->now.pid = state.pid;
    run->now.started_us = state.started_us;
    run_set_state(run, RUN_RUNNING);
}

static void on_log(Run *run, const PinPacket *packet) {
    WireLog news;
    pin_packet_body(packet, &news, sizeof news);
    run->log_told = news.size;
    log_tails_wake(&run->tails);
}

static void on_taken(Run *run, const PinPacket *packet) {
    WireTaken taken;
    pin_packet_body(packet, &taken, sizeof taken);
    inputs_taken(run, &taken);
}

/* Names as many as there is room for. */
static void on_survivors(Run *run, const PinPacket *packet) {
    WireSurvivors left;
    char names[400] = "";
    size_t n = 0;
    pin_packet_body(packet, &left, sizeof left);
    for (uint32_t i = 0; i < left.named && i < WIRE_SURVIVORS_MAX && n < sizeof names; i++) {
        const WireSurvivor *who = &left.who[i];
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%d (%.15s, uid %u)", i ? ", " : "",
                              who->pid, who->name, who->uid);
    }
    Err err;
    err_set(&err, ERR_DENIED, "%u process%s could not be ended: %s", left.count,
            left.count == 1 ? "" : "es", names);
    fail_calls(run, CALL_DESTROY, &err);
}

static void on_ended(Run *run, const PinPacket *packet) {
    WireEnded ended;
    pin_packet_body(packet, &ended, sizeof ended);
    if (ended.end == RUN_END_FAILED && ended.stage == RUN_STAGE_CLAIM) {
        run_hang_up(run); /* somebody else has claimed it: it is theirs, and we watch that one */
        run_seek(run);
    } else if (run->state != RUN_ENDED) {
        run_ended(run, &ended);
    }
}

/* False: the run is gone, or has let go of this socket. */
static bool on_message(Run *run, const PinPacket *packet) {
    Poll *poll = run->poll;
    switch (pin_packet_type(packet)) {
    case WIRE_STARTED: on_started(run, packet); break;
    case WIRE_STATE: on_state(run, packet); break;
    case WIRE_LOG: on_log(run, packet); break;
    case WIRE_SURVIVORS: on_survivors(run, packet); break;
    case WIRE_TAKEN: on_taken(run, packet); break;
    case WIRE_ENDED: on_ended(run, packet); break;
    default: break;
    }
    return run->poll && run->poll == poll;
}

static void on_hangup(Run *run) {
    run_hang_up(run);
    if (run->state == RUN_ENDED)
        answer_all(run); /* the last helpers have gone with the pin */
    else
        run_pin_gone(run);
}

static void on_readable(void *arg, int events) {
    Run *run = arg;
    PinPacket packet;
    bool on = true;
    if (events & POLL_WRITE)
        inputs_send(run);
    while (on) {
        PinReceived got = pin_socket_receive(run->fd, &packet);
        if (packet.fd >= 0)
            close(packet.fd); /* a pin has none to give */
        on = got == PIN_RECEIVED && on_message(run, &packet);
        if (got == PIN_GONE)
            on_hangup(run);
    }
}

void run_attach(Run *run, int fd) {
    run_hang_up(run);
    run->fd = fd;
    run->poll = poll_new(run->local->base.loop, fd, POLL_READ, on_readable, run);
}

int run_tell(Run *run, const void *message, size_t size) {
    return run->fd < 0 ? -1 : pin_socket_send(run->fd, message, size, NULL, 0);
}

/* ---- Asking for a pin ---- */

RailSent run_ask(Run *run) {
    int pair[2];
    int dir = sys_openat(AT_FDCWD, run->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0)
        return RAIL_FAILED;
    if (pin_socket_pair(pair) < 0) {
        int error = errno;
        close(dir);
        errno = error;
        return RAIL_FAILED;
    }
    int fds[3 + WIRE_SOCKETS_MAX] = {pair[1], dir, run->local->cgroup};
    size_t n = fds[2] < 0 ? 2 : 3;
    if (run->socket_n)
        memcpy(fds + n, run->sockets, run->socket_n * sizeof *fds);
    n += run->socket_n;
    run->tag = ++run->local->last_tag;
    RailSent sent = rail_link_spawn(run->local->rail, run->tag, fds, n, run->socket_n);
    int error = errno;
    close(pair[1]);
    close(dir);
    if (sent == RAIL_SENT) {
        run_attach(run, pair[0]);
        sys_point("asked");
    } else {
        close(pair[0]);
    }
    errno = error;
    return sent;
}

/* Nobody has claimed it, or will. False: somebody did. */
static bool declare_void(Run *run) {
    Err err = {0};
    int won = records_void(run->dir, &err);
    if (won == 0)
        return false;
    if (won < 0)
        log_warn("%s", err.msg);
    launch_remove(run->dir);
    return true;
}

void run_fail_start(Run *run, const Err *err) {
    run_hang_up(run);
    if (!declare_void(run)) {
        run_seek(run);
        return;
    }
    fail_calls(run, CALL_START, err);
    fail_calls(run, CALL_WAIT, err);
    run_set_state(run, RUN_VOID);
}

void run_fail_fork(Run *run, int error) {
    Err err = {0};
    WireEnded ended = {
        .end = RUN_END_FAILED, .code = error, .stage = RUN_STAGE_FORK, .oom = RUN_OOM_NO};
    ended.ended_us = loop_wall_us(run->local->base.loop);
    run_hang_up(run);
    if (!declare_void(run)) {
        run_seek(run);
        return;
    }
    if (records_write_exit(run->dir, &ended, &err) < 0)
        log_warn("%s", err.msg);
    run_ended(run, &ended);
}

/* ---- Its end ---- */

/* Who asked for it knows all there is to say, and writes it down for those who come later. */
static void describe_failure(Run *run, const WireEnded *ended) {
    StepState *now = &run->now;
    Failure failure = {.stage = ended->stage,
                       .error = ended->code,
                       .program = run->program,
                       .cwd = run->cwd,
                       .path = run->path,
                       .environment = run->environment};
    if (!run->program && records_why(run->dir, now->error, sizeof now->error) == 0)
        return;
    failure_describe(&failure, now->error, sizeof now->error);
    if (run->program)
        records_write_why(run->dir, now->error);
}

static void describe_end(Run *run, const WireEnded *ended) {
    StepState *now = &run->now;
    if (ended->end == RUN_END_FAILED) {
        describe_failure(run, ended);
    } else if (ended->end == RUN_END_LOST && !now->error[0]) {
        snprintf(now->error, sizeof now->error, "%s", lost_describe((LostHow)ended->code));
        now->elsewhere = ended->code == LOST_COPY;
    }
}

static StepEnd end_of(const WireEnded *ended) {
    switch ((RunEnd)ended->end) {
    case RUN_END_EXITED: return STEP_EXITED;
    case RUN_END_SIGNALED: return STEP_SIGNALED;
    case RUN_END_FAILED: return STEP_FAILED;
    case RUN_END_LOST: break;
    }
    return STEP_LOST;
}

void run_ended(Run *run, const WireEnded *ended) {
    StepState *now = &run->now;
    launch_remove(run->dir); /* its pin may have died before it did that; it knows no script */
    now->end = end_of(ended);
    now->code = now->end == STEP_LOST ? 0 : ended->code;
    now->own_fault = ended->end == RUN_END_FAILED &&
                     (ended->stage == RUN_STAGE_CHDIR || ended->stage == RUN_STAGE_EXEC);
    now->oom_killed = ended->oom == RUN_OOM_YES ? YES : ended->oom == RUN_OOM_NO ? NO : UNKNOWN;
    now->started_us = ended->started_us;
    now->ended_us = ended->ended_us;
    now->log_size = ended->log_size;
    now->lingering = ended->lingering;
    now->killed = ended->killed;
    describe_end(run, ended);
    if (!ended->lingering)
        run_hang_up(run);
    run_set_state(run, RUN_ENDED);
}

void run_stop(Run *run, const StopAsk *ask) {
    run->stop = *ask;
    run->stop_wanted = true;
    WireStop stop = {.head = {WIRE_STOP, sizeof stop},
                     .signal = ask->signal,
                     .grace_ms = ask->grace_ms,
                     .linger = ask->linger};
    bool asks = run->state == RUN_RUNNING || run->state == RUN_ENDED;
    /* EPIPE, ECONNRESET: the hang-up is on its way to us */
    if (!asks || run->fd < 0 || run_tell(run, &stop, sizeof stop) == 0 || errno == EPIPE ||
        errno == ECONNRESET)
        return;
    log_warn("could not tell the pin of %s to stop: %s", run->dir, strerror(errno));
    if (run->state == RUN_RUNNING) { /* it is told on a new connection */
        run_hang_up(run);
        run_seek(run);
    }
}

void run_kill(Run *run) {
    run_stop(run, &(StopAsk){.signal = SIGKILL});
}
