/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of loop/loop.h, each tried where it hurts: inside callbacks. */
#include "harness/test.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"

enum { LONG_AGO = 1000, EPOCH_US = 1700000000 };

typedef struct Trace {
    Loop *loop;
    char text[256];
    size_t n;
    Timer *timer, *other;
    Deferred *deferred;
    int count;
} Trace;

typedef struct Mark { /* a callback's argument that appends one letter */
    Trace *trace;
    char letter;
} Mark;

static void mark(void *arg) {
    Mark *m = arg;
    m->trace->text[m->trace->n++] = m->letter;
}

static void count(void *arg) {
    ((Trace *)arg)->count++;
}

static Loop *scripted(void) {
    return loop_new_scripted(LONG_AGO, (int64_t)EPOCH_US * 1000000);
}

/* ---- Time ---- */

TEST(scripted_time_moves_only_when_told)
{
    Loop *loop = scripted();
    CHECK_EQ(loop_now_ms(loop), LONG_AGO);
    CHECK(!loop_turn(loop, 0));
    CHECK_EQ(loop_now_ms(loop), LONG_AGO);
    loop_advance(loop, 1500);
    CHECK_EQ(loop_now_ms(loop), LONG_AGO + 1500);
    CHECK_EQ(loop_wall_us(loop), (int64_t)EPOCH_US * 1000000 + 1500 * 1000);
    loop_free(loop);
}

TEST(real_time_is_the_clocks)
{
    Loop *loop = loop_new();
    int64_t before = clock_mono_ms();
    CHECK(loop_now_ms(loop) >= before - 1);
    CHECK(loop_now_ms(loop) <= clock_mono_ms() + 1);
    int64_t wall = clock_wall_us();
    CHECK(loop_wall_us(loop) >= wall);
    loop_free(loop);
}

/* ---- Timers ---- */

TEST(timers_fire_in_order_of_time_then_of_arming)
{
    Loop *loop = scripted();
    Trace t = {0};
    Mark marks[] = {{&t, 'c'}, {&t, 'a'}, {&t, 'b'}, {&t, 'd'}};
    int64_t delays[] = {30, 10, 10, 40};
    Timer *timers[4];
    for (int i = 0; i < 4; i++)
        timers[i] = timer_new(loop, delays[i], mark, &marks[i]);
    loop_advance(loop, 9);
    CHECK_STR(t.text, "");
    loop_advance(loop, 1);
    CHECK_STR(t.text, "ab");
    loop_advance(loop, 100);
    CHECK_STR(t.text, "abcd");
    for (int i = 0; i < 4; i++)
        timer_free(timers[i]);
    loop_free(loop);
}

TEST(a_timer_never_fires_inside_the_call_that_armed_it)
{
    Loop *loop = loop_new();
    Trace t = {0};
    Timer *timer = timer_new(loop, -5, count, &t);
    CHECK_EQ(t.count, 0);
    CHECK(loop_turn(loop, 1000));
    CHECK_EQ(t.count, 1);
    CHECK(!loop_turn(loop, 0)); /* one shot */
    timer_set(timer, 0);
    CHECK(loop_turn(loop, 1000));
    CHECK_EQ(t.count, 2);
    timer_free(timer);
    loop_free(loop);
}

static void free_own_timer(void *arg) {
    Trace *t = arg;
    t->count++;
    t->timer = timer_free(t->timer);
}

TEST(a_timer_may_be_freed_in_its_own_callback)
{
    Loop *loop = scripted();
    Trace t = {0};
    t.timer = timer_new(loop, 1, free_own_timer, &t);
    loop_advance(loop, 10);
    CHECK_EQ(t.count, 1);
    CHECK(!t.timer);
    loop_free(loop);
}

static void free_other_timer(void *arg) {
    Trace *t = arg;
    t->other = timer_free(t->other);
}

TEST(a_timer_freed_by_another_that_is_due_too_does_not_fire)
{
    Loop *loop = scripted();
    Trace t = {0};
    t.timer = timer_new(loop, 5, free_other_timer, &t);
    t.other = timer_new(loop, 5, count, &t);
    loop_advance(loop, 10);
    CHECK_EQ(t.count, 0);
    timer_free(t.timer);
    loop_free(loop);
}

static void rearm(void *arg) {
    Trace *t = arg;
    if (++t->count < 3)
        timer_set(t->timer, 10);
}

TEST(a_timer_may_be_armed_again_in_its_own_callback)
{
    Loop *loop = scripted();
    Trace t = {0};
    t.timer = timer_new(loop, 10, rearm, &t);
    loop_advance(loop, 10);
    CHECK_EQ(t.count, 1);
    loop_advance(loop, 100);
    CHECK_EQ(t.count, 3);
    timer_free(t.timer);
    loop_free(loop);
}

static void rearm_at_once(void *arg) {
    Trace *t = arg;
    t->count++;
    timer_set(t->timer, 0);
}

TEST(a_timer_armed_with_nothing_gives_others_their_turn)
{
    Loop *loop = loop_new();
    Trace t = {0};
    t.timer = timer_new(loop, 0, rearm_at_once, &t);
    CHECK(loop_turn(loop, 1000));
    CHECK_EQ(t.count, 1); /* not for ever in one turn */
    CHECK(loop_turn(loop, 1000));
    CHECK_EQ(t.count, 2);
    timer_free(t.timer);
    loop_free(loop);
}

TEST(arming_anew_replaces_the_old_time)
{
    Loop *loop = scripted();
    Trace t = {0};
    Timer *timer = timer_new(loop, 10, count, &t);
    timer_set(timer, 100);
    loop_advance(loop, 50);
    CHECK_EQ(t.count, 0);
    timer_set(timer, 1);
    loop_advance(loop, 1);
    CHECK_EQ(t.count, 1);
    timer_set(timer, 1);
    timer_clear(timer);
    timer_clear(timer);
    loop_advance(loop, 1000);
    CHECK_EQ(t.count, 1);
    timer_set(timer, INT64_MAX); /* never, not the past */
    loop_advance(loop, 1000);
    CHECK_EQ(t.count, 1);
    timer_free(timer);
    CHECK(!timer_free(NULL));
    loop_free(loop);
}

enum { MANY = 10000 };

typedef struct Many {
    Loop *loop;
    Timer *timers[MANY];
    int64_t due[MANY];
    int64_t last;
    int fired, wrong;
} Many;

typedef struct ManyArg {
    Many *many;
    int i;
} ManyArg;

static void on_many(void *arg) {
    ManyArg *a = arg;
    int64_t now = loop_now_ms(a->many->loop);
    a->many->wrong += now != a->many->due[a->i] || now < a->many->last;
    a->many->last = now;
    a->many->fired++;
}

TEST(ten_thousand_timers_fire_each_at_its_time)
{
    Loop *loop = scripted();
    Many *many = calloc(1, sizeof *many);
    ManyArg *args = calloc(MANY, sizeof *args);
    uint32_t random = 12345;
    many->loop = loop;
    for (int i = 0; i < MANY; i++) {
        random = random * 1664525 + 1013904223;
        args[i] = (ManyArg){many, i};
        many->due[i] = LONG_AGO + (random >> 8) % 5000;
        many->timers[i] = timer_new(loop, many->due[i] - LONG_AGO, on_many, &args[i]);
    }
    for (int i = 0; i < MANY; i += 3) { /* from the middle of the heap */
        random = random * 1664525 + 1013904223;
        many->due[i] = LONG_AGO + (random >> 8) % 5000;
        timer_set(many->timers[i], many->due[i] - LONG_AGO);
    }
    for (int i = 0; i < MANY; i += 7)
        many->timers[i] = timer_free(many->timers[i]);
    loop_advance(loop, 5000);
    CHECK_EQ(many->wrong, 0);
    CHECK_EQ(many->fired, MANY - (MANY + 6) / 7);
    for (int i = 0; i < MANY; i++)
        timer_free(many->timers[i]);
    free(many);
    free(args);
    loop_free(loop);
}

TEST(a_real_timer_is_not_early_and_the_loop_ends_after_it)
{
    Loop *loop = loop_new();
    Trace t = {0};
    int64_t before = loop_now_ms(loop);
    t.timer = timer_new(loop, 30, free_own_timer, &t);
    loop_run(loop);
    CHECK_EQ(t.count, 1);
    CHECK(loop_now_ms(loop) - before >= 30);
    loop_free(loop);
}

/* ---- Deferred calls ---- */

static void on_nothing(void *arg, int events) {
    (void)arg;
    (void)events;
}

/* Until so short before the next millisecond. */
static void spin_to_edge(long before_ns) {
    struct timespec now;
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (now.tv_nsec % 1000000 < 1000000 - before_ns);
}

/* The millisecond ends while one begins to wait for it. */
TEST(a_wait_ends_also_if_its_time_comes_before_it_has_begun)
{
    enum { WAITS = 600, STEP_NS = 50, STEPS = 100 };
    Loop *loop = loop_new();
    int silent[2];
    ASSERT(pipe(silent) == 0);
    Poll *poll = poll_new(loop, silent[0], POLL_READ, on_nothing, NULL);
    for (int i = 0; i < WAITS; i++) {
        spin_to_edge(STEP_NS * (1 + i % STEPS));
        CHECK(!loop_turn(loop, 1));
    }
    poll_free(poll);
    while (loop_turn(loop, 0))
        ;
    close(silent[0]);
    close(silent[1]);
    loop_free(loop);
}

TEST(deferred_calls_come_later_in_order)
{
    Loop *loop = loop_new();
    Trace t = {0};
    Mark marks[] = {{&t, 'a'}, {&t, 'b'}, {&t, 'x'}, {&t, 'c'}};
    Deferred *x = NULL;
    for (int i = 0; i < 4; i++) {
        Deferred *d = loop_defer(loop, mark, &marks[i]);
        if (i == 2)
            x = d;
    }
    CHECK_STR(t.text, "");
    CHECK(!deferred_free(x));
    CHECK(loop_turn(loop, 1000));
    CHECK_STR(t.text, "abc");
    CHECK(!deferred_free(NULL));
    loop_free(loop);
}

static void mark_and_defer(void *arg) {
    Mark *marks = arg;
    mark(&marks[0]);
    loop_defer(marks[0].trace->loop, mark, &marks[1]);
}

TEST(what_is_deferred_last_comes_after_all_others_of_the_turn)
{
    Loop *loop = loop_new();
    Trace t = {.loop = loop};
    Mark marks[] = {{&t, 'a'}, {&t, 'b'}, {&t, 'z'}, {&t, 'y'}, {&t, 'x'}};
    loop_defer_last(loop, mark, &marks[2]);
    Deferred *y = loop_defer_last(loop, mark, &marks[3]);
    loop_defer_last(loop, mark, &marks[4]);
    loop_defer(loop, mark_and_defer, marks);
    CHECK(!deferred_free(y));
    CHECK(loop_turn(loop, 1000));
    CHECK_STR(t.text, "abzx");
    CHECK(!loop_turn(loop, 0));
    loop_free(loop);
}

static void defer_for_ever(void *arg) {
    Trace *t = arg;
    t->deferred = loop_defer(t->loop, defer_for_ever, t);
}

static void look_on_for_ever(void *arg) {
    Trace *t = arg;
    t->deferred = loop_defer_last(t->loop, look_on_for_ever, t);
}

TEST(deferring_for_ever_starves_none_that_comes_last)
{
    Trace t = {.loop = loop_new()}, last = {.loop = t.loop};
    Mark z = {&last, 'z'};
    defer_for_ever(&t);
    loop_defer_last(t.loop, mark, &z);
    CHECK(loop_turn(t.loop, 1000));
    CHECK_STR(last.text, "z");
    deferred_free(t.deferred);
    look_on_for_ever(&t);
    Timer *timer = timer_new(t.loop, 5, count, &t);
    while (t.count == 0)
        ASSERT(loop_turn(t.loop, 1000));
    deferred_free(t.deferred);
    timer_free(timer);
    loop_free(t.loop);
}

static void defer_again(void *arg) {
    Trace *t = arg;
    if (++t->count < 5)
        loop_defer(t->loop, defer_again, t);
}

TEST(a_call_deferred_inside_a_deferred_call_comes_too)
{
    Trace t = {.loop = scripted()};
    loop_defer(t.loop, defer_again, &t);
    loop_advance(t.loop, 0);
    CHECK_EQ(t.count, 5);
    loop_free(t.loop);
}

TEST(deferring_for_ever_starves_no_timer)
{
    Trace t = {.loop = loop_new()};
    defer_for_ever(&t);
    Timer *timer = timer_new(t.loop, 5, count, &t);
    while (t.count == 0)
        ASSERT(loop_turn(t.loop, 1000));
    timer_free(timer);
    deferred_free(t.deferred);
    loop_free(t.loop);
}

static void free_own_deferred(void *arg) {
    Trace *t = arg;
    t->count++;
    t->deferred = deferred_free(t->deferred);
}

TEST(a_deferred_call_may_free_itself_and_its_successor)
{
    Trace t = {.loop = loop_new()};
    t.deferred = loop_defer(t.loop, free_own_deferred, &t);
    CHECK(loop_turn(t.loop, 1000));
    loop_defer(t.loop, free_own_deferred, &t);
    t.deferred = loop_defer(t.loop, count, &t);
    CHECK(loop_turn(t.loop, 1000));
    CHECK_EQ(t.count, 2);
    loop_free(t.loop);
}

/* ---- The end of a turn ---- */

TEST(the_hook_runs_once_per_turn_in_which_something_happened)
{
    Trace t = {.loop = loop_new()}, called = {0};
    loop_at_turn_end(t.loop, count, &t);
    CHECK(!loop_turn(t.loop, 0));
    CHECK_EQ(t.count, 0);
    for (int i = 0; i < 10; i++)
        loop_defer(t.loop, count, &called);
    CHECK(loop_turn(t.loop, 0));
    CHECK_EQ(called.count, 10);
    CHECK_EQ(t.count, 1);
    loop_at_turn_end(t.loop, NULL, &t);
    loop_defer(t.loop, count, &called);
    CHECK(loop_turn(t.loop, 0));
    CHECK_EQ(t.count, 1);
    loop_free(t.loop);
}

static void forget_hook(void *arg) {
    Trace *t = arg;
    t->count++;
    loop_at_turn_end(t->loop, NULL, t);
}

TEST(a_hook_may_forget_itself)
{
    Trace t = {.loop = loop_new()}, after = {0};
    loop_at_turn_end(t.loop, forget_hook, &t);
    loop_at_turn_end(t.loop, count, &after);
    for (int i = 0; i < 2; i++) {
        loop_defer(t.loop, count, &(Trace){0});
        CHECK(loop_turn(t.loop, 0));
    }
    CHECK_EQ(t.count, 1);
    CHECK_EQ(after.count, 2);
    loop_free(t.loop);
}

/* ---- Running ---- */

static void stop(void *arg) {
    loop_stop(((Trace *)arg)->loop);
}

TEST(run_ends_when_nothing_is_left_or_when_told)
{
    Trace t = {.loop = loop_new()};
    loop_run(t.loop); /* nothing at all */
    t.timer = timer_new(t.loop, 3600 * 1000, count, &t);
    loop_defer(t.loop, stop, &t);
    loop_run(t.loop);
    CHECK_EQ(t.count, 0);
    loop_defer(t.loop, stop, &t); /* and again */
    loop_run(t.loop);
    timer_free(t.timer);
    loop_free(t.loop);
}

TEST(a_turn_waits_as_long_as_it_may_and_says_that_nothing_happened)
{
    Trace t = {.loop = loop_new()};
    t.timer = timer_new(t.loop, 3600 * 1000, count, &t);
    int64_t before = clock_mono_ms();
    CHECK(!loop_turn(t.loop, 30));
    CHECK(clock_mono_ms() - before >= 29);
    timer_free(t.timer);
    loop_free(t.loop);
}
