/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: starting, ending, stopping. */
#include <signal.h>

#include "base/arena.h"
#include "harness/test.h"
#include "unit/backend/conformance.h"

enum { SHORT_MS = 30, GRACE_MS = 10 * 60 * 1000 };

static const Act brief = {.name = "brief", .out = "hello\n"};
static const Act server = {.name = "server", .out = "up\n", .life_ms = -1};
static const Act stubborn = {
    .name = "stubborn", .out = "deaf\n", .life_ms = -1, .ignores_term = true};

/* ---- Who it is ---- */

TEST(conf_a_loaded_backend_says_who_it_is)
{
    World *w = world_open();
    Err why = {0};
    CHECK(backend_available(w->backend, &why));
    CHECK_STR(why.msg, "");
    CHECK(w->backend->name[0]);
    CHECK(w->backend->platform[0]);
    for (const char *c = w->backend->name; *c; c++)
        CHECK(*c >= 'a' && *c <= 'z');
    world_close(w);
}

/* ---- Start, wait ---- */

TEST(conf_a_step_starts_runs_and_ends)
{
    World *w = world_open();
    Heard end = {0};
    StepId id = step_id("t", "brief", 1);
    world_setup(w, "t");
    start_now(w, id, &brief);
    wait_now(w, id, &end);
    CHECK_EQ(end.state.end, STEP_EXITED);
    CHECK_EQ(end.state.code, 0);
    CHECK_EQ(end.state.log_size, 6);
    CHECK(end.state.started_us > 0);
    CHECK(end.state.ended_us >= end.state.started_us);
    CHECK_STR(end.state.error, "");
    world_settle(w);
    CHECK_EQ(end.called, 1); /* exactly once */
    world_close(w);
}

TEST_TIMEOUT(conf_every_exit_code_is_exact, 120) {
    enum { CODES = 256, AT_ONCE = 32 };
    World *w = world_open();
    Heard ends[CODES] = {0};
    int done = 0;
    world_setup(w, "t");
    for (int first = 0; first < CODES; first += AT_ONCE) {
        for (int code = first; code < first + AT_ONCE; code++) {
            Act act = {.name = arena_printf(&w->arena, "code-%d", code), .code = code};
            StepId id = step_id("t", act.name, 1);
            op_forget(
                backend_start_step(w->backend, id, conformance.step(w, &act), hear_state, NULL));
            backend_wait_step(w->backend, id, hear_state, &ends[code]);
        }
        for (; done < first + AT_ONCE; done++)
            UNTIL(w, ends[done].called);
    }
    for (int code = 0; code < CODES; code++) {
        CHECK_STR(ends[code].err.msg, "");
        CHECK_EQ(ends[code].state.end, STEP_EXITED);
        CHECK_EQ(ends[code].state.code, code);
    }
    world_close(w);
}

TEST(conf_a_signal_is_told_as_such)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGINT};
    World *w = world_open();
    world_setup(w, "t");
    for (uint32_t i = 0; i < 4; i++) {
        Heard end = {0};
        StepId id = step_id("t", "hurt", i + 1);
        Act act = {.name = "hurt", .dies_of = signals[i]};
        start_now(w, id, &act);
        wait_now(w, id, &end);
        check_signal(&end, signals[i]);
    }
    world_close(w);
}

/* The end of a stop: whoever waited for the step has heard of its end by then. */
static void hear_stop(void *arg, const void *result, const Err *err) {
    Heard *waits = arg;
    (void)result;
    CHECK(!err);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(waits[i].called, 1);
    waits[5].called++;
}

TEST(conf_many_may_wait_and_leave)
{
    World *w = world_open();
    Heard heard[6] = {0}, cancelled = {0}, forgotten = {0};
    StepId id = step_id("t", "server", 1);
    world_setup(w, "t");
    start_now(w, id, &server);
    Op *leaves = backend_wait_step(w->backend, id, hear_state, &cancelled);
    for (int i = 0; i < 5; i++)
        backend_wait_step(w->backend, id, hear_state, &heard[i]);
    op_drop(backend_wait_step(w->backend, id, hear_state, &forgotten));
    op_forget(backend_wait_step(w->backend, id, hear_state, &forgotten));
    op_cancel(leaves);
    await(w, &cancelled);
    CHECK_EQ(cancelled.err.kind, ERR_CANCELLED);
    CHECK_EQ(heard[0].called, 0);
    backend_destroy_step(w->backend, id, NULL, hear_stop, heard);
    UNTIL(w, heard[5].called);
    for (int i = 0; i < 5; i++) {
        check_signal(&heard[i], SIGTERM);
    }
    world_settle(w);
    CHECK_EQ(cancelled.called, 1);
    CHECK_EQ(forgotten.called, 0);
    world_close(w);
}

TEST(conf_waiting_after_the_end_tells_the_same)
{
    World *w = world_open();
    Heard first = {0}, second = {0};
    Act act = {.name = "seven", .code = 7};
    StepId id = step_id("t", "seven", 1);
    world_setup(w, "t");
    start_now(w, id, &act);
    wait_now(w, id, &first);
    wait_now(w, id, &second);
    CHECK_EQ(second.state.code, 7);
    CHECK_EQ(second.state.ended_us, first.state.ended_us);
    world_close(w);
}

TEST(conf_waiting_for_what_never_was_is_an_error)
{
    World *w = world_open();
    Heard heard = {0};
    world_setup(w, "t");
    backend_wait_step(w->backend, step_id("t", "nobody", 1), hear_state, &heard);
    await(w, &heard);
    CHECK_EQ(heard.err.kind, ERR_NOT_FOUND);
    world_close(w);
}

TEST(conf_a_start_needs_a_task_that_was_set_up)
{
    World *w = world_open();
    Heard heard = {0};
    start(w, step_id("t", "brief", 1), &brief, &heard);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.err.kind, ERR_NOT_FOUND);
    world_close(w);
}

TEST(conf_setup_may_be_repeated)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    world_setup(w, "t");
    start_now(w, id, &server);
    world_setup(w, "t");
    Heard heard = {0};
    backend_wait_step(w->backend, id, hear_state, &heard);
    world_settle(w);
    CHECK_EQ(heard.called, 0); /* it lives */
    destroy_now(w, id, SIGTERM, GRACE_MS);
    world_close(w);
}

/* ---- The same key twice ---- */

static void expect_conflict(World *w, StepId id) {
    Heard heard = {0};
    start(w, id, &brief, &heard);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.err.kind, ERR_CONFLICT);
}

TEST(conf_a_key_is_started_once)
{
    World *w = world_open();
    Heard first = {0}, second = {0}, end = {0};
    StepId id = step_id("t", "server", 1);
    world_setup(w, "t");
    start(w, id, &server, &first);
    start(w, id, &server, &second); /* while the first is on its way */
    UNTIL(w, first.called && second.called);
    CHECK_EQ(first.state.phase, STEP_RUNNING);
    CHECK_EQ(second.err.kind, ERR_CONFLICT);
    expect_conflict(w, id); /* while it runs */
    written(w, id, "up");
    destroy_now(w, id, SIGTERM, GRACE_MS);
    expect_conflict(w, id); /* after it ended */
    wait_now(w, id, &end);
    check_signal(&end, SIGTERM);
    CHECK_EQ(end.state.log_size, 3); /* "up\n", once */
    world_close(w);
}

TEST(conf_each_run_of_a_step_is_its_own)
{
    World *w = world_open();
    world_setup(w, "t");
    for (uint32_t run = 1; run <= 3; run++) {
        Act act = {.name = "job", .code = (int)run};
        start_now(w, step_id("t", "job", run), &act);
    }
    for (uint32_t run = 1; run <= 3; run++) {
        Heard end = {0};
        wait_now(w, step_id("t", "job", run), &end);
        CHECK_EQ(end.state.code, run);
    }
    world_close(w);
}

/* ---- Starts that fail ---- */

TEST(conf_what_cannot_start_says_why_and_has_ended)
{
    World *w = world_open();
    Heard heard = {0}, end = {0};
    Act act = {.name = "broken", .cannot_start = true};
    StepId id = step_id("t", "broken", 1);
    world_setup(w, "t");
    start(w, id, &act, &heard);
    UNTIL(w, heard.called);
    CHECK_STR(heard.err.msg, "");
    CHECK_EQ(heard.state.phase, STEP_ENDED);
    CHECK_EQ(heard.state.end, STEP_FAILED);
    CHECK(heard.state.error[0]);
    wait_now(w, id, &end);
    CHECK_EQ(end.state.end, STEP_FAILED);
    CHECK_STR(end.state.error, heard.state.error);
    destroy_now(w, id, SIGTERM, 0);
    world_close(w);
}

/* ---- Stopping ---- */

TEST(conf_a_stop_sends_the_signal_that_was_asked_for)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGKILL};
    World *w = world_open();
    world_setup(w, "t");
    for (uint32_t i = 0; i < 4; i++) {
        Heard end = {0};
        StepId id = step_id("t", "server", i + 1);
        start_now(w, id, &server);
        destroy_now(w, id, signals[i], GRACE_MS);
        wait_now(w, id, &end);
        check_signal(&end, signals[i]);
    }
    world_close(w);
}

TEST(conf_what_ignores_the_signal_is_killed_after_its_grace)
{
    World *w = world_open();
    Heard end = {0}, stop = {0};
    StopHow how = {.signal = SIGTERM, .grace_ms = 300};
    StepId id = step_id("t", "stubborn", 1);
    world_setup(w, "t");
    start_now(w, id, &stubborn);
    int64_t before = loop_now_ms(w->loop);
    backend_destroy_step(w->backend, id, &how, hear, &stop);
    UNTIL(w, stop.called);
    CHECK(loop_now_ms(w->loop) - before >= 300);
    wait_now(w, id, &end);
    check_signal(&end, SIGKILL);
    world_close(w);
}

TEST(conf_a_second_stop_may_hasten_the_first)
{
    World *w = world_open();
    Heard patient = {0};
    StopHow how = {.signal = SIGTERM, .grace_ms = GRACE_MS};
    StepId id = step_id("t", "stubborn", 1);
    world_setup(w, "t");
    start_now(w, id, &stubborn);
    backend_destroy_step(w->backend, id, &how, hear, &patient);
    world_settle(w);
    CHECK_EQ(patient.called, 0);
    int64_t before = loop_now_ms(w->loop);
    destroy_now(w, id, SIGTERM, 0);
    UNTIL(w, patient.called);
    CHECK(loop_now_ms(w->loop) - before < GRACE_MS / 2);
    CHECK_STR(patient.err.msg, "");
    world_close(w);
}

TEST(conf_a_stop_that_nobody_awaits_goes_on)
{
    World *w = world_open();
    Heard end = {0}, never = {0};
    StepId id = step_id("t", "server", 1);
    world_setup(w, "t");
    start_now(w, id, &server);
    op_forget(backend_destroy_step(w->backend, id, NULL, hear, &never));
    wait_now(w, id, &end);
    check_signal(&end, SIGTERM); /* what a stop without words sends */
    world_settle(w);
    CHECK_EQ(never.called, 0);
    world_close(w);
}

TEST(conf_stopping_what_is_not_there_is_fine)
{
    World *w = world_open();
    Heard end = {0};
    StepId id = step_id("t", "brief", 1);
    destroy_now(w, step_id("unheard of", "x", 1), SIGTERM, 0);
    world_setup(w, "t");
    destroy_now(w, step_id("t", "never started", 1), SIGTERM, 0);
    start_now(w, id, &brief);
    wait_now(w, id, &end);
    destroy_now(w, id, SIGTERM, 0);
    destroy_now(w, id, SIGTERM, 0);
    wait_now(w, id, &end);
    CHECK_EQ(end.state.end, STEP_EXITED); /* and changes nothing */
    world_close(w);
}

/* ---- Any order ---- */

TEST_TIMEOUT(conf_calls_may_come_in_any_order_right_after_the_start, 60) {
    static const char *const orders[] = {"wtd", "wdt", "twd", "tdw", "dwt", "dtw"};
    World *w = world_open();
    world_setup(w, "t");
    for (uint32_t i = 0; i < 6; i++) {
        StepId id = step_id("t", "server", i + 1);
        Heard started = {0}, waited = {0}, stopped = {0};
        Shown shown = {0};
        start(w, id, &server, &started); /* and not a single turn in between */
        for (const char *c = orders[i]; *c; c++) {
            if (*c == 'w')
                backend_wait_step(w->backend, id, hear_state, &waited);
            else if (*c == 't')
                tail(w, id, 0, &shown);
            else
                backend_destroy_step(w->backend, id, NULL, hear, &stopped);
        }
        UNTIL(w, started.called && waited.called && stopped.called && shown.heard.called);
        world_settle(w);
        CHECK_EQ(started.called + waited.called + stopped.called + shown.heard.called, 4);
        CHECK_STR(started.err.msg, "");
        CHECK_STR(waited.err.msg, "");
        CHECK_STR(stopped.err.msg, "");
        CHECK_STR(shown.heard.err.msg, "");
        CHECK_EQ(waited.state.phase, STEP_ENDED);
        CHECK_EQ(waited.state.log_size, shown.next);
        shown_clear(&shown);
    }
    world_close(w);
}

/* ---- Signals and commands beside it, where there are such ---- */

static bool supported(const void *function) {
    return function != NULL;
}

TEST(conf_a_signal_reaches_the_step)
{
    World *w = world_open();
    Heard sent = {0}, end = {0}, unknown = {0}, late = {0};
    StepId id = step_id("t", "server", 1);
    world_setup(w, "t");
    start_now(w, id, &server);
    backend_signal_step(w->backend, id, SIGINT, hear, &sent);
    UNTIL(w, sent.called);
    if (!supported((const void *)(uintptr_t)w->backend->ops->signal_step)) {
        CHECK_EQ(sent.err.kind, ERR_UNAVAILABLE);
        destroy_now(w, id, SIGTERM, 0);
        world_close(w);
        return;
    }
    CHECK_STR(sent.err.msg, "");
    wait_now(w, id, &end);
    check_signal(&end, SIGINT);
    backend_signal_step(w->backend, id, SIGINT, hear, &late);
    backend_signal_step(w->backend, step_id("t", "nobody", 1), SIGINT, hear, &unknown);
    UNTIL(w, late.called && unknown.called);
    CHECK(late.err.kind != ERR_NONE);
    CHECK_EQ(unknown.err.kind, ERR_NOT_FOUND);
    world_close(w);
}

static void exec_now(World *w, StepId id, const Act *act, int64_t timeout_ms, Heard *heard) {
    *heard = (Heard){0};
    backend_exec_step(w->backend, id, conformance.step(w, act), timeout_ms, hear_exec, heard);
    await(w, heard);
}

TEST(conf_a_command_runs_beside_the_step)
{
    World *w = world_open();
    Heard heard = {0}, end = {0};
    StepId id = step_id("t", "server", 1);
    Act probe = {.name = "probe", .out = "not yet\n", .code = 3};
    Act slow = {.name = "slow", .life_ms = -1};
    world_setup(w, "t");
    start_now(w, id, &server);
    written(w, id, "up");
    exec_now(w, id, &probe, 10000, &heard);
    if (supported((const void *)(uintptr_t)w->backend->ops->exec_step)) {
        CHECK_STR(heard.err.msg, "");
        CHECK(!heard.exec.timed_out);
        CHECK_EQ(heard.exec.end, STEP_EXITED);
        CHECK_EQ(heard.exec.code, 3);
        CHECK_HAS(heard.exec.output, "not yet");
        exec_now(w, id, &slow, SHORT_MS, &heard);
        CHECK_STR(heard.err.msg, "");
        CHECK(heard.exec.timed_out);
    } else {
        CHECK_EQ(heard.err.kind, ERR_UNAVAILABLE);
    }
    destroy_now(w, id, SIGTERM, GRACE_MS);
    wait_now(w, id, &end);
    check_signal(&end, SIGTERM); /* untouched by what ran beside it */
    CHECK_EQ(end.state.log_size, 3);
    world_close(w);
}
