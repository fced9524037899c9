/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and signals. libuv closes a handle only on a later turn: each is a block of its own,
 * which its owner lets go at once (`fn` cleared) and the close callback frees. */
#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/loop_inside.h"

struct Poll {
    uv_poll_t uv; /* first: the close callback gets it */
    Loop *loop;
    int events; /* asked for */
    PollFn fn;  /* NULL: freed */
    void *arg;
};

struct SignalWatch {
    uv_signal_t uv; /* first */
    Loop *loop;
    SignalFn fn;
    void *arg;
};

static void on_closed(uv_handle_t *handle) {
    free(handle);
}

/* ---- Poll ---- */

static int to_uv(int events) {
    return (events & POLL_READ ? UV_READABLE : 0) | (events & POLL_WRITE ? UV_WRITABLE : 0) |
           (events & POLL_HANGUP ? UV_DISCONNECT : 0);
}

static int from_uv(int events) {
    return (events & UV_READABLE ? POLL_READ : 0) | (events & UV_WRITABLE ? POLL_WRITE : 0) |
           (events & UV_DISCONNECT ? POLL_HANGUP : 0);
}

static void on_poll(uv_poll_t *handle, int status, int events) {
    Poll *poll = (Poll *)handle;
    if (!poll->fn)
        return;
    loop_note(poll->loop);
    if (!poll->loop->scripted)
        poll->loop->now_ms = (int64_t)uv_now(&poll->loop->uv);
    if (status == 0) {
        poll->fn(poll->arg, from_uv(events));
        return;
    }
    /* An error is pending on the descriptor. libuv has stopped watching; the owner learns what it
     * is by reading or writing. */
    uv_must(uv_poll_start(&poll->uv, to_uv(poll->events), on_poll), "watch a descriptor");
    poll->fn(poll->arg, poll->events);
}

Poll *poll_new(Loop *loop, int fd, int events, PollFn fn, void *arg) {
    assert(fn && fd >= 0);
    Poll *poll = xcalloc(1, sizeof *poll);
    poll->loop = loop;
    poll->fn = fn;
    poll->arg = arg;
    uv_must(uv_poll_init(&loop->uv, &poll->uv, fd), "watch a descriptor");
    loop->watch_n++;
    poll_set(poll, events);
    return poll;
}

void poll_set(Poll *poll, int events) {
    if (events == poll->events)
        return;
    poll->events = events;
    uv_must(uv_poll_start(&poll->uv, to_uv(events), on_poll), "watch a descriptor");
}

Poll *poll_free(Poll *poll) {
    if (!poll)
        return NULL;
    assert(poll->fn); /* once */
    poll->fn = NULL;
    poll->loop->watch_n--;
    uv_poll_stop(&poll->uv);
    uv_close((uv_handle_t *)&poll->uv, on_closed);
    return NULL;
}

/* ---- Signals ---- */

static void on_signal(uv_signal_t *handle, int signal) {
    SignalWatch *watch = (SignalWatch *)handle;
    if (!watch->fn)
        return;
    loop_note(watch->loop);
    watch->fn(watch->arg, signal);
}

SignalWatch *signal_watch_new(Loop *loop, int signal, SignalFn fn, void *arg) {
    assert(fn);
    SignalWatch *watch = xcalloc(1, sizeof *watch);
    watch->loop = loop;
    watch->fn = fn;
    watch->arg = arg;
    uv_must(uv_signal_init(&loop->uv, &watch->uv), "watch a signal");
    uv_must(uv_signal_start(&watch->uv, on_signal, signal), "watch a signal");
    loop->watch_n++;
    return watch;
}

SignalWatch *signal_watch_free(SignalWatch *watch) {
    if (!watch)
        return NULL;
    assert(watch->fn);
    watch->fn = NULL;
    watch->loop->watch_n--;
    uv_signal_stop(&watch->uv);
    uv_close((uv_handle_t *)&watch->uv, on_closed);
    return NULL;
}
