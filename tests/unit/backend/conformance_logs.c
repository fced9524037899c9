/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: reading what a step wrote. */
#include <signal.h>

#include "base/arena.h"
#include "base/buf.h"
#include "harness/test.h"
#include "unit/backend/conformance.h"

enum { LINES = 60000, TEXT_MAX = 1 << 20 };

static const Act server = {.name = "server", .out = "up\n", .life_ms = -1};
static const Act counter = {.name = "counter", .lines = LINES};

/* What `counter` writes. */
static void count_lines(Buf *ret) {
    buf_init(ret, TEXT_MAX);
    for (int i = 1; i <= LINES; i++)
        buf_printf(ret, "%d\n", i);
}

static void run_counter(World *w, StepId id) {
    Heard end = {0};
    world_setup(w, id.task);
    start_now(w, id, &counter);
    wait_now(w, id, &end);
}

TEST(conf_a_tail_shows_all_of_it_and_ends)
{
    World *w = world_open();
    Buf expect;
    StepId id = step_id("t", "counter", 1);
    Shown early = {0}, late = {0};
    Heard end = {0};
    count_lines(&expect);
    world_setup(w, "t");
    start_now(w, id, &counter);
    tail(w, id, 0, &early); /* while it writes */
    UNTIL(w, early.heard.called);
    wait_now(w, id, &end);
    tail(w, id, 0, &late); /* after it has ended */
    UNTIL(w, late.heard.called);
    CHECK_STR(early.heard.err.msg, "");
    CHECK_EQ(early.wrong, 0);
    CHECK_EQ(early.first, 0);
    CHECK_EQ(end.state.log_size, expect.n);
    CHECK_EQ(early.next, expect.n);
    CHECK(strcmp(buf_cstr(&early.text), buf_cstr(&expect)) == 0);
    CHECK(strcmp(buf_cstr(&late.text), buf_cstr(&expect)) == 0);
    world_settle(w);
    CHECK_EQ(early.heard.called, 1);
    shown_clear(&early);
    shown_clear(&late);
    buf_deinit(&expect);
    world_close(w);
}

TEST(conf_a_tail_follows_a_running_step_without_ending)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Shown shown = {0};
    world_setup(w, "t");
    start_now(w, id, &server);
    tail(w, id, 0, &shown);
    UNTIL(w, shown.text.n == 3);
    world_settle(w);
    CHECK_STR(buf_cstr(&shown.text), "up\n");
    CHECK_EQ(shown.heard.called, 0);
    destroy_now(w, id, SIGTERM, 0);
    UNTIL(w, shown.heard.called); /* by itself, once the step has ended */
    CHECK_STR(shown.heard.err.msg, "");
    CHECK_EQ(shown.text.n, 3);
    shown_clear(&shown);
    world_close(w);
}

TEST(conf_a_tail_begins_at_any_offset)
{
    World *w = world_open();
    Buf expect;
    StepId id = step_id("t", "counter", 1);
    count_lines(&expect);
    run_counter(w, id);
    const size_t offsets[] = {1, 17, 65535, 65536, 65537, expect.n - 1};
    for (int i = 0; i < 6; i++) {
        Shown shown = {0};
        tail(w, id, offsets[i], &shown);
        UNTIL(w, shown.heard.called);
        CHECK_EQ(shown.first, offsets[i]);
        CHECK_EQ(shown.wrong, 0);
        CHECK(strcmp(buf_cstr(&shown.text), buf_cstr(&expect) + offsets[i]) == 0);
        shown_clear(&shown);
    }
    buf_deinit(&expect);
    world_close(w);
}

TEST(conf_a_tail_from_the_end_or_beyond_shows_nothing)
{
    World *w = world_open();
    StepId id = step_id("t", "counter", 1);
    Heard end = {0};
    run_counter(w, id);
    wait_now(w, id, &end);
    for (uint64_t beyond = 0; beyond < 2000; beyond += 1000) {
        Shown shown = {0};
        tail(w, id, end.state.log_size + beyond, &shown);
        UNTIL(w, shown.heard.called);
        CHECK_STR(shown.heard.err.msg, "");
        CHECK_EQ(shown.pieces, 0);
        shown_clear(&shown);
    }
    world_close(w);
}

TEST_TIMEOUT(conf_a_tail_is_held_back_and_goes_on, 60) {
    World *w = world_open();
    Buf expect;
    StepId id = step_id("t", "counter", 1);
    Shown shown = {.hold = true};
    count_lines(&expect);
    run_counter(w, id);
    tail(w, id, 0, &shown);
    for (int seen = 0; shown.next < expect.n; seen++) {
        UNTIL(w, shown.pieces > seen);
        world_settle(w);
        CHECK_EQ(shown.pieces, seen + 1); /* not one more before it is let go on */
        CHECK_EQ(shown.heard.called, 0);
        backend_tail_resume(w->backend, shown.op);
        CHECK_EQ(shown.pieces, seen + 1); /* nor inside that call */
    }
    CHECK(shown.pieces > 1);
    UNTIL(w, shown.heard.called);
    CHECK_EQ(shown.wrong, 0);
    CHECK(strcmp(buf_cstr(&shown.text), buf_cstr(&expect)) == 0);
    shown_clear(&shown);
    buf_deinit(&expect);
    world_close(w);
}

TEST(conf_many_may_read_each_at_its_own_pace)
{
    World *w = world_open();
    Buf expect;
    StepId id = step_id("t", "counter", 1);
    Shown slow = {.hold = true}, fast[3] = {0};
    count_lines(&expect);
    world_setup(w, "t");
    start_now(w, id, &counter);
    tail(w, id, 0, &slow);
    for (int i = 0; i < 3; i++)
        tail(w, id, 0, &fast[i]);
    for (int i = 0; i < 3; i++) {
        UNTIL(w, fast[i].heard.called);
        CHECK_EQ(fast[i].text.n, expect.n);
        shown_clear(&fast[i]);
    }
    CHECK_EQ(slow.pieces, 1);
    op_drop(slow.op);
    shown_clear(&slow);
    buf_deinit(&expect);
    world_close(w);
}

TEST(conf_a_tail_can_be_cancelled_also_from_inside)
{
    World *w = world_open();
    StepId id = step_id("t", "counter", 1);
    Shown cancelled = {.hold = true}, dropped = {.drop = true};
    run_counter(w, id);
    tail(w, id, 0, &cancelled);
    UNTIL(w, cancelled.pieces == 1);
    op_cancel(cancelled.op);
    UNTIL(w, cancelled.heard.called);
    CHECK_EQ(cancelled.heard.err.kind, ERR_CANCELLED);
    tail(w, id, 0, &dropped);
    UNTIL(w, dropped.pieces == 1);
    world_settle(w);
    CHECK_EQ(dropped.pieces, 1);
    CHECK_EQ(dropped.heard.called, 0);
    CHECK_EQ(cancelled.pieces, 1);
    CHECK_EQ(cancelled.heard.called, 1);
    shown_clear(&cancelled);
    shown_clear(&dropped);
    world_close(w);
}

TEST(conf_there_is_no_log_of_what_never_was)
{
    World *w = world_open();
    Shown shown = {0};
    world_setup(w, "t");
    tail(w, step_id("t", "nobody", 1), 0, &shown);
    UNTIL(w, shown.heard.called);
    CHECK_EQ(shown.heard.err.kind, ERR_NOT_FOUND);
    shown_clear(&shown);
    world_close(w);
}

TEST(conf_a_tail_that_fails_disturbs_no_step)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Shown shown = {0};
    Heard end = {0};
    world_setup(w, "t");
    start_now(w, id, &server);
    written(w, id, "up\n");
    backend_wait_step(w->backend, id, hear_state, &end);
    break_log(w, id);
    tail(w, id, 0, &shown);
    UNTIL(w, shown.heard.called);
    CHECK(shown.heard.err.kind != ERR_NONE && shown.heard.err.msg[0]);
    CHECK_EQ(shown.pieces, 0);
    world_settle(w);
    CHECK_EQ(end.called, 0);
    CHECK_EQ(shown.heard.called, 1);
    destroy_now(w, id, SIGKILL, 0);
    UNTIL(w, end.called);
    CHECK_STR(end.err.msg, "");
    CHECK_EQ(end.state.phase, STEP_ENDED);
    shown_clear(&shown);
    world_close(w);
}

TEST(conf_secrets_are_masked)
{
    World *w = world_open();
    StepId id = step_id("t", "talker", 1);
    Act act = {.name = "talker", .out = "token=hunter22, again hunter22!\n", .secret = "hunter22"};
    Shown shown = {0};
    world_setup(w, "t");
    start_now(w, id, &act);
    tail(w, id, 0, &shown);
    UNTIL(w, shown.heard.called);
    CHECK_STR(buf_cstr(&shown.text), "token=********, again ********!\n");
    shown_clear(&shown);
    world_close(w);
}

TEST(conf_a_silent_step_has_an_empty_log)
{
    World *w = world_open();
    StepId id = step_id("t", "silent", 1);
    Act act = {.name = "silent"};
    Shown shown = {0};
    world_setup(w, "t");
    start_now(w, id, &act);
    tail(w, id, 0, &shown);
    UNTIL(w, shown.heard.called);
    CHECK_STR(shown.heard.err.msg, "");
    CHECK_EQ(shown.pieces, 0);
    shown_clear(&shown);
    world_close(w);
}
