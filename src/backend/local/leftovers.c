/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of tasks whose directory is gone: found by lost_pins.h, ended by their pins, which
 * know what is below them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "backend/local/inside.h"
#include "backend/local/lost_pins.h"
#include "backend/local/pin_socket.h"
#include "base/xalloc.h"

enum { GRACE_MS = 5000, LATE_MS = 10 * 1000 /* more than a pin needs after the grace */ };

Op *local_leftovers(Backend *backend, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Op *op = local_op(local, fn, arg, NULL, NULL);
    Arena *arena = op_arena(op);
    LostPins lost = lost_pins_find(local->options.state_dir, arena);
    Leftover *at = arena_alloc(arena, (lost.n + 1) * sizeof(*at));
    for (size_t i = 0; i < lost.n; i++)
        at[i] = (Leftover){.task = lost.at[i].task,
                           .kind = "process",
                           .name = arena_printf(arena, "%d", (int)lost.at[i].pin),
                           .running = true};
    Leftovers result = {at, lost.n};
    op_finish(op, &result, sizeof(result), NULL);
    return op;
}

/* ---- Ending ---- */

/* One pin that was asked to end what is below it. */
typedef struct Ending {
    List link; /* Local.endings */
    Loop *loop;
    Op *op;
    pid_t pin;
    int fd;      /* connected to it; -1: it has hung up */
    int process; /* pidfd */
    Poll *poll;  /* of fd, then of process */
    Timer *late;
} Ending;

static void ending_free(Ending *ending) {
    list_remove(&ending->link);
    timer_free(ending->late);
    poll_free(ending->poll);
    if (ending->fd >= 0)
        close(ending->fd);
    if (ending->process >= 0)
        close(ending->process);
    free(ending);
}

static void end(Ending *ending, const Err *err) {
    op_finish(ending->op, NULL, 0, err);
    ending_free(ending);
}

static void on_late(void *arg) {
    Ending *ending = arg;
    Err err;
    err_set(&err, ERR_DENIED, "what is below process %d (thole-pin) could not be ended",
            (int)ending->pin);
    end(ending, &err);
}

static void on_gone(void *arg, int events) {
    end(arg, NULL);
}

static void on_hangup(Ending *ending) {
    poll_free(ending->poll);
    close(ending->fd);
    ending->fd = -1;
    ending->poll = poll_new(ending->loop, ending->process, POLL_READ, on_gone, ending);
}

static void on_readable(void *arg, int events) {
    Ending *ending = arg;
    PinPacket packet;
    for (;;) {
        PinReceived got = pin_socket_receive(ending->fd, &packet);
        if (packet.fd >= 0)
            close(packet.fd); /* a pin has none to give */
        if (got == PIN_NOTHING)
            return;
        if (got == PIN_GONE) {
            on_hangup(ending);
            return;
        }
        if (pin_packet_type(&packet) == WIRE_SURVIVORS) {
            on_late(ending);
            return;
        }
    }
}

static int ask(Ending *ending, const char *socket, Err *err) {
    WireHead attach = {WIRE_ATTACH, sizeof attach};
    WireStop stop = {
        .head = {WIRE_STOP, sizeof stop}, .signal = SIGTERM, .grace_ms = GRACE_MS, .linger = 0};
    ending->process = pidfd_open(ending->pin, 0);
    if (ending->process < 0 && errno == ESRCH)
        return err_set(err, ERR_NOT_FOUND, "it is gone");
    if (ending->process < 0)
        return err_sys(err, errno, "watch the pin %d", (int)ending->pin);
    ending->fd = pin_socket_connect(socket, err);
    if (ending->fd < 0)
        return -1;
    if (pin_socket_send(ending->fd, &attach, sizeof attach, NULL, 0) < 0 ||
        pin_socket_send(ending->fd, &stop, sizeof stop, NULL, 0) < 0)
        return err_sys(err, errno, "ask the pin %d to end", (int)ending->pin);
    return 0;
}

static void begin(Local *local, const LostPin *lost, OpFn fn, void *arg) {
    Ending *ending = xcalloc(1, sizeof *ending);
    Err err = {0};
    ending->loop = local->base.loop;
    ending->fd = ending->process = -1;
    list_append(&local->endings, &ending->link);
    ending->op = local_op(local, fn, arg, NULL, NULL);
    ending->pin = lost->pin;
    if (ask(ending, lost->socket, &err) < 0) {
        end(ending, err.kind == ERR_NOT_FOUND ? NULL : &err); /* not found: it is gone */
        return;
    }
    ending->poll = poll_new(local->base.loop, ending->fd, POLL_READ, on_readable, ending);
    ending->late = timer_new(local->base.loop, GRACE_MS + LATE_MS, on_late, ending);
}

size_t local_end_lost(Local *local, const char *task, OpFn fn, void *arg) {
    Arena arena;
    size_t n = 0;
    arena_init(&arena);
    LostPins lost = lost_pins_find(local->options.state_dir, &arena);
    for (size_t i = 0; i < lost.n; i++)
        if (strcmp(lost.at[i].task, task) == 0) {
            begin(local, &lost.at[i], fn, arg);
            n++;
        }
    arena_deinit(&arena);
    return n;
}

void local_endings_free(Local *local) {
    Ending *ending;
    LIST_FOREACH_SAFE (ending, &local->endings, link)
        ending_free(ending);
}
