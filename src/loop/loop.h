/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: one thread, one Loop, everything in the server hangs on it. A thin veneer over
 * libuv, which appears in this directory alone. Two kinds: a real one, and a scripted one whose
 * time moves only when a test says so.
 *
 * Rules every handle here keeps: xxx_free() may be called at any time, also inside the handle's own
 * callback; after it the callback never comes again. Callbacks come from loop_run(), never from
 * inside the call that started something. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct Loop Loop;
typedef void (*LoopFn)(void *arg);

Loop *loop_new(void);
Loop *loop_new_scripted(int64_t start_ms, int64_t start_wall_us);
Loop *loop_free(Loop *loop); /* every handle must have been freed (asserted) */

void loop_run(Loop *loop); /* until loop_stop, or nothing is left to wait for */
void loop_stop(Loop *loop);
/* One turn, for tests: waits at most so long; false: nothing happened. */
bool loop_turn(Loop *loop, int timeout_ms);

/* Scripted loops: moves time on, firing timers in order and running deferred calls until all is
 * quiet at each instant. */
void loop_advance(Loop *loop, int64_t ms);
void loop_set_wall(Loop *loop, int64_t wall_us); /* likewise: somebody sets the clock */

int64_t loop_now_ms(Loop *loop); /* monotonic; frozen within a turn */
/* Since the machine was started, asleep or not; comparable between servers. */
int64_t loop_boot_ms(Loop *loop);
int64_t loop_wall_us(Loop *loop); /* wall clock, read when asked */

/* Calls fn once, later in this or the next turn, in order of asking. */
typedef struct Deferred Deferred;
Deferred *loop_defer(Loop *loop, LoopFn fn, void *arg);
/* Likewise, when the other deferred calls of the turn are through: what looks on does not hold up
 * what goes on. */
Deferred *loop_defer_last(Loop *loop, LoopFn fn, void *arg);
/* Cancel; NULL is fine; the pointer is dead once fn was called. */
Deferred *deferred_free(Deferred *deferred);
/* Runs at the end of every turn in which anything happened ("tell watchers once per turn"). fn
 * NULL: not any more, for this arg. */
void loop_at_turn_end(Loop *loop, LoopFn fn, void *arg);

/* ---- Timer: one shot ----
 * Kept in one heap behind one system timer: thousands cost nothing while they wait. */
typedef struct Timer Timer;
Timer *timer_new(Loop *loop, int64_t delay_ms, LoopFn fn, void *arg);
Timer *timer_idle(Loop *loop, LoopFn fn, void *arg); /* not armed yet */
Timer *timer_free(Timer *timer); /* also right after it fired: it frees nothing by itself */
void timer_set(Timer *timer, int64_t delay_ms); /* (re)arm */
void timer_clear(Timer *timer);                 /* disarm; timer_set arms it again */

/* ---- Poll: readiness of a descriptor ----
 * The owner keeps it; it becomes non-blocking. One poll per descriptor. An error on it shows as
 * readiness: reading or writing tells. Regular files cannot be polled (asserted). */
typedef struct Poll Poll;
enum { POLL_READ = 1, POLL_WRITE = 2, POLL_HANGUP = 4 };
typedef void (*PollFn)(void *arg, int events);
Poll *poll_new(Loop *loop, int fd, int events, PollFn fn, void *arg);
void poll_set(Poll *poll, int events);
Poll *poll_free(Poll *poll); /* before the descriptor is closed */

/* ---- Signals to the server itself. ---- */
typedef struct SignalWatch SignalWatch;
typedef void (*SignalFn)(void *arg, int signal);
SignalWatch *signal_watch_new(Loop *loop, int signal, SignalFn fn, void *arg);
SignalWatch *signal_watch_free(SignalWatch *watch);
