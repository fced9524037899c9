/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this directory share, and nobody else sees. */
#pragma once

#include <stddef.h>
#include <uv.h>

#include "loop/loop.h"

typedef struct TurnHook {
    LoopFn fn;
    void *arg;
} TurnHook;

typedef struct DeferredList {
    Deferred *first, *last; /* in order of asking */
} DeferredList;

struct Loop {
    uv_loop_t uv;
    uv_timer_t alarm; /* the one system timer; runs only while a turn waits */
    bool scripted;
    bool stopping;
    bool turning;    /* inside a turn: time stands still */
    bool happened;   /* something was called in this turn */
    int64_t now_ms;  /* scripted: the time; else as of the turn */
    int64_t wall_us; /* scripted: wall clock at now_ms == wall_at_ms */
    int64_t wall_at_ms;

    Timer **heap; /* by (due_ms, order) */
    size_t heap_n, heap_cap;
    size_t timer_n;      /* all, armed or not */
    uint64_t next_order; /* of timers and deferred calls */

    DeferredList soon, last; /* those of loop_defer and of loop_defer_last */
    Deferred *calling;       /* the one whose fn runs */

    TurnHook *hooks;
    size_t hook_n;

    size_t watch_n; /* polls and signals that were not freed */
};

/* Ends the program with a sentence if libuv could not: descriptors or memory were used up. */
void uv_must(int code, const char *what);

/* Fires what is due; timers armed meanwhile wait for the next call. */
void timers_fire(Loop *loop);
/* Milliseconds until the next timer; -1: none is armed. */
int64_t timers_wait_ms(const Loop *loop);
int64_t timers_next_ms(const Loop *loop); /* when; -1: none is armed */

/* Calls from libuv pass here, so that the turn knows. */
static inline void loop_note(Loop *loop) {
    loop->happened = true;
}
