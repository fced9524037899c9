/* SPDX-License-Identifier: Apache-2.0 */
/* Environments of the engine that only remembers: at most one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/operations/operation_events.h"
#include "fake_engine.h"
#include "store/environments.h"

static void encode(Object *object, JsonWriter *out) {
    const Environment *environment = environment_of(object);
    json_kv_object(out, "spec");
    json_kv_string(out, "name", environment->entry.name);
    json_kv_string(out, "project", environment_project(environment));
    json_object_end(out);
}

Environment *fake_environment(Engine *engine, const char *space, const char *name) {
    Environment *environment = engine->environment = xcalloc(1, sizeof(*environment));
    environment->loop = engine->loop;
    environment->engine = engine;
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

void environments_left_running(Engine *engine, EnvironmentLeftFn fn, void *arg) {
    engine->looks_for_left++;
    fn(arg, "shop-d1c00d", "feat/x", 2);
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

Op *environment_await(Environment *environment, OpFn fn, void *arg) {
    Op *op = op_new(environment->engine->loop, fn, arg, NULL, NULL);
    op_finish(op, NULL, 0, NULL);
    return op;
}

int environment_cancel(Environment *environment, Err *err) {
    return environment->canceled++ ? err_set(err, ERR_CONFLICT, "nothing is being done to it") : 0;
}

bool environment_is_apart(const Environment *environment) {
    return false;
}

const char *environment_doing(const Environment *environment) {
    return NULL;
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
EnvironmentStatus environment_phase(const Environment *environment) {
    return environment->entry.status;
}
const char *environment_project(const Environment *environment) {
    return "/shop/thole.yaml";
}
Environment *environment_at(Engine *engine, const char *path) {
    Environment *environment = engine->environment;
    return environment && path_below(path, entry_path(&environment->entry)) ? environment : NULL;
}
Environment *environment_of_file(Engine *engine, const char *file) {
    return engine->in_environment ? engine->environment : NULL;
}
const char *environments_project_of(Engine *engine, const char *file) {
    return environment_at(engine, file) ? "/shop/thole.yaml" : file;
}
Environment *environment_find(Engine *engine, const char *file, const char *name) {
    Environment *environment = engine->environment;
    return environment && strcmp(environment->entry.name, name) == 0 ? environment : NULL;
}
const ClientSetup *environment_client(const Environment *environment) {
    return NULL;
}

Op *environment_read(Environment *environment, unsigned parts, OpFn fn, void *arg) {
    StoredEnvironment stored = {.entry = environment->entry, .version = 1};
    Op *op = op_new(environment->loop, fn, arg, NULL, NULL);
    op_finish(op, &stored, sizeof(stored), NULL);
    return op;
}

/* ---- a look at it: two steps, two variables, a file ---- */

static EnvironmentHook hook = {.command = "./seed.sh"};
static LifecycleStep steps[] = {
    {.name = "seed_db", .phase = LIFECYCLE_PROVISION, .kind = STEP_HOOK, .hook = &hook},
    {.name = "generate_env", .phase = LIFECYCLE_RUN, .kind = STEP_GENERATE_ENV, .verified = true}};
static Checkpoint record = {.name = "seed_db",
                            .status = CHECKPOINT_COMPLETED,
                            .started_ns = 1000000000,
                            .finished_ns = 3000000000,
                            .duration_ms = 2000,
                            .machine = "m1"};
static SeenStep seen_steps[] = {{.step = &steps[0],
                                 .record = &record,
                                 .verdict = VERDICT_RUN,
                                 .meant = true,
                                 .stale = true,
                                 .why = "what it is made from has changed"},
                                {.step = &steps[1], .verdict = VERDICT_SKIP, .meant = true}};
static SeenFile files[] = {{"web/.env.local", "A=b\n", NULL}};
static StrPair pairs[] = {{"DB", "postgres://u:hunter2@h/d"}, {"PORT", "61001"}};
static bool secret[] = {true, false};
static SeenInfra infra[] = {{"redis", "running", 61002}};

static const char *invalidated_names[] = {"seed_db", "generate_env"};
static const StrList invalidated = {invalidated_names, 2};

static const Config config;
static const EnvironmentEntry no_entry;

static void fill(const OperationAsk *ask, SeenEnvironment *ret) {
    *ret = (SeenEnvironment){.config = &config,
                             .entry = &no_entry,
                             .steps = seen_steps,
                             .step_n = COUNT(seen_steps),
                             .step = &steps[1],
                             .files = files,
                             .file_n = 1,
                             .variables = {{pairs, COUNT(pairs)}, secret, "/wt/feat-x"},
                             .infrastructure = {false, infra, COUNT(infra), "not running: db"}};
    ret->invalidated = invalidated;
    if (str_same(ask->step, "seed_db")) {
        ret->step = &steps[0];
        ret->file_n = 0;
    }
}

Op *environment_look(Engine *engine, const LookAsk *ask, OpFn fn, void *arg, Err *err) {
    SeenEnvironment seen;
    engine->looked_at = ask->parts;
    engine->operation_asked = *ask->ask;
    str_copy(engine->asked_from, sizeof(engine->asked_from), ask->ask->from ? ask->ask->from : "");
    if (engine->bad_config) {
        report_add(ask->report, &(Place){"/shop/thole.yaml", 3, 5, "services.web"}, NULL,
                   "it has no command");
        err_set(err, ERR_INVALID, "/shop/thole.yaml is not valid");
        return NULL;
    }
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    fill(ask->ask, &seen);
    if (str_same(ask->ask->step, "sed_db") || str_same(ask->ask->service, "wob"))
        op_fail(op, ERR_NOT_FOUND, "there is none");
    else
        op_finish(op, &seen, sizeof(seen), NULL);
    return op;
}

/* ---- key-values, state ---- */

int environment_value_name_check(const char *name, Err *err) {
    return strcmp(name, "1x") == 0 ? err_set(err, ERR_INVALID, "\"1x\" is no name") : 0;
}

int environment_values_check(const Environment *environment, const StrMap *set, Err *err) {
    return 0;
}

Op *environment_set_values(Environment *environment, const ValuesAsk *ask, OpFn fn, void *arg) {
    char *text = environment->engine->values_set;
    size_t size = sizeof(environment->engine->values_set);
    for (size_t i = 0; i < ask->set->n; i++)
        snprintf(text + strlen(text), size - strlen(text), "%s=%s ", ask->set->at[i].name,
                 ask->set->at[i].value);
    for (size_t i = 0; i < ask->unset->n; i++)
        snprintf(text + strlen(text), size - strlen(text), "-%s ", ask->unset->at[i]);
    return environment_read(environment, ENVIRONMENT_VALUES, fn, arg);
}

Op *environments_export(Engine *engine, const char *project, bool audit, OpFn fn, void *arg) {
    EnvironmentState state = {.version = 1};
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    if (engine->environment) {
        state.environments.at = &engine->environment->entry;
        state.environments.n = 1;
    }
    op_finish(op, &state, sizeof(state), NULL);
    return op;
}

Op *environments_import(Engine *engine, const char *project, const EnvironmentState *state, OpFn fn,
                        void *arg) {
    size_t size = sizeof(engine->imported);
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    snprintf(engine->imported, size, "%s:", project);
    for (size_t i = 0; i < state->environments.n; i++)
        snprintf(engine->imported + strlen(engine->imported), size - strlen(engine->imported),
                 " %s", state->environments.at[i].name);
    if (engine->environment)
        op_fail(op, ERR_CONFLICT, "nothing was imported: environment 'feat-x' is there already");
    else
        op_finish(op, NULL, 0, NULL);
    return op;
}

/* ---- orphans: three ---- */

static EnvironmentOrphan all_orphans[] = {
    {ORPHAN_WORKTREE, "feat-old", "/wt/feat-old", "it has 1 changed file", false},
    {ORPHAN_COMPOSE, "shop-old", "/wt/old", "its containers are of no environment", true},
    {ORPHAN_EXPIRED, "feat-x", "/wt/feat-x", "it expired", true}};

Op *environment_orphans_find(Engine *engine, const char *project, OpFn fn, void *arg) {
    EnvironmentOrphans orphans = {all_orphans, COUNT(all_orphans)};
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    op_finish(op, &orphans, sizeof(orphans), NULL);
    return op;
}

Op *environment_orphans_judge(Engine *engine, const char *project, const EnvironmentOrphans *found,
                              OpFn fn, void *arg) {
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    op_finish(op, found, sizeof(*found), NULL);
    return op;
}

Op *environment_orphan_remove(Engine *engine, const char *project, const EnvironmentOrphan *orphan,
                              OpFn fn, void *arg) {
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    snprintf(engine->removed, sizeof(engine->removed), "%s %s", orphan_kind_name(orphan->kind),
             orphan->name);
    op_finish(op, NULL, 0, NULL);
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
