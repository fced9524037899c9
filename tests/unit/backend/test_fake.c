/* SPDX-License-Identifier: Apache-2.0 */
/* What only the fake does: environment keys, scripts, and a world that tests turn by hand. */
#include <signal.h>

#include "backend/fake/fake.h"
#include "base/arena.h"
#include "base/buf.h"
#include "harness/test.h"
#include "unit/backend/conformance.h"

/* A step that does what its environment says: one pair. */
static const Step *env_step(World *w, StepType type, const char *name, const char *value) {
    Step *step = arena_alloc(&w->arena, sizeof(*step));
    step->name = "step";
    step->uuid = "01ABC";
    step->type = type;
    step->environment.at = arena_alloc(&w->arena, sizeof(StrPair));
    step->environment.at[0] = (StrPair){name, value};
    step->environment.n = name ? 1 : 0;
    return step;
}

static Heard run_env(World *w, uint32_t run, const Step *step) {
    Heard heard = {0};
    StepId id = step_id("t", "env", run);
    backend_start_step(w->backend, id, step, hear_state, &heard);
    UNTIL(w, heard.called);
    if (heard.state.phase == STEP_RUNNING)
        wait_now(w, id, &heard);
    return heard;
}

TEST(fake_environment_says_what_a_step_does)
{
    World *w = world_open();
    world_setup(w, "t");
    Heard h = run_env(w, 1, env_step(w, STEP_COMMANDS, NULL, NULL));
    CHECK_EQ(h.state.end, STEP_EXITED);
    CHECK_EQ(h.state.code, 0);
    CHECK_EQ(h.state.oom_killed, NO);
    h = run_env(w, 2, env_step(w, STEP_COMMANDS, "STEP_EXIT_CODE", "7"));
    CHECK_EQ(h.state.code, 7);
    h = run_env(w, 3, env_step(w, STEP_COMMANDS, "STEP_OOM_KILLED", "true"));
    CHECK_EQ(h.state.oom_killed, YES);
    h = run_env(w, 4, env_step(w, STEP_COMMANDS, "STEP_START_FAIL", "true"));
    CHECK_EQ(h.state.end, STEP_FAILED);
    CHECK_STR(h.state.error, "expected fail to start step");
    h = run_env(w, 5, env_step(w, STEP_COMMANDS, "EXPECT_TYPE", "plugin"));
    CHECK_EQ(h.state.end, STEP_FAILED);
    CHECK_HAS(h.state.error, "plugin");
    h = run_env(w, 6, env_step(w, STEP_PLUGIN, "EXPECT_TYPE", "plugin"));
    CHECK_EQ(h.state.end, STEP_EXITED);
    h = run_env(w, 7, env_step(w, STEP_COMMANDS, "STEP_EXIT_CODE", "lots"));
    CHECK_HAS(h.state.error, "STEP_EXIT_CODE");
    int64_t before = loop_now_ms(w->loop);
    h = run_env(w, 8, env_step(w, STEP_COMMANDS, "SLEEP", "1m30s"));
    CHECK(loop_now_ms(w->loop) - before >= 90000);
    h = run_env(w, 9, env_step(w, STEP_SERVICE, NULL, NULL));
    CHECK_EQ(h.state.end, STEP_FAILED);
    CHECK_HAS(h.state.error, "timeout of service");
    world_close(w);
}

TEST(fake_steps_print_who_they_are)
{
    World *w = world_open();
    Shown shown = {0};
    Step step = *env_step(w, STEP_COMMANDS, NULL, NULL);
    const char *commands[] = {"make", "make test"};
    step.commands = (StrList){commands, 2};
    world_setup(w, "t");
    run_env(w, 1, &step);
    tail(w, step_id("t", "env", 1), 0, &shown);
    UNTIL(w, shown.heard.called);
    CHECK_STR(buf_cstr(&shown.text),
              "StepName: step\nStepType: commands\nStepUUID: 01ABC\nStepCommands:\n"
              "------------------\nmake\nmake test\n------------------\n");
    shown_clear(&shown);
    world_close(w);
}

TEST(fake_setup_and_tail_fail_when_told)
{
    World *w = world_open();
    Heard heard = {0};
    Shown shown = {0};
    backend_setup_workflow(w->backend, "WorkflowSetupShouldFail", w->dir, NULL, hear, &heard);
    UNTIL(w, heard.called);
    CHECK_STR(heard.err.msg, "expected fail to setup workflow");
    world_setup(w, "t");
    heard = (Heard){0};
    backend_start_step(w->backend, step_id("t", "env", 1),
                       env_step(w, STEP_COMMANDS, "STEP_TAIL_FAIL", "true"), hear, &heard);
    UNTIL(w, heard.called);
    heard = (Heard){0};
    backend_wait_step(w->backend, step_id("t", "env", 1), hear, &heard);
    UNTIL(w, heard.called);
    CHECK_STR(heard.err.msg, "expected fail to read stdout of step");
    tail(w, step_id("t", "env", 1), 0, &shown);
    UNTIL(w, shown.heard.called);
    CHECK_STR(shown.heard.err.msg, "expected fail to read stdout of step");
    shown_clear(&shown);
    world_close(w);
}

TEST(fake_sleep_ends_by_stop_or_with_its_task)
{
    World *w = world_open();
    Heard heard = {0};
    StepId id = step_id("t", "env", 1);
    Step step = *env_step(w, STEP_COMMANDS, NULL, NULL);
    StrPair pairs[] = {{"SLEEP", "1h"}, {"STEP_EXIT_CODE", "5"}};
    step.environment = (StrMap){pairs, 2};
    world_setup(w, "t");
    for (id.run = 1; id.run <= 2; id.run++) {
        backend_start_step(w->backend, id, &step, hear_state, &(Heard){0});
        loop_advance(w->loop, 1);
    }
    destroy_now(w, step_id("t", "env", 1), SIGTERM, 1000);
    wait_now(w, step_id("t", "env", 1), &heard);
    CHECK_EQ(heard.state.code, 130); /* cancelled */
    heard = (Heard){0};
    backend_destroy_workflow(w->backend, "t", NULL, hear, &heard);
    UNTIL(w, heard.called);
    wait_now(w, step_id("t", "env", 2), &heard);
    CHECK_EQ(heard.state.code, 5);
    world_close(w);
}

TEST(fake_scripts_rule_each_start)
{
    World *w = world_open();
    Heard heard = {0};
    Step step = {.name = "s", .type = STEP_PROCESS};
    StepId id = step_id("t", "api:serve", 1);
    world_setup(w, "t");
    fake_script(w->backend, NULL, "api:serve", &(FakeScript){.life_ms = -1, .code = 1});
    fake_script(w->backend, "t", "api:serve",
                &(FakeScript){.start_delay_ms = 500, .life_ms = 2000, .code = 3});
    backend_start_step(w->backend, id, &step, hear_state, &heard);
    loop_advance(w->loop, 499);
    CHECK_EQ(heard.called, 0);
    CHECK_EQ(fake_starts(w->backend, "t", "api:serve"), 0);
    loop_advance(w->loop, 1);
    CHECK_EQ(heard.called, 1);
    CHECK_EQ(fake_starts(w->backend, "t", "api:serve"), 1);
    CHECK_EQ(fake_running(w->backend), 1);
    loop_advance(w->loop, 2000);
    CHECK_EQ(fake_running(w->backend), 0);
    wait_now(w, id, &heard);
    CHECK_EQ(heard.state.code, 3);
    CHECK_EQ(heard.state.ended_us - heard.state.started_us, 2000 * 1000);

    id.run = 2; /* a new script for the same step */
    heard = (Heard){0};
    fake_script(w->backend, "t", "api:serve", &(FakeScript){.start_error = "no such program"});
    backend_start_step(w->backend, id, &step, hear_state, &heard);
    loop_advance(w->loop, 0);
    CHECK_STR(heard.state.error, "no such program");
    CHECK_EQ(fake_starts(w->backend, "t", "api:serve"), 1);

    id = step_id("t", "other", 1); /* the most exact goes first */
    fake_script(w->backend, NULL, NULL, &(FakeScript){.code = 4});
    fake_script(w->backend, "t", NULL, &(FakeScript){.code = 5});
    fake_script(w->backend, "u", "other", &(FakeScript){.code = 6});
    backend_start_step(w->backend, id, &step, hear_state, &heard);
    wait_now(w, id, &heard);
    CHECK_EQ(heard.state.code, 5);
    world_close(w);
}

TEST(fake_steps_end_and_write_by_hand)
{
    World *w = world_open();
    Heard heard = {0};
    Shown shown = {0};
    Act act = {.name = "s", .life_ms = -1};
    StepId id = step_id("t", "s", 1);
    world_setup(w, "t");
    start_now(w, id, &act);
    tail(w, id, 0, &shown);
    fake_write(w->backend, id, 1, "one\n");
    fake_write(w->backend, id, 2, "two\n");
    CHECK_EQ(shown.pieces, 0);
    loop_advance(w->loop, 0);
    CHECK_EQ(shown.pieces, 2);
    fake_end(w->backend, id, STEP_LOST, 0);
    fake_write(w->backend, id, 1, "too late\n");
    UNTIL(w, shown.heard.called);
    CHECK_STR(buf_cstr(&shown.text), "one\ntwo\n");
    wait_now(w, id, &heard);
    CHECK_EQ(heard.state.end, STEP_LOST);
    CHECK(heard.state.error[0]);
    shown_clear(&shown);
    world_close(w);
}

TEST(fake_survivors_are_named_and_can_be_tried_again)
{
    World *w = world_open();
    Heard heard = {0};
    Step step = {.name = "s", .type = STEP_PROCESS};
    StepId id = step_id("t", "s", 1);
    world_setup(w, "t");
    fake_script(w->backend, "t", "s", &(FakeScript){.life_ms = -1, .survives_kill = true});
    backend_start_step(w->backend, id, &step, hear_state, &heard);
    loop_advance(w->loop, 0);
    for (int i = 0; i < 2; i++) {
        heard = (Heard){0};
        backend_destroy_step(w->backend, id, &(StopHow){.signal = SIGTERM, .grace_ms = 100}, hear,
                             &heard);
        loop_advance(w->loop, 99);
        CHECK_EQ(heard.called, 0);
        loop_advance(w->loop, 1);
        CHECK_EQ(heard.called, 1);
        CHECK_EQ(heard.err.kind, ERR_DENIED);
        CHECK_HAS(heard.err.msg, "process 100001 of s");
    }
    CHECK_EQ(fake_running(w->backend), 1);
    heard = (Heard){0};
    backend_destroy_workflow(w->backend, "t", NULL, hear, &heard);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.err.kind, ERR_DENIED);
    world_close(w);
}

TEST(fake_launch_in_a_crash_is_void_once_asked_for)
{
    World *w = world_open();
    Heard heard = {0};
    Step step = {.name = "s", .type = STEP_PROCESS};
    world_setup(w, "t");
    fake_script(w->backend, "t", "s", &(FakeScript){.start_delay_ms = 100, .life_ms = -1});
    for (uint32_t run = 1; run <= 2; run++)
        backend_start_step(w->backend, step_id("t", "s", run), &step, hear_state, &heard);
    world_crash(w);
    world_setup(w, "t");
    heard = (Heard){0};
    backend_resume_step(w->backend, step_id("t", "s", 1), hear_state, &heard);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.state.phase, STEP_NEVER);
    destroy_now(w, step_id("t", "s", 1), SIGTERM, 0); /* there is nothing to wait for */
    heard = (Heard){0};
    backend_wait_step(w->backend, step_id("t", "s", 1), hear_state, &heard);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.err.kind, ERR_NOT_FOUND);
    loop_advance(w->loop, 1000);
    /* the second, of which nobody asked, came to be */
    CHECK_EQ(fake_starts(w->backend, "t", "s"), 1);
    world_close(w);
}

TEST(fake_commands_follow_the_script_of_their_own_name)
{
    World *w = world_open();
    Heard heard = {0};
    Step probe = {.name = "probe", .type = STEP_PROCESS};
    StepId id = step_id("t", "s", 1);
    world_setup(w, "t");
    fake_script(w->backend, "t", "s", &(FakeScript){.life_ms = -1});
    fake_script(w->backend, NULL, "probe", &(FakeScript){.life_ms = 50, .code = 1, .output = "no"});
    Op *op = backend_exec_step(w->backend, id, &probe, 100, hear_exec, &heard);
    op_cancel(op);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.err.kind, ERR_CANCELLED);
    heard = (Heard){0};
    backend_exec_step(w->backend, id, &probe, 49, hear_exec, &heard);
    loop_advance(w->loop, 49);
    CHECK_EQ(heard.called, 1);
    CHECK(heard.exec.timed_out);
    heard = (Heard){0};
    fake_script(w->backend, NULL, "probe", &(FakeScript){.start_error = "no such program"});
    backend_exec_step(w->backend, id, &probe, 49, hear_exec, &heard);
    loop_advance(w->loop, 0);
    CHECK_EQ(heard.exec.end, STEP_FAILED);
    CHECK_STR(heard.exec.output, "no such program");
    world_close(w);
}

static void free_backend(void *arg, const void *result, const Err *err) {
    World *w = arg;
    (void)result, (void)err;
    w->backend = backend_free(w->backend);
}

TEST(fake_may_be_freed_inside_a_callback_with_calls_in_flight)
{
    World *w = world_open();
    Heard never = {0};
    Shown shown = {0};
    Act act = {.name = "s", .life_ms = -1, .out = "x"};
    StepId id = step_id("t", "s", 1);
    world_setup(w, "t");
    start_now(w, id, &act);
    backend_wait_step(w->backend, id, hear_state, &never);
    tail(w, id, 1, &shown);
    backend_destroy_step(w->backend, step_id("t", "none", 1), NULL, free_backend, w);
    backend_destroy_step(w->backend, step_id("t", "none", 1), NULL, hear, &never);
    UNTIL(w, !w->backend);
    world_settle(w);
    CHECK_EQ(never.called + shown.heard.called, 0);
    shown_clear(&shown);
    world_close(w);
}

TEST(fake_a_stop_command_works_as_the_script_says)
{
    World *w = world_open();
    const char *command[] = {"stop", NULL};
    StopHow how = {.signal = SIGTERM, .grace_ms = 1000, .command = command};
    FakeScript forever = {.life_ms = -1}, fails = {.code = 1};
    world_setup(w, "t");
    fake_script(w->backend, "t", "server", &forever);
    for (uint32_t run = 1; run <= 2; run++) {
        Heard end = {0};
        Step step = {.name = "server", .type = STEP_PROCESS};
        StepId id = step_id("t", "server", run);
        Heard begun = {0};
        backend_start_step(w->backend, id, &step, hear_state, &begun);
        UNTIL(w, begun.called);
        if (run == 2)
            fake_script(w->backend, "t", "stop", &fails);
        backend_destroy_step(w->backend, id, &how, hear, &(Heard){0});
        wait_now(w, id, &end);
        CHECK_EQ(end.state.end, run == 1 ? STEP_EXITED : STEP_SIGNALED);
    }
    world_close(w);
}

TEST(fake_name_of_a_task_may_be_used_again)
{
    World *w = world_open();
    for (int i = 0; i < 2; i++) {
        world_setup(w, "t");
        Heard heard = run_env(w, 1, env_step(w, STEP_COMMANDS, "STEP_EXIT_CODE", "7"));
        CHECK_STR(heard.err.msg, "");
        CHECK_EQ(heard.state.code, 7);
        heard = (Heard){0};
        backend_destroy_workflow(w->backend, "t", NULL, hear, &heard);
        UNTIL(w, heard.called);
    }
    world_close(w);
}
