/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "loop/loop_inside.h"

enum { NOT_ARMED = -1 };

struct Timer {
    Loop *loop;
    LoopFn fn;
    void *arg;
    int64_t due_ms;
    uint64_t order; /* among those due at the same instant */
    ptrdiff_t at;   /* place in the heap, or NOT_ARMED */
};

static bool before(const Timer *a, const Timer *b) {
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put(Loop *loop, size_t at, Timer *timer) {
    loop->heap[at] = timer;
    timer->at = (ptrdiff_t)at;
}

static void sift_up(Loop *loop, size_t at) {
    Timer *timer = loop->heap[at];
    while (at > 0 && before(timer, loop->heap[(at - 1) / 2])) {
        put(loop, at, loop->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(loop, at, timer);
}

static void sift_down(Loop *loop, size_t at) {
    Timer *timer = loop->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= loop->heap_n)
            break;
        if (child + 1 < loop->heap_n && before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!before(loop->heap[child], timer))
            break;
        put(loop, at, loop->heap[child]);
        at = child;
    }
    put(loop, at, timer);
}

static void heap_add(Loop *loop, Timer *timer) {
    if (loop->heap_n == loop->heap_cap) {
        loop->heap_cap = loop->heap_cap ? 2 * loop->heap_cap : 16;
        loop->heap = xreallocarray(loop->heap, loop->heap_cap, sizeof *loop->heap);
    }
    put(loop, loop->heap_n++, timer);
    sift_up(loop, loop->heap_n - 1);
}

static void heap_remove(Loop *loop, Timer *timer) {
    size_t at = (size_t)timer->at;
    Timer *last = loop->heap[--loop->heap_n];
    timer->at = NOT_ARMED;
    if (last == timer)
        return;
    put(loop, at, last);
    sift_up(loop, at);
    sift_down(loop, (size_t)last->at);
}

void timers_fire(Loop *loop) {
    uint64_t newer = loop->next_order; /* a timer armed from here on waits for the next turn */
    while (loop->heap_n > 0) {
        Timer *timer = loop->heap[0];
        if (timer->due_ms > loop->now_ms || timer->order >= newer)
            return;
        heap_remove(loop, timer);
        loop_note(loop);
        timer->fn(timer->arg); /* may free it */
    }
}

int64_t timers_next_ms(const Loop *loop) {
    return loop->heap_n ? loop->heap[0]->due_ms : -1;
}

int64_t timers_wait_ms(const Loop *loop) {
    if (loop->heap_n == 0)
        return -1;
    int64_t wait = loop->heap[0]->due_ms - loop->now_ms;
    return wait > 0 ? wait : 0;
}

Timer *timer_idle(Loop *loop, LoopFn fn, void *arg) {
    assert(fn);
    Timer *timer = xcalloc(1, sizeof *timer);
    *timer = (Timer){.loop = loop, .fn = fn, .arg = arg, .at = NOT_ARMED};
    loop->timer_n++;
    return timer;
}

Timer *timer_new(Loop *loop, int64_t delay_ms, LoopFn fn, void *arg) {
    Timer *timer = timer_idle(loop, fn, arg);
    timer_set(timer, delay_ms);
    return timer;
}

Timer *timer_free(Timer *timer) {
    if (!timer)
        return NULL;
    if (timer->at != NOT_ARMED)
        heap_remove(timer->loop, timer);
    timer->loop->timer_n--;
    free(timer);
    return NULL;
}

void timer_set(Timer *timer, int64_t delay_ms) {
    Loop *loop = timer->loop;
    int64_t now = loop_now_ms(loop);
    if (delay_ms < 0)
        delay_ms = 0;
    if (timer->at != NOT_ARMED)
        heap_remove(loop, timer);
    timer->due_ms = delay_ms > INT64_MAX - now ? INT64_MAX : now + delay_ms;
    timer->order = loop->next_order++;
    heap_add(loop, timer);
}

void timer_clear(Timer *timer) {
    if (timer->at != NOT_ARMED)
        heap_remove(timer->loop, timer);
}
