/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning: lease and entry, in one trip to the store; then the backend; then the walk. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "engine/operations/operation_files.h"
#include "engine/operations/steps.h"

enum {
    LEASE_AGAIN_MS = 100, /* doubled with each try, up to */
    LEASE_AGAIN_MOST_MS = 2000,
    RENEW_MS = ENVIRONMENT_LEASE_MS / 3,
};

/* ---- the lease ---- */

static void on_again(void *arg) {
    Operation *operation = arg;
    operation->again = timer_free(operation->again);
    operation_begin(operation);
}

static void try_lease_again(Operation *operation) {
    int64_t ms = LEASE_AGAIN_MS << (operation->tries < 5 ? operation->tries : 5);
    operation->tries++;
    operation->again =
        timer_new(operation->engine->loop, ms < LEASE_AGAIN_MOST_MS ? ms : LEASE_AGAIN_MOST_MS,
                  on_again, operation);
}

static int do_renew(Blocking *blocking, Err *err) {
    return store_environment_renew(blocking->store, blocking->ask, err);
}

static void arm_renew(Operation *operation);

static void on_renewed(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    operation->renewal = NULL;
    if (err)
        log_warn("environment %s: its lease: %s", operation->environment->slug, err->msg);
    if (err && err->kind == ERR_CONFLICT) /* the other may be doing the same by now */
        operation_stop_run(operation);
    else
        arm_renew(operation);
}

static void on_renew(void *arg) {
    Operation *operation = arg;
    operation->renew = timer_free(operation->renew);
    operation->renewal = operation_work(operation, blocking_store(operation->engine),
                                        &operation->lease, do_renew, on_renewed);
}

static void arm_renew(Operation *operation) {
    operation->renew = timer_new(operation->engine->loop, RENEW_MS, on_renew, operation);
}

/* ---- the lease and the entry: one trip to the store ---- */

static int do_open(Blocking *blocking, Err *err) {
    Operation *operation = blocking->ask;
    Opening *opening = arena_alloc(&blocking->arena, sizeof(*opening));
    blocking->result = opening;
    blocking->result_size = sizeof(*opening);
    return operation->keeper->open(operation, &blocking->arena, opening, err);
}

void operation_make_entry(Operation *operation) {
    const OperationAsk *ask = &operation->ask;
    int64_t now_ns = loop_wall_us(operation->engine->loop) * 1000;
    EnvironmentEntry *entry = &operation->entry;
    *entry = (EnvironmentEntry){.name = ask->name,
                                .mode = operation->config->mode,
                                .branch = ask->branch ? ask->branch : ask->name,
                                .base = ask->base,
                                .status = ENVIRONMENT_CREATING,
                                .created_ns = now_ns,
                                .updated_ns = now_ns,
                                .uid = operation->environment->object.uid,
                                .expires_ns = ask->ttl_ms ? now_ns + ask->ttl_ms * 1000000 : 0};
    operation->version = 0;
    operation->unwritten.entry = true;
    operation_audit(operation, "", "created", NULL);
}

static void on_written_first(Operation *operation) {
    if (!operation->started) {
        operation->started = true;
        operation_tell(operation, EVENT_OPERATION_STARTED, NULL, NULL);
    }
    sys_point("env-started");
    operation->state = OPERATION_WALKING;
    operation_next(operation);
}

static void on_set_up(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    operation->call = NULL;
    if (err)
        operation_fail(operation, err);
    else
        operation_write(operation, on_written_first);
}

static void wait_for_lease(Operation *operation, const EnvironmentLease *other) {
    if (operation->begun.run && !operation->begun.ended) {
        operation_end_begun(operation);
        return;
    }
    if (operation->canceled) {
        operation_finish(operation, OPERATION_CANCELED);
        return;
    }
    if (operation->tries == 0)
        operation_tell(operation, EVENT_OPERATION_WAITING,
                       arena_printf(&operation->arena, "%s works on it (%s)", other->holder,
                                    other->doing ? other->doing : "?"),
                       NULL);
    try_lease_again(operation);
}

/* What is asked for again and may be another now. */
static void renew_entry(Operation *operation) {
    const OperationAsk *ask = &operation->ask;
    EnvironmentEntry *entry = &operation->entry;
    if (ask->ttl_ms) {
        entry->expires_ns = loop_wall_us(operation->engine->loop) * 1000 + ask->ttl_ms * 1000000;
        operation->unwritten.entry = true;
    }
}

/* Others may have made it meanwhile, in another mode: that is its own. */
static int follow_mode(Operation *operation, Err *err) {
    const char *mode = operation->entry.mode;
    Report report;
    if (!mode || !*mode || strcmp(mode, operation->ask.mode) == 0)
        return 0;
    report_init(&report, &operation->arena);
    operation->ask.mode = mode;
    return operation_read_config(operation, &report, err);
}

/* People switch branches in their worktree: it is the environment of the one that it is on. */
static void follow_branch(Operation *operation, const char *branch) {
    EnvironmentEntry *entry = &operation->entry;
    if (!branch[0] || str_same(branch, entry->branch))
        return;
    operation_audit(operation, "", "branch",
                    arena_printf(&operation->arena, "%s, was %s", branch, entry->branch));
    entry->branch = branch;
    operation->unwritten.entry = true;
}

/* What a worktree says of itself now. */
static void follow_worktree(Operation *operation) {
    Arena *arena = &operation->arena;
    ComputeAccess *compute = operation->entry.compute;
    ComputeAsk ask = operation_compute_ask(operation, arena);
    ComputeLook look = {0};
    if (!compute || !str_same(compute->type, "local") ||
        compute_look(&compute_local, &ask, arena, &look, NULL) < 0 || !look.stands)
        return;
    follow_branch(operation, look.branch);
    if (!compute->root) { /* imported */
        compute->root = look.root;
        operation->unwritten.entry = true;
    }
}

/* Where the directory of the environment was lost numbers begin again: a record of such a one is
 * not of this operation. */
static void disown_records(Operation *operation) {
    const Checkpoints *steps = &operation->entry.steps;
    for (size_t i = 0; i < steps->n; i++) {
        Checkpoint record = steps->at[i];
        if (record.operation < operation->number ||
            !str_same(record.server, operation->engine->owner))
            continue;
        record.operation = 0;
        operation_set_checkpoint(operation, &record);
    }
}

static int open_entry(Operation *operation, const Opening *opening, Err *err) {
    if (opening->found) {
        operation->version = opening->stored.version;
        operation->entry = opening->stored.entry;
        if (follow_mode(operation, err) < 0)
            return -1;
        if (!operation->started)
            disown_records(operation);
        renew_entry(operation);
        follow_worktree(operation);
        return 0;
    }
    if (operation->ask.kind != OPERATION_CREATE && operation->ask.kind != OPERATION_PROVISION)
        return err_set(err, ERR_NOT_FOUND, "environment '%s' not found", operation->ask.name);
    operation_make_entry(operation);
    return 0;
}

/* A server before has removed it, and was killed before it said so. */
static bool was_removed(const Operation *operation, const Opening *opening) {
    return operation->ask.again && operation->ask.kind == OPERATION_DELETE && !opening->found;
}

/* The lease is ours. */
static void granted(Operation *operation, const Opening *opening) {
    Environment *environment = operation->environment;
    Err why;
    operation->lease.token = opening->lease.token;
    if (operation->keeper->leased)
        arm_renew(operation);
    if (was_removed(operation, opening)) {
        operation->removed = true;
        operation_finish(operation, OPERATION_DONE);
        return;
    }
    int r = open_entry(operation, opening, &why);
    if (r == 0 && operation->keeper->leased) /* else it is somewhere, or nowhere */
        operation_place(operation);
    if (r == 0)
        r = operation_prepare(operation, &why);
    if (r < 0)
        operation_fail(operation, &why);
    else
        operation->call = backend_setup_workflow(operation->engine->backend, environment->task,
                                                 environment->dir, NULL, on_set_up, operation);
}

static void on_opened(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    const Opening *opening = result;
    Op *call = operation->call;
    operation->call = NULL;
    if (err) {
        operation_store_failed(operation, err, on_again);
        return;
    }
    if (!opening->lease.token) {
        wait_for_lease(operation, &opening->lease);
        return;
    }
    arena_adopt(&operation->arena, op_arena(call)); /* the entry lives there */
    granted(operation, opening);
}

void operation_begin(Operation *operation) {
    Environment *environment = operation->environment;
    if (operation->canceled && !operation->ask.again) { /* else its command may run */
        operation_finish(operation, OPERATION_CANCELED);
        return;
    }
    operation->state = OPERATION_WAITING;
    operation_name_lease(operation);
    environment_touch(environment);
    operation->call =
        operation_work(operation, blocking_store(operation->engine), operation, do_open, on_opened);
}
