/* SPDX-License-Identifier: Apache-2.0 */
/* Workflows that are over: what a list shows stays, the rest is read when somebody asks. */
#include "unit/engine/workflow_scene.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_events.h"
#include "engine/workflows/workflow_inside.h"

#define TWO                                                                                 \
    PIPELINE(STAGE("{\"name\":\"a\",\"uuid\":\"U-a\",\"image\":\"sh\",\"on_success\":true," \
                   "\"environment\":{\"STEP_EXIT_CODE\":\"3\"}}") "," STAGE(STEP("b", "")))

static const char over[] = "over failure: a failure, b skipped";

static char *file_of(const Scene *scene) {
    return xasprintf("%s/workflows/t1/over.json", scene->state);
}

static void nobody(void *arg) {
}

static Workflow *ended(Scene *scene) {
    Workflow *workflow = begin(scene, TWO);
    loop_advance(scene->loop, 1000);
    return workflow;
}

TEST(one_that_is_over_keeps_its_steps_on_disk)
{
    Scene *scene = stage();
    Workflow *workflow = ended(scene);
    size_t n;
    for (int server = 0; server < 2; server++) {
        CHECK(!workflow->graph && !workflow->config && !workflow->facts.steps);
        CHECK_STR(look(scene, workflow), over);
        CHECK_STR(error_of(scene, workflow), "step a: exit code 3");
        CHECK_STR(traces(workflow, &n), "a started, a ExitCode, b skipped");
        loop_advance(scene->loop, 0);
        CHECK(!workflow->graph && !workflow->object.whole.json); /* what was shown goes, too */
        workflow = crash(scene);
        ASSERT(workflow);
    }
    scene_free(scene);
}

TEST(without_its_file_or_with_one_of_a_newer_server_all_is_read)
{
    Scene *scene = stage();
    Workflow *workflow = ended(scene);
    AUTO_FREE char *file = file_of(scene);
    for (int newer = 0; newer < 2; newer++) {
        if (newer)
            ASSERT(file_write_atomic(file, "{\"format\":99}", 13, 0600, false, &scene->err) == 0);
        else
            ASSERT(unlink(file) == 0);
        workflow = crash(scene);
        ASSERT(workflow);
        CHECK_STR(look(scene, workflow), over);
        CHECK(!workflow->graph);
    }
    scene_free(scene);
}

TEST(who_looks_on_keeps_it_from_the_shelf)
{
    Scene *scene = stage();
    Workflow *workflow = begin(scene, TWO);
    WorkflowEventAsk ask = {.tail = -1, .follow = true};
    EventLine line;
    WorkflowEvents *events = workflow_events_new(workflow, &ask, nobody, NULL, &scene->err);
    ASSERT(events);
    loop_advance(scene->loop, 1000);
    CHECK(workflow->graph);
    while (workflow_events_next(events, &line) > 0)
        CHECK(line.size > 0);
    workflow_events_free(events);
    loop_advance(scene->loop, 0);
    CHECK(!workflow->graph);
    scene_free(scene);
}

TEST(one_of_the_shelf_is_deleted_also_by_the_next_server)
{
    Scene *scene = stage();
    Workflow *workflow = ended(scene);
    AUTO_FREE char *file = file_of(scene);
    ASSERT(workflow_delete(workflow, &scene->err) == 0);
    CHECK(access(file, F_OK) < 0);
    engine_free(scene->engine); /* killed before it goes */
    fake_crash_server(scene->backend);
    scene_begin(scene);
    ASSERT(engine_adopt(scene->engine, NULL, NULL, &scene->err) == 0);
    loop_advance(scene->loop, 1000);
    CHECK(!workflow_find(scene->engine, "T1"));
    scene_free(scene);
}

TEST(what_the_disk_did_not_take_stays_in_memory)
{
    Scene *scene = stage();
    Workflow *workflow = begin(scene, TWO);
    workflow->unwritten = true;
    loop_advance(scene->loop, 1000);
    CHECK(workflow->graph);
    CHECK_STR(look(scene, workflow), over);
    scene_free(scene);
}
