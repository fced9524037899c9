/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/workflow_foot.h"
#include "data/json.h"
#include "harness/test.h"

#include <string.h>

typedef struct Scene {
    Prefix prefix;
    WorkflowFoot foot;
    FootStep a, db;
} Scene;

static void stage(Scene *scene) {
    *scene = (Scene){.a = {.uuid = "U-a", .name = "a"},
                     .db = {.uuid = "U-db", .name = "db", .service = true}};
    workflow_foot_init(&scene->foot, "T1", &scene->prefix, false);
    scene->foot.progress.on = true;
    workflow_foot_take(&scene->foot, &scene->a, "starting");
    workflow_foot_take(&scene->foot, &scene->db, "starting");
}

static void hear(Scene *scene, const char *json) {
    const Value *workflow;
    Arena arena;
    arena_init(&arena);
    ASSERT(json_parse(json, strlen(json), &arena, &workflow, NULL) == 0);
    workflow_foot_hear(&scene->foot, workflow);
    arena_deinit(&arena);
}

static void age(Scene *scene) {
    scene->a.since_ms -= 2000;
    scene->foot.ask_ms -= 2000;
}

TEST(what_is_being_started_says_so_when_it_lasts_and_what_it_waits_for)
{
    Scene scene;
    stage(&scene);
    CHECK_STR(scene.a.state, "running"); /* as most do at once */
    CHECK(!workflow_foot_asks(&scene.foot));
    age(&scene);
    CHECK(workflow_foot_asks(&scene.foot));
    CHECK(!workflow_foot_asks(&scene.foot)); /* once a second */
    hear(&scene, "{\"status\":{\"steps\":[{\"uuid\":\"U-a\",\"state\":\"starting\",\"why\":"
                 "\"its image is being pulled\"},{\"uuid\":\"U-db\",\"state\":\"running\"}]}}");
    CHECK_STR(scene.a.state, "starting");
    CHECK_STR(scene.a.why, "its image is being pulled");
    CHECK(!scene.db.unsure);
    age(&scene);
    CHECK(workflow_foot_asks(&scene.foot));
    hear(&scene, "{\"status\":{\"steps\":[{\"uuid\":\"U-a\",\"state\":\"running\"}]}}");
    CHECK_STR(scene.a.state, "running");
    CHECK(!scene.a.why && clock_mono_ms() - scene.a.since_ms < 1000);
    age(&scene);
    CHECK(!workflow_foot_asks(&scene.foot));
    workflow_foot_deinit(&scene.foot);
}

TEST(short_steps_are_not_asked_about)
{
    Scene scene;
    stage(&scene);
    age(&scene);
    workflow_foot_take(&scene.foot, &scene.a, "success");
    CHECK(!workflow_foot_asks(&scene.foot));
    CHECK_EQ(scene.foot.live.n, 1);
    CHECK(workflow_foot_timeout(&scene.foot) <= 1000);
    workflow_foot_deinit(&scene.foot);
}

TEST(a_cancel_stops_all_but_services)
{
    Scene scene;
    stage(&scene);
    workflow_foot_cancel(&scene.foot);
    CHECK_STR(scene.a.state, "stopping");
    CHECK_STR(scene.db.state, "running");
    workflow_foot_take(&scene.foot, &scene.a, "canceled");
    workflow_foot_take(&scene.foot, &scene.db, "success");
    CHECK_EQ(scene.foot.live.n, 0);
    workflow_foot_deinit(&scene.foot);
}
