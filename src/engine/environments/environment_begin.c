/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of an environment: which may begin, what follows, and who waits for the end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/operations/operation_events.h"
#include "engine/operations/operation_files.h"
#include "spec/environment_name.h"

static int refuse_busy(const Environment *environment, bool from_hook, Err *err) {
    const Operation *operation = environment->operation;
    const LifecycleStep *step = operation_step(operation);
    const char *name = environment->entry.name, *own = ", and this is one of its hooks";
    AUTO_FREE char *shows = xasprintf("; `thole env show %s` shows it", name);
    if (environment->apart)
        return err_set(err, ERR_CONFLICT, "%s of %s is under way%s",
                       step ? step->name : operation_kind_name(operation->ask.kind),
                       *name ? name : environment->project,
                       from_hook ? own : "; it is waited for, or ended, first");
    return err_set(err, ERR_CONFLICT, "environment '%s' is busy: %s%s%s%s", name,
                   operation_kind_name(operation->ask.kind), step ? ", at " : "",
                   step ? step->name : "", from_hook ? own : shows);
}

/* operation.json is what makes it begun: last. What ends things, or makes room on a disk again,
 * needs neither, but if the server is killed nobody goes on with it by himself. */
static int keep(const Operation *operation, Err *err) {
    if (operation_save_config(operation, err) == 0 && operation_keep(operation, err) == 0)
        return 0;
    if (operation->ask.kind != OPERATION_DELETE && operation->ask.kind != OPERATION_STOP)
        return -1;
    log_warn("environment %s: %s", operation->environment->slug, err->msg);
    return 0;
}

static int begin(Environment *environment, Operation *operation, Err *err) {
    operation_trim_events(environment);
    operation->number = operation_next_number(environment, &operation->seq);
    operation->told_from = environment->counted.to;
    if (keep(operation, err) < 0)
        return -1;
    operation_unref(environment->operation);
    environment->operation = operation;
    operation_begin(operation);
    return 0;
}

void environment_remove_gone(const char *path) {
    Err err;
    if (path_remove_tree(path, &err) < 0)
        log_warn("%s", err.msg);
}

/* Of one that is gone the directory goes, too; who reads its events has the file open. First it is
 * called what nobody takes for an environment: the next server removes what is left of it. */
static void drop_deleted(Environment *environment) {
    AUTO_FREE char *above = path_dir(environment->dir);
    AUTO_FREE char *gone = xasprintf("%s/.%s", above, path_base(environment->dir));
    environment_remove_gone(gone);
    if (rename(environment->dir, gone) < 0 && errno != ENOENT)
        log_warn("environment %s: rename %s: %s", environment->slug, gone, strerror(errno));
    sys_point("env-gone");
    environment_remove_gone(gone);
    environment_forget(environment);
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

/* What is under way is joined by who asks for the same; a delete comes after it. A hook of it can
 * do neither: it would look on at itself. */
static int join_or_refuse(Environment *environment, const OperationAsk *ask, Report *report,
                          Err *err) {
    if (operation_is_asked_from_hook(environment->operation, ask))
        return refuse_busy(environment, true, err);
    if (operation_is_asked_again(environment->operation, ask))
        return 0;
    if (ask->kind == OPERATION_DELETE && environment->operation->ask.kind != OPERATION_DELETE)
        return begin_later(environment, ask, report, err);
    return refuse_busy(environment, false, err);
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
    if (environment && operation_under_way(environment->operation))
        return join_or_refuse(environment, ask, report, err) < 0 ? NULL : environment;
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

Environment *environment_begin(Engine *engine, const OperationAsk *ask, Report *report, Err *err) {
    if (operation_ask_check(ask, err) < 0)
        return NULL;
    if (ask->manifest)
        return run_manifest(engine, ask, report, err);
    if (operation_ask_is_apart(ask))
        return begin_apart(engine, ask, report, err);
    Environment *environment = environment_find(engine, ask->file, ask->name);
    bool makes = ask->kind == OPERATION_CREATE || ask->kind == OPERATION_PROVISION;
    if (makes && environment_name_check(ask->name, err) < 0)
        return NULL;
    if (!environment && !makes) {
        err_set(err, ERR_NOT_FOUND, "environment '%s' not found", ask->name);
        return NULL;
    }
    if (environment && operation_under_way(environment->operation))
        return join_or_refuse(environment, ask, report, err) < 0 ? NULL : environment;
    if (!environment) {
        environment = environment_new(engine, ask->file, ask->name);
        environment->fresh = true;
    }
    if (begin_now(environment, ask, report, err) == 0)
        return environment;
    if (environment->fresh && !environment->version)
        drop_deleted(environment);
    return NULL;
}

void environment_set_refused(Environment *environment, const OperationFile *file, const Err *err) {
    log_error("environment %s: %s: %s", environment->slug, operation_kind_name(file->ask.kind),
              err->msg);
    Operation *before = environment->operation; /* its number is counted on */
    environment->operation = operation_new_refused(environment, &file->ask, file->number, err);
    operation_unref(before);
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
    environment_set_refused(environment, &file, &err);
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
    environment_look_left(environment);
    begin_next(environment);
    operation_readers_wake(environment);
    environment_touch(environment);
}

static void on_drop(void *arg) {
    Environment *environment = arg;
    environment->drop = timer_free(environment->drop);
    bool heard = !list_empty(&environment->readers);
    if (!heard && !environment->version && !operation_under_way(environment->operation))
        drop_deleted(environment);
}

void environment_unheard(Environment *environment) {
    bool over = environment->operation && environment->operation->over;
    if (environment->fresh && !environment->version && over && !environment->drop)
        environment->drop = timer_new(environment->engine->loop, 0, on_drop, environment);
}

int environment_cancel(Environment *environment, Err *err) {
    if (!operation_under_way(environment->operation))
        return err_set(err, ERR_CONFLICT, "environment '%s': nothing is being done to it",
                       environment->entry.name);
    operation_cancel(environment->operation);
    return 0;
}
