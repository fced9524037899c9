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
#include "base/xalloc.h"
#include "engine/operations/operation.h"
#include "engine/compute/tool.h"
#include "engine/operations/operation_events.h"
#include "store/mem/mem.h"
#include "unit/engine/scene.h"

#define YAML                                   \
    "name: shop\n"                             \
    "provisioner: {before: one, after: two}\n" \
    "runner: {before: three, deploy: four}\n"

/* A store of which call n, and as many after it as are to, fail. */
typedef struct Shaky {
    Store base, *inner;
    uint32_t calls, first, last;
    ErrKind kind;
} Shaky;

static bool fails(Store *store, Err *err) {
    Shaky *shaky = (Shaky *)store;
    uint32_t call = ++shaky->calls;
    if (call < shaky->first || call > shaky->last)
        return false;
    (void)err_set(err, shaky->kind, "the store is away");
    return true;
}

static Store *inner(Store *store) {
    return ((Shaky *)store)->inner;
}

static int s_list(Store *s, int64_t since, Arena *arena, StoredEnvironments *ret, Err *err) {
    return store_environments(inner(s), since, arena, ret, err);
}
static int s_change(Store *s, int64_t *ret, Err *err) {
    return store_change(inner(s), ret, err);
}
static int s_get(Store *s, const EnvironmentRead *r, Arena *arena, StoredEnvironment *ret,
                 Err *err) {
    return fails(s, err) ? -1 : store_environment(inner(s), r, arena, ret, err);
}
static int s_write(Store *s, const EnvironmentWrite *w, int64_t *ret, Err *err) {
    return fails(s, err) ? -1 : store_environment_write(inner(s), w, ret, err);
}
static int s_remove(Store *s, EnvironmentKey key, int64_t token, Err *err) {
    return fails(s, err) ? -1 : store_environment_remove(inner(s), key, token, err);
}
static int s_lease(Store *s, const EnvironmentLease *l, Arena *arena, EnvironmentLease *ret,
                   Err *err) {
    return fails(s, err) ? -1 : store_environment_lease(inner(s), l, arena, ret, err);
}
static int s_renew(Store *s, const EnvironmentLease *l, Err *err) {
    return store_environment_renew(inner(s), l, err);
}
static int s_release(Store *s, const EnvironmentLease *l, Err *err) {
    return store_environment_release(inner(s), l, err);
}
static int s_block(Store *s, const PortBlockClaim *claim, uint32_t *ret, Err *err) {
    return fails(s, err) ? -1 : store_port_block(inner(s), claim, ret, err);
}
static int s_blocks(Store *s, Arena *arena, PortBlocksTaken *ret, Err *err) {
    return store_port_blocks(inner(s), arena, ret, err);
}
static int s_values(Store *s, const EnvironmentValues *values, Err *err) {
    return fails(s, err) ? -1 : store_environment_values(inner(s), values, err);
}
static void s_close(Store *s) {
}

static const EnvironmentStoreOps shaky_environments = {.list = s_list,
                                                       .change = s_change,
                                                       .get = s_get,
                                                       .write = s_write,
                                                       .remove = s_remove,
                                                       .lease = s_lease,
                                                       .renew = s_renew,
                                                       .release = s_release,
                                                       .port_block = s_block,
                                                       .port_blocks = s_blocks,
                                                       .values = s_values};
static const StoreOps shaky_ops = {.close = s_close, .environments = &shaky_environments};

typedef struct Play {
    Scene *scene;
    Shaky shaky;
    const char *owner; /* of the state directory */
    char tree[200];
    Arena arena;
} Play;

static int64_t wall(void *arg) {
    return loop_wall_us(((Play *)arg)->scene->loop);
}

static void begin_engine(Play *play) {
    Scene *scene = play->scene;
    engine_free(scene->engine);
    scene->engine = engine_new(&(EngineOptions){.loop = scene->loop,
                                                .state_dir = scene->state,
                                                .backend = scene->backend,
                                                .kinds = &scene->kind,
                                                .kind_n = 1,
                                                .store = &play->shaky.base,
                                                .owner = play->owner,
                                                .version = "test",
                                                .scripted = true});
}

static void sh(const char *script) {
    static const StrPair pairs[] = {{"GIT_AUTHOR_EMAIL", "r@example.org"},
                                    {"GIT_AUTHOR_NAME", "Rower"},
                                    {"GIT_COMMITTER_EMAIL", "r@example.org"},
                                    {"GIT_COMMITTER_NAME", "Rower"},
                                    {"PATH", "/usr/bin:/bin"}};
    const StrMap env = {(StrPair *)pairs, COUNT(pairs)};
    const char *argv[] = {"/bin/sh", "-ec", script, NULL};
    ToolDone done;
    Arena arena;
    Err err;
    arena_init(&arena);
    ASSERT(tool_run(&(ToolAsk){argv, &env, test_dir()}, &arena, &done, &err) == 0);
    if (done.code)
        test_fail(__FILE__, __LINE__, "%s: %s", script, done.error);
    arena_deinit(&arena);
}

static Play *play_new(void) {
    Play *play = xcalloc(1, sizeof(*play));
    sh("rm -rf state .git; git init -q -b main . && git commit -q --allow-empty -m one && "
       "rm -rf tree && git worktree add -q -b e1 tree");
    arena_init(&play->arena);
    play->scene = scene_new(YAML);
    play->shaky = (Shaky){.base = {.ops = &shaky_ops}, .inner = mem_store_new()};
    play->shaky.inner->now_us = wall;
    play->shaky.inner->now_arg = play;
    play->owner = "one";
    snprintf(play->tree, sizeof(play->tree), "%s/tree", test_dir());
    begin_engine(play);
    return play;
}

static void play_free(Play *play) {
    engine_free(play->scene->engine);
    play->scene->engine = NULL;
    store_free(play->shaky.inner);
    scene_free(play->scene);
    arena_deinit(&play->arena);
    free(play);
}

static Environment *ask(Play *play, OperationKind kind) {
    Scene *scene = play->scene;
    Report report;
    report_init(&report, &play->arena);
    OperationAsk ask = {.kind = kind, .file = scene->file, .name = "e1"};
    if (kind == OPERATION_CREATE)
        ask.worktree = play->tree;
    Environment *environment = environment_begin(scene->engine, &ask, &report, &scene->err);
    for (size_t i = 0; !environment && i < report.n; i++)
        fprintf(stderr, "  %s\n", report_line(&report.at[i], &play->arena));
    if (!environment)
        test_fail(__FILE__, __LINE__, "%s: %s", operation_kind_name(kind), scene->err.msg);
    ASSERT(environment);
    return environment;
}

static const char *const hooks[] = {"provisioner_before", "provisioner_after", "runner_before",
                                    "runner_deploy"};

static void check_once(Play *play, const char *task) {
    for (size_t i = 0; i < COUNT(hooks); i++)
        CHECK_EQ(fake_starts(play->scene->backend, task, hooks[i]), 1);
}

static StoredEnvironment stored(Play *play) {
    EnvironmentRead read = {.key = {play->scene->file, "e1"},
                            .parts = ENVIRONMENT_STEPS | ENVIRONMENT_AUDIT};
    StoredEnvironment ret = {0};
    Err err;
    if (store_environment(play->shaky.inner, &read, &play->arena, &ret, &err) < 0)
        CHECK_EQ(err.kind, ERR_NOT_FOUND);
    return ret;
}

static size_t audits(const StoredEnvironment *found, const char *action, const char *step) {
    size_t n = 0;
    for (size_t i = 0; i < found->entry.audit.n; i++)
        n += strcmp(found->entry.audit.at[i].action, action) == 0 &&
             strcmp(found->entry.audit.at[i].step, step) == 0;
    return n;
}

/* Creates it, with the store away at call `at` and `more` after it; returns how many there were. */
static uint32_t create_away(uint32_t at, uint32_t more) {
    Play *play = play_new();
    play->shaky.first = at;
    play->shaky.last = at + more;
    play->shaky.kind = ERR_UNAVAILABLE;
    Environment *environment = ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 300 * 1000);
    StoredEnvironment found = stored(play);
    CHECK_STR(environment->operation->error, "");
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    CHECK_EQ(found.entry.status, ENVIRONMENT_RUNNING);
    for (size_t i = 0; i < COUNT(hooks); i++)
        CHECK_EQ(audits(&found, "executed", hooks[i]), 1);
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
    Environment *environment = ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    play->shaky = (Shaky){.base = play->shaky.base,
                          .inner = play->shaky.inner,
                          .first = at,
                          .last = at + at % 3,
                          .kind = ERR_UNAVAILABLE};
    (void)ask(play, OPERATION_DELETE);
    loop_advance(play->scene->loop, 300 * 1000);
    CHECK(!stored(play).project);
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

/* A create whose first hook does not end by itself. */
static Environment *begin_that_runs_on(Play *play) {
    static const FakeScript runs_on = {.life_ms = -1};
    Environment *environment = ask(play, OPERATION_CREATE);
    fake_script(play->scene->backend, environment->task, "runner_before", &runs_on);
    loop_advance(play->scene->loop, 1000);
    return environment;
}

static EnvironmentLease take_lease(Play *play, const char *server) {
    EnvironmentLease lease = {.key = {play->scene->file, "e1"},
                              .server = server,
                              .holder = "box:/state",
                              .doing = "refresh"};
    EnvironmentLease ret = {0};
    ASSERT(store_environment_lease(play->shaky.inner, &lease, &play->arena, &ret,
                                   &play->scene->err) == 0);
    return ret;
}

/* To somebody elsewhere. */
static void lose_lease(Play *play) {
    EnvironmentLease own =
        environment_find(play->scene->engine, play->scene->file, "e1")->operation->lease;
    ASSERT(store_environment_release(play->shaky.inner, &own, &play->scene->err) == 0);
    (void)take_lease(play, "elsewhere:/state");
}

TEST(another_holder_is_waited_for_until_its_lease_is_over)
{
    Play *play = play_new();
    (void)take_lease(play, "elsewhere:/state");
    Environment *environment = ask(play, OPERATION_CREATE);
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
    (void)take_lease(play, "elsewhere:/state");
    Environment *environment = ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    ASSERT(environment_cancel(environment, &play->scene->err) == 0);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->state, OPERATION_CANCELED);
    CHECK(engine_idle(play->scene->engine));
    CHECK(!stored(play).project);
    play_free(play);
}

/* Whoever cancels it may still be using it: it is over in a later turn. */
TEST(a_cancel_is_over_in_a_later_turn)
{
    Play *play = play_new();
    (void)take_lease(play, "elsewhere:/state");
    Environment *environment = ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    ASSERT(environment_cancel(environment, &play->scene->err) == 0);
    CHECK(operation_under_way(environment->operation));
    (void)ask(play, OPERATION_DELETE); /* what would be freed is still there */
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
    Environment *environment = ask(play, OPERATION_CREATE);
    fake_script(scene->backend, environment->task, "runner_before", &runs_on);
    loop_advance(scene->loop, 1000);
    CHECK(ask(play, OPERATION_CREATE) == environment);
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
    Environment *environment = begin_that_runs_on(play);
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
    Environment *environment = begin_that_runs_on(play);
    (void)ask(play, OPERATION_DELETE);
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
    Environment *environment = begin_that_runs_on(play);
    CHECK_EQ(fake_running(play->scene->backend), 1);
    lose_lease(play);
    StoredEnvironment before = stored(play);
    fake_end(play->scene->backend,
             (StepId){.task = environment->task, .step = "runner_before", .run = 1}, STEP_EXITED,
             0);
    loop_advance(play->scene->loop, 5000);
    CHECK_EQ(environment->operation->state, OPERATION_FAILED);
    StoredEnvironment after = stored(play);
    CHECK_EQ(after.version, before.version);
    CHECK_EQ(after.entry.audit.n, before.entry.audit.n);
    CHECK_EQ(fake_starts(play->scene->backend, environment->task, "runner_deploy"), 0);
    play_free(play);
}

/* Nor does what it has started run on, beside what the other starts. */
TEST(who_has_lost_its_lease_ends_its_hook)
{
    Play *play = play_new();
    Environment *environment = begin_that_runs_on(play);
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
    Environment *environment = ask(play, OPERATION_CREATE);
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
    environment = ask(play, OPERATION_REFRESH);
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
    Environment *environment = ask(play, OPERATION_CREATE);
    AUTO_FREE char *path = path_join(environment->dir, "events.jsonl");
    loop_advance(play->scene->loop, 1000);
    environment = ask(play, OPERATION_REFRESH);
    loop_advance(play->scene->loop, 1000);
    ASSERT(environment->operation->number == 2);
    int64_t seq = environment->operation->seq;
    falsify_first(path);
    environment = ask(play, OPERATION_REFRESH);
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
    Environment *environment = ask(play, OPERATION_CREATE);
    AUTO_FREE char *path = path_join(environment->dir, "events.jsonl");
    loop_advance(play->scene->loop, 1000);
    environment = ask(play, OPERATION_REFRESH);
    loop_advance(play->scene->loop, 1000);
    int64_t seq = environment->operation->seq;
    ASSERT(truncate(path, 0) == 0);
    environment = ask(play, OPERATION_REFRESH);
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
    Environment *environment = ask(play, OPERATION_CREATE);
    AUTO_FREE char *path = path_join(environment->dir, "config.json");
    struct stat before, after;
    loop_advance(play->scene->loop, 1000);
    ASSERT(stat(path, &before) == 0);
    environment = ask(play, OPERATION_REFRESH);
    loop_advance(play->scene->loop, 1000);
    CHECK(stat(path, &after) == 0 && after.st_ino == before.st_ino);
    CHECK_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
    ASSERT(file_write(path, "{}", 2, 0600, &play->scene->err) == 0);
    environment = ask(play, OPERATION_REFRESH);
    CHECK(stat(path, &after) == 0 && after.st_size == before.st_size);
    loop_advance(play->scene->loop, 1000);
    play_free(play);
}

/* Of hook `step`: while it runs. */
static void cancel_at(const char *step) {
    static const FakeScript runs_on = {.life_ms = -1};
    Play *play = play_new();
    Environment *environment = ask(play, OPERATION_CREATE);
    fake_script(play->scene->backend, environment->task, step, &runs_on);
    loop_advance(play->scene->loop, 1000);
    ASSERT(environment_cancel(environment, &play->scene->err) == 0);
    loop_advance(play->scene->loop, 20 * 1000);
    StoredEnvironment found = stored(play);
    CHECK_EQ(environment->operation->state, OPERATION_CANCELED);
    CHECK_EQ(fake_running(play->scene->backend), 0);
    CHECK_STR(found.entry.failed_step, step);
    fake_script(play->scene->backend, environment->task, step, &(FakeScript){0});
    environment = ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    for (size_t i = 0; i < COUNT(hooks); i++)
        CHECK_EQ(fake_starts(play->scene->backend, environment->task, hooks[i]),
                 strcmp(hooks[i], step) == 0 ? 2 : 1);
    play_free(play);
}

TEST(a_cancel_ends_the_hook_and_create_goes_on_there)
{
    for (size_t i = 0; i < COUNT(hooks); i++)
        cancel_at(hooks[i]);
}

/* kill -9 of the server, and the next one. */
static void crash(Play *play) {
    Scene *scene = play->scene;
    scene->engine = engine_free(scene->engine);
    fake_crash_server(scene->backend);
    begin_engine(play);
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
    (void)begin_that_runs_on(play);
    (void)ask(play, OPERATION_DELETE);
    crash(play);
    loop_advance(play->scene->loop, 60 * 1000);
    CHECK(!stored(play).project);
    CHECK(!environment_find(play->scene->engine, play->scene->file, "e1"));
    CHECK_EQ(fake_running(play->scene->backend), 0);
    CHECK(engine_idle(play->scene->engine));
    play_free(play);
}

/* What its server had started before it was killed does not run on beside what the other starts. */
static Environment *crash_without_lease(Play *play, EnvironmentLease *ret_other) {
    static const FakeScript runs_on = {.life_ms = -1};
    Environment *environment = ask(play, OPERATION_CREATE);
    fake_script(play->scene->backend, environment->task, "runner_before", &runs_on);
    loop_advance(play->scene->loop, 1000);
    EnvironmentLease own = environment->operation->lease;
    ASSERT(store_environment_release(play->shaky.inner, &own, &play->scene->err) == 0);
    *ret_other = take_lease(play, "elsewhere:/state");
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
    StoredEnvironment found = stored(play);
    CHECK_EQ(audits(&found, "lost", "runner_before"), 1);
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
    Environment *environment = ask(play, OPERATION_CREATE);
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
    Environment *environment = ask(play, OPERATION_CREATE);
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
    environment = ask(play, OPERATION_CREATE);
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
    sh("rm -r state/environments");
    environment = ask(play, OPERATION_CREATE);
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
    sh("rm -rf elsewhere && mv state elsewhere");
    play->owner = "two";
    begin_engine(play);
    fake_script(play->scene->backend, task, "runner_deploy", &(FakeScript){0});
    environment = ask(play, OPERATION_CREATE);
    loop_advance(play->scene->loop, 1000);
    CHECK_STR(
        environment->operation->lease.holder,
        arena_printf(&play->arena, "%s:%s", environment->operation->machine, play->scene->state));
    CHECK_EQ(environment->operation->state, OPERATION_WAITING); /* it has the lease still */
    loop_advance(play->scene->loop, ENVIRONMENT_LEASE_MS + 10 * 1000);
    CHECK_EQ(environment->operation->state, OPERATION_DONE);
    CHECK_EQ(fake_starts(play->scene->backend, task, "runner_deploy"), 2);
    StoredEnvironment found = stored(play);
    const Checkpoint *record = entry_checkpoint(&found.entry, "runner_deploy");
    ASSERT(record);
    CHECK_EQ(record->run, 2);
    CHECK_STR(record->server, "two");
    play_free(play);
}
