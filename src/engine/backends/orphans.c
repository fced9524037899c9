/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backends/orphans.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_files.h"

/* ---- whose is it? ---- */

static bool is_there(const char *dir, const char *file) {
    AUTO_FREE char *path = path_join(dir, file);
    return access(path, F_OK) == 0;
}

static TaskOwner owner_of_session(Engine *engine, const char *task) {
    AUTO_FREE char *dir = xasprintf("%s/sessions/%s", engine->state_dir, task);
    return session_find(engine, task) || access(dir, F_OK) == 0 ? TASK_LIVES : TASK_ORPHAN;
}

/* By the name of its directory: that alone is known of one that cannot be read. */
static TaskOwner owner_of_directory(Engine *engine, const char *name) {
    AUTO_FREE char *dir = xasprintf("%s/workflows/%s", engine->state_dir, name);
    Object *object = object_find(engine->objects, OBJECT_WORKFLOW, NULL, name);
    if (!object)
        return is_there(dir, WORKFLOW_WHO) ? TASK_UNREAD : TASK_ORPHAN;
    const Workflow *workflow = workflow_of(object);
    bool kept = workflow->facts.keep && !workflow->gone; /* until it is deleted */
    return kept || !workflow_over(workflow) ? TASK_LIVES : TASK_ORPHAN;
}

TaskOwner task_owner(Engine *engine, const char *task) {
    AUTO_FREE char *name = workflow_name_of(task);
    return owner_of_session(engine, task) == TASK_LIVES ? TASK_LIVES
                                                        : owner_of_directory(engine, name);
}

/* ---- directories ---- */

TaskOwner directory_owner(Engine *engine, const char *name) {
    return owner_of_session(engine, name) == TASK_LIVES ? TASK_LIVES
                                                        : owner_of_directory(engine, name);
}

static int by_task(const void *a, const void *b) {
    return strcmp(((const Leftover *)a)->task, ((const Leftover *)b)->task);
}

Leftovers orphan_directories(Engine *engine, Arena *arena) {
    AUTO_FREE char *path = path_join(engine->state_dir, "workflows");
    DIR *dir = opendir(path);
    Leftover *at = NULL;
    size_t n = 0, cap = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' ||
            object_find(engine->objects, OBJECT_WORKFLOW, NULL, entry->d_name))
            continue;
        at = arena_grow(arena, at, n, &cap, sizeof(*at));
        at[n++] = (Leftover){.task = arena_strdup(arena, entry->d_name),
                             .kind = "directory",
                             .name = arena_printf(arena, "%s/%s", path, entry->d_name)};
    }
    if (dir)
        closedir(dir);
    if (n > 1)
        qsort(at, n, sizeof(*at), by_task);
    return (Leftovers){at, n};
}

/* ---- removing ---- */

typedef struct Removal {
    Engine *engine;
    Op *op, *call;
    PooledBackend *pooled;
    bool here;        /* of the backend where sessions run */
    char *task, *dir; /* dir: here, where it is still there; else NULL */
} Removal;

static void removal_free(Removal *removal) {
    op_drop(removal->call);
    pooled_drop(removal->pooled);
    free(removal->task);
    free(removal->dir);
    free(removal);
}

static void cancel_removal(Op *op, void *state) {
    removal_free(state);
    op_fail(op, ERR_CANCELLED, "cancelled");
}

static void done(Removal *removal, const Err *err) {
    op_finish(removal->op, NULL, 0, err);
    removal_free(removal);
}

static void on_destroyed(void *arg, const void *result, const Err *err) {
    Removal *removal = arg;
    Err own = {0};
    removal->call = NULL;
    if (!err && removal->dir && workflow_directory_remove(removal->engine, removal->dir, &own) < 0)
        err = &own;
    done(removal, err);
}

static void destroy(Removal *removal) {
    removal->call = backend_destroy_workflow(pooled_backend(removal->pooled), removal->task, NULL,
                                             on_destroyed, removal);
}

static void on_known(void *arg, const void *result, const Err *err) {
    Removal *removal = arg;
    removal->call = NULL;
    if (err)
        done(removal, err);
    else
        destroy(removal);
}

/* Here, and without a directory: processes that it was removed under. */
static void on_processes(void *arg, const void *result, const Err *err) {
    Removal *removal = arg;
    const Leftovers *left = result;
    Err none;
    bool found = false;
    removal->call = NULL;
    for (size_t i = 0; !err && i < left->n; i++)
        found |= strcmp(left->at[i].task, removal->task) == 0;
    if (!err && !found) {
        err_set(&none, ERR_NOT_FOUND, "nothing is left of a task %.80s", removal->task);
        err = &none;
    }
    if (err)
        done(removal, err);
    else
        destroy(removal);
}

static void on_loaded(void *arg, const void *result, const Err *err) {
    Removal *removal = arg;
    removal->call = NULL;
    if (err)
        done(removal, err);
    else if (removal->dir) /* it finds its runs by their directory */
        removal->call = backend_setup_workflow(pooled_backend(removal->pooled), removal->task,
                                               removal->dir, NULL, on_known, removal);
    else if (removal->here)
        removal->call = backend_leftovers(pooled_backend(removal->pooled), on_processes, removal);
    else
        destroy(removal);
}

/* A directory that is one of the orphans, and nothing else. */
static void find_directory(Removal *removal) {
    Arena arena;
    arena_init(&arena);
    Leftovers all = orphan_directories(removal->engine, &arena);
    for (size_t i = 0; i < all.n && !removal->dir; i++)
        if (strcmp(all.at[i].task, removal->task) == 0)
            removal->dir = xstrdup(all.at[i].name);
    arena_deinit(&arena);
}

/* On the backend where sessions run a task is the name of a directory. */
static int check_owner(const Removal *removal, bool here, bool unread, Err *err) {
    TaskOwner owner = here ? directory_owner(removal->engine, removal->task)
                           : task_owner(removal->engine, removal->task);
    if (owner == TASK_LIVES)
        return err_set(err, ERR_CONFLICT, "the task %.80s lives; end it first", removal->task);
    if (owner == TASK_UNREAD && !unread)
        return err_set(err, ERR_CONFLICT,
                       "the record of task %.80s cannot be read: it may be of a newer server; "
                       "`thole backend orphans --remove --unread` removes it all the same",
                       removal->task);
    return 0;
}

static int prepare(Removal *removal, const OrphanAsk *ask, Err *err) {
    removal->pooled = backend_pool_take(removal->engine->pool, &ask->wish, err);
    if (!removal->pooled)
        return -1;
    removal->here = pooled_backend(removal->pooled) == removal->engine->backend;
    if (check_owner(removal, removal->here, ask->unread, err) < 0)
        return -1;
    if (removal->here)
        find_directory(removal);
    return 0;
}

Op *orphan_remove(Engine *engine, const OrphanAsk *ask, OpFn fn, void *arg) {
    Removal *removal = xcalloc(1, sizeof(*removal));
    Err err = {0};
    Op *op = backend_pool_op(engine->pool, &(PoolCall){fn, arg, cancel_removal, removal});
    removal->engine = engine;
    removal->op = op;
    removal->task = xstrdup(ask->task);
    if (prepare(removal, ask, &err) < 0)
        done(removal, &err);
    else
        removal->call = pooled_load(removal->pooled, false, on_loaded, removal);
    return op;
}

/* ---- after a crash ---- */

/* One backend that is looked through. */
typedef struct Sweep {
    List link; /* Engine.sweeps */
    Engine *engine;
    PooledBackend *pooled;
    Op *call;
    VEC(char *) tasks; /* to be destroyed; the last one first */
} Sweep;

static Sweep *sweep_free(Sweep *sweep) {
    list_remove(&sweep->link);
    op_drop(sweep->call);
    pooled_drop(sweep->pooled);
    for (size_t i = 0; i < sweep->tasks.n; i++)
        free(sweep->tasks.at[i]);
    VEC_FREE(sweep->tasks);
    free(sweep);
    return NULL;
}

static void next(Sweep *sweep);

static void on_swept(void *arg, const void *result, const Err *err) {
    Sweep *sweep = arg;
    char *task = sweep->tasks.at[--sweep->tasks.n];
    sweep->call = NULL;
    if (err)
        log_warn("task %s, which nobody knows, is not gone: %s", task, err->msg);
    else
        log_info("task %s, which nobody knows, was destroyed on the backend %s", task,
                 pooled_backend(sweep->pooled)->name);
    free(task);
    next(sweep);
}

static void next(Sweep *sweep) {
    while (sweep->tasks.n &&
           task_owner(sweep->engine, sweep->tasks.at[sweep->tasks.n - 1]) != TASK_ORPHAN)
        free(sweep->tasks.at[--sweep->tasks.n]); /* begun meanwhile */
    if (!sweep->tasks.n) {
        sweep_free(sweep);
        return;
    }
    sweep->call = backend_destroy_workflow(
        pooled_backend(sweep->pooled), sweep->tasks.at[sweep->tasks.n - 1], NULL, on_swept, sweep);
}

static void on_left(void *arg, const void *result, const Err *err) {
    Sweep *sweep = arg;
    const Leftovers *left = result;
    sweep->call = NULL;
    if (err)
        log_debug("what is left on the backend %s is not known: %s",
                  pooled_backend(sweep->pooled)->name, err->msg);
    for (size_t i = 0; !err && i < left->n; i++)
        if ((i == 0 || strcmp(left->at[i - 1].task, left->at[i].task) != 0) &&
            task_owner(sweep->engine, left->at[i].task) == TASK_ORPHAN)
            VEC_PUSH(sweep->tasks, xstrdup(left->at[i].task));
    next(sweep);
}

static void on_usable(void *arg, const void *result, const Err *err) {
    Sweep *sweep = arg;
    sweep->call = NULL;
    if (err)
        sweep_free(sweep);
    else
        sweep->call = backend_leftovers(pooled_backend(sweep->pooled), on_left, sweep);
}

static void sweep_one(void *arg, PooledBackend *pooled) {
    Engine *engine = arg;
    const Backend *backend = pooled_backend(pooled);
    if (!backend->ops->leftovers || backend == engine->backend) /* its own are adopted */
        return;
    Sweep *sweep = xcalloc(1, sizeof(*sweep));
    sweep->engine = engine;
    sweep->pooled = pooled_ref(pooled);
    list_append(&engine->sweeps, &sweep->link);
    sweep->call = pooled_load(pooled, false, on_usable, sweep);
}

/* Where those who said nothing ran theirs; not asked before anybody ran one. */
static void take_usual(Engine *engine, PooledBackend **ret, size_t max) {
    AUTO_FREE char *place = path_join(engine->state_dir, "workflows");
    const BackendKind *kind;
    Err err;
    for (size_t i = 0; i < max && (kind = backend_pool_kind(engine->pool, i)); i++)
        if (!kind->lent && !kind->by_name && access(place, F_OK) == 0)
            ret[i] = backend_pool_take(engine->pool, &(BackendWish){.name = kind->name}, &err);
}

void orphans_sweep(Engine *engine) {
    PooledBackend *usual[MAX_BACKEND_KINDS] = {0};
    take_usual(engine, usual, COUNT(usual));
    backend_pool_each(engine->pool, sweep_one, engine);
    for (size_t i = 0; i < COUNT(usual); i++)
        pooled_drop(usual[i]);
}

void orphans_free(Engine *engine) {
    Sweep *sweep;
    LIST_FOREACH_SAFE (sweep, &engine->sweeps, link)
        sweep_free(sweep);
}
