/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of an environment: which may begin, what follows, what a server before has begun. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/operations/operation_events.h"
#include "engine/operations/operation_files.h"
#include "spec/environment_name.h"
#include "spec/worktree_include.h"

/* ---- operations ---- */

#define TTL_MOST_MS (INT64_C(100) * 365 * 24 * 3600 * 1000)

static int refuse_busy(const Environment *environment, Err *err) {
    const Operation *operation = environment->operation;
    const LifecycleStep *step = operation_step(operation);
    const char *name = environment->entry.name;
    if (environment->apart)
        return err_set(err, ERR_CONFLICT,
                       "%s of %s is under way; it is waited for, or ended, first",
                       step ? step->name : operation_kind_name(operation->ask.kind),
                       *name ? name : environment->project);
    return err_set(err, ERR_CONFLICT,
                   "environment '%s' is busy: %s%s%s; `thole env show %s` shows it", name,
                   operation_kind_name(operation->ask.kind), step ? ", at " : "",
                   step ? step->name : "", name);
}

static int begin(Environment *environment, Operation *operation, Err *err) {
    operation_trim_events(environment);
    operation->number = operation_next_number(environment, &operation->seq);
    if (operation_save_config(operation, err) < 0 || operation_keep(operation, err) < 0)
        return -1; /* operation.json is what makes it begun: last */
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
static int begin_later(Environment *environment, const OperationAsk *ask, Report *report,
                       Err *err) {
    Operation *next = operation_new(environment, ask, report, err);
    int64_t number = environment->operation->number + 1;
    if (!next)
        return -1;
    const OperationFile file = {.number = number, .begun_us = next->begun_us, .ask = next->ask};
    int r = operation_file_write(environment, OPERATION_NEXT, &file, err);
    operation_unref(next);
    sys_point("env-next");
    if (r < 0)
        return -1;
    environment->next = number;
    environment_touch(environment);
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
    if (operation && operation_check_names(operation, err) == 0 &&
        operation_check_ports(operation, err) == 0 && begin(environment, operation, err) == 0)
        return 0;
    operation_unref(operation);
    return -1;
}

/* What was not said is as it is. */
static bool agrees(const char *now, const char *asked) {
    return !asked || str_same(now, asked);
}

static bool same_list(const StrList *a, const StrList *b) {
    for (size_t i = 0; a->n == b->n && i < a->n; i++)
        if (strcmp(a->at[i], b->at[i]) != 0)
            return false;
    return a->n == b->n;
}

/* Who asks for what is under way already looks on: a second time, since his terminal was closed, or
 * the server was gone meanwhile. */
static bool is_asked_again(const Operation *operation, const OperationAsk *ask) {
    const OperationAsk *now = &operation->ask;
    return !operation->canceled && now->kind == ask->kind && agrees(now->mode, ask->mode) &&
           agrees(now->branch, ask->branch) && agrees(now->base, ask->base) &&
           agrees(now->path, ask->path) && agrees(now->worktree, ask->worktree) &&
           now->ttl_ms == ask->ttl_ms && same_list(&now->copy, &ask->copy) &&
           now->no_cache == ask->no_cache && str_same(now->from, ask->from) &&
           same_list(&now->only, &ask->only) && str_same(now->step, ask->step) &&
           str_same(now->service, ask->service) && str_same(now->action, ask->action) &&
           str_same(now->status, ask->status) && now->force == ask->force &&
           now->keep_worktree == ask->keep_worktree;
}

static Environment *find_apart(Engine *engine, const OperationAsk *ask) {
    Environment *environment;
    LIST_FOREACH (environment, &engine->environments, link)
        if (environment->apart && str_same(environment->manifest, ask->manifest) &&
            strcmp(environment->project, ask->file) == 0 &&
            strcmp(environment->entry.name, ask->name) == 0)
            return environment;
    return NULL;
}

static Environment *begin_apart(Engine *engine, const OperationAsk *ask, Report *report, Err *err) {
    Environment *environment = find_apart(engine, ask);
    if (environment && operation_under_way(environment->operation)) {
        if (is_asked_again(environment->operation, ask))
            return environment;
        refuse_busy(environment, err);
        return NULL;
    }
    if (!environment)
        environment = environment_new_apart(engine, ask);
    if (begin_now(environment, ask, report, err) == 0)
        return environment;
    drop_new(environment);
    return NULL;
}

static Environment *run_manifest(Engine *engine, const OperationAsk *ask, Report *report,
                                 Err *err) {
    Arena arena;
    OperationAsk whole;
    arena_init(&arena);
    int r = manifest_run_ask(ask, &arena, &whole, err);
    Environment *environment = r == 0 ? begin_apart(engine, &whole, report, err) : NULL;
    arena_deinit(&arena);
    return environment;
}

static int check_paths(const OperationAsk *ask, Err *err) {
    const char *const paths[] = {ask->path, ask->worktree};
    for (size_t i = 0; i < COUNT(paths); i++)
        if (paths[i] && paths[i][0] != '/')
            return err_set(err, ERR_INVALID, "%.200s is no absolute path", paths[i]);
    for (size_t i = 0; i < ask->copy.n; i++) {
        bool link;
        if (!worktree_include_named(ask->copy.at[i], &link))
            return err_set(err, ERR_INVALID,
                           "copy: '%.200s' is no file or directory that is brought along: it is "
                           "named from the root of the project",
                           ask->copy.at[i]);
    }
    return 0;
}

/* What its kind needs is there: of what people ask, and of what a server before has written. */
static int check_asked(const OperationAsk *ask, Err *err) {
    const struct {
        OperationKind kind;
        const char *name, *text;
    } needs[] = {{OPERATION_STEP, "step", ask->step},
                 {OPERATION_INVALIDATE, "step", ask->step},
                 {OPERATION_HOOK, "service", ask->service},
                 {OPERATION_HOOK, "action", ask->action},
                 {OPERATION_STATUS, "status", ask->status}};
    for (size_t i = 0; i < COUNT(needs); i++)
        if (ask->kind == needs[i].kind && (!needs[i].text || !*needs[i].text))
            return err_set(err, ERR_INVALID, "%s: it is missing", needs[i].name);
    bool shared = ask->kind == OPERATION_HOOK && strcmp(ask->action, "init") == 0;
    if (ask->kind != OPERATION_RUN && !shared && (!ask->name || !*ask->name))
        return err_set(err, ERR_INVALID, "name: it is missing; init alone is of no environment");
    if (ask->ttl_ms < 0 || ask->ttl_ms > TTL_MOST_MS)
        return err_set(err, ERR_INVALID, "ttl: it is at most 100 years");
    return check_paths(ask, err);
}

/* Or of no environment: check_asked() knows for which hooks that will do. */
static bool is_apart(const OperationAsk *ask) {
    return ask->manifest || !*ask->name;
}

Environment *environment_begin(Engine *engine, const OperationAsk *ask, Report *report, Err *err) {
    if (check_asked(ask, err) < 0)
        return NULL;
    if (ask->kind == OPERATION_RUN)
        return run_manifest(engine, ask, report, err);
    if (is_apart(ask))
        return begin_apart(engine, ask, report, err);
    Environment *environment = environment_find(engine, ask->file, ask->name);
    bool makes = ask->kind == OPERATION_CREATE || ask->kind == OPERATION_PROVISION;
    if (makes && environment_name_check(ask->name, err) < 0)
        return NULL;
    if (!environment && !makes) {
        err_set(err, ERR_NOT_FOUND, "environment '%s' not found", ask->name);
        return NULL;
    }
    if (environment && operation_under_way(environment->operation)) {
        if (is_asked_again(environment->operation, ask))
            return environment;
        if (ask->kind != OPERATION_DELETE || environment->operation->ask.kind == OPERATION_DELETE) {
            refuse_busy(environment, err);
            return NULL;
        }
        return begin_later(environment, ask, report, err) < 0 ? NULL : environment;
    }
    if (!environment)
        environment = environment_new(engine, ask->file, ask->name);
    if (begin_now(environment, ask, report, err) == 0)
        return environment;
    drop_new(environment);
    return NULL;
}

/* What was to be done cannot be: who waits for it is told in its events. */
static void refuse(Environment *environment, const OperationFile *file, const Err *err) {
    log_error("environment %s: %s: %s", environment->slug, operation_kind_name(file->ask.kind),
              err->msg);
    operation_unref(environment->operation);
    environment->operation = operation_new_refused(environment, &file->ask, file->number, err);
}

static void begin_waiting(Environment *environment, Arena *arena) {
    OperationFile file = {.number = environment->next,
                          .ask = {.kind = OPERATION_DELETE,
                                  .file = environment->project,
                                  .name = environment->entry.name}};
    Operation *operation = NULL;
    Report report;
    Err err;
    report_init(&report, arena);
    if (operation_file_read(environment->dir, OPERATION_NEXT, arena, &file, &err) == 0)
        operation = operation_new(environment, &file.ask, &report, &err);
    if (operation && begin(environment, operation, &err) == 0)
        return;
    operation_unref(operation);
    refuse(environment, &file, &err);
}

/* What waited for its end. */
static void begin_next(Environment *environment) {
    Arena arena;
    if (!environment->next)
        return;
    arena_init(&arena);
    begin_waiting(environment, &arena);
    environment->next = 0;
    operation_file_remove(environment, OPERATION_NEXT);
    arena_deinit(&arena);
}

static void remove_gone(const char *path) {
    Err err;
    if (path_remove_tree(path, &err) < 0)
        log_warn("%s", err.msg);
}

/* Of one that is gone the directory goes, too; who reads its events has the file open. First it is
 * called what nobody takes for an environment: the next server removes what is left of it. */
static void drop_deleted(Environment *environment) {
    AUTO_FREE char *above = path_dir(environment->dir);
    AUTO_FREE char *gone = xasprintf("%s/.%s", above, path_base(environment->dir));
    remove_gone(gone);
    if (rename(environment->dir, gone) < 0 && errno != ENOENT)
        log_warn("environment %s: rename %s: %s", environment->slug, gone, strerror(errno));
    sys_point("env-gone");
    remove_gone(gone);
    environment_forget(environment);
}

/* ---- who waits for its end ---- */

typedef struct Awaiting {
    List link; /* Environment.awaiting */
    Op *op;
} Awaiting;

static void tell_awaiting(Environment *environment) {
    const Operation *operation = environment->operation;
    bool failed = operation && operation->state != OPERATION_DONE;
    Awaiting *awaiting;
    LIST_FOREACH_SAFE (awaiting, &environment->awaiting, link) {
        list_remove(&awaiting->link);
        if (failed)
            op_fail(awaiting->op, ERR_INTERNAL, operation->error);
        else
            op_finish(awaiting->op, NULL, 0, NULL);
        free(awaiting);
    }
}

void environment_await_no_more(Environment *environment) {
    Awaiting *awaiting;
    LIST_FOREACH_SAFE (awaiting, &environment->awaiting, link) {
        list_remove(&awaiting->link);
        op_abandon(awaiting->op);
        free(awaiting);
    }
}

Op *environment_await(Environment *environment, OpFn fn, void *arg) {
    Awaiting *awaiting = xcalloc(1, sizeof(*awaiting));
    Op *op = awaiting->op = op_new(environment->engine->loop, fn, arg, NULL, NULL);
    list_append(&environment->awaiting, &awaiting->link);
    if (!operation_under_way(environment->operation))
        tell_awaiting(environment);
    return op;
}

void environment_ended(Environment *environment) {
    const Operation *operation = environment->operation;
    tell_awaiting(environment);
    if (operation->ask.kind == OPERATION_DELETE && operation->state == OPERATION_DONE) {
        drop_deleted(environment);
        return;
    }
    operation_file_remove(environment, OPERATION_FILE);
    begin_next(environment);
    operation_readers_wake(environment);
    environment_touch(environment);
}

int environment_cancel(Environment *environment, Err *err) {
    if (!operation_under_way(environment->operation))
        return err_set(err, ERR_CONFLICT, "environment '%s': nothing is being done to it",
                       environment->entry.name);
    operation_cancel(environment->operation);
    return 0;
}

/* ---- the next server ---- */

/* The number of the delete that waits for its end; one that was begun, but is still said to wait,
 * does not wait. */
static int64_t waiting_number(const Environment *environment, const OperationFile *file) {
    AUTO_FREE char *next = path_join(environment->dir, OPERATION_NEXT);
    if (file->ask.kind == OPERATION_DELETE)
        operation_file_remove(environment, OPERATION_NEXT);
    return access(next, F_OK) == 0 ? file->number + 1 : 0;
}

static int take_over(Environment *environment, const OperationFile *file, Report *report,
                     Err *err) {
    Operation *operation = operation_new(environment, &file->ask, report, err);
    if (!operation)
        return -1;
    (void)operation_next_number(environment, &operation->seq);
    operation->number = file->number;
    operation->begun_us = file->begun_us;
    environment->next = waiting_number(environment, file);
    operation->canceled = file->canceled || environment->next;
    environment->operation = operation;
    operation_recall(operation);
    return 0;
}

/* What waited is begun. */
static int read_operation(const char *dir, Arena *arena, OperationFile *ret, Err *err) {
    AUTO_FREE char *path = path_join(dir, OPERATION_FILE), *next = path_join(dir, OPERATION_NEXT);
    int r = operation_file_read(dir, OPERATION_FILE, arena, ret, err);
    if (r == 0 || err->kind != ERR_NOT_FOUND || access(next, F_OK) < 0)
        return r;
    if (rename(next, path) < 0)
        return err_sys(err, errno, "rename %s", next);
    return operation_file_read(dir, OPERATION_FILE, arena, ret, err);
}

static void adopt(Engine *engine, const char *dir) {
    Arena arena;
    OperationFile file;
    Report report;
    Err err;
    arena_init(&arena);
    report_init(&report, &arena);
    if (read_operation(dir, &arena, &file, &err) == 0 && check_asked(&file.ask, &err) == 0) {
        const OperationAsk *ask = &file.ask;
        Environment *environment = is_apart(ask) ? environment_new_apart(engine, ask)
                                                 : environment_new(engine, ask->file, ask->name);
        file.ask.again = true;
        if (take_over(environment, &file, &report, &err) < 0) {
            refuse(environment, &file, &err);
            operation_file_remove(environment, OPERATION_FILE);
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
        else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_gone(below);
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

/* One whose end was told already is only to be forgotten. */
static void go_on(Operation *operation) {
    if (operation->told_end == OPERATION_WAITING) {
        operation_begin(operation);
        return;
    }
    operation->state = operation->told_end;
    operation->over = true;
    environment_ended(operation->environment);
}

void environments_go_on(Engine *engine) {
    Environment *environment;
    LIST_FOREACH_SAFE (environment, &engine->environments, link) {
        Operation *operation = environment->operation;
        if (operation_under_way(operation) && operation->ask.again && !operation->lease.key.name)
            go_on(operation);
    }
}
