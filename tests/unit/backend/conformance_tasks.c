/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: many tasks at once, and what a server finds that comes after one that was killed. */
#include <signal.h>

#include "base/arena.h"
#include "base/buf.h"
#include "harness/test.h"
#include "unit/backend/conformance.h"

#define LONG_NAME                                                                               \
    "a-name-that-is-as-long-as-a-name-may-sensibly-be-and-then-some-more-of-it-so-that-nobody-" \
    "can-"                                                                                      \
    "say-that-it-is-short"

enum { GRACE_MS = 10 * 60 * 1000 };

static const Act server = {.name = "server", .out = "up\n", .life_ms = -1, .restarts = 4};
static const Act stubborn = {
    .name = "stubborn", .out = "deaf\n", .life_ms = -1, .ignores_term = true};

static void destroy_task(World *w, const char *task) {
    Heard heard = {0};
    backend_destroy_workflow(w->backend, task, NULL, hear, &heard);
    await_well(w, &heard);
}

static void discover(World *w, Heard *heard) {
    *heard = (Heard){0};
    backend_discover(w->backend, hear_found, heard);
    await_well(w, heard);
}

static void resume(World *w, StepId id, Heard *heard) {
    *heard = (Heard){0};
    backend_resume_step(w->backend, id, hear_state, heard);
    await_well(w, heard);
}

/* Backends without it say so; the tests of resumption then have nothing to ask. */
static bool resumes(World *w) {
    Heard heard = {0};
    if (w->backend->ops->discover && w->backend->ops->resume_step)
        return true;
    backend_resume_step(w->backend, step_id("t", "x", 1), hear_state, &heard);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.err.kind, ERR_UNAVAILABLE);
    return false;
}

/* ---- Tasks ---- */

TEST(conf_tasks_do_not_touch_each_other)
{
    World *w = world_open();
    StepId a = step_id("a", "server", 1), b = step_id("b", "server", 1);
    Heard end = {0};
    world_setup(w, "a");
    world_setup(w, "b");
    start_now(w, a, &server);
    start_now(w, b, &server);
    backend_wait_step(w->backend, b, hear_state, &end);
    destroy_now(w, a, SIGTERM, GRACE_MS);
    destroy_task(w, "a");
    world_settle(w);
    CHECK_EQ(end.called, 0);
    destroy_now(w, b, SIGINT, GRACE_MS);
    UNTIL(w, end.called);
    check_signal(&end, SIGINT);
    world_close(w);
}

/* Of Docker these are 68 containers. */
TEST_TIMEOUT(conf_names_may_be_strange, 120) {
    static const char *const names[] = {"11301",
                                        "01KGD2Z7C6A1B2C3D4E5F6G7H8",
                                        "invalid_task_uuid!",
                                        "api:serve",
                                        "..",
                                        ".",
                                        "a/b",
                                        "a%2fb",
                                        "A",
                                        "a",
                                        "with space",
                                        "-n",
                                        "schön",
                                        "*",
                                        "$HOME",
                                        "\n",
                                        LONG_NAME};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    World *w = world_open();
    for (int i = 0; i < NAMES; i++) {
        world_setup(w, names[i]);
        for (uint32_t run = 1; run <= 2; run++) {
            Act act = {.name = names[i], .code = i * 2 + (int)run};
            start_now(w, step_id(names[i], names[i], run), &act);
            start_now(w, step_id(names[i], names[(i + 1) % NAMES], run), &act);
        }
    }
    for (int i = 0; i < NAMES; i++)
        for (uint32_t run = 1; run <= 2; run++) {
            Heard end = {0};
            wait_now(w, step_id(names[i], names[i], run), &end);
            CHECK_EQ(end.state.code, i * 2 + (int)run);
        }
    world_close(w);
}

TEST(conf_a_task_ends_without_its_config)
{
    World *w = world_open();
    Heard ends[3] = {0};
    world_setup(w, "t");
    for (uint32_t i = 0; i < 3; i++) {
        StepId id = step_id("t", i == 2 ? "stubborn" : "server", i + 1);
        start_now(w, id, i == 2 ? &stubborn : &server);
        backend_wait_step(w->backend, id, hear_state, &ends[i]);
    }
    destroy_task(w, "t");
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(ends[i].called, 1);
        CHECK_EQ(ends[i].state.phase, STEP_ENDED);
    }
    destroy_now(w, step_id("t", "server", 1), SIGTERM, 0); /* late, and fine */
    destroy_task(w, "t");
    destroy_task(w, "never heard of");
    world_close(w);
}

/* ---- Discovery ---- */

TEST(conf_discovery_lists_what_runs_in_order)
{
    World *w = world_open();
    Heard found = {0}, end = {0};
    Act gone = {.name = "gone"};
    if (resumes(w)) {
        world_setup(w, "b");
        world_setup(w, "a");
        discover(w, &found);
        CHECK_EQ(found.found, 0);
        start_now(w, step_id("b", "server", 1), &server);
        start_now(w, step_id("a", "y", 10), &server);
        start_now(w, step_id("a", "y", 9), &server);
        start_now(w, step_id("a", "x", 1), &server);
        start_now(w, step_id("a", "gone", 1), &gone);
        wait_now(w, step_id("a", "gone", 1), &end);
        discover(w, &found);
        CHECK_STR(found.names, "a/x/1 a/y/9 a/y/10 b/server/1 ");
        world_crash(w);
        world_setup(w, "a");
        world_setup(w, "b");
        discover(w, &found);
        CHECK_STR(found.names, "a/x/1 a/y/9 a/y/10 b/server/1 ");
        destroy_task(w, "a");
        discover(w, &found);
        CHECK_STR(found.names, "b/server/1 ");
        destroy_task(w, "b");
    }
    world_close(w);
}

/* ---- After a server was killed ---- */

TEST(conf_nobody_hears_of_calls_of_a_dead_server)
{
    World *w = world_open();
    Heard heard[4] = {0};
    Shown shown = {0};
    StepId id = step_id("t", "server", 1);
    world_setup(w, "t");
    start_now(w, id, &server);
    backend_wait_step(w->backend, id, hear_state, &heard[0]);
    backend_destroy_step(w->backend, step_id("t", "x", 1), NULL, hear, &heard[1]);
    start(w, step_id("t", "server", 2), &server, &heard[2]);
    backend_setup_workflow(w->backend, "u", w->dir, NULL, hear, &heard[3]);
    tail(w, id, 0, &shown);
    world_crash(w);
    world_setup(w, "t");
    destroy_task(w, "t");
    world_settle(w);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(heard[i].called, 0);
    CHECK_EQ(shown.heard.called + shown.pieces, 0);
    shown_clear(&shown);
    world_close(w);
}

TEST(conf_a_running_step_is_resumed)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard started = {0}, again = {0}, end = {0};
    Shown shown = {0};
    if (resumes(w)) {
        world_setup(w, "t");
        start(w, id, &server, &started);
        UNTIL(w, started.called);
        for (int i = 0; i < 3; i++) { /* three servers, the last of them asking twice */
            world_crash(w);
            world_setup(w, "t");
            resume(w, id, &again);
            CHECK_EQ(again.state.phase, STEP_RUNNING);
            CHECK_EQ(again.state.pid, started.state.pid);
            CHECK_EQ(again.state.started_us, started.state.started_us);
            CHECK_EQ(again.state.restarts, 4);
        }
        resume(w, id, &again);
        CHECK_EQ(again.state.phase, STEP_RUNNING);
        backend_wait_step(w->backend, id, hear_state, &end);
        tail(w, id, 0, &shown);
        UNTIL(w, shown.text.n > 0);
        destroy_now(w, id, SIGINT, GRACE_MS);
        UNTIL(w, end.called && shown.heard.called);
        check_signal(&end, SIGINT);
        CHECK_STR(buf_cstr(&shown.text), "up\n"); /* from before the first crash */
        shown_clear(&shown);
    }
    world_close(w);
}

TEST(conf_a_start_is_refused_for_what_another_server_started)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard heard = {0};
    world_setup(w, "t");
    start_now(w, id, &server);
    world_crash(w);
    world_setup(w, "t");
    start(w, id, &server, &heard);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.err.kind, ERR_CONFLICT);
    destroy_task(w, "t");
    world_close(w);
}

TEST(conf_what_ended_meanwhile_has_its_exit_code_and_log)
{
    World *w = world_open();
    StepId id = step_id("t", "job", 1);
    Act act = {.name = "job", .out = "done\n", .life_ms = 50, .code = 42};
    Heard again = {0}, end = {0}, found = {0};
    Shown shown = {0};
    if (resumes(w)) {
        world_setup(w, "t");
        start_now(w, id, &act);
        world_crash(w);
        world_setup(w, "t");
        UNTIL(w, (discover(w, &found), found.found == 0)); /* nobody watches it end */
        resume(w, id, &again);
        CHECK_EQ(again.state.phase, STEP_ENDED);
        CHECK_EQ(again.state.end, STEP_EXITED);
        CHECK_EQ(again.state.code, 42);
        CHECK_EQ(again.state.log_size, 5);
        wait_now(w, id, &end);
        CHECK_EQ(end.state.code, 42);
        tail(w, id, 0, &shown);
        UNTIL(w, shown.heard.called);
        CHECK_STR(buf_cstr(&shown.text), "done\n");
        shown_clear(&shown);
    }
    world_close(w);
}

TEST(conf_resuming_creates_nothing)
{
    World *w = world_open();
    Heard again = {0}, found = {0};
    if (resumes(w)) {
        world_setup(w, "t");
        resume(w, step_id("t", "server", 1), &again);
        CHECK_EQ(again.state.phase, STEP_NEVER);
        discover(w, &found);
        CHECK_EQ(found.found, 0);
        start_now(w, step_id("t", "server", 2), &server); /* a new run may be */
        destroy_task(w, "t");
    }
    world_close(w);
}

/* The server is killed in the midst of a start: the step runs, or it never will. */
TEST(conf_a_start_cut_short_happened_or_never_will)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard never = {0}, again = {0}, found = {0};
    if (resumes(w)) {
        world_setup(w, "t");
        start(w, id, &server, &never);
        world_crash(w);
        world_setup(w, "t");
        resume(w, id, &again);
        world_settle(w);
        discover(w, &found);
        CHECK(again.state.phase == STEP_NEVER || again.state.phase == STEP_RUNNING);
        CHECK_STR(found.names, again.state.phase == STEP_RUNNING ? "t/server/1 " : "");
        resume(w, id, &found);
        CHECK_EQ(found.state.phase, again.state.phase); /* for ever */
        Heard second = {0};
        start(w, id, &server, &second);
        UNTIL(w, second.called);
        CHECK_EQ(second.err.kind, ERR_CONFLICT);
        CHECK_EQ(never.called, 0);
        destroy_task(w, "t");
    }
    world_close(w);
}

TEST(conf_a_stop_works_without_resuming)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard found = {0};
    world_setup(w, "t");
    start_now(w, id, &server);
    start_now(w, step_id("t", "stubborn", 1), &stubborn);
    world_crash(w);
    world_setup(w, "t");
    destroy_now(w, id, SIGTERM, GRACE_MS);
    destroy_task(w, "t");
    if (resumes(w)) {
        discover(w, &found);
        CHECK_EQ(found.found, 0);
    }
    world_close(w);
}
