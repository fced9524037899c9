/* SPDX-License-Identifier: Apache-2.0 */
/* Why an operation cannot begin as it is: where the environment was made, who runs its services. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/operations/operation_files.h"
#include "engine/operations/steps.h"
#include "engine/sessions/session_elsewhere.h"
#include "spec/compute_access.h"

/* ---- where it was made ---- */

/* It stays where it was made: there is what is known of it, and what is to be undone. */
static int check_moved(const Operation *operation, Err *err) {
    OperationKind kind = operation->ask.kind;
    const ComputeAccess *compute = operation->entry.compute;
    const char *name = operation->entry.name;
    bool by_hook = hook_given(&operation->config->provisioner.compute.create);
    bool makes = kind == OPERATION_CREATE || kind == OPERATION_PROVISION;
    if (!makes || !compute || !compute->managed ||
        by_hook == lifecycle_is_remote(operation->config, compute))
        return 0;
    if (by_hook)
        return err_set(
            err, ERR_CONFLICT,
            "environment '%s' is in a worktree here, and by now provisioner.compute.create "
            "makes a machine for it: delete it first",
            name);
    return err_set(err, ERR_CONFLICT,
                   "environment '%s' is on another machine, %s, and there is no "
                   "provisioner.compute.create any more: put that back, or delete it first",
                   name, compute->host ? compute->host : "?");
}

bool operation_keeps(const Operation *operation, const LifecycleStep *step) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, step->name);
    return step->hook && step->hook->allow_cache && strcmp(step->name, "create_compute") == 0 &&
           record && record->status == CHECKPOINT_COMPLETED && operation->entry.compute &&
           lifecycle_is_remote(operation->config, operation->entry.compute);
}

static bool names_step(const OperationAsk *ask, const char *name) {
    bool any = str_same(ask->from, name) || str_same(ask->step, name);
    for (size_t i = 0; i < ask->only.n; i++)
        any = any || strcmp(ask->only.at[i], name) == 0;
    return any;
}

static int check_kept(const Operation *operation, Err *err) {
    const Lifecycle *list = &operation->lifecycle;
    const char *host = operation->entry.compute ? operation->entry.compute->host : NULL;
    for (uint32_t i = 0; i < list->n; i++)
        if (operation_keeps(operation, &list->at[i]) &&
            names_step(&operation->ask, list->at[i].name))
            return err_set(err, ERR_CONFLICT,
                           "environment '%s' has its machine, %s: delete it first, for %s would "
                           "make another",
                           operation->entry.name, host ? host : "?", list->at[i].name);
    return 0;
}

/* ---- what a delete by force leaves ---- */

void operation_add_remains(Operation *operation, const char *what) {
    const char *before = operation->remains;
    operation->remains = before ? arena_printf(&operation->arena, "%s; %s", before, what) : what;
}

/* ---- whose its services are ---- */

static bool is_about_services(const OperationAsk *ask) {
    static const bool kinds[OPERATIONS] = {[OPERATION_CREATE] = true,
                                           [OPERATION_REFRESH] = true,
                                           [OPERATION_START] = true,
                                           [OPERATION_STOP] = true,
                                           [OPERATION_DELETE] = true};
    bool alone = ask->kind == OPERATION_STEP && (strcmp(ask->step, "start_services") == 0 ||
                                                 strcmp(ask->step, "runner_deploy") == 0);
    return kinds[ask->kind] || alone;
}

/* The state directory of a server on this machine; NULL: it is on another one. */
static const char *dir_of_server(const Operation *operation, const char *server) {
    const char *dir = strchr(server, ':');
    bool here = dir && strncmp(server, operation->lease.holder, (size_t)(dir - server) + 1) == 0;
    return here ? dir + 1 : NULL;
}

/* Machines are given other names, and directories are reached by other paths: what counts is whose
 * state directory it was. A copy of that, which lies elsewhere, has the same owner. */
static bool is_ours(const Operation *operation, const char *step, const char *server) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, step);
    const char *dir = strchr(server, ':');
    if (strcmp(server, operation->lease.holder) == 0)
        return true;
    if (!dir || !str_same(record->server, operation->engine->owner))
        return false;
    AUTO_FREE char *there = path_resolve(dir + 1),
                   *here = path_resolve(operation->engine->state_dir);
    return strcmp(there, here) == 0 || access(there, F_OK) < 0;
}

/* Another server that goes on with what the step has started; NULL: none. */
static const char *started_elsewhere(const Operation *operation, const char *step) {
    const char *server = operation_started_by(operation, step);
    if (!server || is_ours(operation, step, server))
        return NULL;
    const char *dir = dir_of_server(operation, server);
    bool services = strcmp(step, "start_services") == 0;
    bool over = dir && (access(dir, F_OK) < 0 || (services && steps_sessions_down(operation, dir)));
    return over ? NULL : server;
}

static const char *vars_of(Operation *operation, const char *state_dir) {
    return session_elsewhere_vars(operation->engine->state_dir, state_dir, &operation->arena);
}

/* Services are those of the server that has started them: no other one sees them, or can end them.
 * Of one on this machine is known whether they are down. */
static int check_server(Operation *operation, Err *err) {
    const char *server = started_elsewhere(operation, "start_services");
    server = server ? server : started_elsewhere(operation, "runner_deploy");
    if (!server || !is_about_services(&operation->ask))
        return 0;
    const char *here = dir_of_server(operation, server);
    const char *stop = arena_printf(&operation->arena, "thole env stop %s", operation->entry.name);
    if (!operation->ask.force && here)
        return err_set(err, ERR_CONFLICT,
                       "its services run under another server, %s: first `%s %s`", server,
                       vars_of(operation, here), stop);
    if (!operation->ask.force)
        return err_set(err, ERR_CONFLICT,
                       "its services run under another server, %s: first `%s` there", server, stop);
    operation_add_remains(
        operation,
        arena_printf(&operation->arena, "its services go on under another server, %s", server));
    return 0;
}

/* In its worktree another server may run what it knows nothing of environments for: there `thole
 * up` is as in any directory. A second time they would run on the same ports. */
static int check_tree(Operation *operation, Err *err) {
    Arena *arena = &operation->arena;
    if (!is_about_services(&operation->ask) || operation->ask.kind == OPERATION_STOP ||
        operation->remains)
        return 0;
    const char *dir = steps_sessions_elsewhere(operation, arena);
    if (!dir)
        return 0;
    if (!operation->ask.force)
        return err_set(err, ERR_CONFLICT,
                       "services run in its worktree under another server: first `%s thole down` "
                       "there",
                       vars_of(operation, dir));
    operation_add_remains(
        operation,
        arena_printf(arena, "what runs in what was its worktree goes on under another server, %s",
                     dir));
    return 0;
}

int operation_check_link(const Operation *operation, Err *err) {
    OperationKind kind = operation->ask.kind;
    const ComputeAccess *compute = operation->entry.compute;
    const char *path = entry_path(&operation->entry); /* "": it is on another machine */
    struct stat st;
    if (kind == OPERATION_STOP || kind == OPERATION_DELETE || !compute || !compute->managed ||
        lstat(path, &st) < 0 || !S_ISLNK(st.st_mode))
        return 0;
    return err_set(
        err, ERR_CONFLICT,
        "its worktree %s is a link by now: put the directory itself back in its place, or "
        "give it up with `thole env delete %s --keep-worktree`",
        path, operation->entry.name);
}

/* Of a tree that was attached: no step brings it back. */
static int check_attached(const Operation *operation, Err *err) {
    static const bool kinds[OPERATIONS] = {[OPERATION_CREATE] = true,
                                           [OPERATION_PROVISION] = true,
                                           [OPERATION_REFRESH] = true,
                                           [OPERATION_START] = true,
                                           [OPERATION_STEP] = true};
    const ComputeAccess *compute = operation->entry.compute;
    if (!kinds[operation->ask.kind] || compute->managed ||
        lifecycle_is_remote(operation->config, compute) || access(compute->path, F_OK) == 0)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "environment '%s' is attached to %s, which is gone: put that back, or give the "
                   "environment up with `thole env delete %s`",
                   operation->entry.name, compute->path, operation->entry.name);
}

/* Of what an import took before it looked, or another server wrote. Of a new one git says it. */
static int check_place(const Operation *operation, Err *err) {
    const ComputeAccess *compute = operation->entry.compute;
    if (operation->ask.kind == OPERATION_DELETE || !operation->version || !compute)
        return 0;
    if (compute_access_check(compute, err) < 0 ||
        compute_tree_check(compute, operation->ask.file, operation->engine->state_dir, err) < 0)
        return err_in(err, "environment '%s' is nowhere, delete it: compute",
                      operation->entry.name);
    return check_attached(operation, err) < 0 ? -1 : operation_check_link(operation, err);
}

int operation_check(Operation *operation, Err *err) {
    if (check_place(operation, err) < 0 || check_moved(operation, err) < 0 ||
        check_kept(operation, err) < 0 || check_server(operation, err) < 0 ||
        check_tree(operation, err) < 0 || operation_check_undoing(operation, err) < 0)
        return -1;
    return operation_check_start(operation, err);
}
