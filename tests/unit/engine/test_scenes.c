/* SPDX-License-Identifier: Apache-2.0 */
/* The engine on the fake backend: what users are promised, in scenes. */
#include "unit/engine/scene.h"

#include <errno.h>

#include "base/xalloc.h"
#include "engine/targets/target.h"

static const FakeScript runs_on = {.life_ms = -1};

static StepId step(const Scene *scene, const char *target, uint32_t run) {
    return (StepId){.task = session_slug(scene->session), .step = target, .run = run};
}

TEST(a_server_waits_for_its_job)
{
    Scene *scene = scene_new("services:\n"
                             "  migrate: {type: job, command: migrate}\n"
                             "  api: {command: api, depends_on: [migrate]}\n");
    fake_script(scene->backend, NULL, "migrate:update", &(FakeScript){.life_ms = 500});
    fake_script(scene->backend, NULL, "api:serve", &runs_on);
    ASSERT(scene_up(scene, NULL));
    CHECK_STR(scene_state(scene, "migrate:update"), "active");
    CHECK_STR(scene_state(scene, "api:serve"), "waiting waiting-for-dep");
    CHECK_HAS(scene_message(scene, "api:serve"), "migrate");
    loop_advance(scene->loop, 499);
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "api:serve"), 0);
    loop_advance(scene->loop, 2);
    CHECK_STR(scene_state(scene, "migrate:update"), "terminated ok");
    CHECK_STR(scene_state(scene, "api:serve"), "active ready");
    CHECK_STR(scene_state(scene, "tiltfile:update"), "terminated ok");
    scene_free(scene);
}

TEST(a_crashed_server_waits_for_its_back_off_and_runs_again)
{
    Scene *scene = scene_new("services:\n  api: {command: api, restart: {delay: 1s}}\n");
    fake_script(scene->backend, NULL, "api:serve", &runs_on);
    ASSERT(scene_up(scene, NULL));
    fake_end(scene->backend, step(scene, "api:serve", 1), STEP_EXITED, 3);
    loop_advance(scene->loop, 0);
    CHECK_STR(scene_state(scene, "api:serve"), "waiting backoff");
    CHECK_HAS(scene_message(scene, "api:serve"), "exit");
    loop_advance(scene->loop, 1001);
    CHECK_STR(scene_state(scene, "api:serve"), "active ready");
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "api:serve"), 2);
    scene_free(scene);
}

TEST(what_cannot_be_executed_is_not_tried_again_until_somebody_asks)
{
    Scene *scene = scene_new("services:\n  api: {command: api}\n  few: {command: few}\n");
    FakeScript missing = {.start_error = "command not found: api", .start_errno = ENOENT};
    FakeScript later = {.start_error = "no more processes"};
    fake_script(scene->backend, NULL, "api:serve", &missing);
    fake_script(scene->backend, NULL, "few:serve", &later);
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 1);
    CHECK_STR(scene_state(scene, "few:serve"), "waiting backoff");
    for (int servers = 0; servers < 2; servers++) {
        CHECK_STR(
            scene_state(scene, "api:serve"),
            "terminated could not start: command not found: api; trying again would not help");
        loop_advance(scene->loop, 3600 * 1000);
        CHECK_EQ(target_facts(scene_target(scene, "api:serve"))->run, 1);
        scene_crash(scene);
    }
    fake_script(scene->backend, NULL, "api:serve", &runs_on);
    ASSERT(target_start(scene_target(scene, "api:serve"), &scene->err) == 0);
    loop_advance(scene->loop, 1);
    CHECK_STR(scene_state(scene, "api:serve"), "active ready");
    scene_free(scene);
}

TEST(down_stops_in_reverse_order_and_the_objects_go)
{
    Scene *scene = scene_new("services:\n"
                             "  db: {command: db}\n"
                             "  api: {command: api, depends_on: [db]}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    fake_script(scene->backend, NULL, "api:serve",
                &(FakeScript){.life_ms = -1, .ignores_stop = true});
    ASSERT(scene_up(scene, NULL));
    CHECK_EQ(fake_running(scene->backend), 2);
    session_delete(scene->session, -1, false);
    /* api has 10 s of grace and ignores TERM; db must wait for it */
    loop_advance(scene->loop, 5000);
    CHECK_STR(scene_state(scene, "db:serve"), "active ready");
    loop_advance(scene->loop, 6000);
    CHECK_EQ(fake_running(scene->backend), 0);
    CHECK_STR(scene_state(scene, "db:serve"), "gone");
    CHECK(object_next(engine_objects(scene->engine), OBJECT_SESSION, NULL, NULL) == NULL);
    CHECK(engine_empty(scene->engine));
    scene_free(scene);
}

TEST(a_killed_server_process_adopts_and_starts_nothing_twice)
{
    Scene *scene = scene_new("services:\n"
                             "  migrate: {type: job, command: migrate}\n"
                             "  api: {command: api, depends_on: [migrate]}\n");
    fake_script(scene->backend, NULL, "migrate:update", &(FakeScript){.life_ms = 500});
    fake_script(scene->backend, NULL, "api:serve", &runs_on);
    ASSERT(scene_up(scene, NULL));
    scene_crash(scene);
    ASSERT(scene->session);
    CHECK_STR(scene_state(scene, "migrate:update"), "active");
    loop_advance(scene->loop, 600);
    CHECK_STR(scene_state(scene, "migrate:update"), "terminated ok");
    CHECK_STR(scene_state(scene, "api:serve"), "active ready");
    scene_crash(scene);
    CHECK_STR(scene_state(scene, "migrate:update"), "terminated ok");
    CHECK_STR(scene_state(scene, "api:serve"), "active ready");
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "migrate:update"), 1);
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "api:serve"), 1);
    scene_free(scene);
}

/* Nobody knows whether it lives: nothing is started beside it, and the session is not said to be
 * down. */
TEST(a_run_of_which_nothing_can_be_known_is_not_followed_by_another)
{
    Scene *scene = scene_new("services:\n  a: {command: a, restart: always}\n  b: {command: b}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    fake_hide_runs(scene->backend, true);
    scene_crash(scene);
    ASSERT(scene->session);
    loop_advance(scene->loop, 120000);
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "a:serve"), 1);
    CHECK_STR(scene_state(scene, "a:serve"), "waiting stopping");
    CHECK_HAS(scene_message(scene, "a:serve"), "record of run 1 of a:serve cannot be read");
    ASSERT(target_restart(scene_target(scene, "a:serve"), &scene->err) == 0);
    loop_advance(scene->loop, 1000);
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "a:serve"), 1);
    session_delete(scene->session, -1, false);
    loop_advance(scene->loop, 1000);
    CHECK(!engine_empty(scene->engine));
    fake_hide_runs(scene->backend, false);
    session_delete(scene->session, -1, false); /* asked again */
    loop_advance(scene->loop, 1000);
    CHECK(engine_empty(scene->engine));
    CHECK_EQ(fake_running(scene->backend), 0);
    scene_free(scene);
}

TEST(a_run_of_which_something_can_be_known_again_is_replaced_when_asked)
{
    Scene *scene = scene_new("services:\n  a: {command: a}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    fake_hide_runs(scene->backend, true);
    scene_crash(scene);
    fake_hide_runs(scene->backend, false);
    ASSERT(target_start(scene_target(scene, "a:serve"), &scene->err) == 0);
    loop_advance(scene->loop, 1000);
    CHECK_STR(scene_state(scene, "a:serve"), "active ready");
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "a:serve"), 2);
    CHECK_EQ(fake_running(scene->backend), 1);
    scene_free(scene);
}

TEST(what_was_stopped_stays_stopped_over_a_crash)
{
    Scene *scene = scene_new("services:\n  a: {command: a}\n  b: {command: b}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    ASSERT(target_stop(scene_target(scene, "a:serve"), &scene->err) == 0);
    loop_advance(scene->loop, 100);
    CHECK_STR(scene_state(scene, "a:serve"), "none");
    CHECK_HAS(scene_message(scene, "a:serve"), "stopped");
    scene_crash(scene);
    CHECK_STR(scene_state(scene, "a:serve"), "none");
    CHECK_STR(scene_state(scene, "b:serve"), "active ready");
    ASSERT(target_start(scene_target(scene, "a:serve"), &scene->err) == 0);
    loop_advance(scene->loop, 0);
    CHECK_STR(scene_state(scene, "a:serve"), "active ready");
    scene_free(scene);
}

TEST(a_hundred_restarts_at_once_are_one)
{
    Scene *scene = scene_new("services:\n  a: {command: a}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    for (int i = 0; i < 100; i++)
        ASSERT(target_restart(scene_target(scene, "a:serve"), &scene->err) == 0);
    loop_advance(scene->loop, 1000);
    CHECK_EQ(fake_running(scene->backend), 1);
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "a:serve"), 2);
    scene_free(scene);
}

TEST(ci_ends_well)
{
    Scene *scene = scene_new("services:\n"
                             "  test: {type: job, command: t}\n"
                             "  api: {command: api}\n");
    fake_script(scene->backend, NULL, "test:update", &(FakeScript){.life_ms = 200});
    fake_script(scene->backend, NULL, "api:serve", &runs_on);
    ASSERT(scene_ci(scene));
    loop_advance(scene->loop, 300);
    Arena arena;
    arena_init(&arena);
    const Value *status =
        value_get(scene_json(scene, session_object(scene->session), &arena), "status");
    CHECK(value_get_bool(status, "done", false));
    CHECK(value_get(status, "error") == NULL);
    CHECK_EQ(fake_running(scene->backend), 0); /* what served is stopped */
    arena_deinit(&arena);
    scene_free(scene);
}

TEST(ci_ends_with_the_first_failure)
{
    Scene *scene = scene_new("services:\n"
                             "  a: {type: job, command: a}\n"
                             "  b: {type: job, command: b}\n");
    fake_script(scene->backend, NULL, "a:update", &(FakeScript){.life_ms = 300, .code = 1});
    fake_script(scene->backend, NULL, "b:update", &(FakeScript){.life_ms = 200, .code = 2});
    ASSERT(scene_ci(scene));
    loop_advance(scene->loop, 400);
    Arena arena;
    arena_init(&arena);
    const Value *status =
        value_get(scene_json(scene, session_object(scene->session), &arena), "status");
    CHECK(value_get_bool(status, "done", false));
    CHECK_HAS(value_get_str(status, "error"), "2");
    arena_deinit(&arena);
    scene_free(scene);
}

static int start_all(Scene *scene) {
    StrList names = {0};
    return session_start(scene->session, &(StartAsk){.names = &names}, &scene->err);
}

TEST(nothing_is_started_in_a_session_that_is_done)
{
    Scene *scene = scene_new("services:\n"
                             "  test: {type: job, command: t}\n"
                             "  api: {command: api, stop: {grace: 10s}}\n");
    fake_script(scene->backend, NULL, "test:update", &(FakeScript){.life_ms = 200, .code = 1});
    fake_script(scene->backend, NULL, "api:serve",
                &(FakeScript){.life_ms = -1, .ignores_stop = true});
    ASSERT(scene_ci(scene));
    loop_advance(scene->loop, 300);
    CHECK_EQ(fake_running(scene->backend), 1); /* it is being stopped, and takes its time */
    CHECK(start_all(scene) < 0);
    CHECK_EQ(scene->err.kind, ERR_CONFLICT);
    CHECK_HAS(scene->err.msg, "is being stopped");
    loop_advance(scene->loop, 10001);
    CHECK_EQ(fake_running(scene->backend), 0);
    CHECK(start_all(scene) < 0);
    CHECK_HAS(scene->err.msg, "start it again with `thole ci`");
    CHECK(target_start(scene_target(scene, "api:serve"), &scene->err) < 0);
    scene_free(scene);
}

TEST(a_session_that_is_done_stays_until_the_next_one_is_there)
{
    Scene *scene = scene_new("services:\n  test: {type: job, command: t}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = 10});
    Session *first = scene_ci(scene);
    ASSERT(first);
    loop_advance(scene->loop, 20);
    scene_save(scene, "services: {test: {type: job, comand: t}}\n");
    CHECK(scene_ci(scene) == NULL);
    CHECK(scene_up(scene, (const char *const[]){"nobody", NULL}) == NULL);
    CHECK_STR(scene_state(scene, "test:update"), "terminated ok");
    scene_save(scene, "services: {test: {type: job, command: t}}\n");
    CHECK(scene_up(scene, (const char *const[]){"nobody", NULL}) == NULL);
    CHECK_STR(scene_state(scene, "test:update"), "terminated ok");
    ASSERT(scene_ci(scene));
    loop_advance(scene->loop, 20);
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "test:update"), 2);
    scene_free(scene);
}

TEST(jobs_share_the_slots_of_the_server)
{
    Scene *scene = scene_new(
        "services:\n"
        "  a: {type: job, command: x}\n  b: {type: job, command: x}\n  c: {type: job, command: x}\n"
        "  d: {type: job, command: x}\n  e: {type: job, command: x}\nparallelism: 2\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = 100});
    ASSERT(scene_up(scene, NULL));
    CHECK_EQ(fake_running(scene->backend), 2);
    CHECK_STR(scene_state(scene, "c:update"), "waiting waiting-for-slot");
    loop_advance(scene->loop, 101);
    CHECK_EQ(fake_running(scene->backend), 2);
    CHECK_STR(scene_state(scene, "d:update"), "active");
    loop_advance(scene->loop, 300);
    CHECK_STR(scene_state(scene, "e:update"), "terminated ok");
    scene_free(scene);
}

TEST(a_second_session_of_a_file_is_refused)
{
    Scene *scene = scene_new("services:\n  a: {command: a}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    Session *first = scene_up(scene, NULL);
    ASSERT(first);
    CHECK(scene_up(scene, NULL) == NULL);
    CHECK_EQ(scene->err.kind, ERR_CONFLICT);
    CHECK_HAS(scene->err.msg, session_slug(first));
    scene_free(scene);
}

TEST(a_broken_file_starts_nothing)
{
    Scene *scene = scene_new("services:\n  a: {comand: a}\n");
    CHECK(scene_up(scene, NULL) == NULL);
    CHECK_EQ(scene->err.kind, ERR_INVALID);
    CHECK(engine_empty(scene->engine));
    scene_free(scene);
}

TEST(a_survivor_is_named_and_the_session_stays)
{
    Scene *scene = scene_new("services:\n  a: {command: a}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = -1, .survives_kill = true});
    ASSERT(scene_up(scene, NULL));
    session_delete(scene->session, -1, false);
    loop_advance(scene->loop, 60000);
    CHECK(!engine_empty(scene->engine));
    Arena arena;
    arena_init(&arena);
    Object *object = object_next(engine_objects(scene->engine), OBJECT_TARGET, NULL, NULL);
    const Value *status = value_get(scene_json(scene, object, &arena), "status");
    CHECK(value_get_str(status, "stopFailed") != NULL);
    arena_deinit(&arena);
    scene_free(scene);
}

TEST(a_session_nobody_holds_ends)
{
    Scene *scene = scene_new("services:\n  a: {type: job, command: a}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = -1});
    ASSERT(scene_ci(scene));
    loop_advance(scene->loop, 31000);
    CHECK_STR(scene_state(scene, "a:update"), "active"); /* nobody asked for it to be held */
    scene_free(scene);
}

TEST(runs_of_an_earlier_session_count_for_nothing)
{
    Scene *scene = scene_new("services:\n"
                             "  migrate: {type: job, command: migrate}\n"
                             "  api: {command: api, depends_on: [migrate]}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    fake_script(scene->backend, NULL, "migrate:update", &(FakeScript){.life_ms = 500});
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 600);
    session_delete(scene->session, -1, false);
    loop_advance(scene->loop, 100);
    ASSERT(engine_empty(scene->engine));
    fake_script(scene->backend, NULL, "migrate:update",
                &(FakeScript){.life_ms = 500, .start_delay_ms = 1000});
    ASSERT(scene_up(scene, NULL));
    /* before the second migrate is seen to run: the first one, long over, is no answer */
    scene_crash(scene);
    loop_advance(scene->loop, 10);
    CHECK_STR(scene_state(scene, "api:serve"), "waiting waiting-for-dep");
    loop_advance(scene->loop, 2000);
    CHECK_STR(scene_state(scene, "api:serve"), "active ready");
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "migrate:update"), 2);
    scene_free(scene);
}

TEST(a_restart_that_was_asked_for_is_not_forgotten)
{
    Scene *scene = scene_new("services:\n  a: {command: a, stop: {grace: 5s}}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = -1, .ignores_stop = true});
    ASSERT(scene_up(scene, NULL));
    ASSERT(target_restart(scene_target(scene, "a:serve"), &scene->err) == 0);
    loop_advance(scene->loop, 1000); /* it is being stopped */
    scene_crash(scene);
    loop_advance(scene->loop, 11000);
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "a:serve"), 2);
    CHECK_STR(scene_state(scene, "a:serve"), "active ready");
    scene_free(scene);
}

TEST(a_session_that_was_going_down_goes_on_going_down)
{
    Scene *scene = scene_new("services:\n  a: {command: a, stop: {grace: 5s}}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = -1, .ignores_stop = true});
    ASSERT(scene_up(scene, NULL));
    session_delete(scene->session, -1, false);
    loop_advance(scene->loop, 1000);
    scene_crash(scene);
    loop_advance(scene->loop, 6000);
    CHECK(engine_empty(scene->engine));
    CHECK_EQ(fake_running(scene->backend), 0);
    scene_free(scene);
}

TEST(restarts_in_a_row_are_counted_over_a_crash)
{
    Scene *scene =
        scene_new("services:\n  a: {command: a, restart: {delay: 1s, max_restarts: 2}}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = 100, .code = 7});
    ASSERT(scene_up(scene, NULL));
    for (int i = 0; i < 20; i++) {
        loop_advance(scene->loop, 500);
        scene_crash(scene);
    }
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "a:serve"), 3);
    CHECK_HAS(scene_state(scene, "a:serve"), "terminated");
    scene_free(scene);
}

static int64_t restarts_shown(Scene *scene, const char *target) {
    Arena arena;
    arena_init(&arena);
    engine_look(scene->engine);
    Object *object = object_find(engine_objects(scene->engine), OBJECT_TARGET,
                                 session_slug(scene->session), target);
    const Value *status = value_get(scene_json(scene, object, &arena), "status");
    const Value *state = value_get(status, "state");
    int64_t n = value_get_int(value_get(state, "active"), "restarts", -1);
    arena_deinit(&arena);
    return n;
}

TEST(an_adopted_run_is_no_restart)
{
    Scene *scene = scene_new("services:\n  a: {command: a, restart: {delay: 1s}}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = 100, .code = 7});
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 200);
    fake_script(scene->backend, NULL, NULL, &runs_on);
    loop_advance(scene->loop, 2000);
    CHECK_EQ(restarts_shown(scene, "a.serve"), 1);
    for (int i = 0; i < 3; i++) {
        scene_crash(scene);
        loop_advance(scene->loop, 100);
        CHECK_EQ(restarts_shown(scene, "a.serve"), 1);
    }
    scene_free(scene);
}

TEST(up_again_runs_nothing_that_is_done)
{
    Scene *scene = scene_new("services:\n"
                             "  migrate: {type: job, command: migrate}\n"
                             "  broken: {type: job, command: broken}\n"
                             "  api: {command: api, depends_on: [migrate]}\n");
    fake_script(scene->backend, NULL, "migrate:update", &(FakeScript){.life_ms = 100});
    fake_script(scene->backend, NULL, "broken:update", &(FakeScript){.life_ms = 100, .code = 1});
    fake_script(scene->backend, NULL, "api:serve", &runs_on);
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 200);
    ASSERT(session_start(scene->session, &(StartAsk){.names = &(StrList){0}}, &scene->err) == 0);
    loop_advance(scene->loop, 200);
    const char *slug = session_slug(scene->session);
    CHECK_EQ(fake_starts(scene->backend, slug, "migrate:update"), 1);
    CHECK_EQ(fake_starts(scene->backend, slug, "api:serve"), 1);
    /* what failed is tried again */
    CHECK_EQ(fake_starts(scene->backend, slug, "broken:update"), 2);
    ASSERT(target_start(scene_target(scene, "migrate:update"), &scene->err) == 0);
    loop_advance(scene->loop, 200);
    CHECK_EQ(fake_starts(scene->backend, slug, "migrate:update"), 2); /* who names it means it */
    scene_free(scene);
}

TEST(why_something_waits_is_said_anew_when_its_cause_far_up_changes)
{
    Scene *scene = scene_new("services:\n"
                             "  a: {type: job, command: a}\n"
                             "  b: {type: job, command: b, depends_on: [a]}\n"
                             "  c: {type: job, command: c, depends_on: [b]}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = 10000, .start_delay_ms = 50});
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 1000); /* a runs, c waits for b */
    CHECK_HAS(scene_message(scene, "c:update"), "a");
    CHECK(strstr(scene_message(scene, "c:update"), "not started yet") == NULL);
    scene_free(scene);
}

/* ---- linger ---- */

static const FakeScript leaves_two = {.life_ms = 100, .helpers = 2};

static size_t helpers_shown(Scene *scene, const char *target) {
    Arena arena;
    arena_init(&arena);
    engine_look(scene->engine);
    Object *object = object_find(engine_objects(scene->engine), OBJECT_TARGET,
                                 session_slug(scene->session), target);
    const Value *status = value_get(scene_json(scene, object, &arena), "status");
    size_t n = value_count(value_get(status, "helpers"));
    arena_deinit(&arena);
    return n;
}

TEST(helpers_are_listed_over_restarts_and_crashes)
{
    Scene *scene = scene_new("services:\n  a: {type: job, command: a, linger: true}\n");
    fake_script(scene->backend, NULL, NULL, &leaves_two);
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 200);
    CHECK_STR(scene_state(scene, "a:update"), "terminated ok");
    CHECK_STR(scene_message(scene, "a:update"),
              "2 helpers are left running: 1000010 (helper), 1000011 (helper)");
    CHECK_EQ(helpers_shown(scene, "a.update"), 2);
    ASSERT(target_restart(scene_target(scene, "a:update"), &scene->err) == 0);
    loop_advance(scene->loop, 50);
    CHECK_STR(scene_state(scene, "a:update"), "active");
    CHECK_EQ(helpers_shown(scene, "a.update"), 2);
    loop_advance(scene->loop, 200);
    CHECK_EQ(helpers_shown(scene, "a.update"), 4);
    scene_crash(scene);
    loop_advance(scene->loop, 100);
    CHECK_EQ(helpers_shown(scene, "a.update"), 4);
    scene_free(scene);
}

TEST(helpers_outlive_their_session_and_are_known_to_the_next)
{
    Scene *scene = scene_new("services:\n  a: {type: job, command: a, linger: true}\n");
    fake_script(scene->backend, NULL, NULL, &leaves_two);
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 200);
    session_delete(scene->session, -1, false);
    loop_advance(scene->loop, 100);
    ASSERT(engine_empty(scene->engine));
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = 1000});
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 100);
    CHECK_EQ(helpers_shown(scene, "a.update"), 2);
    scene_free(scene);
}

TEST(a_purge_ends_helpers)
{
    Scene *scene = scene_new("services:\n"
                             "  a: {type: job, command: a, linger: true, stop: {grace: 5s}}\n"
                             "  b: {command: b, linger: true}\n");
    Helper helper;
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = -1, .helpers = 1});
    fake_script(scene->backend, NULL, "a:update", &leaves_two);
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 200);
    AUTO_FREE char *slug = xstrdup(session_slug(scene->session)); /* outlives the session */
    StepId a = {.task = slug, .step = "a:update", .run = 1};
    StepId b = {.task = slug, .step = "b:serve", .run = 1};
    session_delete(scene->session, -1, true);
    loop_advance(scene->loop, 1000);
    CHECK(engine_empty(scene->engine));
    CHECK_EQ(backend_helpers(scene->backend, a, &helper, 1), 0);
    CHECK_EQ(backend_helpers(scene->backend, b, &helper, 1), 0);
    scene_free(scene);
}

TEST(a_purge_of_what_is_down_ends_helpers)
{
    Scene *scene = scene_new("services:\n  a: {type: job, command: a, linger: true}\n");
    char slug[100];
    Helper helper;
    fake_script(scene->backend, NULL, NULL, &leaves_two);
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 200);
    snprintf(slug, sizeof(slug), "%s", session_slug(scene->session));
    StepId id = {.task = slug, .step = "a:update", .run = 1};
    session_delete(scene->session, -1, false);
    loop_advance(scene->loop, 100);
    ASSERT(engine_empty(scene->engine));
    CHECK_EQ(backend_helpers(scene->backend, id, &helper, 1), 2);
    ASSERT(session_purge_down(scene->engine, slug, &scene->err) == 0);
    CHECK(!engine_empty(scene->engine));
    loop_advance(scene->loop, 1000);
    CHECK(engine_empty(scene->engine));
    CHECK_EQ(backend_helpers(scene->backend, id, &helper, 1), 0);
    scene_free(scene);
}

TEST(a_helper_that_cannot_be_ended_is_named)
{
    Scene *scene = scene_new("services:\n  a: {type: job, command: a, linger: true}\n");
    fake_script(scene->backend, NULL, NULL,
                &(FakeScript){.life_ms = 100, .helpers = 1, .survives_kill = true});
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 200);
    for (int i = 0; i < 2; i++) { /* asked again, it is tried again */
        session_delete(scene->session, -1, true);
        loop_advance(scene->loop, 1000);
        ASSERT(!engine_empty(scene->engine));
        Arena arena;
        arena_init(&arena);
        Object *object = object_find(engine_objects(scene->engine), OBJECT_TARGET,
                                     session_slug(scene->session), "a.update");
        const Value *status = value_get(scene_json(scene, object, &arena), "status");
        CHECK_STR(value_get_str(status, "stopFailed"), "a helper of a:update cannot be ended");
        arena_deinit(&arena);
    }
    scene_free(scene);
}

TEST(a_stop_that_failed_and_is_tried_again_has_not_failed_yet)
{
    Scene *scene = scene_new("services:\n  a: {command: a, stop: {grace: 1s}}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = -1, .survives_kill = true});
    ASSERT(scene_up(scene, NULL));
    Target *target = scene_target(scene, "a:serve");
    ASSERT(target_stop(target, &scene->err) == 0);
    loop_advance(scene->loop, 2000);
    CHECK_HAS(scene_message(scene, "a:serve"), "could not be stopped");
    ASSERT(target_restart(target, &scene->err) == 0);
    loop_advance(scene->loop, 100);
    Arena arena;
    arena_init(&arena);
    Object *object = object_find(engine_objects(scene->engine), OBJECT_TARGET,
                                 session_slug(scene->session), "a.serve");
    const Value *status = value_get(scene_json(scene, object, &arena), "status");
    CHECK(value_get_str(status, "stopFailed") == NULL);
    StepId id = {.task = session_slug(scene->session), .step = "a:serve", .run = 1};
    fake_end(scene->backend, id, STEP_SIGNALED, 9); /* it goes after all */
    loop_advance(scene->loop, 100);
    CHECK_EQ(fake_starts(scene->backend, session_slug(scene->session), "a:serve"), 2);
    arena_deinit(&arena);
    scene_free(scene);
}
