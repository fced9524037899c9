/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/environments/environment_orphans.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/environments/orphan_search.h"
#include "engine/operations/steps.h"
#include "engine/sessions/session.h"
#include "spec/environment_name.h"

/* ---- what is asked ---- */

/* Of which something runs, or is to. */
static void take_running(OrphanSearch *search, const Engine *engine) {
    const Session *session;
    LIST_FOREACH (session, &engine->sessions, link) {
        if (session_standing(session) != SESSION_UP)
            continue;
        search->running = arena_grow(search->arena, search->running, search->running_n,
                                     &search->running_cap, sizeof(*search->running));
        search->running[search->running_n++] =
            (OrphanSession){arena_strdup(search->arena, session->slug),
                            arena_strdup(search->arena, session->config->file)};
    }
}

/* What the loop knows, for a worker. */
static OrphanSearch *search_new(Engine *engine, const char *project, Arena *arena) {
    OrphanSearch *search = arena_alloc(arena, sizeof(*search));
    AUTO_FREE char *space = environment_space(project, arena);
    AUTO_FREE char *place = environment_shared_place(project);
    AUTO_FREE char *shared = environment_space(place, arena);
    AUTO_FREE char *root = path_dir(project);
    Report report;
    report_init(&report, arena);
    *search = (OrphanSearch){
        .arena = arena,
        .project = arena_strdup(arena, project),
        .root = arena_strdup(arena, root),
        .state_dir = engine->state_dir,
        .store = engine->options.store_file,
        .worktrees = arena_printf(arena, "%s/worktrees/%s", engine->state_dir, space),
        .environments = arena_printf(arena, "%s/environments/%s", engine->state_dir, space),
        .shared = arena_printf(arena, "%s/environments/%s", engine->state_dir, shared),
        .env = &operation_server_setup(arena)->env,
        .now_ns = loop_wall_us(engine->loop) * 1000};
    const Config *config = config_load(
        &(ConfigAsk){.file = project, .client = search->env, .environment = true}, arena, &report);
    search->config_name = config ? config->name : NULL;
    take_running(search, engine);
    return search;
}

static void add_own(OrphanSearch *search, const Environment *environment) {
    Arena *arena = search->arena;
    const EnvironmentEntry *entry = &environment->entry;
    ComputeAsk ask;
    steps_brought(entry, arena, &ask);
    for (size_t i = 0; i < ask.brought.n; i++)
        ask.brought.at[i] = arena_strdup(arena, ask.brought.at[i]);
    search->own =
        arena_grow(arena, search->own, search->own_n, &search->own_cap, sizeof(*search->own));
    search->own[search->own_n++] = (OrphanOwner){
        .name = arena_strdup(arena, entry->name),
        .slug = arena_strdup(arena, environment->slug),
        .path = arena_strdup(arena, entry_path(entry)),
        .busy = operation_under_way(environment->operation),
        .managed = entry->compute && entry->compute->managed,
        .status = entry->status,
        .failed_step = entry->failed_step ? arena_strdup(arena, entry->failed_step) : "",
        .error = entry->error ? arena_strdup(arena, entry->error) : NULL,
        .expires_ns = entry->expires_ns,
        .brought = ask.brought,
        .brought_ns = ask.brought_ns};
}

/* Also of those that the store does not know yet. */
static void take_own(OrphanSearch *search, const Engine *engine) {
    const Environment *environment;
    LIST_FOREACH (environment, &engine->environments, link) {
        bool over = environment->apart && !operation_under_way(environment->operation);
        if (strcmp(environment->project, search->project) != 0)
            orphan_add_other(search, entry_path(&environment->entry));
        else if (!over)
            add_own(search, environment);
    }
}

/* ---- find ---- */

static int do_find(Blocking *blocking, Err *err) {
    OrphanSearch *search = blocking->ask;
    blocking->result = &search->found;
    blocking->result_size = sizeof(search->found);
    orphan_search_worktrees(search);
    orphan_search_directories(search);
    orphan_search_sessions(search);
    orphan_search_compose(search);
    orphan_search_environments(search);
    return 0;
}

Op *environment_orphans_find(Engine *engine, const char *project, OpFn fn, void *arg) {
    Blocking *blocking = blocking_files(engine);
    OrphanSearch *search = search_new(engine, project, &blocking->arena);
    take_own(search, engine);
    blocking->ask = search;
    return blocking_run(blocking, do_find, fn, arg);
}

/* ---- judge ---- */

static int do_judge(Blocking *blocking, Err *err) {
    OrphanSearch *search = blocking->ask;
    Arena *arena = search->arena;
    StoredEnvironments all;
    blocking->result = &search->judged;
    blocking->result_size = sizeof(search->judged);
    if (store_environments(blocking->store, 0, arena, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++) {
        const EnvironmentEntry *entry = &all.at[i].entry;
        if (strcmp(all.at[i].project, search->project) != 0) {
            orphan_add_other(search, entry_path(entry));
            continue;
        }
        search->own =
            arena_grow(arena, search->own, search->own_n, &search->own_cap, sizeof(*search->own));
        search->own[search->own_n++] = (OrphanOwner){.name = entry->name,
                                                     .slug = environment_slug(entry->name, arena),
                                                     .path = entry_path(entry)};
    }
    orphan_search_judge(search);
    PortBlocksTaken blocks;
    if (store_port_blocks(blocking->store, arena, &blocks, err) < 0)
        return -1;
    orphan_search_ports(search, &blocks);
    return 0;
}

static EnvironmentOrphans copy(const EnvironmentOrphans *from, Arena *arena) {
    EnvironmentOrphans to = {.at = arena_alloc(arena, (from->n + 1) * sizeof(*to.at))};
    for (size_t i = 0; i < from->n; i++) {
        EnvironmentOrphan *orphan = &to.at[to.n++];
        *orphan = from->at[i];
        orphan->name = arena_strdup(arena, orphan->name);
        orphan->path = arena_strdup(arena, orphan->path);
        orphan->why = arena_strdup(arena, orphan->why);
    }
    return to;
}

Op *environment_orphans_judge(Engine *engine, const char *project, const EnvironmentOrphans *found,
                              OpFn fn, void *arg) {
    Blocking *blocking = blocking_store(engine);
    OrphanSearch *search = search_new(engine, project, &blocking->arena);
    take_own(search, engine);
    search->found = copy(found, &blocking->arena);
    blocking->ask = search;
    return blocking_run(blocking, do_judge, fn, arg);
}

/* ---- remove ---- */

typedef struct Removal {
    OrphanSearch *search;
    EnvironmentOrphans one;
    EnvironmentLease lease;
} Removal;

static int do_remove(Blocking *blocking, Err *err) {
    const Removal *removal = blocking->ask;
    return orphan_search_remove(removal->search, &removal->one.at[0], err);
}

static int free_ports(Store *store, const EnvironmentLease *lease, Arena *arena, Err *err) {
    StoredEnvironment stored;
    Err why;
    if (store_environment(store, &(EnvironmentRead){.key = lease->key}, arena, &stored, &why) == 0)
        return err_set(err, ERR_CONFLICT, "environment '%s' has them by now", lease->key.name);
    if (why.kind != ERR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    return store_environment_remove(store, lease->key, lease->token, err);
}

/* Under the lease of the name: whoever makes such an environment just now keeps them. */
static int do_free_ports(Blocking *blocking, Err *err) {
    const Removal *removal = blocking->ask;
    EnvironmentLease lease;
    Err unused;
    if (store_environment_lease(blocking->store, &removal->lease, &blocking->arena, &lease, err) <
        0)
        return -1;
    int r = free_ports(blocking->store, &lease, &blocking->arena, err);
    (void)!store_environment_release(blocking->store, &lease, &unused);
    return r;
}

static Op *remove_now(Engine *engine, const char *project, const EnvironmentOrphan *orphan, OpFn fn,
                      void *arg) {
    bool ports = orphan->kind == ORPHAN_PORTS;
    Blocking *blocking = ports ? blocking_store(engine) : blocking_files(engine);
    Arena *arena = &blocking->arena;
    Removal *removal = arena_alloc(arena, sizeof(*removal));
    *removal = (Removal){.search = search_new(engine, project, arena),
                         .one = copy(&(EnvironmentOrphans){(EnvironmentOrphan *)orphan, 1}, arena)};
    removal->lease = operation_lease(
        engine, (EnvironmentKey){removal->search->project, removal->one.at[0].name}, "gc", arena);
    blocking->ask = removal;
    return blocking_run(blocking, ports ? do_free_ports : do_remove, fn, arg);
}

/* ---- a directory: what runs of it ends first ---- */

typedef struct Clearing {
    Engine *engine;
    Op *op; /* in whose arena it is */
    const char *project;
    EnvironmentOrphans one;
} Clearing;

static void on_removed(void *arg, const void *result, const Err *err) {
    op_finish(arg, NULL, 0, err);
}

static void on_cleared(void *arg, const void *result, const Err *err) {
    const Clearing *clearing = arg;
    if (err)
        op_finish(clearing->op, NULL, 0, err);
    else
        remove_now(clearing->engine, clearing->project, clearing->one.at, on_removed, clearing->op);
}

static Op *clear(Engine *engine, const char *project, const EnvironmentOrphan *orphan, OpFn fn,
                 void *arg) {
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    Arena *arena = op_arena(op);
    Clearing *clearing = arena_alloc(arena, sizeof(*clearing));
    AUTO_FREE char *space = environment_space(project, arena);
    const char *task = environment_task(space, orphan->name, arena);
    *clearing = (Clearing){engine, op, arena_strdup(arena, project),
                           copy(&(EnvironmentOrphans){(EnvironmentOrphan *)orphan, 1}, arena)};
    op_forget(backend_setup_workflow(engine->backend, task, orphan->path, NULL, NULL, NULL));
    backend_destroy_workflow(engine->backend, task, NULL, on_cleared, clearing);
    return op;
}

Op *environment_orphan_remove(Engine *engine, const char *project, const EnvironmentOrphan *orphan,
                              OpFn fn, void *arg) {
    return orphan->kind == ORPHAN_DIRECTORY ? clear(engine, project, orphan, fn, arg)
                                            : remove_now(engine, project, orphan, fn, arg);
}
