/* SPDX-License-Identifier: Apache-2.0 */
/* runner_deploy and stop_deploy. What the hook leaves running (a dev server, say) goes on under its
 * pin until the environment is stopped or deleted, or the hook is run again. */
#include <unistd.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/operations/steps.h"
#include "engine/targets/run_files.h"

static const char *const deploy = deploy_step;

static DeployRuns runs_of(const Operation *operation) {
    const Environment *environment = operation->environment;
    return (DeployRuns){operation->engine->backend, environment->task, environment->dir};
}

/* Where `env run` in the worktree of an environment has its runs; NULL: it never was. */
static const char *dir_of_runs(const Operation *operation, Arena *arena, const char **ret_task) {
    const ComputeAccess *compute = operation->entry.compute;
    if (!operation->keeper->leased || !compute || !str_same(compute->type, "local"))
        return NULL;
    AUTO_FREE char *beside =
        path_join(entry_root(&operation->entry), manifest_name(operation->config));
    AUTO_FREE char *manifest = path_resolve(beside);
    const char *dir =
        environment_runs_dir(operation->engine, manifest, operation->entry.name, arena, ret_task);
    return access(dir, F_OK) == 0 ? dir : NULL;
}

bool steps_deployed(Operation *operation) {
    const char *task;
    return entry_checkpoint(&operation->entry, deploy) ||
           dir_of_runs(operation, &operation->arena, &task);
}

/* ---- to end it ---- */

static void end_next(Operation *operation);

static void on_ended(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    operation->call = NULL;
    if (err)
        operation_step_ended(operation, err);
    else
        end_next(operation);
}

static void all_ended(Operation *operation) {
    if (operation_step(operation)->kind == STEP_DEPLOY)
        operation_run(operation);
    else
        operation_step_ended(operation, NULL);
}

/* Of an environment that goes the directory goes, too. */
static void on_runs_ended(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    const char *task;
    operation->call = NULL;
    if (err) {
        operation_step_ended(operation, err);
        return;
    }
    if (operation->ask.kind == OPERATION_DELETE)
        environment_remove_gone(dir_of_runs(operation, &operation->arena, &task));
    all_ended(operation);
}

/* What `env run` has left running in its worktree is no other's either. */
static void end_runs(Operation *operation) {
    Backend *backend = operation->engine->backend;
    const char *task, *dir = dir_of_runs(operation, &operation->arena, &task);
    if (!dir) {
        all_ended(operation);
        return;
    }
    op_forget(backend_setup_workflow(backend, task, dir, NULL, NULL, NULL));
    operation->call = backend_destroy_workflow(backend, task, NULL, on_runs_ended, operation);
}

static void end_next(Operation *operation) {
    const DeployRuns runs = runs_of(operation);
    size_t processes;
    operation->doing.ending = deploy_runs_next(&runs, operation->doing.ending, &processes);
    if (operation->doing.ending)
        operation->call =
            backend_destroy_step(runs.backend, deploy_runs_id(&runs, operation->doing.ending),
                                 &operation_stop_how, on_ended, operation);
    else
        end_runs(operation);
}

const StepDoer stop_deploy_doer = {.begin = end_next};

/* ---- to run the hook ---- */

/* One that has left nothing running stands: what else it did cannot be looked at. */
static void look_on_loop(Operation *operation, StepFound *ret) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, deploy);
    const char *server = operation_started_by(operation, deploy);
    const DeployRuns runs = runs_of(operation);
    ret->running = server ? deploy_runs_count(&runs) : 0;
    ret->stands = record && record->status == CHECKPOINT_COMPLETED && (!server || ret->running > 0);
    ret->why = ret->stands ? NULL : "nothing of what it had left running is there any more";
}

static int take(Operation *operation, Err *err) {
    if (operation->doing.left)
        operation->doing.produced = operation_started_here(operation);
    return 0;
}

const StepDoer deploy_doer = {.look = hook_look,
                              .look_on_loop = look_on_loop,
                              .begin = end_next,
                              .command = hook_command,
                              .take = take};
