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
#include "engine/operations/operation_events.h"
#include "engine/operations/operation_files.h"
#include "engine/sessions/session.h"
#include "spec/environment_name.h"

enum { MAX_UNTOLD_BYTES = 64 * 1024 };

/* ---- one ---- */

/* The project's slug is made of the directory of its config file: what the file calls it may
 * change. */
char *environment_space(const char *project, Arena *arena) {
    AUTO_FREE char *dir = path_dir(project);
    return xstrdup(config_slug(path_base(dir), project, arena));
}

const char *environment_task(const char *space, const char *slug, Arena *arena) {
    return arena_printf(arena, "env.%s.%s", space, slug);
}

/* `place`: a file that says whose it is, and nobody else's. */
static Environment *make(Engine *engine, const char *project, const char *name, const char *place) {
    Environment *environment = xcalloc(1, sizeof(*environment));
    Arena *arena = &environment->arena;
    arena_init(arena);
    list_init(&environment->readers);
    buf_init(&environment->untold, MAX_UNTOLD_BYTES);
    list_init(&environment->awaiting);
    environment->engine = engine;
    environment->space = environment_space(place, arena);
    environment->slug = xstrdup(environment_slug(*name ? name : ENVIRONMENT_SHARED, arena));
    environment->dir = xasprintf("%s/environments/%s/%s", engine->state_dir, environment->space,
                                 environment->slug);
    environment->task = xstrdup(environment_task(environment->space, environment->slug, arena));
    environment->project = arena_strdup(arena, project);
    environment->entry =
        (EnvironmentEntry){.name = arena_strdup(arena, name), .mode = "", .branch = ""};
    environment->object = (Object){.kind = OBJECT_ENVIRONMENT,
                                   .space = environment->space,
                                   .name = environment->slug,
                                   .generation = 1,
                                   .encode = environment_encode,
                                   .encode_brief = environment_encode_brief};
    list_init(&environment->link);
    return environment;
}

Environment *environment_make(Engine *engine, const char *project, const char *name) {
    return make(engine, project, name, project);
}

static Environment *publish(Environment *environment) {
    list_append(&environment->engine->environments, &environment->link);
    object_add(environment->engine->objects, &environment->object);
    return environment;
}

Environment *environment_new(Engine *engine, const char *project, const char *name) {
    return publish(environment_make(engine, project, name));
}

char *environment_shared_place(const char *project) {
    return xasprintf("%s: what all share", project);
}

Environment *environment_new_apart(Engine *engine, const OperationAsk *ask) {
    AUTO_FREE char *shared = environment_shared_place(ask->file);
    Environment *environment =
        make(engine, ask->file, ask->name, ask->manifest ? ask->manifest : shared);
    environment->manifest = ask->manifest ? xstrdup(ask->manifest) : NULL;
    environment->apart = true;
    return publish(environment);
}

const char *environment_runs_dir(const Engine *engine, const char *manifest, const char *name,
                                 Arena *arena, const char **ret_task) {
    AUTO_FREE char *space = environment_space(manifest, arena);
    const char *slug = environment_slug(name, arena);
    *ret_task = environment_task(space, slug, arena);
    return arena_printf(arena, "%s/environments/%s/%s", engine->state_dir, space, slug);
}

bool environment_is_apart(const Environment *environment) {
    return environment->apart;
}

const char *environment_doing(const Environment *environment) {
    const Operation *operation = environment->operation;
    return operation_under_way(operation) ? operation_kind_name(operation->ask.kind) : NULL;
}

Environment *environment_unmake(Environment *environment) {
    list_remove(&environment->link);
    operation_readers_leave(environment);
    environment_await_no_more(environment);
    if (environment->operation)
        operation_leave(environment->operation);
    operation_unref(environment->operation);
    timer_free(environment->drop);
    buf_deinit(&environment->untold);
    object_deinit(&environment->object);
    arena_deinit(&environment->arena);
    free(environment->space);
    free(environment->slug);
    free(environment->dir);
    free(environment->task);
    free(environment->manifest);
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

void environment_take(Environment *environment, const StoredEnvironment *stored) {
    Arena arena;
    arena_init(&arena);
    const char *project = arena_strdup(&arena, environment->project);
    EnvironmentEntry brief;
    copy_brief(&stored->entry, &arena, &brief);
    const char *server = copy_text(stored->server, &arena);
    arena_deinit(&environment->arena);
    environment->arena = arena;
    environment->project = project;
    environment->entry = brief;
    environment->server = server;
    environment->version = stored->version;
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
    Arena arena;
    arena_init(&arena);
    AUTO_FREE char *space = environment_space(file, &arena);
    Object *object =
        object_find(engine->objects, OBJECT_ENVIRONMENT, space, environment_slug(name, &arena));
    arena_deinit(&arena);
    return object ? environment_of(object) : NULL;
}

/* The innermost: worktrees may lie in each other. */
Environment *environment_at(Engine *engine, const char *path) {
    Environment *environment, *best = NULL;
    LIST_FOREACH (environment, &engine->environments, link) {
        const char *root = entry_path(&environment->entry);
        bool local =
            environment->entry.compute && strcmp(environment->entry.compute->type, "local") == 0;
        if (local && *root && path_below(path, root) && !environment->apart &&
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

Session *environment_session(const Environment *environment) {
    const ComputeAccess *compute = environment->entry.compute;
    if (!compute || strcmp(compute->type, "local") != 0)
        return NULL;
    AUTO_FREE char *file =
        path_join(entry_root(&environment->entry), path_base(environment->project));
    return session_of_file(environment->engine, file, NULL);
}

char *environments_holder(const Engine *engine) {
    Arena arena;
    arena_init(&arena);
    char *holder = xasprintf("%s:%s", operation_machine(&arena), engine->state_dir);
    arena_deinit(&arena);
    return holder;
}

bool environment_has(const Environment *environment, const Session *session) {
    const char *root = entry_path(&environment->entry), *file = session->config->file;
    return *root && environment->entry.compute->managed && path_below(file, root) &&
           environment_at(environment->engine, file) == environment;
}

bool environment_is_served_here(const Environment *environment) {
    const Engine *engine = environment->engine;
    return environment->server && (str_same(environment->server, engine->owner) ||
                                   strcmp(environment->server, engine->holder) == 0);
}

static SessionStanding standing_of(const Environment *environment) {
    const Session *own = environment_session(environment), *session;
    SessionStanding standing = own ? session_standing(own) : SESSION_OVER;
    LIST_FOREACH (session, &environment->engine->sessions, link)
        if (environment_has(environment, session) && session_standing(session) == SESSION_UP)
            return SESSION_UP;
    return standing;
}

static bool is_being_deleted(const Environment *environment) {
    const Operation *operation = environment->operation;
    return operation_under_way(operation) && operation->ask.kind == OPERATION_DELETE;
}

/* While something is being done to it, that says what comes of it, in the end. */
EnvironmentStatus environment_phase(const Environment *environment) {
    EnvironmentStatus status = environment->entry.status;
    bool ours = environment_is_served_here(environment);
    if (status == ENVIRONMENT_DELETING && !is_being_deleted(environment))
        return ENVIRONMENT_ERROR; /* it was, and came to no end */
    if ((status != ENVIRONMENT_RUNNING && status != ENVIRONMENT_STOPPED) ||
        operation_under_way(environment->operation))
        return status;
    switch (standing_of(environment)) {
    case SESSION_UP: return ENVIRONMENT_RUNNING;
    case SESSION_OVER:
        if (environment->left_running)
            return ENVIRONMENT_RUNNING;
        return ours ? ENVIRONMENT_STOPPED : status;
    case SESSION_IDLE: break;
    }
    return status;
}

const char *environments_project_of(Engine *engine, const char *file) {
    Environment *environment = environment_of_file(engine, file);
    return environment ? environment->project : file;
}
