/* SPDX-License-Identifier: Apache-2.0 */
/* The environments that this server knows: a mirror of the store. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/environments/operation_events.h"
#include "engine/environments/operation_files.h"
#include "spec/environment_name.h"

static const char *const kind_names[OPERATIONS] = {
    [OPERATION_CREATE] = "create",   [OPERATION_PROVISION] = "provision",
    [OPERATION_REFRESH] = "refresh", [OPERATION_STEP] = "step",
    [OPERATION_HOOK] = "hook",       [OPERATION_START] = "start",
    [OPERATION_STOP] = "stop",       [OPERATION_INVALIDATE] = "invalidate",
    [OPERATION_STATUS] = "status",   [OPERATION_DELETE] = "delete"};

const char *operation_kind_name(OperationKind kind) {
    return kind_names[kind];
}

int operation_kind_parse(const char *text, OperationKind *ret) {
    for (OperationKind kind = 0; kind < OPERATIONS; kind++)
        if (strcmp(kind_names[kind], text) == 0) {
            *ret = kind;
            return 0;
        }
    return -1;
}

/* ---- one ---- */

/* The project's slug is made of the directory of its config file: what the file calls it may
 * change. */
static char *space_of(const char *project, Arena *arena) {
    AUTO_FREE char *dir = path_dir(project);
    return xstrdup(config_slug(path_base(dir), project, arena));
}

Environment *environment_make(Engine *engine, const char *project, const char *name) {
    Environment *environment = xcalloc(1, sizeof(*environment));
    Arena *arena = &environment->arena;
    arena_init(arena);
    arena_init(&environment->next_arena);
    list_init(&environment->readers);
    environment->engine = engine;
    environment->space = space_of(project, arena);
    environment->slug = xstrdup(environment_slug(name, arena));
    environment->dir = xasprintf("%s/environments/%s/%s", engine->state_dir, environment->space,
                                 environment->slug);
    environment->task = xasprintf("env.%s.%s", environment->space, environment->slug);
    environment->project = arena_strdup(arena, project);
    environment->entry =
        (EnvironmentEntry){.name = arena_strdup(arena, name), .mode = "", .branch = ""};
    environment->object = (Object){.kind = OBJECT_ENVIRONMENT,
                                   .space = environment->space,
                                   .name = environment->slug,
                                   .generation = 1,
                                   .encode = environment_encode};
    list_init(&environment->link);
    return environment;
}

Environment *environment_new(Engine *engine, const char *project, const char *name) {
    Environment *environment = environment_make(engine, project, name);
    list_append(&engine->environments, &environment->link);
    object_add(engine->objects, &environment->object);
    return environment;
}

Environment *environment_unmake(Environment *environment) {
    list_remove(&environment->link);
    operation_readers_leave(environment);
    if (environment->operation)
        operation_leave(environment->operation);
    operation_unref(environment->operation);
    object_deinit(&environment->object);
    arena_deinit(&environment->arena);
    arena_deinit(&environment->next_arena);
    free(environment->space);
    free(environment->slug);
    free(environment->dir);
    free(environment->task);
    free(environment);
    return NULL;
}

Environment *environment_forget(Environment *environment) {
    object_remove(environment->engine->objects, &environment->object);
    return environment_unmake(environment);
}

EnvironmentKey environment_key(const Environment *environment) {
    return (EnvironmentKey){.project = environment->project, .name = environment->entry.name};
}

void environment_touch(Environment *environment) {
    if (!list_empty(&environment->link))
        object_touch(environment->engine->objects, &environment->object);
}

static const char *copy_text(const char *text, Arena *arena) {
    return text ? arena_strdup(arena, text) : NULL;
}

static ComputeAccess *copy_compute(const ComputeAccess *from, Arena *arena) {
    if (!from)
        return NULL;
    ComputeAccess *to = arena_alloc(arena, sizeof(*to));
    *to = (ComputeAccess){.type = copy_text(from->type, arena),
                          .path = copy_text(from->path, arena),
                          .host = copy_text(from->host, arena),
                          .user = copy_text(from->user, arena),
                          .root = copy_text(from->root, arena),
                          .managed = from->managed};
    return to;
}

static EnvironmentPorts copy_ports(const EnvironmentPorts *from, Arena *arena) {
    EnvironmentPorts to = {.at = arena_alloc(arena, (from->n + 1) * sizeof(*to.at)), .n = from->n};
    for (size_t i = 0; i < from->n; i++)
        to.at[i] = (EnvironmentPort){arena_strdup(arena, from->at[i].name), from->at[i].port};
    return to;
}

/* What a list shows. */
static void copy_brief(const EnvironmentEntry *from, Arena *arena, EnvironmentEntry *to) {
    *to = (EnvironmentEntry){.name = copy_text(from->name, arena),
                             .mode = copy_text(from->mode, arena),
                             .branch = copy_text(from->branch, arena),
                             .status = from->status,
                             .created_ns = from->created_ns,
                             .updated_ns = from->updated_ns,
                             .ports = copy_ports(&from->ports, arena),
                             .compute = copy_compute(from->compute, arena),
                             .uid = copy_text(from->uid, arena),
                             .base = copy_text(from->base, arena),
                             .expires_ns = from->expires_ns,
                             .failed_step = copy_text(from->failed_step, arena),
                             .error = copy_text(from->error, arena)};
}

void environment_take(Environment *environment, const EnvironmentEntry *entry, int64_t version) {
    Arena arena;
    arena_init(&arena);
    const char *project = arena_strdup(&arena, environment->project);
    EnvironmentEntry brief;
    copy_brief(entry, &arena, &brief);
    arena_deinit(&environment->arena);
    environment->arena = arena;
    environment->project = project;
    environment->entry = brief;
    environment->version = version;
    if (brief.created_ns)
        environment->object.created_us = brief.created_ns / 1000;
    environment_touch(environment);
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
    return environment->project;
}

Environment *environment_find(Engine *engine, const char *file, const char *name) {
    Environment *environment;
    LIST_FOREACH (environment, &engine->environments, link)
        if (strcmp(environment->entry.name, name) == 0 && strcmp(environment->project, file) == 0)
            return environment;
    return NULL;
}

/* The innermost: worktrees may lie in each other. */
Environment *environment_at(Engine *engine, const char *path) {
    Environment *environment, *best = NULL;
    LIST_FOREACH (environment, &engine->environments, link) {
        const char *root = entry_path(&environment->entry);
        bool local =
            environment->entry.compute && strcmp(environment->entry.compute->type, "local") == 0;
        if (local && *root && path_below(path, root) &&
            (!best || strlen(root) > strlen(entry_path(&best->entry))))
            best = environment;
    }
    return best;
}

Environment *environment_of_file(Engine *engine, const char *file) {
    Environment *environment = environment_at(engine, file);
    if (!environment)
        return NULL;
    AUTO_FREE char *own =
        path_join(entry_root(&environment->entry), path_base(environment->project));
    return strcmp(own, file) == 0 ? environment : NULL;
}

const char *environments_project_of(Engine *engine, const char *file) {
    Environment *environment = environment_of_file(engine, file);
    return environment ? environment->project : file;
}

/* ---- the mirror ---- */

static Environment *find_key(Engine *engine, EnvironmentKey key) {
    return environment_find(engine, key.project, key.name);
}

/* One that is not in the store may be on its way into it. */
static void drop_gone(Environment *environment) {
    if (environment->version && !operation_under_way(environment->operation))
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
            environment_take(environment, &stored->entry, stored->version);
    }
    for (size_t i = 0; i < list->removed.n; i++) {
        Environment *environment = find_key(engine, list->removed.at[i]);
        if (environment)
            drop_gone(environment);
    }
    Environment *environment;
    LIST_FOREACH_SAFE (environment, &engine->environments, link)
        if (list->whole && !is_listed(list, environment))
            drop_gone(environment);
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
    Reading *reading = (Reading *)blocking->ask;
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

/* ---- operations ---- */

static int refuse_busy(const Environment *environment, Err *err) {
    const Operation *operation = environment->operation;
    const LifecycleStep *step = operation_step(operation);
    return err_set(err, ERR_CONFLICT,
                   "environment '%s' is busy: %s%s%s; `thole env show %s` shows it",
                   environment->entry.name, operation_kind_name(operation->ask.kind),
                   step ? ", at " : "", step ? step->name : "", environment->entry.name);
}

static int begin(Environment *environment, Operation *operation, Err *err) {
    operation->number = operation_next_number(environment);
    if (operation_file_write(environment, OPERATION_FILE, operation->number, &operation->ask, err) <
            0 ||
        operation_save_config(operation, err) < 0)
        return -1;
    operation_unref(environment->operation);
    environment->operation = operation;
    operation_begin(operation);
    return 0;
}

static void drop_new(Environment *environment) {
    if (!environment->version && !environment->operation)
        environment_forget(environment);
}

/* It ends what is under way, and comes after it. */
static int begin_later(Environment *environment, const OperationAsk *ask, Err *err) {
    if (operation_file_write(environment, OPERATION_NEXT, 0, ask, err) < 0)
        return -1;
    operation_cancel(environment->operation);
    return 0;
}

static int begin_now(Environment *environment, const OperationAsk *ask, Report *report, Err *err) {
    Arena arena;
    OperationAsk placed;
    arena_init(&arena);
    int r = environment_place(environment, ask, &arena, &placed, err);
    Operation *operation = r == 0 ? operation_new(environment, &placed, report, err) : NULL;
    arena_deinit(&arena);
    if (operation && begin(environment, operation, err) == 0)
        return 0;
    operation_unref(operation);
    return -1;
}

Environment *environment_begin(Engine *engine, const OperationAsk *ask, Report *report, Err *err) {
    Environment *environment = environment_find(engine, ask->file, ask->name);
    bool makes = ask->kind == OPERATION_CREATE || ask->kind == OPERATION_PROVISION;
    if (makes && environment_name_check(ask->name, err) < 0)
        return NULL;
    if (!environment && !makes) {
        err_set(err, ERR_NOT_FOUND, "environment '%s' not found", ask->name);
        return NULL;
    }
    if (environment && operation_under_way(environment->operation)) {
        if (ask->kind != OPERATION_DELETE || environment->operation->ask.kind == OPERATION_DELETE) {
            refuse_busy(environment, err);
            return NULL;
        }
        return begin_later(environment, ask, err) < 0 ? NULL : environment;
    }
    if (!environment)
        environment = environment_new(engine, ask->file, ask->name);
    if (begin_now(environment, ask, report, err) == 0)
        return environment;
    drop_new(environment);
    return NULL;
}

/* What waited for its end. */
static bool begin_next(Environment *environment) {
    Arena arena;
    OperationFile file;
    Report report;
    Err err;
    arena_init(&arena);
    report_init(&report, &arena);
    bool any = operation_file_read(environment->dir, OPERATION_NEXT, &arena, &file, &err) == 0;
    if (any) {
        Operation *operation = operation_new(environment, &file.ask, &report, &err);
        if (!operation || begin(environment, operation, &err) < 0) {
            log_error("environment %s: %s: %s", environment->slug,
                      operation_kind_name(file.ask.kind), err.msg);
            operation_unref(operation);
            any = false;
        }
        operation_file_remove(environment, OPERATION_NEXT);
    }
    arena_deinit(&arena);
    return any;
}

/* Of one that is gone the directory goes, too; who reads its events has the file open. */
static void drop_deleted(Environment *environment) {
    Err err;
    if (path_remove_tree(environment->dir, &err) < 0)
        log_warn("environment %s: %s", environment->slug, err.msg);
    environment_forget(environment);
}

void environment_ended(Environment *environment) {
    Operation *operation = environment->operation;
    bool deleted = operation->ask.kind == OPERATION_DELETE && operation->state == OPERATION_DONE;
    operation_file_remove(environment, OPERATION_FILE);
    operation_readers_wake(environment);
    environment_touch(environment);
    if (!begin_next(environment) && deleted)
        drop_deleted(environment);
}

int environment_cancel(Environment *environment, Err *err) {
    if (!operation_under_way(environment->operation))
        return err_set(err, ERR_CONFLICT, "environment '%s': nothing is being done to it",
                       environment->entry.name);
    operation_cancel(environment->operation);
    return 0;
}

/* ---- the next server ---- */

static void adopt(Engine *engine, const char *dir) {
    Arena arena;
    OperationFile file;
    Report report;
    Err err;
    arena_init(&arena);
    report_init(&report, &arena);
    if (operation_file_read(dir, OPERATION_FILE, &arena, &file, &err) == 0) {
        Environment *environment = environment_new(engine, file.ask.file, file.ask.name);
        file.ask.again = true;
        Operation *operation = operation_new(environment, &file.ask, &report, &err);
        if (operation) {
            operation->number = file.number;
            environment->operation = operation;
            operation_begin(operation);
        } else {
            log_error("environment %s: %s does not go on: %s", environment->slug,
                      operation_kind_name(file.ask.kind), err.msg);
            drop_new(environment);
        }
    } else if (err.kind != ERR_NOT_FOUND) {
        log_error("%s: %s", dir, err.msg);
    }
    arena_deinit(&arena);
}

static void each_entry(const char *path, void (*fn)(Engine *engine, const char *path),
                       Engine *engine) {
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        AUTO_FREE char *below = path_join(path, entry->d_name);
        if (entry->d_name[0] != '.')
            fn(engine, below);
    }
    closedir(dir);
}

static void adopt_project(Engine *engine, const char *path) {
    each_entry(path, adopt, engine);
}

int environments_adopt(Engine *engine, Err *err) {
    AUTO_FREE char *path = path_join(engine->state_dir, "environments");
    each_entry(path, adopt_project, engine);
    return 0;
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
    LIST_FOREACH (environment, &engine->environments, link)
        if (environment->operation)
            operation_leave(environment->operation);
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
