/* SPDX-License-Identifier: Apache-2.0 */
/* What a server before has begun: how the next one goes on with it, and what it does not take for
 * its own. */
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "unit/engine/operation_play.h"

/* kill -9 of the server, and the next one. */
static void crash(Play *play) {
    Scene *scene = play->scene;
    scene->engine = engine_free(scene->engine);
    fake_crash_server(scene->backend);
    play_begin_engine(play);
    ASSERT(engine_adopt(scene->engine, NULL, NULL, &scene->err) == 0);
    loop_advance(scene->loop, 0);
}
static Environment *after_crash(Play *play, int64_t ms) {
    crash(play);
    loop_advance(play->scene->loop, ms);
    Environment *environment = environment_find(play->scene->engine, play->scene->file, "e1");
    ASSERT(environment && environment->operation);
    return environment;
}

TEST(a_delete_follows_the_create_that_it_ends_also_over_a_crash)
{
    Play *play = play_new();
    (void)play_begin_long(play);
    (void)play_ask(play, OPERATION_DELETE);
    crash(play);
    loop_advance(play->scene->loop, 60 * 1000);
    CHECK(!play_stored(play).project);
    CHECK(!environment_find(play->scene->engine, play->scene->file, "e1"));
    CHECK_EQ(fake_running(play->scene->backend), 0);
    CHECK(engine_idle(play->scene->engine));
    play_free(play);
}

/* What its server had started before it was killed does not run on beside what the other starts. */
static Environment *crash_without_lease(Play *play, EnvironmentLease *ret_other) {
    static const FakeScript runs_on = {.life_ms = -1};
    Environment *environment = play_ask(play, OPERATION_CREATE);
    fake_script(play->scene->backend, environment->task, "runner_before", &runs_on);
    loop_advance(play->scene->loop, 1000);
    EnvironmentLease own = environment->operation->lease;
    ASSERT(store_environment_release(play->shaky.inner, &own, &play->scene->err) == 0);
    *ret_other = play_take_lease(play, "elsewhere:/state");
    fake_script(play->scene->backend, environment->task, "runner_before", &(FakeScript){0});
    CHECK_EQ(fake_running(play->scene->backend), 1);
    crash(play);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(fake_running(play->scene->backend), 0);
    return environment_find(play->scene->engine, play->scene->file, "e1");
}

TEST(a_hook_of_a_server_before_ends_where_another_has_the_lease)
{
    EnvironmentLease other;
    Play *play = play_new();
    Environment *environment = crash_without_lease(play, &other);
    ASSERT(environment);
    CHECK_EQ(environment->operation->state, OPERATION_WAITING);
    ASSERT(store_environment_release(play->shaky.inner, &other, &play->scene->err) == 0);
    loop_advance(play->scene->loop, 10 * 1000);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    CHECK_EQ(fake_starts(play->scene->backend, environment->task, "runner_before"), 2);
    CHECK_EQ(fake_starts(play->scene->backend, environment->task, "provisioner_after"), 1);
    StoredEnvironment found = play_stored(play);
    CHECK_EQ(play_audits(&found, "lost", "runner_before"), 1);
    play_free(play);
}

/* ---- whose a record is ---- */

enum { HOUR_MS = 3600 * 1000 };

static void set_clock_back(Play *play) {
    Loop *loop = play->scene->loop;
    loop_set_wall(loop, loop_wall_us(loop) - INT64_C(1000) * HOUR_MS);
}

/* A create of which the last hook runs, and will fail. */
static Environment *create_that_fails_last(Play *play) {
    static const FakeScript runs_on = {.life_ms = -1};
    Environment *environment = play_ask(play, OPERATION_CREATE);
    fake_script(play->scene->backend, environment->task, "runner_deploy", &runs_on);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(fake_running(play->scene->backend), 1);
    return environment;
}

static void end_last(Play *play, const Environment *environment) {
    fake_end(play->scene->backend,
             (StepId){.task = environment->task, .step = "runner_deploy", .run = 1}, STEP_EXITED,
             3);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->state, OPERATION_FAILED);
}

/* As they were when its server was killed: the end of its hook stands in the store alone. */
TEST(how_a_hook_ended_is_known_also_if_the_clock_was_set_back)
{
    static const char *const files[] = {"operation.json", "events.jsonl"};
    char *texts[COUNT(files)];
    size_t sizes[COUNT(files)];
    Play *play = play_new();
    Err *err = &play->scene->err;
    Environment *environment = play_ask(play, OPERATION_CREATE);
    const char *task = arena_strdup(&play->arena, environment->task);
    const char *dir = arena_strdup(&play->arena, environment->dir);
    fake_script(play->scene->backend, task, "provisioner_before", &(FakeScript){.life_ms = 500});
    fake_script(play->scene->backend, task, "runner_deploy", &(FakeScript){.life_ms = -1});
    loop_advance(play->scene->loop, 100);
    set_clock_back(play);
    loop_advance(play->scene->loop, 1000);
    for (size_t i = 0; i < COUNT(files); i++)
        ASSERT(file_read(arena_printf(&play->arena, "%s/%s", dir, files[i]), 1 << 20, &texts[i],
                         &sizes[i], err) == 0);
    end_last(play, environment);
    for (size_t i = 0; i < COUNT(files); i++) {
        ASSERT(file_write(arena_printf(&play->arena, "%s/%s", dir, files[i]), texts[i], sizes[i],
                          0600, err) == 0);
        free(texts[i]);
    }
    environment = after_crash(play, 1000);
    CHECK_EQ(environment->operation->state, OPERATION_FAILED);
    CHECK_HAS(environment->operation->error, "exit code 3");
    CHECK_EQ(environment->operation->error_kind, ERR_FAILED);
    CHECK_EQ(fake_starts(play->scene->backend, task, "runner_deploy"), 1);
    play_free(play);
}

TEST(how_an_operation_before_ended_is_not_how_this_one_does)
{
    Play *play = play_new();
    Environment *environment = create_that_fails_last(play);
    end_last(play, environment);
    set_clock_back(play);
    fake_script(play->scene->backend, environment->task, "runner_deploy", &(FakeScript){0});
    environment = play_ask(play, OPERATION_CREATE);
    environment = after_crash(play, ENVIRONMENT_LEASE_MS);
    CHECK_EQ(environment->operation->number, 2);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    CHECK_EQ(fake_starts(play->scene->backend, environment->task, "runner_deploy"), 2);
    play_free(play);
}

TEST(servers_that_leave_in_order_have_not_died_at_it)
{
    Play *play = play_new();
    create_that_fails_last(play);
    for (int i = 0; i < 25; i++)
        crash(play); /* to the backend alone: the engine is freed */
    end_last(play, after_crash(play, 0));
    play_free(play);
}

TEST(a_number_that_begins_again_is_not_that_of_an_operation_before)
{
    Play *play = play_new();
    Environment *environment = create_that_fails_last(play);
    end_last(play, environment);
    crash(play);
    play_sh("rm -r state/environments");
    environment = play_ask(play, OPERATION_CREATE);
    fake_script(play->scene->backend, environment->task, "runner_deploy", &(FakeScript){0});
    environment = after_crash(play, ENVIRONMENT_LEASE_MS);
    CHECK_EQ(environment->operation->number, 1);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    play_free(play);
}

/* Two machines of one host name, with directories of one name: the fake backend is both theirs. */
TEST(what_another_state_directory_has_begun_is_not_taken_for_ones_own)
{
    Play *play = play_new();
    Environment *environment = create_that_fails_last(play);
    const char *task = arena_strdup(&play->arena, environment->task);
    play->scene->engine = engine_free(play->scene->engine);
    fake_crash_server(play->scene->backend);
    play_sh("rm -rf elsewhere && mv state elsewhere");
    play->owner = "two";
    play_begin_engine(play);
    fake_script(play->scene->backend, task, "runner_deploy", &(FakeScript){0});
    environment = play_ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    CHECK_STR(
        environment->operation->lease.holder,
        arena_printf(&play->arena, "%s:%s", environment->operation->machine, play->scene->state));
    CHECK_EQ(environment->operation->state, OPERATION_WAITING); /* it has the lease still */
    loop_advance(play->scene->loop, ENVIRONMENT_LEASE_MS + 10 * 1000);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    CHECK_EQ(fake_starts(play->scene->backend, task, "runner_deploy"), 2);
    StoredEnvironment found = play_stored(play);
    const Checkpoint *record = entry_checkpoint(&found.entry, "runner_deploy");
    ASSERT(record);
    CHECK_EQ(record->run, 2);
    CHECK_STR(record->server, "two");
    play_free(play);
}
