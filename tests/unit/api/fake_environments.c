/* SPDX-License-Identifier: Apache-2.0 */
/* Environments of the engine that only remembers: at most one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "engine/environments/operation_events.h"
#include "fake_engine.h"
#include "store/environments.h"

static void encode(Object *object, JsonWriter *out) {
    const Environment *environment = environment_of(object);
    json_kv_object(out, "spec");
    json_kv_string(out, "name", environment->entry.name);
    json_object_end(out);
}

Environment *fake_environment(Engine *engine, const char *space, const char *name) {
    Environment *environment = engine->environment = xcalloc(1, sizeof(*environment));
    environment->loop = engine->loop;
    environment->entry = (EnvironmentEntry){.name = name, .mode = "local", .branch = name};
    environment->object =
        (Object){.kind = OBJECT_ENVIRONMENT, .space = space, .name = name, .encode = encode};
    object_add(engine->objects, &environment->object);
    return environment;
}

void fake_environment_remove(Engine *engine) {
    if (engine->environment)
        object_remove(engine->objects, &engine->environment->object);
    free(engine->environment);
    engine->environment = NULL;
}

Op *environments_refresh(Engine *engine, OpFn fn, void *arg) {
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    engine->refreshes++;
    if (engine->store_away)
        op_fail(op, ERR_UNAVAILABLE, "the store is away");
    else
        op_finish(op, NULL, 0, NULL);
    return op;
}

Environment *environment_begin(Engine *engine, const OperationAsk *ask, Report *report, Err *err) {
    engine->operation_asked = *ask;
    if (engine->environment)
        return engine->environment;
    if (ask->kind == OPERATION_CREATE)
        return fake_environment(engine, "shop-123456", "feat-x");
    err_set(err, ERR_NOT_FOUND, "environment '%s' not found", ask->name);
    return NULL;
}

int environment_cancel(Environment *environment, Err *err) {
    return environment->canceled++ ? err_set(err, ERR_CONFLICT, "nothing is being done to it") : 0;
}

Environment *environment_of(Object *object) {
    return container_of(object, Environment, object);
}
Object *environment_object(Environment *environment) {
    return &environment->object;
}
const EnvironmentEntry *environment_entry(const Environment *environment) {
    return &environment->entry;
}
const char *environment_project(const Environment *environment) {
    return "/shop/thole.yaml";
}
Environment *environment_at(Engine *engine, const char *path) {
    return NULL;
}
Environment *environment_of_file(Engine *engine, const char *file) {
    return engine->in_environment ? engine->environment : NULL;
}
const char *environments_project_of(Engine *engine, const char *file) {
    return file;
}

static const char *const kinds[OPERATIONS] = {"create", "provision", "refresh",    "step",  "hook",
                                              "start",  "stop",      "invalidate", "delete"};

int operation_kind_parse(const char *text, OperationKind *ret) {
    for (OperationKind kind = 0; kind < OPERATIONS; kind++)
        if (strcmp(kinds[kind], text) == 0) {
            *ret = kind;
            return 0;
        }
    return -1;
}

Op *environment_read(Environment *environment, unsigned parts, OpFn fn, void *arg) {
    StoredEnvironment stored = {.entry = environment->entry, .version = 1};
    Op *op = op_new(environment->loop, fn, arg, NULL, NULL);
    op_finish(op, &stored, sizeof(stored), NULL);
    return op;
}

/* ---- what happened to it: one event, and it is over ---- */

struct OperationEvents {
    bool told;
};

OperationEvents *operation_events_new(Environment *environment, const OperationEventAsk *ask,
                                      LoopFn more, void *arg, Err *err) {
    return xcalloc(1, sizeof(OperationEvents));
}

OperationEvents *operation_events_free(OperationEvents *events) {
    free(events);
    return NULL;
}

int operation_events_next(OperationEvents *events, EventLine *ret) {
    static const char line[] = "{\"seq\":1,\"status\":\"done\"}";
    if (events->told)
        return -1;
    events->told = true;
    *ret = (EventLine){.json = line, .size = sizeof(line) - 1};
    return 1;
}
