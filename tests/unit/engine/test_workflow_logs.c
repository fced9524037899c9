/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of a workflow wrote, as one stream. */
#include "unit/engine/log_scene.h"
#include "unit/engine/workflow_scene.h"

#include "base/xalloc.h"

static const FakeScript quiet = {.life_ms = 0}, runs_on = {.life_ms = -1};

static Pen pen(const Scene *scene, const char *step, uint32_t run) {
    AUTO_FREE char *dir = xasprintf("%s/workflows/t1", scene->state);
    return pen_new(dir, step, run);
}

#define OF_T1 .workflow = "t1", .tail = -1

static StepId id_of(const char *step, uint32_t run) {
    return (StepId){"T1", step, run};
}

static const char *read_steps(Scene *scene, const char *one, const char *other) {
    const char *names[] = {one, other};
    return ear_read(scene, (LogAsk){OF_T1, .targets = {names, other ? 2 : 1}});
}

TEST(lines_of_steps_stand_in_order_of_time)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", NULL, &quiet);
    begin(scene, PIPELINE(STAGE(STEP("a", "") "," STEP("b", "")) "," STAGE(STEP("c", ""))));
    loop_advance(scene->loop, 10);
    Pen a = pen(scene, "U-a", 1), b = pen(scene, "U-b", 1), c = pen(scene, "U-c", 1);
    pen_put(&c, 1, 10, "at once\n");
    pen_put(&b, 2, 10, "at once\n");
    pen_put(&b, 1, 30, "then\n");
    pen_put(&a, 1, 10, "at once\nand\n");
    pen_put(&a, 1, 20, "soon");
    CHECK_STR(ear_read(scene, (LogAsk){OF_T1}),
              "a/1 out at once|a/1 out and|b/1 err at once|c/1 out at once|a/1 out soon~|"
              "b/1 out then"); /* those of one moment in the order of the steps */
    CHECK_STR(ear_read(scene, (LogAsk){.workflow = "t1", .tail = 1}),
              "c/1 out at once|a/1 out soon~|b/1 out then");
    Ear *ear = ear_new(scene, (LogAsk){OF_T1, .stream = 2});
    CHECK_STR(ear_hear(scene, ear, 1), "b/1 err at once");
    CHECK_STR(ear->object, "U-b");
    ear_free(ear);
    scene_free(scene);
}

static void check_refused(Scene *scene, LogAsk ask, const char *sentence) {
    Ear *ear = ear_new(scene, ask);
    CHECK(!ear->stream);
    CHECK_EQ(scene->err.kind, ERR_NOT_FOUND);
    CHECK_STR(scene->err.msg, sentence);
    ear_free(ear);
}

TEST(steps_are_asked_for_by_name_or_uuid)
{
    Scene *scene = stage();
    const char *names[] = {"b", "tets"};
    fake_script(scene->backend, "T1", NULL, &quiet);
    begin(scene, PIPELINE(STAGE(STEP("a", "") "," STEP("test", "")) "," STAGE(
                     "{\"name\":\"a\",\"uuid\":\"U-again\",\"image\":\"sh\",\"on_success\":true,"
                     "\"environment\":{\"X\":\"1\"}}")));
    loop_advance(scene->loop, 10);
    Pen a = pen(scene, "U-a", 1), test = pen(scene, "U-test", 1), again = pen(scene, "U-again", 1);
    pen_put(&a, 1, 1, "first\n");
    pen_put(&test, 1, 2, "second\n");
    pen_put(&again, 1, 3, "third\n");
    CHECK_STR(read_steps(scene, "a", NULL), "a/1 out first|a/1 out third");
    CHECK_STR(read_steps(scene, "U-again", NULL), "a/1 out third");
    CHECK_STR(read_steps(scene, "U-again", "test"), "test/1 out second|a/1 out third");
    check_refused(scene, (LogAsk){OF_T1, .targets = {names, 1}},
                  "workflow T1 has no step \"b\"; `thole workflow show` lists them");
    check_refused(scene, (LogAsk){OF_T1, .targets = {&names[1], 1}},
                  "workflow T1 has no step \"tets\"; did you mean test?");
    check_refused(scene, (LogAsk){OF_T1, .run = 2},
                  "workflow T1 has no log of run 2 of such a step");
    check_refused(scene, (LogAsk){.workflow = "t2", .tail = -1}, "there is no workflow t2");
    scene_free(scene);
}

static Ear *follow(Scene *scene) {
    Ear *ear = ear_new(scene, (LogAsk){OF_T1, .follow = true});
    ASSERT(ear->stream);
    return ear;
}

TEST(steps_are_followed_as_they_begin_and_until_the_workflow_is_over)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", NULL, &runs_on);
    begin(scene, PIPELINE(STAGE(STEP("a", "")) "," STAGE(STEP("b", ""))));
    Ear *ear = follow(scene);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "");
    loop_advance(scene->loop, 10);
    fake_write(scene->backend, id_of("U-a", 1), 1, "hello\nhalf ");
    loop_advance(scene->loop, 0);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "a/1 out hello");
    fake_end(scene->backend, id_of("U-a", 1), STEP_EXITED, 0);
    loop_advance(scene->loop, 10);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "a/1 out half ~");
    fake_write(scene->backend, id_of("U-b", 1), 2, "again\n");
    loop_advance(scene->loop, 0);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "b/1 err again");
    int woken = ear->woken;
    loop_advance(scene->loop, 600000);
    CHECK_EQ(ear->woken, woken); /* nobody speaks: nothing happens */
    CHECK_EQ(ear->last, 0);
    fake_end(scene->backend, id_of("U-b", 1), STEP_EXITED, 3);
    loop_advance(scene->loop, 10);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "");
    CHECK_EQ(ear->last, -1);
    ear_free(ear);
    scene_free(scene);
}

static Ear *follow_to_ends(Scene *scene) {
    Ear *ear = ear_new(scene, (LogAsk){OF_T1, .follow = true, .ends = true});
    ASSERT(ear->stream);
    return ear;
}

/* What is on disk of a run before anybody has said that it has begun is not all. */
TEST(the_end_of_a_step_is_told_behind_its_last_line)
{
    static const FakeScript slow = {.start_delay_ms = 1000, .life_ms = 1000, .output = "here\n"};
    Scene *scene = stage();
    fake_script(scene->backend, "T1", NULL, &slow);
    begin(scene, PIPELINE(STAGE(STEP("a", "")) "," STAGE(STEP("b", ""))));
    Ear *ear = follow_to_ends(scene);
    loop_advance(scene->loop, 10);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "");
    loop_advance(scene->loop, 1000);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "a/1 out here");
    loop_advance(scene->loop, 1010);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "a/1 end ");
    loop_advance(scene->loop, 3000);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "b/1 out here|b/1 end ");
    CHECK_EQ(ear->last, -1);
    ear_free(ear);
    scene_free(scene);
}

TEST(a_workflow_that_is_over_before_its_follower_looks_is_heard_to_the_end)
{
    static const FakeScript fast = {.output = "here\n"};
    Scene *scene = stage();
    fake_script(scene->backend, "T1", NULL, &fast);
    begin(scene, PIPELINE(STAGE(STEP("a", "")) "," STAGE(STEP("b", ""))));
    Ear *ear = follow_to_ends(scene);
    loop_advance(scene->loop, 10);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "a/1 out here|a/1 end |b/1 out here|b/1 end ");
    CHECK_EQ(ear->last, -1);
    ear_free(ear);
    scene_free(scene);
}

/* Whoever follows comes again with where it was, and hears each line once. */
TEST(a_follower_goes_on_at_the_next_server)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", NULL, &runs_on);
    begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 10);
    Ear *before = follow(scene);
    fake_write(scene->backend, id_of("U-a", 1), 1, "one\ntwo\nthr");
    loop_advance(scene->loop, 0);
    CHECK_STR(ear_hear(scene, before, 1), "a/1 out one");
    LogCursor cursor = before->cursor;
    AUTO_FREE char *object = xasprintf("%s", before->object);
    cursor.target = object;
    ear_free(before);
    ASSERT(crash(scene));
    loop_advance(scene->loop, 10);
    Ear *after = ear_new(scene, (LogAsk){OF_T1, .follow = true, .after = &cursor, .after_n = 1});
    ASSERT(after->stream);
    CHECK_STR(ear_hear(scene, after, SIZE_MAX), "a/1 out two");
    fake_write(scene->backend, id_of("U-a", 1), 1, "ee\n");
    fake_end(scene->backend, id_of("U-a", 1), STEP_EXITED, 0);
    loop_advance(scene->loop, 10);
    CHECK_STR(ear_hear(scene, after, SIZE_MAX), "a/1 out three");
    CHECK_EQ(after->last, -1);
    ear_free(after);
    scene_free(scene);
}

/* The backend had not heard of its first run: what is followed is the next one. */
TEST(a_step_that_was_asked_for_in_vain_is_followed_in_its_next_run)
{
    static const FakeScript slow = {.start_delay_ms = 1000, .life_ms = -1};
    Scene *scene = stage();
    fake_script(scene->backend, "T1", "U-a", &slow);
    begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 10);
    fake_script(scene->backend, "T1", "U-a", &runs_on);
    Workflow *workflow = crash(scene);
    ASSERT(workflow);
    Ear *ear = follow(scene);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "");
    loop_advance(scene->loop, 10);
    CHECK_STR(look(scene, workflow), "running: a running");
    fake_write(scene->backend, id_of("U-a", 2), 1, "here\n");
    loop_advance(scene->loop, 0);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "a/2 out here");
    ear_free(ear);
    scene_free(scene);
}

TEST(who_follows_a_workflow_that_is_deleted_does_not_hear_the_next_of_its_name)
{
    Scene *scene = stage();
    fake_script(scene->backend, "T1", NULL, &runs_on);
    Workflow *workflow = begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 10);
    Ear *ear = follow(scene);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "");
    ASSERT(workflow_delete(workflow, &scene->err) == 0);
    loop_advance(scene->loop, 60 * 1000);
    ASSERT(!workflow_find(scene->engine, "T1"));
    begin(scene, PIPELINE(STAGE(STEP("a", ""))));
    loop_advance(scene->loop, 10);
    fake_write(scene->backend, id_of("U-a", 1), 1, "mine\n");
    loop_advance(scene->loop, 10);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "");
    CHECK_EQ(ear->last, -1);
    ear_free(ear);
    scene_free(scene);
}
