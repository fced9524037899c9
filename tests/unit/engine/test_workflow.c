/* SPDX-License-Identifier: Apache-2.0 */
/* Workflows on the fake backend: stages, failures, cancels, timeouts, killed servers. */
#include "unit/engine/workflow_scene.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow.h"

static const FakeScript runs_on = {.life_ms = -1}, fails = {.code = 3},
                        refused = {.start_error = "no such program"}, takes_1s = {.life_ms = 1000};

TEST(stages_run_one_after_the_other)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-a", &takes_1s);
    Workflow *workflow =
        begin(scene, PIPELINE(STAGE(STEP("a", "") "," STEP("b", "")) "," STAGE(STEP("c", ""))));
    loop_advance(scene->loop, 500);
    CHECK_STR(look(scene, workflow), "running: a running, b success, c pending");
    CHECK(!engine_idle(scene->engine));
    loop_advance(scene->loop, 1000);
    CHECK_STR(look(scene, workflow), "over success: a success, b success, c success");
    CHECK(engine_idle(scene->engine));
    scene_free(scene);
}

TEST(a_failure_skips_what_follows_but_for_who_asked_for_it)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-a", &fails);
    Workflow *workflow =
        begin(scene, PIPELINE(STAGE(STEP("a", "")) "," STAGE(STEP("b", "")) "," STAGE(
                         "{\"name\":\"c\",\"uuid\":\"C\",\"image\":\"sh\",\"on_failure\":"
                         "true,\"environment\":{}}")));
    loop_advance(scene->loop, 100);
    CHECK_STR(look(scene, workflow), "over failure: a failure, b skipped, c success");
    CHECK_STR(error_of(scene, workflow), "step a: exit code 3");
    scene_free(scene);
}

TEST(what_cannot_be_started_is_an_error_that_names_it)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-a", &refused);
    Workflow *workflow = begin(scene, PIPELINE(STAGE(STEP("a", ",\"failure\":\"ignore\""))));
    loop_advance(scene->loop, 100);
    CHECK_STR(look(scene, workflow), "over error: a error");
    CHECK_STR(error_of(scene, workflow), "step a: no such program");
    scene_free(scene);
}

TEST(a_setup_that_fails_starts_nothing)
{
    Scene *scene = stage();
    Workflow *workflow = begin_with(scene, (WorkflowAsk){.task = "WorkflowSetupShouldFail"},
                                    PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 100);
    CHECK_STR(look(scene, workflow), "over error: a skipped");
    CHECK_STR(error_of(scene, workflow),
              "error in workflow setup: expected fail to setup workflow");
    size_t size;
    CHECK_HAS(object_json(workflow_object(workflow), &size),
              "\"state\":\"skipped\",\"exited\":false,\"skipped\":true");
    scene_free(scene);
}

TEST(a_service_ends_with_the_workflow)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-db", &runs_on);
    fake_script(scene->backend, "T1", "U-a", &takes_1s);
    Workflow *workflow =
        begin(scene, PIPELINE(STAGE(STEP("db", ",\"detach\":true")) "," STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 500);
    CHECK_STR(look(scene, workflow), "running: db running, a running");
    loop_advance(scene->loop, 1000);
    CHECK_STR(look(scene, workflow), "over success: db success, a success");
    CHECK_EQ(fake_running(scene->backend), 0);
    scene_free(scene);
}

TEST(a_cancel_ends_what_runs_and_lets_clean_up_run)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-a", &runs_on);
    Workflow *workflow =
        begin(scene, PIPELINE(STAGE(STEP("a", "")) "," STAGE(STEP("b", "")) "," STAGE(
                         STEP("c", ",\"on_failure\":true,\"backend_options\":{\"thole\":{"
                                   "\"on_cancel\":true}}"))));
    loop_advance(scene->loop, 100);
    ASSERT(workflow_stop(workflow, -1, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    CHECK_STR(look(scene, workflow), "over canceled: a killed, b skipped, c success");
    CHECK_EQ(workflow_stop(workflow, -1, &scene->err), -1);
    scene_free(scene);
}

TEST(a_cancel_again_is_faster)
{
    static const FakeScript deaf = {.life_ms = -1, .ignores_stop = true};
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-a", &deaf);
    Workflow *workflow = begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 100);
    ASSERT(workflow_stop(workflow, -1, &scene->err) == 0);
    loop_advance(scene->loop, 1000);
    CHECK_STR(look(scene, workflow), "canceling canceled: a stopping");
    ASSERT(workflow_stop(workflow, 0, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    CHECK_STR(look(scene, workflow), "over canceled: a killed");
    scene_free(scene);
}

TEST(a_timeout_ends_the_step_or_the_whole)
{
    Scene *scene = stage();
    fake_script(scene->backend, NULL, "U-a", &runs_on);
    Workflow *one =
        begin(scene, PIPELINE(STAGE(STEP("a", ",\"backend_options\":{\"timeout\":\"2s\"}"))));
    Workflow *whole = begin_with(scene, (WorkflowAsk){.task = "T2", .timeout_ms = 3000},
                                 PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 2500);
    CHECK_STR(look(scene, one), "over failure: a failure");
    CHECK_STR(error_of(scene, one), "step a: it ran for longer than its timeout");
    CHECK_STR(look(scene, whole), "running: a running");
    loop_advance(scene->loop, 1000);
    CHECK_STR(look(scene, whole), "over timeout: a killed");
    CHECK_STR(error_of(scene, whole), "it ran for longer than its timeout of 3s");
    scene_free(scene);
}

/* Its timeout is that of what runs: however long an image is pulled. */
TEST(what_is_being_started_hears_of_a_cancel_and_its_timeout_waits)
{
    static const FakeScript slow = {.life_ms = -1, .start_delay_ms = 5000};
    Scene *scene = stage();
    fake_script(scene->backend, NULL, "U-a", &slow);
    Workflow *one =
        begin(scene, PIPELINE(STAGE(STEP("a", ",\"backend_options\":{\"timeout\":\"2s\"}"))));
    Workflow *whole = begin_with(scene, (WorkflowAsk){.task = "T2", .step_timeout_ms = 100},
                                 PIPELINE(STAGE(STEP("a", ",\"detach\":true"))));
    loop_advance(scene->loop, 1000);
    ASSERT(workflow_stop(whole, -1, &scene->err) == 0);
    loop_advance(scene->loop, 3000);
    CHECK_STR(look(scene, one), "running: a starting");
    CHECK_STR(look(scene, whole), "canceling canceled: a stopping");
    loop_advance(scene->loop, 2500);
    CHECK_STR(look(scene, one), "running: a running");
    CHECK_STR(look(scene, whole), "over canceled: a success"); /* a service, dismissed */
    loop_advance(scene->loop, 1000);
    CHECK_STR(look(scene, one), "over failure: a failure");
    CHECK_STR(error_of(scene, one), "step a: it ran for longer than its timeout");
    scene_free(scene);
}

TEST(what_is_being_started_is_bounded_by_the_timeout_of_the_whole)
{
    static const FakeScript slow = {.life_ms = -1, .start_delay_ms = 60000};
    Scene *scene = stage();
    fake_script(scene->backend, NULL, "U-a", &slow);
    Workflow *workflow =
        begin_with(scene, (WorkflowAsk){.timeout_ms = 2000},
                   PIPELINE(STAGE(STEP("a", ",\"backend_options\":{\"timeout\":\"1s\"}"))));
    loop_advance(scene->loop, 1500);
    CHECK_STR(look(scene, workflow), "running: a starting");
    loop_advance(scene->loop, 1000);
    CHECK_HAS(look(scene, workflow), "timeout: a ");
    CHECK_STR(error_of(scene, workflow), "it ran for longer than its timeout of 2s");
    scene_free(scene);
}

/* The time that it ran under a server before counts, not that of its start. */
TEST(the_rest_of_a_timeout_is_left_to_the_next_server)
{
    static const FakeScript slow = {.life_ms = -1, .start_delay_ms = 3000};
    Scene *scene = stage();
    fake_script(scene->backend, NULL, "U-a", &slow);
    begin(scene, PIPELINE(STAGE(STEP("a", ",\"backend_options\":{\"timeout\":\"4s\"}"))));
    loop_advance(scene->loop, 6000);
    Workflow *workflow = crash(scene);
    loop_advance(scene->loop, 500);
    CHECK_STR(look(scene, workflow), "running: a running");
    loop_advance(scene->loop, 1000);
    CHECK_STR(look(scene, workflow), "over failure: a failure");
    scene_free(scene);
}

TEST(a_task_that_is_there_is_refused)
{
    Scene *scene = stage();
    static const char text[] = PIPELINE(STAGE(STEP("a", "")));
    begin(scene, text);
    CHECK(!begin_with(scene, (WorkflowAsk){0}, text));
    CHECK_EQ(scene->err.kind, ERR_CONFLICT);
    CHECK(!begin_with(scene, (WorkflowAsk){.task = "a/b"}, text));
    CHECK_EQ(scene->err.kind, ERR_INVALID);
    CHECK(!begin_with(scene, (WorkflowAsk){.task = "T3", .backend = "moon"}, text));
    CHECK_EQ(scene->err.kind, ERR_NOT_FOUND);
    Workflow *odd = begin_with(scene, (WorkflowAsk){.task = "invalid_task_uuid!"}, text);
    ASSERT(odd);
    CHECK(strncmp(workflow_object(odd)->name, "invalid-task-uuid--", 19) == 0);
    scene_free(scene);
}

TEST(a_server_that_is_killed_starts_nothing_twice)
{
    Scene *scene = stage();
    static const FakeScript answers = {.life_ms = 2000, .code = 7};
    fake_script(scene->backend, "T1", "U-db", &runs_on);
    fake_script(scene->backend, "T1", "U-b", &answers);
    Workflow *workflow =
        begin(scene, PIPELINE(STAGE(STEP("db", ",\"detach\":true")) "," STAGE(
                         STEP("a", "")) "," STAGE(STEP("b", "")) "," STAGE(STEP("c", ""))));
    loop_advance(scene->loop, 500);
    CHECK_STR(look(scene, workflow), "running: db running, a success, b running, c pending");
    workflow = crash(scene);
    ASSERT(workflow);
    CHECK_STR(look(scene, workflow), "running: db running, a success, b running, c pending");
    loop_advance(scene->loop, 2000);
    CHECK_STR(look(scene, workflow), "over failure: db success, a success, b failure, c skipped");
    CHECK_STR(error_of(scene, workflow), "step b: exit code 7");
    CHECK_EQ(fake_starts(scene->backend, "T1", "U-db"), 1);
    CHECK_EQ(fake_starts(scene->backend, "T1", "U-a"), 1);
    CHECK_EQ(fake_starts(scene->backend, "T1", "U-b"), 1);
    workflow = crash(scene);
    CHECK_STR(look(scene, workflow), "over failure: db success, a success, b failure, c skipped");
    scene_free(scene);
}

/* At whatever moment, and however often. */
TEST(killed_at_any_moment_it_ends_the_same)
{
    static const FakeScript slow = {.start_delay_ms = 30, .life_ms = 50};
    for (int64_t after_ms = 0; after_ms < 400; after_ms += 10) {
        Scene *scene = stage();
        fake_script(scene->backend, "T1", NULL, &slow);
        Workflow *workflow =
            begin(scene, PIPELINE(STAGE(STEP("a", "") "," STEP("b", "")) "," STAGE(STEP("c", ""))));
        loop_advance(scene->loop, after_ms);
        workflow = crash(scene);
        ASSERT(workflow);
        loop_advance(scene->loop, 20);
        workflow = crash(scene);
        loop_advance(scene->loop, 1000);
        CHECK_STR(look(scene, workflow), "over success: a success, b success, c success");
        CHECK_EQ(fake_starts(scene->backend, "T1", "U-a"), 1);
        CHECK_EQ(fake_starts(scene->backend, "T1", "U-c"), 1);
        scene_free(scene);
    }
}

TEST(a_torn_fact_never_was)
{
    Scene *scene = stage();
    static const char torn[] = "{\"fact\":\"ended\",\"st";
    fake_script(scene->backend, "T1", "U-a", &takes_1s);
    begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 100);
    AUTO_FREE char *path = xasprintf("%s/workflows/t1/facts.jsonl", scene->state);
    ASSERT(file_append(path, torn, strlen(torn), 0600, &scene->err) == 0);
    Workflow *workflow = crash(scene);
    ASSERT(workflow);
    loop_advance(scene->loop, 2000);
    CHECK_STR(look(scene, workflow), "over success: a success");
    CHECK_STR(look(scene, crash(scene)), "over success: a success");
    scene_free(scene);
}

TEST(what_cannot_be_read_is_left_alone)
{
    Scene *scene = stage();
    static const char newer[] = "{\"format\": 99}";
    AUTO_FREE char *dir = xasprintf("%s/workflows/t1", scene->state);
    AUTO_FREE char *path = path_join(dir, "workflow.json");
    ASSERT(path_mkdirs(dir, 0700, &scene->err) == 0);
    ASSERT(file_write(path, newer, strlen(newer), 0600, &scene->err) == 0);
    CHECK(!crash(scene));
    CHECK(!begin_with(scene, (WorkflowAsk){0}, PIPELINE(STAGE(STEP("a", "")))));
    CHECK_EQ(scene->err.kind, ERR_CONFLICT);
    scene_free(scene);
}

/* Numbers may mean something else to a newer server; words that are not known are refused. */
TEST(facts_that_are_not_known_are_refused_and_left_alone)
{
    static const char *const facts[] = {
        "{\"fact\":\"ended\",\"step\":0,\"outcome\":\"vanished\"}\n",
        "{\"fact\":\"ended\",\"step\":0,\"outcome\":1}\n",
        "{\"fact\":\"ended\",\"step\":7,\"outcome\":\"success\"}\n",
        "{\"fact\":\"paused\"}\n",
        "{\"fact\":\"cancel\",\"result\":\"bored\"}\n",
        "{\"step\":0}\n",
    };
    for (size_t i = 0; i < COUNT(facts); i++) {
        Scene *scene = stage();
        struct stat before, after;
        fake_script(scene->backend, "T1", "U-a", &takes_1s);
        begin(scene, PIPELINE(STAGE(STEP("a", ""))));
        loop_advance(scene->loop, 100);
        AUTO_FREE char *path = xasprintf("%s/workflows/t1/facts.jsonl", scene->state);
        ASSERT(file_append(path, facts[i], strlen(facts[i]), 0600, &scene->err) == 0);
        ASSERT(file_append(path, "{\"torn", 6, 0600, &scene->err) == 0);
        ASSERT(stat(path, &before) == 0);
        CHECK(!crash(scene));
        CHECK(stat(path, &after) == 0 && before.st_size == after.st_size);
        scene_free(scene);
    }
}

TEST(facts_are_words)
{
    Scene *scene = stage();
    AUTO_FREE char *text = NULL;
    fake_script(scene->backend, "T1", "U-a", &(FakeScript){.end = STEP_EXITED, .code = 3});
    begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 1000);
    AUTO_FREE char *path = xasprintf("%s/workflows/t1/facts.jsonl", scene->state);
    ASSERT(file_read(path, 1 << 16, &text, NULL, &scene->err) == 0);
    CHECK(strstr(text, "\"fact\":\"set_up\""));
    CHECK(strstr(text, "\"outcome\":\"failure\",\"exit_code\":3"));
    scene_free(scene);
}

/* Its result is decided: what comes too late is neither written down nor told. */
TEST(what_is_ending_is_hurried_by_a_cancel)
{
    static const FakeScript undying = {.life_ms = -1, .survives_kill = true};
    Scene *scene = stage();
    AUTO_FREE char *text = NULL;
    fake_script(scene->backend, "T1", "U-db", &undying);
    Workflow *workflow =
        begin_with(scene, (WorkflowAsk){.timeout_ms = 500},
                   PIPELINE(STAGE(STEP("db", ",\"detach\":true")) "," STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 300);
    CHECK_EQ(workflow_stop(workflow, 0, &scene->err), 0);
    CHECK_HAS(look(scene, workflow), "ending: ");
    loop_advance(scene->loop, 1000);
    AUTO_FREE char *path = xasprintf("%s/workflows/t1/facts.jsonl", scene->state);
    ASSERT(file_read(path, 1 << 16, &text, NULL, &scene->err) == 0);
    CHECK(!strstr(text, "cancel"));
    CHECK(workflow_delete(workflow, &scene->err) == 0); /* it goes when it has ended */
    loop_advance(scene->loop, 20000);
    CHECK(!workflow_find(scene->engine, "T1"));
    scene_free(scene);
}

TEST(a_grace_has_a_limit)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-a", &runs_on);
    Workflow *workflow = begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 100);
    CHECK_EQ(workflow_stop(workflow, (int64_t)1200 * 3600 * 1000, &scene->err), -1);
    CHECK_STR(scene->err.msg, "the grace is 24 hours at most");
    CHECK_STR(look(scene, workflow), "running: a running");
    scene_free(scene);
}

TEST(deleted_it_goes_with_its_files)
{
    Scene *scene = stage();
    struct stat st;
    fake_script(scene->backend, "T1", "U-a", &runs_on);
    Workflow *workflow = begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 100);
    AUTO_FREE char *dir = xasprintf("%s/workflows/t1", scene->state);
    CHECK_EQ(stat(dir, &st), 0);
    ASSERT(workflow_delete(workflow, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    CHECK(!workflow_find(scene->engine, "T1"));
    CHECK_EQ(stat(dir, &st), -1);
    CHECK_EQ(fake_running(scene->backend), 0);
    scene_free(scene);
}

TEST(secrets_are_not_shown)
{
    Scene *scene = stage();
    size_t size;
    Workflow *workflow = begin(scene, "{\"secrets\":[{\"name\":\"k\",\"value\":\"hunter22\"}],"
                                      "\"pipeline\":[" STAGE(STEP("a", "")) "]}");
    const char *json = object_json(workflow_object(workflow), &size);
    CHECK(!strstr(json, "hunter22"));
    CHECK(strstr(json, "********"));
    loop_advance(scene->loop, 100);
    scene_free(scene);
}

/* A backend that never answers holds up nobody who wants to leave. */
TEST(a_setup_that_hangs_is_given_up_by_a_cancel_and_a_timeout)
{
    Scene *scene = stage();
    WorkflowAsk ask = {.task = "WorkflowEngineShouldHang"};
    Workflow *workflow = begin_with(scene, ask, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 100);
    ASSERT(workflow_stop(workflow, -1, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    CHECK_STR(look(scene, workflow), "ending canceled: a pending");
    ASSERT(workflow_stop(workflow, -1, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    CHECK_STR(look(scene, workflow), "over canceled: a skipped");
    ASSERT(workflow_delete(workflow, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    CHECK(!workflow_find(scene->engine, ask.task));
    ask.timeout_ms = 500;
    workflow = begin_with(scene, ask, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 1000);
    CHECK_HAS(look(scene, workflow), "ending timeout: ");
    ASSERT(workflow_delete(workflow, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    CHECK(!workflow_find(scene->engine, ask.task));
    scene_free(scene);
}

/* Its setup never ended, so nobody knows whether there is anything to destroy: 10 s at most, and a
 * grace that is shorter. */
TEST(what_hangs_from_the_start_is_not_destroyed_for_ever)
{
    Scene *scene = stage();
    WorkflowAsk ask = {.task = "WorkflowEngineShouldHang", .timeout_ms = 500};
    Workflow *workflow = begin_with(scene, ask, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 10000);
    CHECK_HAS(look(scene, workflow), "ending timeout: ");
    loop_advance(scene->loop, 1000);
    CHECK_STR(look(scene, workflow), "over timeout: a skipped");
    CHECK_STR(error_of(scene, workflow), "it ran for longer than its timeout of 500ms");
    size_t size;
    CHECK_HAS(object_json(workflow_object(workflow), &size), "`thole backend orphans` lists");
    ASSERT(workflow_delete(workflow, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    ask.timeout_ms = 0;
    workflow = begin_with(scene, ask, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 100);
    ASSERT(workflow_stop(workflow, 0, &scene->err) == 0);
    loop_advance(scene->loop, 900);
    CHECK_HAS(look(scene, workflow), "ending canceled: ");
    loop_advance(scene->loop, 200);
    CHECK_STR(look(scene, workflow), "over canceled: a skipped");
    scene_free(scene);
}
