/* SPDX-License-Identifier: Apache-2.0 */
/* What a server before has begun, and was killed at: the next server goes on with it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/operations/operation_files.h"

/* The number of the delete that waits for its end; one that was begun, but is still said to wait,
 * does not wait. */
static int64_t waiting_number(const Environment *environment, const OperationFile *file) {
    AUTO_FREE char *next = path_join(environment->dir, OPERATION_NEXT);
    if (file->ask.kind == OPERATION_DELETE)
        operation_file_remove(environment, OPERATION_NEXT);
    return access(next, F_OK) == 0 ? file->number + 1 : 0;
}

enum { DEATHS_MOST = 20, SOON_US = 10 * 1000 * 1000 };

/* To delete is what is left of what cannot be tried again with its name alone. */
static const char *ways_out(const OperationAsk *ask, Arena *arena) {
    bool whole = !ask->worktree && !ask->step && !ask->service && !ask->status;
    const char *again = arena_printf(arena, "`thole env %s %s` tries again",
                                     operation_kind_name(ask->kind), ask->name);
    const char *away = arena_printf(arena, "`thole env delete %s` removes it", ask->name);
    if (operation_ask_is_apart(ask))
        return "the same command tries again";
    if (ask->kind == OPERATION_DELETE)
        return again;
    return whole ? arena_printf(arena, "%s, %s", again, away) : away;
}

static int give_up(const Environment *environment, const OperationFile *file, Arena *arena,
                   Err *err) {
    const char *step = operation_last_step(environment, file->number, arena);
    return err_set(err, ERR_INTERNAL,
                   "%d servers have died at %s, one soon after the other, so it is given up: %s "
                   "(%s/rail.log says why)",
                   DEATHS_MOST, step ? step : "it", ways_out(&file->ask, arena),
                   environment->engine->state_dir);
}

/* Something that ends every server that goes on with it would leave nobody one. */
static int count_death(const Environment *environment, OperationFile *file, Arena *arena,
                       Err *err) {
    int64_t now_us = clock_wall_us();
    bool soon = now_us - file->deaths.last_us < SOON_US;
    file->deaths = (OperationDeaths){.last_us = now_us, .n = soon ? file->deaths.n + 1 : 1};
    if (file->deaths.n > DEATHS_MOST)
        return give_up(environment, file, arena, err);
    if (operation_file_write(environment, OPERATION_FILE, file, err) < 0) /* its disk is full? */
        log_warn("environment %s: %s", environment->slug, err->msg);
    return 0;
}

static int take_over(Environment *environment, const OperationFile *file, Report *report,
                     Err *err) {
    Operation *operation = operation_new(environment, &file->ask, report, err);
    if (!operation)
        return -1;
    (void)operation_next_number(environment, &operation->seq);
    operation->number = file->number;
    operation->begun_us = file->begun_us;
    operation->deaths = file->deaths;
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
    if (read_operation(dir, &arena, &file, &err) == 0 &&
        operation_ask_check(&file.ask, &err) == 0) {
        const OperationAsk *ask = &file.ask;
        Environment *environment = operation_ask_is_apart(ask)
                                       ? environment_new_apart(engine, ask)
                                       : environment_new(engine, ask->file, ask->name);
        file.ask.again = true;
        if (count_death(environment, &file, &arena, &err) < 0 ||
            take_over(environment, &file, &report, &err) < 0) {
            environment_set_refused(environment, &file, &err);
            operation_file_remove(environment, OPERATION_NEXT); /* it is of this one's end */
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
            environment_remove_gone(below);
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
