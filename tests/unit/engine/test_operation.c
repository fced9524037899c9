/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on a store that goes away, and that somebody else has: scripted, with the fake
 * backend, on an attached worktree. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/operations/operation_events.h"
#include "unit/engine/operation_play.h"

static void check_once(Play *play, const char *task) {
    for (size_t i = 0; i < PLAY_HOOKS; i++)
        CHECK_EQ(fake_starts(play->scene->backend, task, play_hooks[i]), 1);
}

/* Creates it, with the store away at call `at` and `more` after it; returns how many there were. */
static uint32_t create_away(uint32_t at, uint32_t more) {
    Play *play = play_new();
    play->shaky.first = at;
    play->shaky.last = at + more;
    play->shaky.kind = ERR_UNAVAILABLE;
    Environment *environment = play_ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 300 * 1000);
    StoredEnvironment found = play_stored(play);
    CHECK_STR(environment->operation->error, "");
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    CHECK_EQ(found.entry.status, ENVIRONMENT_RUNNING);
    for (size_t i = 0; i < PLAY_HOOKS; i++)
        CHECK_EQ(play_audits(&found, "executed", play_hooks[i]), 1);
    check_once(play, environment->task);
    uint32_t calls = play->shaky.calls;
    play_free(play);
    return calls;
}

TEST_TIMEOUT(a_store_that_is_away_is_waited_for_wherever_it_is, 120) {
    uint32_t n = create_away(0, 0);
    CHECK(n > 10);
    for (uint32_t at = 1; at <= n; at++)
        (void)create_away(at, at % 4);
}

/* Likewise of a delete. The machine's tree stays: it was attached. */
static uint32_t delete_away(uint32_t at) {
    Play *play = play_new();
    Environment *environment = play_ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    play->shaky = (Shaky){.base = play->shaky.base,
                          .inner = play->shaky.inner,
                          .first = at,
                          .last = at + at % 3,
                          .kind = ERR_UNAVAILABLE};
    (void)play_ask(play, OPERATION_DELETE);
    loop_advance(play->scene->loop, 300 * 1000);
    CHECK(!play_stored(play).project);
    CHECK(!environment_find(play->scene->engine, play->scene->file, "e1"));
    uint32_t calls = play->shaky.calls;
    play_free(play);
    return calls;
}

TEST_TIMEOUT(a_delete_waits_for_the_store_as_well, 120) {
    uint32_t n = delete_away(0);
    CHECK(n > 5);
    for (uint32_t at = 1; at <= n; at++)
        (void)delete_away(at);
}

/* To somebody elsewhere. */
static void lose_lease(Play *play) {
    EnvironmentLease own =
        environment_find(play->scene->engine, play->scene->file, "e1")->operation->lease;
    ASSERT(store_environment_release(play->shaky.inner, &own, &play->scene->err) == 0);
    (void)play_take_lease(play, "elsewhere:/state");
}

TEST(another_holder_is_waited_for_until_its_lease_is_over)
{
    Play *play = play_new();
    (void)play_take_lease(play, "elsewhere:/state");
    Environment *environment = play_ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, ENVIRONMENT_LEASE_MS - 3000);
    CHECK_EQ(environment->operation->state, OPERATION_WAITING);
    CHECK_EQ(fake_starts(play->scene->backend, environment->task, "provisioner_before"), 0);
    CHECK(!engine_idle(play->scene->engine));
    loop_advance(play->scene->loop, 10 * 1000);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    check_once(play, environment->task);
    play_free(play);
}

TEST(a_wait_for_another_can_be_canceled)
{
    Play *play = play_new();
    (void)play_take_lease(play, "elsewhere:/state");
    Environment *environment = play_ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    ASSERT(environment_cancel(environment, &play->scene->err) == 0);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->state, OPERATION_CANCELED);
    CHECK(engine_idle(play->scene->engine));
    CHECK(!play_stored(play).project);
    play_free(play);
}

/* Whoever cancels it may still be using it: it is over in a later turn. */
TEST(a_cancel_is_over_in_a_later_turn)
{
    Play *play = play_new();
    (void)play_take_lease(play, "elsewhere:/state");
    Environment *environment = play_ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    ASSERT(environment_cancel(environment, &play->scene->err) == 0);
    CHECK(operation_under_way(environment->operation));
    (void)play_ask(play, OPERATION_DELETE); /* what would be freed is still there */
    CHECK_EQ(environment->operation->ask.kind, OPERATION_CREATE);
    CHECK_EQ(environment->next, 2);
    loop_advance(play->scene->loop, 0);
    CHECK_EQ(environment->next, 0);
    CHECK_EQ(environment->operation->number, 2);
    play_free(play);
}

/* Each word counts that would have made it another. */
TEST(what_is_under_way_is_looked_at_when_it_is_asked_for_again)
{
    static const FakeScript runs_on = {.life_ms = -1};
    Play *play = play_new();
    Scene *scene = play->scene;
    Environment *environment = play_ask(play, OPERATION_CREATE);
    fake_script(scene->backend, environment->task, "runner_before", &runs_on);
    loop_advance(scene->loop, 1000);
    CHECK(play_ask(play, OPERATION_CREATE) == environment);
    const char *word = "runner_before";
    const OperationAsk same = {
        .kind = OPERATION_CREATE, .file = scene->file, .name = "e1", .worktree = play->tree};
    OperationAsk others[13];
    for (size_t i = 0; i < COUNT(others); i++)
        others[i] = same;
    others[0].kind = OPERATION_PROVISION;
    others[1].mode = others[2].branch = others[3].base = others[4].path = word;
    others[5].worktree = others[6].from = word;
    others[7].ttl_ms = 1;
    others[8].copy = others[9].only = (StrList){&word, 1};
    others[10].no_cache = true;
    others[11].force = others[12].keep_worktree = true;
    for (size_t i = 0; i < COUNT(others); i++) {
        Report report;
        Err err = {.kind = ERR_NONE};
        report_init(&report, &play->arena);
        CHECK(!environment_begin(scene->engine, &others[i], &report, &err));
        CHECK(err.kind == ERR_CONFLICT || err.kind == ERR_INVALID);
    }
    ASSERT(environment_cancel(environment, &scene->err) == 0);
    Report report;
    report_init(&report, &play->arena);
    CHECK(!environment_begin(scene->engine, &same, &report, &scene->err)); /* that is over */
    CHECK_EQ(scene->err.kind, ERR_CONFLICT);
    loop_advance(scene->loop, 20 * 1000);
    CHECK_EQ(environment->operation->number, 1);
    play_free(play);
}

TEST(a_wait_for_the_store_can_be_canceled)
{
    Play *play = play_new();
    Environment *environment = play_begin_long(play);
    play->shaky.first = 1;
    play->shaky.last = UINT32_MAX;
    play->shaky.kind = ERR_UNAVAILABLE;
    fake_end(play->scene->backend,
             (StepId){.task = environment->task, .step = "runner_before", .run = 1}, STEP_EXITED,
             0);
    loop_advance(play->scene->loop, 10);
    ASSERT(environment_cancel(environment, &play->scene->err) == 0);
    CHECK(operation_under_way(environment->operation));
    loop_advance(play->scene->loop, 10);
    CHECK_EQ(environment->operation->state, OPERATION_CANCELED);
    CHECK(engine_idle(play->scene->engine));
    play_free(play);
}

static bool is_told(const Play *play, const Environment *environment, const char *text) {
    AUTO_FREE char *path = path_join(environment->dir, "events.jsonl"), *told = NULL;
    size_t size;
    Err err;
    ASSERT(file_read(path, 1 << 20, &told, &size, &err) == 0);
    return strstr(told, text) != NULL;
}

/* A delete that waited and cannot begin: of the next server, too. */
TEST(who_waits_for_a_delete_is_told_that_it_cannot_begin)
{
    Play *play = play_new();
    Environment *environment = play_begin_long(play);
    (void)play_ask(play, OPERATION_DELETE);
    AUTO_FREE char *next = path_join(environment->dir, "next.json");
    ASSERT(file_write(next, "{", 1, 0600, &play->scene->err) == 0);
    loop_advance(play->scene->loop, 20 * 1000);
    CHECK_EQ(environment->operation->ask.kind, OPERATION_DELETE);
    CHECK_EQ(environment->operation->state, OPERATION_FAILED);
    CHECK_EQ(environment->operation->number, 2);
    CHECK(environment->operation->error[0] && !environment->next);
    CHECK(is_told(play, environment, "\"operation\":2,\"kind\":\"delete\",\"status\":\"failed\""));
    CHECK(access(next, F_OK) < 0);
    CHECK(engine_idle(play->scene->engine));
    play_free(play);
}

/* It was away for so long that somebody else has taken over: nothing of it is written any more. */
TEST(who_has_lost_its_lease_writes_nothing)
{
    Play *play = play_new();
    Environment *environment = play_begin_long(play);
    CHECK_EQ(fake_running(play->scene->backend), 1);
    lose_lease(play);
    StoredEnvironment before = play_stored(play);
    fake_end(play->scene->backend,
             (StepId){.task = environment->task, .step = "runner_before", .run = 1}, STEP_EXITED,
             0);
    loop_advance(play->scene->loop, 5000);
    CHECK_EQ(environment->operation->state, OPERATION_FAILED);
    StoredEnvironment after = play_stored(play);
    CHECK_EQ(after.version, before.version);
    CHECK_EQ(after.entry.audit.n, before.entry.audit.n);
    CHECK_EQ(fake_starts(play->scene->backend, environment->task, "runner_deploy"), 0);
    play_free(play);
}

/* Nor does what it has started run on, beside what the other starts. */
TEST(who_has_lost_its_lease_ends_its_hook)
{
    Play *play = play_new();
    Environment *environment = play_begin_long(play);
    lose_lease(play);
    CHECK_EQ(fake_running(play->scene->backend), 1);
    loop_advance(play->scene->loop, ENVIRONMENT_LEASE_MS);
    CHECK_EQ(fake_running(play->scene->backend), 0);
    CHECK_EQ(environment->operation->state, OPERATION_FAILED);
    CHECK_HAS(environment->operation->error, "its lease is over");
    play_free(play);
}

static void no_more(void *arg) {
}

/* Reads what there is: each event once, in order. */
static int64_t read_on(OperationEvents *events, int64_t last) {
    EventLine line;
    Arena arena;
    arena_init(&arena);
    while (operation_events_next(events, &line) > 0) {
        const Value *event;
        Err err;
        ASSERT(json_parse(line.json, line.size, &arena, &event, &err) == 0);
        CHECK_EQ(value_get_int(event, "seq", 0), last + 1);
        last = value_get_int(event, "seq", 0);
    }
    arena_deinit(&arena);
    return last;
}

TEST(events_stay_within_bounds_and_who_follows_them_misses_none)
{
    Play *play = play_new();
    Environment *environment = play_ask(play, OPERATION_CREATE);
    AUTO_FREE char *path = path_join(environment->dir, "events.jsonl");
    char line[200];
    struct stat st;
    loop_advance(play->scene->loop, 1000);
    OperationEvents *events = operation_events_new(
        environment, &(OperationEventAsk){.follow = true}, no_more, NULL, &play->scene->err);
    ASSERT(events);
    int64_t seq = environment->operation->seq, last = read_on(events, 0);
    CHECK_EQ(last, seq);
    Buf more;
    buf_init(&more, 4 << 20);
    while (more.n < MAX_EVENTS_BYTES) {
        snprintf(line, sizeof(line), "{\"seq\":%lld,\"operation\":1}\n", (long long)++seq);
        buf_puts(&more, line);
    }
    ASSERT(file_append(path, more.p, more.n, 0600, &play->scene->err) == 0);
    buf_deinit(&more);
    environment = play_ask(play, OPERATION_REFRESH);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->number, 2);
    CHECK(environment->operation->seq > seq);
    CHECK(stat(path, &st) == 0 && st.st_size < MAX_EVENTS_BYTES / 2 + 8192);
    CHECK_EQ(read_on(events, last), environment->operation->seq);
    operation_events_free(events);
    play_free(play);
}

/* In the place of the first line: as long, and of operation 3. */
static void falsify_first(const char *path) {
    AUTO_FREE char *text = NULL;
    Err err;
    ASSERT(file_read(path, MAX_EVENTS_BYTES, &text, NULL, &err) == 0);
    size_t n = strcspn(text, "\n");
    snprintf(text, n + 1, "%-*s", (int)n, "{\"seq\":9000,\"operation\":3}");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ASSERT(fd >= 0 && write(fd, text, n) == (ssize_t)n);
    close(fd);
}

TEST(events_that_were_read_are_not_read_again)
{
    Play *play = play_new();
    Environment *environment = play_ask(play, OPERATION_CREATE);
    AUTO_FREE char *path = path_join(environment->dir, "events.jsonl");
    loop_advance(play->scene->loop, 1000);
    environment = play_ask(play, OPERATION_REFRESH);
    loop_advance(play->scene->loop, 1000);
    ASSERT(environment->operation->number == 2);
    int64_t seq = environment->operation->seq;
    falsify_first(path);
    environment = play_ask(play, OPERATION_REFRESH);
    CHECK_EQ(environment->operation->seq, seq);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->number, 3);
    OperationEvents *events = operation_events_new(environment, &(OperationEventAsk){.number = 3},
                                                   no_more, NULL, &play->scene->err);
    ASSERT(events);
    CHECK_EQ(read_on(events, seq), environment->operation->seq);
    operation_events_free(events);
    play_free(play);
}

TEST(events_that_somebody_has_removed_are_told_from_then_on)
{
    Play *play = play_new();
    Environment *environment = play_ask(play, OPERATION_CREATE);
    AUTO_FREE char *path = path_join(environment->dir, "events.jsonl");
    loop_advance(play->scene->loop, 1000);
    environment = play_ask(play, OPERATION_REFRESH);
    loop_advance(play->scene->loop, 1000);
    int64_t seq = environment->operation->seq;
    ASSERT(truncate(path, 0) == 0);
    environment = play_ask(play, OPERATION_REFRESH);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->number, 3);
    OperationEvents *events = operation_events_new(environment, &(OperationEventAsk){.number = 3},
                                                   no_more, NULL, &play->scene->err);
    ASSERT(events);
    CHECK_EQ(read_on(events, seq), environment->operation->seq);
    operation_events_free(events);
    play_free(play);
}

TEST(a_config_that_is_kept_already_is_not_written_again)
{
    Play *play = play_new();
    Environment *environment = play_ask(play, OPERATION_CREATE);
    AUTO_FREE char *path = path_join(environment->dir, "config.json");
    struct stat before, after;
    loop_advance(play->scene->loop, 1000);
    ASSERT(stat(path, &before) == 0);
    environment = play_ask(play, OPERATION_REFRESH);
    loop_advance(play->scene->loop, 1000);
    CHECK(stat(path, &after) == 0 && after.st_ino == before.st_ino);
    CHECK_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
    ASSERT(file_write(path, "{}", 2, 0600, &play->scene->err) == 0);
    environment = play_ask(play, OPERATION_REFRESH);
    CHECK(stat(path, &after) == 0 && after.st_size == before.st_size);
    loop_advance(play->scene->loop, 1000);
    play_free(play);
}

/* Of hook `step`: while it runs. */
static void cancel_at(const char *step) {
    static const FakeScript runs_on = {.life_ms = -1};
    Play *play = play_new();
    Environment *environment = play_ask(play, OPERATION_CREATE);
    fake_script(play->scene->backend, environment->task, step, &runs_on);
    loop_advance(play->scene->loop, 1000);
    ASSERT(environment_cancel(environment, &play->scene->err) == 0);
    loop_advance(play->scene->loop, 20 * 1000);
    StoredEnvironment found = play_stored(play);
    CHECK_EQ(environment->operation->state, OPERATION_CANCELED);
    CHECK_EQ(fake_running(play->scene->backend), 0);
    CHECK_STR(found.entry.failed_step, step);
    fake_script(play->scene->backend, environment->task, step, &(FakeScript){0});
    environment = play_ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    for (size_t i = 0; i < PLAY_HOOKS; i++)
        CHECK_EQ(fake_starts(play->scene->backend, environment->task, play_hooks[i]),
                 strcmp(play_hooks[i], step) == 0 ? 2 : 1);
    play_free(play);
}

TEST(a_cancel_ends_the_hook_and_create_goes_on_there)
{
    for (size_t i = 0; i < PLAY_HOOKS; i++)
        cancel_at(play_hooks[i]);
}
