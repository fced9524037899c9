/* SPDX-License-Identifier: Apache-2.0 */
/* How a workflow goes, rule by rule: what each step comes to, what is recorded of it, and with what
 * the whole ends. Each case is told again by a server that was killed at the end of it. */
#include "unit/engine/workflow_scene.h"

#include <string.h>

#include "engine/workflows/workflow_inside.h"

#define ONE(name) STAGE(STEP(name, ""))
#define ENV(name, env, more)                                                                 \
    "{\"name\":\"" name "\",\"uuid\":\"U-" name "\",\"type\":\"commands\",\"image\":\"sh\"," \
    "\"on_success\":true,\"environment\":{" env "}" more "}"
#define CODE(name, more)   ENV(name, "\"STEP_EXIT_CODE\":\"3\"", more)
#define SLEEPS(name, more) ENV(name, "\"SLEEP\":\"1s\"", more)
#define ON_FAILURE(name) \
    "{\"name\":\"" name "\",\"uuid\":\"U-" name "\",\"image\":\"sh\",\"on_failure\":true}"
#define ALWAYS(name) STEP(name, ",\"on_failure\":true")
#define NEVER(name)  "{\"name\":\"" name "\",\"uuid\":\"U-" name "\",\"image\":\"sh\"}"

typedef struct Case {
    const char *rule;
    const char *config;
    const char *looks; /* once it is over */
    const char *error; /* of the whole */
    size_t trace_n;
    const char *traces; /* NULL: their order is open */
} Case;

static const Case cases[] = {
    {"three in sequence are six traces", PIPELINE(ONE("a") "," ONE("b") "," ONE("c")),
     "over success: a success, b success, c success", "", 6,
     "a started, a Completed, b started, b Completed, c started, c Completed"},
    {"1 + 3 + 1 are ten",
     PIPELINE(ONE("a") "," STAGE(STEP("b", "") "," STEP("c", "") "," STEP("d", "")) "," ONE("e")),
     "over success: a success, b success, c success, d success, e success", "", 10, NULL},
    {"no stage at all", "{\"pipeline\":null}", "over success:", "", 0, ""},
    {"an empty stage is passed over", "{\"pipeline\":[{},{\"steps\":[" STEP("a", "") "]}]}",
     "over success: a success", "", 2, "a started, a Completed"},

    {"skip rules after a success",
     PIPELINE(ONE("a") "," STAGE(ON_FAILURE("f") "," ALWAYS("g") "," STEP("s", ""))),
     "over success: a success, f skipped, g success, s success", "", 7, NULL},
    {"skip rules after a failure",
     PIPELINE(STAGE(CODE("a", "")) "," STAGE(ON_FAILURE("f") "," ALWAYS("g") "," STEP("s", ""))),
     "over failure: a failure, f success, g success, s skipped", "step a: exit code 3", 7, NULL},
    {"the steps beside one that fails run to their end",
     PIPELINE(STAGE(CODE("a", "") "," SLEEPS("b", ""))), "over failure: a failure, b success",
     "step a: exit code 3", 4, NULL},
    {"the first failure is the one that is told",
     PIPELINE(STAGE(CODE("a", "")) "," STAGE(
         ENV("b", "\"STEP_EXIT_CODE\":\"4\"", ",\"on_failure\":true"))),
     "over failure: a failure, b failure", "step a: exit code 3", 4,
     "a started, a ExitCode, b started, b ExitCode"},

    {"failure: ignore is none for what follows",
     PIPELINE(
         STAGE(CODE("a", ",\"failure\":\"ignore\"")) "," STAGE(ON_FAILURE("f") "," STEP("s", ""))),
     "over success: a failure, f skipped, s success", "", 5, NULL},
    {"failure: cancel cancels the rest, and what runs",
     PIPELINE(STAGE(CODE("a", ",\"failure\":\"cancel\"") "," SLEEPS("b", "")) "," ONE("c")),
     "over failure: a failure, b killed, c skipped", "step a: exit code 3", 5, NULL},

    {"out of memory counts for more than exit code 0",
     PIPELINE(STAGE(ENV("a", "\"STEP_OOM_KILLED\":\"true\"", ""))), "over failure: a failure",
     "step a was killed: out of memory", 2, "a started, a OutOfMemory"},
    {"one that cannot be started is an error, also with failure: ignore",
     PIPELINE(STAGE(ENV("a", "\"STEP_START_FAIL\":\"true\"", ",\"failure\":\"ignore\"")) "," STAGE(
         STEP("b", "") "," ON_FAILURE("f"))),
     "over error: a error, b skipped, f success", "step a: expected fail to start step", 5, NULL},
    {"one whose log cannot be read is an error",
     PIPELINE(
         STAGE(ENV("a", "\"STEP_TAIL_FAIL\":\"true\"", ",\"failure\":\"ignore\"")) "," ONE("b")),
     "over error: a error, b skipped", "step a: expected fail to read stdout of step", 3,
     "a started, a Error, b skipped"},
    {"one of another type than expected is an error",
     PIPELINE(STAGE(ENV("a", "\"EXPECT_TYPE\":\"service\"", ""))), "over error: a error",
     "step a: expected the step to be of type service, but it is commands", 2,
     "a started, a Error"},
    {"a setup that fails by a step names it, and nothing had its turn",
     PIPELINE(ONE("a") "," STAGE(ENV("b", "\"STEP_SETUP_FAIL\":\"true\"", ""))),
     "over error: a skipped, b error",
     "error in workflow setup step 'b': expected fail to setup step", 1, "b Error"},

    {"a detached step is not waited for, and lasts to the end",
     PIPELINE(STAGE(ENV("db", "\"SLEEP\":\"1h\"", ",\"detach\":true")) "," ONE("a")),
     "over success: db success, a success", "", 4,
     "db started, a started, a Completed, db Completed"},
    {"its failure is its own affair",
     PIPELINE(STAGE(CODE("db", ",\"detach\":true")) "," STAGE(SLEEPS("a", "")) "," STAGE(
         ON_FAILURE("f") "," STEP("s", ""))),
     "over success: db failure, a success, f skipped, s success", "", 7, NULL},
    {"but one that cannot be started fails the whole",
     PIPELINE(STAGE(ENV("db", "\"STEP_START_FAIL\":\"true\"", ",\"detach\":true")) "," ONE("a")),
     "over error: db error, a skipped", "step db: expected fail to start step", 3,
     "db started, db Error, a skipped"},
    {"with depends_on a step waits for its own, not for a stage",
     PIPELINE(STAGE(SLEEPS("a", "") "," STEP("b", "") "," STEP("c", ",\"depends_on\":[\"b\"]"))),
     "over success: a success, b success, c success", "", 6,
     "a started, b started, b Completed, c started, c Completed, a Completed"},
};

static void check(const Case *one) {
    Scene *scene = stage();
    Workflow *workflow = begin(scene, one->config);
    size_t n;
    loop_advance(scene->loop, 20 * 1000);
    for (int told = 0; told < 2; told++) {
        const char *seen = look(scene, workflow), *error = error_of(scene, workflow);
        const char *said = traces(workflow, &n);
        if (strcmp(seen, one->looks) != 0 || strcmp(error, one->error) != 0 || n != one->trace_n ||
            (one->traces && strcmp(said, one->traces) != 0))
            test_fail(__FILE__, __LINE__, "%s:\n  %s (%s)\n  %zu: %s", one->rule, seen, error, n,
                      said);
        workflow = crash(scene);
        ASSERT(workflow);
    }
    CHECK_EQ(fake_running(scene->backend), 0);
    scene_free(scene);
}

TEST(each_rule_of_a_workflow)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i]);
}

/* ---- the environment ---- */

static const char *told(Workflow *workflow, uint32_t step, const char *name) {
    static char text[128];
    Arena arena;
    arena_init(&arena);
    Step own = workflow_step(workflow, step, &arena);
    const char *value = strmap_get(&own.environment, name);
    snprintf(text, sizeof(text), "%s", value ? value : "(none)");
    arena_deinit(&arena);
    return text;
}

TEST(a_step_is_told_of_the_workflow_right_before_it_starts)
{
    static const FakeScript runs_on = {.life_ms = -1};
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-b", &runs_on);
    Workflow *workflow = begin(scene, PIPELINE(STAGE(CODE("a", "")) "," STAGE(ALWAYS("b"))));
    CHECK_STR(told(workflow, 0, "CI_PIPELINE_STATUS"), "success");
    loop_advance(scene->loop, 100);
    CHECK_STR(told(workflow, 1, "CI_PIPELINE_STATUS"), "failure");
    CHECK_STR(told(workflow, 1, "CI_STEP_NAME"), "b");
    CHECK_STR(told(workflow, 1, "CI_STEP_TYPE"), "commands");
    CHECK_STR(told(workflow, 1, "CI_SYSTEM_PLATFORM"), scene->backend->platform);
    CHECK(strlen(told(workflow, 1, "CI_STEP_STARTED")) >= 1);
    CHECK(strcmp(told(workflow, 1, "CI_MACHINE"), "(none)") != 0);
    CHECK_STR(told(workflow, 1, "X"), "1"); /* its own stays */
    scene_free(scene);
}

TEST(a_step_without_an_environment_has_one)
{
    Scene *scene = stage();
    Workflow *workflow = begin(scene, PIPELINE(STAGE("{\"name\":\"a\",\"uuid\":\"A\",\"image\":"
                                                     "\"sh\",\"on_success\":true}")));
    CHECK_STR(told(workflow, 0, "CI_STEP_NAME"), "a");
    loop_advance(scene->loop, 100);
    CHECK_STR(look(scene, workflow), "over success: a success");
    scene_free(scene);
}

/* ---- the fields of a step's status ---- */

static const Value *status_of(Scene *scene, Workflow *workflow, size_t step, Arena *arena) {
    const Value *all = scene_json(scene, workflow_object(workflow), arena);
    return value_at(value_get(value_get(all, "status"), "steps"), step);
}

TEST(a_step_says_what_became_of_it)
{
    Scene *scene = stage();
    Arena arena;
    Workflow *workflow = begin(scene, PIPELINE(STAGE(CODE("a", "")) "," ONE("b") "," STAGE(
                                          ENV("c", "\"SLEEP\":\"1s\"", ",\"on_failure\":true"))));
    arena_init(&arena);
    loop_advance(scene->loop, 100);
    const Value *a = status_of(scene, workflow, 0, &arena);
    CHECK(value_get_bool(a, "exited", false) && value_get_int(a, "exit_code", -1) == 3);
    CHECK(value_get(a, "started") && value_get(a, "finished") && !value_get(a, "skipped"));
    const Value *b = status_of(scene, workflow, 1, &arena);
    CHECK(value_get_bool(b, "skipped", false) && !value_get_bool(b, "exited", true));
    CHECK(!value_get(b, "exit_code") && !value_get(b, "started"));
    const Value *c = status_of(scene, workflow, 2, &arena);
    CHECK(!value_get_bool(c, "exited", true) && value_get(c, "started"));
    ASSERT(workflow_stop(workflow, -1, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    c = status_of(scene, workflow, 2, &arena);
    CHECK(value_get_bool(c, "exited", false));
    CHECK_STR(value_get_str(c, "error"), "Canceled");
    arena_deinit(&arena);
    scene_free(scene);
}

/* ---- what cannot be ended ---- */

TEST(what_cannot_be_ended_is_tried_a_few_times_and_then_said)
{
    static const FakeScript undying = {.life_ms = -1, .survives_kill = true};
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-a", &undying);
    Workflow *workflow = begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 100);
    ASSERT(workflow_stop(workflow, 1000, &scene->err) == 0);
    loop_advance(scene->loop, 3500); /* 1 s of grace, 1 s later again */
    CHECK_STR(look(scene, workflow), "canceling canceled: a stopping");
    loop_advance(scene->loop, 60 * 1000);
    CHECK_STR(look(scene, workflow), "over canceled: a killed");
    const char *json = object_json(workflow_object(workflow), &(size_t){0});
    CHECK(strstr(json, "cannot be ended"));
    scene_free(scene);
}
