/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/loop_inside.h"

enum {
    DEFER_ROUNDS = 16, /* of deferred calls in one turn, before descriptors get their chance */
    QUIET_ROUNDS = 1000 * 1000, /* a scripted loop that is not quiet after so many will never be */
};

struct Deferred {
    Loop *loop;
    LoopFn fn;
    void *arg;
    uint64_t order;
    DeferredList *list;
    Deferred *prev, *next;
};

void uv_must(int code, const char *what) {
    if (code >= 0)
        return;
    log_error("cannot %s: %s", what, uv_strerror(code));
    abort();
}

/* ---- Life ---- */

static bool any_deferred(const Loop *loop) {
    return loop->soon.first || loop->last.first;
}

Loop *loop_new(void) {
    Loop *loop = xcalloc(1, sizeof *loop);
    uv_must(uv_loop_init(&loop->uv), "make an event loop");
    uv_must(uv_timer_init(&loop->uv, &loop->alarm), "make a timer");
    uv_unref((uv_handle_t *)&loop->alarm);
    loop->uv.data = loop;
    loop->now_ms = (int64_t)uv_now(&loop->uv);
    return loop;
}

Loop *loop_new_scripted(int64_t start_ms, int64_t start_wall_us) {
    Loop *loop = loop_new();
    loop->scripted = true;
    loop->now_ms = start_ms;
    loop->wall_at_ms = start_ms;
    loop->wall_us = start_wall_us;
    return loop;
}

Loop *loop_free(Loop *loop) {
    if (!loop)
        return NULL;
    assert(!loop->turning);
    assert(loop->timer_n == 0);
    assert(loop->watch_n == 0);
    assert(!any_deferred(loop));
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* what was freed is closed only now */
    int busy = uv_loop_close(&loop->uv);
    assert(busy == 0);
    (void)busy;
    free(loop->heap);
    free(loop->hooks);
    free(loop);
    return NULL;
}

/* ---- Time ---- */

static void refresh_now(Loop *loop) {
    if (!loop->scripted)
        loop->now_ms = (int64_t)uv_now(&loop->uv);
}

int64_t loop_now_ms(Loop *loop) {
    if (!loop->turning && !loop->scripted) {
        uv_update_time(&loop->uv);
        refresh_now(loop);
    }
    return loop->now_ms;
}

int64_t loop_boot_ms(Loop *loop) {
    return loop->scripted ? loop->now_ms : clock_boot_ms();
}

void loop_set_wall(Loop *loop, int64_t wall_us) {
    assert(loop->scripted);
    loop->wall_at_ms = loop->now_ms;
    loop->wall_us = wall_us;
}

int64_t loop_wall_us(Loop *loop) {
    if (!loop->scripted)
        return clock_wall_us();
    return loop->wall_us + (loop->now_ms - loop->wall_at_ms) * 1000;
}

/* ---- Deferred calls ---- */

static Deferred *add_deferred(Loop *loop, DeferredList *list, LoopFn fn, void *arg) {
    assert(fn);
    Deferred *deferred = xmalloc(sizeof *deferred);
    *deferred = (Deferred){.loop = loop,
                           .fn = fn,
                           .arg = arg,
                           .order = loop->next_order++,
                           .list = list,
                           .prev = list->last};
    if (list->last)
        list->last->next = deferred;
    else
        list->first = deferred;
    list->last = deferred;
    return deferred;
}

Deferred *loop_defer(Loop *loop, LoopFn fn, void *arg) {
    return add_deferred(loop, &loop->soon, fn, arg);
}

Deferred *loop_defer_last(Loop *loop, LoopFn fn, void *arg) {
    return add_deferred(loop, &loop->last, fn, arg);
}

static void unlink_deferred(Deferred *deferred) {
    DeferredList *list = deferred->list;
    if (deferred->prev)
        deferred->prev->next = deferred->next;
    else
        list->first = deferred->next;
    if (deferred->next)
        deferred->next->prev = deferred->prev;
    else
        list->last = deferred->prev;
}

Deferred *deferred_free(Deferred *deferred) {
    if (!deferred || deferred == deferred->loop->calling)
        return NULL; /* the caller of fn frees it */
    unlink_deferred(deferred);
    free(deferred);
    return NULL;
}

/* Calls what was asked for before this round. */
static void defer_round(Loop *loop, const DeferredList *list) {
    uint64_t newer = loop->next_order;
    while (list->first && list->first->order < newer) {
        Deferred *deferred = list->first;
        unlink_deferred(deferred);
        loop->calling = deferred;
        loop_note(loop);
        deferred->fn(deferred->arg);
        loop->calling = NULL;
        free(deferred);
    }
}

static void defer_rounds(Loop *loop) {
    for (int i = 0; loop->soon.first && i < DEFER_ROUNDS; i++)
        defer_round(loop, &loop->soon);
    defer_round(loop, &loop->last);
}

/* ---- The end of a turn ---- */

static void forget_hooks(Loop *loop, const void *arg) {
    for (size_t i = 0; i < loop->hook_n; i++)
        if (loop->hooks[i].arg == arg)
            loop->hooks[i].fn = NULL; /* a turn's end may be going through them */
}

void loop_at_turn_end(Loop *loop, LoopFn fn, void *arg) {
    if (!fn) {
        forget_hooks(loop, arg);
        return;
    }
    loop->hooks = xreallocarray(loop->hooks, loop->hook_n + 1, sizeof *loop->hooks);
    loop->hooks[loop->hook_n++] = (TurnHook){fn, arg};
}

static void call_hooks(Loop *loop) {
    size_t kept = 0;
    for (size_t i = 0; i < loop->hook_n; i++) {
        TurnHook hook = loop->hooks[i];
        if (hook.fn)
            hook.fn(hook.arg);
    }
    for (size_t i = 0; i < loop->hook_n; i++)
        if (loop->hooks[i].fn)
            loop->hooks[kept++] = loop->hooks[i];
    loop->hook_n = kept;
}

/* ---- Turns ---- */

static void on_alarm(uv_timer_t *alarm) {
    (void)alarm; /* waking up was all it was for */
}

/* How long to wait for descriptors: not at all, so long, or (-1) until something comes. */
static int64_t choose_wait(const Loop *loop, int timeout_ms) {
    if (any_deferred(loop))
        return 0;
    int64_t wait = timers_wait_ms(loop);
    if (loop->scripted && wait > 0)
        wait = -1; /* time will not come by waiting */
    if (wait < 0)
        return timeout_ms;
    return timeout_ms < 0 || wait < timeout_ms ? wait : timeout_ms;
}

static void wait_for_events(Loop *loop, int64_t wait_ms) {
    if (wait_ms == 0) {
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        return;
    }
    if (wait_ms > 0) {
        uv_update_time(&loop->uv);
        /* And again: libuv fires what is due before it waits, and then would wait for ever. */
        uv_timer_start(&loop->alarm, on_alarm, (uint64_t)wait_ms, 1);
        uv_ref((uv_handle_t *)&loop->alarm);
    }
    uv_run(&loop->uv, UV_RUN_ONCE);
    if (wait_ms > 0) {
        uv_unref((uv_handle_t *)&loop->alarm);
        uv_timer_stop(&loop->alarm);
    }
}

static bool anything_left(const Loop *loop) {
    if (any_deferred(loop))
        return true;
    if (loop->heap_n > 0 && (!loop->scripted || timers_wait_ms(loop) == 0))
        return true;
    return uv_loop_alive(&loop->uv);
}

/* Descriptors, then timers, then deferred calls. */
static void pass(Loop *loop, int64_t wait_ms) {
    wait_for_events(loop, wait_ms);
    refresh_now(loop);
    timers_fire(loop);
    defer_rounds(loop);
}

/* Until end_ms; -1: for ever, which one that has just passed is not. */
static int left_ms(int64_t end_ms) {
    int64_t left = end_ms - clock_mono_ms();
    return end_ms == INT64_MAX ? -1 : left > 0 ? (int)left : 0;
}

bool loop_turn(Loop *loop, int timeout_ms) {
    assert(!loop->turning); /* not from inside a callback */
    int64_t end_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
    loop_now_ms(loop);
    loop->turning = true;
    loop->happened = false;
    pass(loop, choose_wait(loop, timeout_ms));
    /* Woken for nothing that concerns us (a handle was closed, a clock was early): wait on. */
    for (int left; !loop->happened && anything_left(loop) && (left = left_ms(end_ms)) != 0;)
        pass(loop, choose_wait(loop, left));
    if (loop->happened)
        call_hooks(loop);
    loop->turning = false;
    return loop->happened;
}

void loop_run(Loop *loop) {
    while (!loop->stopping && anything_left(loop))
        loop_turn(loop, -1);
    loop->stopping = false;
}

void loop_stop(Loop *loop) {
    loop->stopping = true;
}

/* Until nothing is due at this instant. Descriptors that are ready are served too. */
static void settle(Loop *loop) {
    for (int i = 0; i < QUIET_ROUNDS; i++)
        if (!loop_turn(loop, 0) && !any_deferred(loop))
            return;
    log_error("no end of callbacks at one instant");
    abort();
}

void loop_advance(Loop *loop, int64_t ms) {
    assert(loop->scripted && ms >= 0);
    int64_t end = loop->now_ms + ms;
    settle(loop);
    for (;;) {
        int64_t next = timers_next_ms(loop);
        if (next < 0 || next > end)
            break;
        loop->now_ms = next;
        settle(loop);
    }
    loop->now_ms = end;
}
