/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of workflows that are over, and how they go. */
#include "unit/engine/workflow_scene.h"

#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/xalloc.h"

static const FakeScript runs_on = {.life_ms = -1};

static bool is_there(const Scene *scene, const char *name) {
    struct stat st;
    AUTO_FREE char *path = xasprintf("%s/workflows/%s", scene->state, name);
    return stat(path, &st) == 0;
}

TEST(with_keep_all_is_ended_and_stays_until_it_is_deleted)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-db", &runs_on);
    Workflow *workflow =
        begin_with(scene, (WorkflowAsk){.keep = true},
                   PIPELINE(STAGE(STEP("db", ",\"detach\":true")) "," STAGE(STEP("a", ""))));
    ASSERT(workflow);
    loop_advance(scene->loop, 1000);
    CHECK_STR(look(scene, workflow), "over success: db success, a success");
    CHECK_EQ(fake_running(scene->backend), 0);
    workflow = crash(scene);
    ASSERT(workflow);
    CHECK_STR(look(scene, workflow), "over success: db success, a success");
    CHECK(is_there(scene, "t1"));
    ASSERT(workflow_delete(workflow, &scene->err) == 0);
    loop_advance(scene->loop, 1000);
    CHECK(!workflow_find(scene->engine, "T1"));
    CHECK(!is_there(scene, "t1"));
    CHECK(begin_with(scene, (WorkflowAsk){0}, PIPELINE(STAGE(STEP("a", ""))))); /* T1 again */
    scene_free(scene);
}

TEST(a_delete_is_not_forgotten_when_the_server_is_killed)
{
    Scene *scene = stage();
    static const FakeScript deaf = {.life_ms = -1, .ignores_stop = true};
    fake_script(scene->backend, "T1", "U-a", &deaf);
    Workflow *workflow = begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 100);
    ASSERT(workflow_delete(workflow, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    ASSERT(crash(scene));
    loop_advance(scene->loop, 60 * 1000);
    CHECK(!workflow_find(scene->engine, "T1"));
    CHECK(!is_there(scene, "t1"));
    CHECK_EQ(fake_running(scene->backend), 0);
    scene_free(scene);
}

static void run_one(Scene *scene, unsigned i, bool keep) {
    char task[16];
    snprintf(task, sizeof(task), "w%u", i);
    ASSERT(begin_with(scene, (WorkflowAsk){.task = task, .keep = keep},
                      PIPELINE(STAGE(STEP("a", "")))));
    loop_advance(scene->loop, 10);
}

TEST(the_oldest_go_and_what_is_kept_stays)
{
    Scene *scene = stage();
    run_one(scene, 0, true);
    for (unsigned i = 1; i < MAX_WORKFLOWS_OVER + 3; i++)
        run_one(scene, i, false);
    CHECK(workflow_find(scene->engine, "w0")); /* was asked for */
    CHECK(!workflow_find(scene->engine, "w1"));
    CHECK(!workflow_find(scene->engine, "w2"));
    CHECK(!workflow_find(scene->engine, "w3"));
    CHECK(workflow_find(scene->engine, "w4"));
    CHECK(!is_there(scene, "w3"));
    CHECK(is_there(scene, "w4"));
    scene_free(scene);
}

TEST(a_session_and_a_workflow_are_never_called_the_same)
{
    Scene *scene = stage();
    ASSERT(scene_up(scene, NULL));
    const char *slug = session_slug(scene->session);
    CHECK(!begin_with(scene, (WorkflowAsk){.task = slug}, PIPELINE(STAGE(STEP("a", "")))));
    CHECK_EQ(scene->err.kind, ERR_CONFLICT);
    CHECK(strstr(scene->err.msg, "is the name of a session"));
    scene_free(scene);
}
