/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/engine/operation_play.h"

#include <string.h>

#include "base/xalloc.h"
#include "engine/compute/tool.h"
#include "store/mem/mem.h"

#define YAML                                   \
    "name: shop\n"                             \
    "provisioner: {before: one, after: two}\n" \
    "runner: {before: three, deploy: four}\n"

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

static int64_t wall(void *arg) {
    return loop_wall_us(((Play *)arg)->scene->loop);
}

void play_begin_engine(Play *play) {
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

void play_sh(const char *script) {
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

Play *play_new(void) {
    Play *play = xcalloc(1, sizeof(*play));
    play_sh("rm -rf state .git; git init -q -b main . && git commit -q --allow-empty -m one && "
            "rm -rf tree && git worktree add -q -b e1 tree");
    arena_init(&play->arena);
    play->scene = scene_new(YAML);
    play->shaky = (Shaky){.base = {.ops = &shaky_ops}, .inner = mem_store_new()};
    play->shaky.inner->now_us = wall;
    play->shaky.inner->now_arg = play;
    play->owner = "one";
    snprintf(play->tree, sizeof(play->tree), "%s/tree", test_dir());
    play_begin_engine(play);
    return play;
}

void play_free(Play *play) {
    engine_free(play->scene->engine);
    play->scene->engine = NULL;
    store_free(play->shaky.inner);
    scene_free(play->scene);
    arena_deinit(&play->arena);
    free(play);
}

Environment *play_ask(Play *play, OperationKind kind) {
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

const char *const play_hooks[PLAY_HOOKS] = {"provisioner_before", "provisioner_after",
                                            "runner_before", "runner_deploy"};

StoredEnvironment play_stored(Play *play) {
    EnvironmentRead read = {.key = {play->scene->file, "e1"},
                            .parts = ENVIRONMENT_STEPS | ENVIRONMENT_AUDIT};
    StoredEnvironment ret = {0};
    Err err;
    if (store_environment(play->shaky.inner, &read, &play->arena, &ret, &err) < 0)
        CHECK_EQ(err.kind, ERR_NOT_FOUND);
    return ret;
}

size_t play_audits(const StoredEnvironment *found, const char *action, const char *step) {
    size_t n = 0;
    for (size_t i = 0; i < found->entry.audit.n; i++)
        n += strcmp(found->entry.audit.at[i].action, action) == 0 &&
             strcmp(found->entry.audit.at[i].step, step) == 0;
    return n;
}

Environment *play_begin_long(Play *play) {
    static const FakeScript runs_on = {.life_ms = -1};
    Environment *environment = play_ask(play, OPERATION_CREATE);
    fake_script(play->scene->backend, environment->task, "runner_before", &runs_on);
    loop_advance(play->scene->loop, 1000);
    return environment;
}

EnvironmentLease play_take_lease(Play *play, const char *server) {
    EnvironmentLease lease = {.key = {play->scene->file, "e1"},
                              .server = server,
                              .holder = "box:/state",
                              .doing = "refresh"};
    EnvironmentLease ret = {0};
    ASSERT(store_environment_lease(play->shaky.inner, &lease, &play->arena, &ret,
                                   &play->scene->err) == 0);
    return ret;
}
