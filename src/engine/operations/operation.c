/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an operation; how it begins is in operation_open.c, what it does in
 * operation_walk.c. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/client_setup.h"
#include "engine/operations/operation_files.h"
#include "engine/targets/run_files.h"

/* ---- life ---- */

static void copy_ask(const OperationAsk *ask, Arena *arena, OperationAsk *ret) {
    const char **texts[] = {&ret->file,    &ret->name,    &ret->mode,     &ret->branch,
                            &ret->base,    &ret->path,    &ret->worktree, &ret->from,
                            &ret->step,    &ret->service, &ret->action,   &ret->status,
                            &ret->manifest};
    StrList *lists[] = {&ret->copy, &ret->only};
    *ret = *ask;
    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i] = *texts[i] ? arena_strdup(arena, *texts[i]) : NULL;
    for (size_t i = 0; i < COUNT(lists); i++) {
        StrList from = *lists[i];
        lists[i]->at = arena_alloc(arena, (from.n + 1) * sizeof(*from.at));
        for (size_t k = 0; k < from.n; k++)
            lists[i]->at[k] = arena_strdup(arena, from.at[k]);
    }
    if (ask->client) {
        ClientSetup *client = arena_alloc(arena, sizeof(*client));
        client_setup_copy(ask->client, arena, client);
        ret->client = client;
    }
}

const char *operation_machine(Arena *arena) {
    char name[256] = "";
    if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
        return "unknown";
    return arena_strdup(arena, name);
}

EnvironmentLease operation_lease(const Engine *engine, EnvironmentKey key, const char *doing,
                                 Arena *arena) {
    return (EnvironmentLease){.key = key,
                              .server = arena_strdup(arena, engine->owner),
                              .holder = arena_strdup(arena, engine->holder),
                              .doing = doing};
}

void operation_name_lease(Operation *operation) {
    const OperationAsk *ask = &operation->ask;
    operation->lease = operation_lease(operation->engine,
                                       (EnvironmentKey){.project = ask->file, .name = ask->name},
                                       operation_kind_name(ask->kind), &operation->arena);
}

/* Who asks without saying who he is (kubectl, say) is given what the server has. */
const ClientSetup *operation_server_setup(Arena *arena) {
    ClientSetup *setup = arena_alloc(arena, sizeof(*setup));
    setup->process.umask = 022;
    setup->env = strmap_of_environment(environ, arena);
    return setup;
}

const char *operation_user(const StrMap *env, Arena *arena) {
    const char *name = env ? strmap_get(env, "USER") : getenv("USER");
    struct passwd who, *found = NULL;
    char text[4096];
    if (!name && getpwuid_r(getuid(), &who, text, sizeof(text), &found) == 0 && found)
        name = who.pw_name;
    return name ? arena_strdup(arena, name) : arena_printf(arena, "uid %u", (unsigned)getuid());
}

static Operation *make(Environment *environment, const OperationAsk *ask) {
    Operation *operation = xcalloc(1, sizeof(*operation));
    Arena *arena = &operation->arena;
    arena_init(arena);
    operation->refs = 1;
    operation->environment = environment;
    operation->engine = environment->engine;
    copy_ask(ask, arena, &operation->ask);
    if (!ask->client)
        operation->ask.client = operation_server_setup(arena);
    operation->machine = operation_machine(arena);
    operation->user = operation_user(&operation->ask.client->env, arena);
    operation->begun_us = loop_wall_us(operation->engine->loop);
    operation->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* -1: it is not heard */
    operation->keeper = ask->manifest        ? &kept_beside_manifest
                        : environment->apart ? &kept_beside_runs
                                             : &kept_in_store;
    return operation;
}

Operation *operation_new(Environment *environment, const OperationAsk *ask, Report *report,
                         Err *err) {
    Operation *operation = make(environment, ask);
    if (ask->manifest && operation_read_manifest(operation, err) < 0)
        return operation_unref(operation);
    return operation_read_config(operation, report, err) < 0 ? operation_unref(operation)
                                                             : operation;
}

static void close_stop(Operation *operation) {
    if (operation->stop_fd >= 0)
        close(operation->stop_fd);
    operation->stop_fd = -1;
}

Operation *operation_unref(Operation *operation) {
    if (!operation || --operation->refs > 0)
        return NULL;
    operation_drop_ports(operation);
    close_stop(operation);
    arena_deinit(&operation->arena);
    free(operation);
    return NULL;
}

void operation_leave(Operation *operation) {
    if (operation->watching)
        watcher_remove(&operation->watcher);
    operation->watching = false;
    op_drop(operation->call);
    op_forget(operation->stop);
    op_drop(operation->renewal);
    operation->call = operation->stop = operation->renewal = NULL;
    operation->again = timer_free(operation->again);
    operation->renew = timer_free(operation->renew);
    operation->limit = timer_free(operation->limit);
}

bool operation_under_way(const Operation *operation) {
    return operation && !operation->over;
}

const LifecycleStep *operation_step(const Operation *operation) {
    return operation->doing.at < operation->lifecycle.n
               ? &operation->lifecycle.at[operation->doing.at]
               : NULL;
}

/* ---- work ---- */

static void drop_ref(void *arg) {
    operation_unref(arg);
}

Op *operation_work(Operation *operation, Blocking *blocking, void *ask, BlockingFn work, OpFn fn) {
    operation->refs++;
    blocking->ask = ask;
    blocking->done = drop_ref;
    blocking->done_arg = operation;
    blocking->stop_fd = operation->stop_fd;
    return blocking_run(blocking, work, fn, operation);
}

Op *operation_later(Operation *operation, OpFn fn) {
    Op *op = op_new(operation->engine->loop, fn, operation, NULL, NULL);
    op_finish(op, NULL, 0, NULL);
    return op;
}

/* ---- the end ---- */

static int do_release(Blocking *blocking, Err *err) {
    return store_environment_release(blocking->store, blocking->ask, err);
}

/* Of each step the newest runs stay. */
static void tidy(const Operation *operation) {
    for (uint32_t i = 0; i < operation->lifecycle.n; i++) {
        const char *name = operation->lifecycle.at[i].name;
        const Checkpoint *record = entry_checkpoint(&operation->entry, name);
        RunsKept kept = {.newest = record ? (uint32_t)record->run : 0};
        if (kept.newest > 1)
            (void)run_files_retain(operation->environment->dir, name, &kept);
    }
}

/* What is shown of one that is over needs little of it. */
static void shrink(Operation *operation) {
    Arena arena;
    close_stop(operation);
    arena_init(&arena);
    operation->step = operation->step ? arena_strdup(&arena, operation->step) : NULL;
    arena_deinit(&operation->arena);
    operation->arena = arena;
    operation->lifecycle = (Lifecycle){0};
    operation->entry = (EnvironmentEntry){0};
    operation->ask = (OperationAsk){.kind = operation->ask.kind};
    operation->message = NULL;
    operation->config = NULL;
    operation->manifest = NULL;
    operation->left = operation->remains = operation->note = NULL;
}

Operation *operation_new_refused(Environment *environment, const OperationAsk *ask, int64_t number,
                                 const Err *why) {
    Operation *operation = make(environment, ask);
    (void)operation_next_number(environment, &operation->seq);
    operation->number = number;
    operation->state = OPERATION_FAILED;
    operation->over = true;
    operation->entry = environment->entry; /* lent: until it has told */
    str_copy(operation->error, sizeof(operation->error), why->msg);
    operation->error_kind = why->kind;
    operation_tell(operation, EVENT_OPERATION_FAILED, NULL, operation->error);
    shrink(operation);
    return operation;
}

static void on_released(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    Environment *environment = operation->environment;
    static const EventStatus told[] = {[OPERATION_DONE] = EVENT_OPERATION_DONE,
                                       [OPERATION_FAILED] = EVENT_OPERATION_FAILED,
                                       [OPERATION_CANCELED] = EVENT_OPERATION_CANCELED};
    operation->call = NULL;
    if (err)
        log_warn("environment %s: its lease: %s", environment->slug, err->msg);
    operation->over = true;
    operation_leave(operation);
    operation_drop_ports(operation);
    operation_tell(operation, told[operation->state], NULL,
                   operation->error[0] ? operation->error : NULL);
    sys_point("env-over");
    tidy(operation);
    shrink(operation);
    environment_ended(environment);
}

/* It is over in a later turn, whoever has ended it: he may be using it still. */
static void release(Operation *operation) {
    operation->renew = timer_free(operation->renew);
    if (operation->lease.token && operation->keeper->leased) {
        operation->call = operation_work(operation, blocking_store(operation->engine),
                                         &operation->lease, do_release, on_released);
        return;
    }
    operation->call = operation_later(operation, on_released);
}

/* Is all of it begun that `start` begins? Of a refresh of some steps that depends on which. */
static bool starts_all(const Operation *operation) {
    bool any = operation->ask.only.n == 0, all = true;
    for (uint32_t i = 0; i < operation->lifecycle.n; i++) {
        const LifecycleStep *step = &operation->lifecycle.at[i];
        if (step->kind != STEP_START_INFRA && step->kind != STEP_START_SERVICES)
            continue;
        any = true;
        all = all && operation_means(operation, step);
    }
    return any && all;
}

/* Where something else than a stop has failed, or nothing was begun yet, that is still so. */
static EnvironmentStatus status_stopped(const Operation *operation) {
    const EnvironmentEntry *entry = &operation->entry;
    uint32_t failed =
        entry->failed_step ? lifecycle_find(&operation->lifecycle, entry->failed_step) : UINT32_MAX;
    bool stop_failed =
        failed != UINT32_MAX && operation_means(operation, &operation->lifecycle.at[failed]);
    return entry->status == ENVIRONMENT_RUNNING || stop_failed ? ENVIRONMENT_STOPPED
                                                               : entry->status;
}

/* What the environment is once all has gone well. One step alone, or what people ask of it beside
 * its life, does not make it whole. */
static void set_status(Operation *operation) {
    EnvironmentEntry *entry = &operation->entry;
    EnvironmentStatus status = entry->status;
    OperationKind kind = operation->ask.kind;
    bool remote = lifecycle_is_remote(operation->config, entry->compute);
    if (kind == OPERATION_CREATE && remote)
        kind = OPERATION_PROVISION; /* nothing of the other half was done */
    if (kind == OPERATION_PROVISION && remote)
        operation->note = "it is on another machine: there no manifest is written and nothing is "
                          "run yet, that comes later";
    switch (kind) {
    case OPERATION_REFRESH:
        if (!starts_all(operation))
            return;
        status = ENVIRONMENT_RUNNING;
        break;
    case OPERATION_CREATE:
    case OPERATION_RUN:
    case OPERATION_START: status = ENVIRONMENT_RUNNING; break;
    case OPERATION_STOP: status = status_stopped(operation); break;
    case OPERATION_PROVISION:
        if (status != ENVIRONMENT_RUNNING)
            status = ENVIRONMENT_PROVISIONED;
        break;
    default: return;
    }
    if (status == entry->status && (!entry->error || status == ENVIRONMENT_ERROR))
        return;
    entry->status = status;
    entry->failed_step = entry->error = NULL;
    operation->unwritten.entry = true;
}

/* It stays in the list, and says what it is there for. */
static void note_left(Operation *operation) {
    str_copy(operation->error, sizeof(operation->error),
             arena_printf(&operation->arena,
                          "all else is gone, but for what these were to undo: %s",
                          operation->left));
    operation->entry.error = arena_strdup(&operation->arena, operation->error);
    operation->unwritten.entry = true;
}

void operation_finish(Operation *operation, OperationState state) {
    operation->state = state;
    if (operation->remains)
        operation->note = operation->remains;
    if (operation->left)
        note_left(operation);
    if (state == OPERATION_CANCELED && !operation->error[0])
        str_copy(operation->error, sizeof(operation->error), "canceled");
    if (!operation->lease.token || !operation->lifecycle.at) {
        release(operation);
        return;
    }
    if (state == OPERATION_DONE) {
        set_status(operation);
        operation->note = operation->note ? operation->note : operation_stale(operation);
    }
    operation_write(operation, release);
}

void operation_fail(Operation *operation, const Err *err) {
    str_copy(operation->error, sizeof(operation->error), err->msg);
    operation->error_kind = err->kind;
    operation->state = err->kind == ERR_CANCELLED ? OPERATION_CANCELED : OPERATION_FAILED;
    release(operation);
}

void operation_cancel(Operation *operation) {
    Err err;
    const uint64_t one = 1;
    operation->canceled = true;
    (void)!write(operation->stop_fd, &one, sizeof(one));
    if (operation_keep(operation, &err) < 0)
        log_warn("environment %s: its cancel: %s", operation->environment->slug, err.msg);
    sys_point("env-cancel");
    if (operation->again) /* what it waits for is tried once more, now */
        timer_set(operation->again, 0);
    else if (operation->watching)
        objects_tell(operation->engine->objects);
    else
        operation_stop_run(operation);
}
