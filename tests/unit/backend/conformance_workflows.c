/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: workflows, whose steps are commands of a Config. */
#include <signal.h>
#include <string.h>

#include "harness/test.h"
#include "unit/backend/conformance.h"

enum { GRACE_MS = 10 * 60 * 1000 };

static const Act says = {.name = "says", .out = "hello\n", .code = 7};
static const Act serves = {.name = "serves", .out = "up\n", .life_ms = -1};

/* A workflow, its steps, and what was heard of it. */
typedef struct Flow {
    World *world;
    const char *dir;
    Step steps[2];
    Stage stage;
    WorkflowConfig config;
} Flow;

static const Step *step_of(World *world, const Act *act) {
    return (conformance.workflow_step ? conformance.workflow_step : conformance.step)(world, act);
}

static void flow_open(Flow *flow) {
    World *w = world_open();
    *flow = (Flow){.world = w, .dir = arena_printf(&w->arena, "%s/flow", w->dir)};
    flow->steps[0] = *step_of(w, &says);
    flow->steps[1] = *step_of(w, &serves);
    flow->steps[1].detach = true;
    flow->stage.steps.at = flow->steps;
    flow->stage.steps.n = 2;
    flow->config.stages.at = &flow->stage;
    flow->config.stages.n = 1;
    flow->config.volume = flow->config.network = "wp_conformance_default";
}

static void flow_close(Flow *flow) {
    world_close(flow->world);
}

static void set_up(Flow *flow, const char *task) {
    Heard heard = {0};
    backend_setup_workflow(flow->world->backend, task, flow->dir, &flow->config, hear, &heard);
    await_well(flow->world, &heard);
}

static void tear_down(Flow *flow, const char *task, const WorkflowConfig *config) {
    Heard heard = {0};
    backend_destroy_workflow(flow->world->backend, task, config, hear, &heard);
    await_well(flow->world, &heard);
}

static void begin(Flow *flow, StepId id, int step) {
    Heard heard = {0};
    backend_start_step(flow->world->backend, id, &flow->steps[step], hear_state, &heard);
    await_well(flow->world, &heard);
}

static void shows(Flow *flow, StepId id, const char *text) {
    Shown shown = {0};
    tail(flow->world, id, 0, &shown);
    UNTIL(flow->world, shown.heard.called);
    CHECK_STR(shown.heard.err.msg, "");
    CHECK_EQ(shown.wrong, 0);
    CHECK_HAS(buf_cstr(&shown.text), text);
    shown_clear(&shown);
}

TEST(conf_commands_are_run_and_heard)
{
    Flow flow;
    Heard end = {0};
    StepId id = step_id("t", "U1", 1);
    flow_open(&flow);
    set_up(&flow, "t");
    begin(&flow, id, 0);
    shows(&flow, id, "hello\n");
    wait_now(flow.world, id, &end);
    CHECK_EQ(end.state.end, STEP_EXITED);
    CHECK_EQ(end.state.code, 7);
    destroy_now(flow.world, id, SIGTERM, GRACE_MS);
    tear_down(&flow, "t", &flow.config);
    flow_close(&flow);
}

TEST(conf_a_workflow_may_be_set_up_again_at_any_time)
{
    Flow flow;
    Heard end = {0};
    StepId id = step_id("t", "U2", 1);
    flow_open(&flow);
    set_up(&flow, "t");
    set_up(&flow, "t");
    begin(&flow, id, 1);
    set_up(&flow, "t");
    backend_wait_step(flow.world->backend, id, hear_state, &end);
    world_settle(flow.world);
    CHECK_EQ(end.called, 0); /* it was not touched */
    tear_down(&flow, "t", &flow.config);
    UNTIL(flow.world, end.called);
    flow_close(&flow);
}

TEST(conf_the_end_of_a_workflow_ends_what_is_detached)
{
    Flow flow;
    Heard end = {0};
    Shown shown = {0};
    StepId id = step_id("t", "U2", 1);
    flow_open(&flow);
    set_up(&flow, "t");
    begin(&flow, id, 1);
    written(flow.world, id, "up\n");
    backend_wait_step(flow.world->backend, id, hear_state, &end);
    tail(flow.world, id, 0, &shown);
    tear_down(&flow, "t", &flow.config);
    UNTIL(flow.world, end.called && shown.heard.called);
    CHECK_STR(end.err.msg, "");
    CHECK_EQ(end.state.phase, STEP_ENDED);
    CHECK_HAS(buf_cstr(&shown.text), "up\n");
    destroy_now(flow.world, id, SIGTERM, GRACE_MS); /* late, and fine */
    shown_clear(&shown);
    flow_close(&flow);
}

TEST(conf_a_workflow_may_be_destroyed_whatever_is_known_of_it)
{
    Flow flow;
    flow_open(&flow);
    tear_down(&flow, "never heard of", NULL);
    tear_down(&flow, "never heard of", &flow.config);
    set_up(&flow, "t");
    begin(&flow, step_id("t", "U2", 1), 1);
    tear_down(&flow, "t", NULL);
    tear_down(&flow, "t", &flow.config);
    tear_down(&flow, "t", NULL);
    flow_close(&flow);
}

TEST(conf_the_name_of_a_task_may_be_used_again)
{
    Flow flow;
    Heard end = {0};
    flow_open(&flow);
    for (uint32_t run = 1; run <= 2; run++) {
        StepId id = step_id("t", "U1", run);
        set_up(&flow, "t");
        begin(&flow, id, 0);
        wait_now(flow.world, id, &end);
        CHECK_EQ(end.state.code, 7);
        tear_down(&flow, "t", &flow.config);
    }
    flow_close(&flow);
}

TEST(conf_what_was_never_started_may_be_destroyed_and_is_not_heard_of)
{
    Flow flow;
    Shown shown = {0};
    Heard end = {0};
    StepId id = step_id("t", "U1", 1);
    flow_open(&flow);
    set_up(&flow, "t");
    destroy_now(flow.world, id, SIGTERM, GRACE_MS);
    tail(flow.world, id, 0, &shown);
    UNTIL(flow.world, shown.heard.called);
    CHECK_EQ(shown.heard.err.kind, ERR_NOT_FOUND);
    shown_clear(&shown);
    backend_wait_step(flow.world->backend, id, hear_state, &end);
    UNTIL(flow.world, end.called);
    CHECK_EQ(end.err.kind, ERR_NOT_FOUND);
    begin(&flow, id, 0); /* nor is it the worse for that */
    wait_now(flow.world, id, &end);
    CHECK_EQ(end.state.code, 7);
    tear_down(&flow, "t", NULL);
    flow_close(&flow);
}

TEST(conf_a_workflow_goes_on_over_a_killed_server)
{
    Flow flow;
    Heard again = {0}, end = {0};
    StepId ended = step_id("t", "U1", 1), runs = step_id("t", "U2", 1);
    flow_open(&flow);
    set_up(&flow, "t");
    begin(&flow, ended, 0);
    begin(&flow, runs, 1);
    wait_now(flow.world, ended, &end);
    written(flow.world, runs, "up\n");
    world_crash(flow.world);
    set_up(&flow, "t");
    if (flow.world->backend->ops->resume_step) {
        backend_resume_step(flow.world->backend, ended, hear_state, &again);
        UNTIL(flow.world, again.called);
        CHECK_EQ(again.state.phase, STEP_ENDED);
        CHECK_EQ(again.state.code, 7);
        shows(&flow, ended, "hello\n");
        again = (Heard){0};
        backend_resume_step(flow.world->backend, runs, hear_state, &again);
        UNTIL(flow.world, again.called);
        CHECK_EQ(again.state.phase, STEP_RUNNING);
    }
    tear_down(&flow, "t", &flow.config);
    flow_close(&flow);
}
