/* SPDX-License-Identifier: Apache-2.0 */
/* Where workflows run: choosing among kinds, options, loading. */
#include "engine/backends/backend_pool.h"

#include <string.h>

#include "backend/fake/fake.h"
#include "data/json.h"
#include "harness/test.h"

/* A kind whose backends can be away, or not answer at first; all else is as with `fake`. */
typedef struct Kind {
    Loop *loop;
    const char *away; /* why it is not available */
    int silent;       /* so many loads fail */
    int made, freed;
} Kind;

typedef struct Odd {
    Backend base;
    BackendOps ops;
    Kind *kind;
} Odd;

static bool odd_available(Backend *backend, Err *why) {
    Kind *kind = ((Odd *)backend)->kind;
    if (kind->away)
        err_set(why, ERR_UNAVAILABLE, "%s", kind->away);
    return !kind->away;
}

static Op *odd_load(Backend *backend, OpFn fn, void *arg) {
    Op *op = op_new(backend->loop, fn, arg, NULL, NULL);
    Err err = {0};
    bool silent = ((Odd *)backend)->kind->silent-- > 0;
    if (silent)
        err_set(&err, ERR_UNAVAILABLE, "the engine does not answer");
    op_finish(op, NULL, 0, silent ? &err : NULL);
    return op;
}

static void odd_free(Backend *backend) {
    ((Odd *)backend)->kind->freed++;
    free(backend);
}

static Backend *make(void *arg, const StrMap *options, Err *err) {
    Kind *kind = arg;
    Odd *odd = calloc(1, sizeof(*odd));
    odd->ops = (BackendOps){.free = odd_free, .available = odd_available, .load = odd_load};
    odd->base = (Backend){.ops = &odd->ops, .name = "docker", .loop = kind->loop};
    odd->kind = kind;
    kind->made++;
    return &odd->base;
}

typedef struct World {
    Loop *loop;
    Kind docker, local, fake;
    BackendKind kinds[3];
    BackendPool *pool;
    Arena arena;
    Err err;
} World;

static World *world_new(void) {
    World *world = calloc(1, sizeof(*world));
    world->loop = loop_new_scripted(1000, 1700000000000000);
    world->docker.loop = world->local.loop = world->fake.loop = world->loop;
    world->kinds[0] = (BackendKind){.name = "docker", .make = make, .arg = &world->docker};
    world->kinds[1] = (BackendKind){.name = "local", .make = make, .arg = &world->local};
    world->kinds[2] =
        (BackendKind){.name = "fake", .make = make, .arg = &world->fake, .by_name = true};
    world->pool = backend_pool_new(world->loop, world->kinds, 3);
    arena_init(&world->arena);
    return world;
}

static void world_free(World *world) {
    backend_pool_free(world->pool);
    loop_free(world->loop);
    arena_deinit(&world->arena);
    CHECK_EQ(world->docker.made, world->docker.freed);
    free(world);
}

static PooledBackend *take(World *world, const char *name, const char *options) {
    const Value *value = NULL;
    ASSERT(!options ||
           json_parse(options, strlen(options), &world->arena, &value, &world->err) == 0);
    return backend_pool_take(world->pool, &(BackendWish){name, value}, &world->err);
}

TEST(auto_is_the_first_kind_that_is_available)
{
    World *world = world_new();
    CHECK(take(world, "auto", NULL));
    CHECK_EQ(world->docker.made, 1);
    world->docker.away = "no socket at /x";
    CHECK(take(world, NULL, NULL));
    CHECK_EQ(world->local.made, 1);
    world->local.away = "no pin";
    CHECK(!take(world, "", NULL));
    CHECK_STR(world->err.msg, "the backend docker is not available: no socket at /x; the backend "
                              "local is not available: no pin");
    CHECK_EQ(world->err.kind, ERR_UNAVAILABLE);
    CHECK_EQ(world->fake.made, 0);
    CHECK(take(world, "fake", NULL));
    world_free(world);
}

TEST(a_backend_that_cannot_be_used_says_why)
{
    World *world = world_new();
    world->docker.away = "no socket at /x";
    CHECK(!take(world, "docker", NULL));
    CHECK_STR(world->err.msg, "the backend docker is not available: no socket at /x");
    CHECK(!take(world, "doker", NULL));
    CHECK_STR(world->err.msg, "there is no backend doker; did you mean docker?");
    CHECK_EQ(world->err.kind, ERR_NOT_FOUND);
    CHECK(!take(world, "kubernetes", NULL));
    CHECK_STR(world->err.msg, "there is no backend kubernetes; there are docker, local, fake");
    CHECK(take(world, "local", "{\"docker\":{\"hots\":\"x\"},\"other\":3}")); /* not its */
    CHECK(!take(world, "auto", "{\"docker\":{\"hots\":\"x\"}}")); /* it is meant: not local */
    CHECK_STR(world->err.msg, "the backend docker has no option hots; did you mean host?");
    CHECK(!take(world, "docker", "{\"docker\":{\"host\":1}}"));
    CHECK_STR(world->err.msg, "the option host of the backend docker is no string");
    CHECK(!take(world, "docker", "{\"docker\":[]}"));
    CHECK_STR(world->err.msg, "the options of the backend docker are no map");
    CHECK(!take(world, "docker", "[]"));
    world_free(world);
}

TEST(one_backend_for_each_set_of_options_as_long_as_it_is_used)
{
    static const char a[] = "{\"docker\":{\"host\":\"unix:///a\",\"network\":\"n\"}}",
                      again[] = "{\"docker\":{\"network\":\"n\",\"host\":\"unix:///a\"}}",
                      b[] = "{\"docker\":{\"host\":\"unix:///b\"}}";
    World *world = world_new();
    PooledBackend *first = take(world, "docker", a);
    CHECK(first && take(world, "docker", again) == first);
    CHECK(take(world, "docker", b) != first);
    CHECK_EQ(world->docker.made, 2);
    pooled_drop(first);
    loop_advance(world->loop, 10);
    CHECK_EQ(world->docker.freed, 0);
    pooled_drop(first);
    CHECK(take(world, "docker", a) == first); /* taken again before it went */
    loop_advance(world->loop, 10);
    CHECK_EQ(world->docker.freed, 0);
    pooled_drop(first);
    loop_advance(world->loop, 10);
    CHECK_EQ(world->docker.freed, 1);
    world_free(world);
}

static void note(void *arg, const void *result, const Err *err) {
    snprintf(arg, 80, "%s", err ? err->msg : "loaded");
}

TEST(who_has_something_running_waits_for_the_backend)
{
    char hasty[80] = "", patient[80] = "", later[80] = "";
    World *world = world_new();
    PooledBackend *pooled = take(world, "docker", NULL);
    world->docker.silent = 2;
    pooled_load(pooled, false, note, hasty);
    pooled_load(pooled, true, note, patient);
    loop_advance(world->loop, 10);
    CHECK_STR(hasty, "the engine does not answer");
    CHECK_STR(patient, "");
    loop_advance(world->loop, 2000);
    CHECK_STR(patient, "loaded");
    pooled_load(pooled, false, note, later);
    loop_advance(world->loop, 0);
    CHECK_STR(later, "loaded");
    world_free(world);
}

TEST(the_wait_for_a_backend_ends)
{
    char patient[80] = "";
    World *world = world_new();
    PooledBackend *pooled = take(world, "docker", "{\"docker\":{\"patience\":\"5s\"}}");
    world->docker.silent = 1000;
    pooled_load(pooled, true, note, patient);
    loop_advance(world->loop, 4500);
    CHECK_STR(patient, "");
    loop_advance(world->loop, 1000);
    CHECK_STR(patient, "the engine does not answer");
    world_free(world);
}
