/* SPDX-License-Identifier: Apache-2.0 */
/* What the store has, mirrored in objects: refreshed when somebody asks. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "engine/operations/operation_files.h"

/* ---- the mirror ---- */

static Environment *find_key(Engine *engine, EnvironmentKey key) {
    return environment_find(engine, key.project, key.name);
}

/* One that is not in the store may be on its way into it. */
static void drop_gone(Environment *environment) {
    if (environment->version && !environment->apart && !operation_under_way(environment->operation))
        environment_forget(environment);
}

static bool is_listed(const StoredEnvironments *list, const Environment *environment) {
    size_t low = 0, high = list->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(list->at[middle].project, environment->project);
        if (order == 0)
            order = strcmp(list->at[middle].entry.name, environment->entry.name);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void take_all(Engine *engine, const StoredEnvironments *list) {
    for (size_t i = 0; i < list->n; i++) {
        const StoredEnvironment *stored = &list->at[i];
        EnvironmentKey key = {stored->project, stored->entry.name};
        Environment *environment = find_key(engine, key);
        if (!environment)
            environment = environment_new(engine, key.project, key.name);
        if (stored->version > environment->version)
            environment_take(environment, stored);
    }
    for (size_t i = 0; i < list->removed.n; i++) {
        Environment *environment = find_key(engine, list->removed.at[i]);
        if (environment)
            drop_gone(environment);
    }
    Environment *environment;
    LIST_FOREACH_SAFE (environment, &engine->environments, link) {
        if (!list->whole)
            break;
        if (!is_listed(list, environment))
            drop_gone(environment);
    }
    LIST_FOREACH (environment, &engine->environments, link)
        environment_look_left(environment);
    engine->environments_change = list->change;
}

static int do_refresh(Blocking *blocking, Err *err) {
    const int64_t *since = blocking->ask;
    StoredEnvironments *list = arena_alloc(&blocking->arena, sizeof(*list));
    blocking->result = list;
    blocking->result_size = sizeof(*list);
    return store_environments(blocking->store, *since, &blocking->arena, list, err);
}

typedef struct Refresh {
    List link; /* Engine.refreshes */
    Engine *engine;
    OpFn fn;
    void *arg;
    Op *op;    /* what the caller has */
    Op *inner; /* the store's */
} Refresh;

static void on_refreshed(void *arg, const void *result, const Err *err) {
    Refresh *refresh = arg;
    if (!err)
        take_all(refresh->engine, result);
    op_finish(refresh->op, NULL, 0, err);
    list_remove(&refresh->link);
    free(refresh);
}

Op *environments_refresh(Engine *engine, OpFn fn, void *arg) {
    Blocking *blocking = blocking_store(engine);
    Refresh *refresh = xcalloc(1, sizeof(*refresh));
    refresh->engine = engine;
    list_append(&engine->refreshes, &refresh->link);
    refresh->op = op_new(engine->loop, fn, arg, NULL, NULL);
    blocking->ask = arena_dup(&blocking->arena, &engine->environments_change, sizeof(int64_t));
    refresh->inner = blocking_run(blocking, do_refresh, on_refreshed, refresh);
    return refresh->op;
}

/* ---- reading one whole ---- */

typedef struct Reading {
    EnvironmentRead read;
    StoredEnvironment stored;
} Reading;

static int do_read(Blocking *blocking, Err *err) {
    Reading *reading = blocking->ask;
    blocking->result = &reading->stored;
    blocking->result_size = sizeof(reading->stored);
    return store_environment(blocking->store, &reading->read, &blocking->arena, &reading->stored,
                             err);
}

Op *environment_read(Environment *environment, unsigned parts, OpFn fn, void *arg) {
    Blocking *blocking = blocking_store(environment->engine);
    Reading *reading = arena_alloc(&blocking->arena, sizeof(*reading));
    reading->read =
        (EnvironmentRead){.key = {.project = arena_strdup(&blocking->arena, environment->project),
                                  .name = arena_strdup(&blocking->arena, environment->entry.name)},
                          .parts = parts};
    blocking->ask = reading;
    return blocking_run(blocking, do_read, fn, arg);
}

/* ---- the server leaves ---- */

void environments_stop_all(Engine *engine) {
    Environment *environment;
    LIST_FOREACH_SAFE (environment, &engine->environments, link)
        if (operation_under_way(environment->operation))
            operation_cancel(environment->operation);
}

bool environments_idle(const Engine *engine) {
    const Environment *environment;
    LIST_FOREACH (environment, &engine->environments, link)
        if (operation_under_way(environment->operation))
            return false;
    return true;
}

void environments_leave(Engine *engine) {
    Environment *environment;
    LIST_FOREACH (environment, &engine->environments, link) {
        if (operation_under_way(environment->operation))
            operation_forget_deaths(environment->operation);
        if (environment->operation)
            operation_leave(environment->operation);
    }
    Refresh *refresh;
    LIST_FOREACH (refresh, &engine->refreshes, link)
        op_drop(refresh->inner);
}

void environments_free(Engine *engine) {
    Refresh *refresh;
    LIST_FOREACH_SAFE (refresh, &engine->refreshes, link) {
        op_abandon(refresh->op);
        free(refresh);
    }
    Environment *environment;
    LIST_FOREACH_SAFE (environment, &engine->environments, link)
        environment_forget(environment);
}
