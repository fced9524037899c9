/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of step is, by the noun that it is about. */
#pragma once

#include "engine/environments/environment_look.h"
#include "engine/operations/operation.h"

typedef struct StepCommand {
    ComputeCommand run;
    StrList secrets;  /* masked in its log */
    const char *note; /* Operation.note, once it has run, or where nothing is to be run */
} StepCommand;

/* What an act has brought; strings live as long as its arena, which the operation takes. */
typedef struct StepActed {
    const Value *produced;  /* what its record keeps; NULL: nothing */
    EnvironmentPorts ports; /* that were drawn */
    const char *note;       /* Operation.note */
} StepActed;

typedef struct StepDoer {
    /* On a worker: `own` and `stands`. */
    int (*look)(const Operation *operation, Arena *arena, StepFound *ret, Err *err);
    bool slow_look; /* of what is done it starts programs: people are told */
    /* What of it only the loop knows; NULL: nothing. */
    void (*look_on_loop)(Operation *operation, StepFound *ret);
    /* One of the three: on a worker, which leaves the operation as it is, but for `holds`; a
     * command (found on a worker) that is run under a pin; on the loop, ends with
     * operation_step_ended(). Beside a command `begin` comes before it, and ends with
     * operation_run(). */
    int (*act)(Operation *operation, Arena *arena, StepActed *ret, Err *err);
    bool in_store; /* on the worker of the store: it asks it */
    int (*command)(const Operation *operation, Arena *arena, StepCommand *ret, Err *err);
    struct {
        int code;         /* with which the command has done its work all the same; 0: none */
        const char *note; /* what is said then, before its last words */
    } but;
    void (*begin)(Operation *operation);
    /* On the loop, when it is done: what it brought goes into the entry. */
    int (*take)(Operation *operation, Err *err);
    void (*skip)(Operation *operation); /* on the loop, where it is done already; NULL: nothing */
} StepDoer;

const StepDoer *step_doer(LifecycleKind kind);
/* What the records of start_services, and of a runner_deploy that has left something running, keep:
 * SERVICES_SERVER; in `operation->arena`. */
const Value *operation_started_here(Operation *operation);
/* NULL: nothing of the step runs, as far as its record says. */
const char *operation_started_by(const Operation *operation, const char *step);
/* Are files to be brought along; and those that people asked for before. */
bool operation_copies(const Operation *operation);
void operation_recall_copies(Operation *operation);
/* Where it is to be, if nothing says so yet. */
void operation_place(Operation *operation);
/* What its compute is asked about, in `arena`. */
ComputeAsk operation_compute_ask(const Operation *operation, Arena *arena);
/* What a hook that makes the compute has said of it. */
MUST int operation_take_compute(Operation *operation, Err *err);
/* Likewise where it has failed: a machine that it has named is to be destroyed. */
void operation_keep_compute(Operation *operation);
/* Of the entry as it is now. NULL: err. */
const Manifest *operation_manifest(const Operation *operation, Arena *arena, Err *err);

/* What the steps have written below the root of the environment and is there, relative to it. */
StrList operation_own_files(const Operation *operation, Arena *arena);

/* operation_hooks.c */
extern const StepDoer hook_doer;
int hook_look(const Operation *operation, Arena *arena, StepFound *ret, Err *err);
int hook_command(const Operation *operation, Arena *arena, StepCommand *ret, Err *err);
/* The variables that hooks get, beside those of the client. */
StrMap hook_variables(const Config *config, const EnvironmentEntry *entry,
                      const LifecycleStep *step, Arena *arena);
/* steps_compute.c */
extern const StepDoer create_compute_doer, check_loss_doer, destroy_compute_doer;
/* steps_copy.c */
extern const StepDoer copy_files_doer;
/* What it has brought into the worktree of `entry`, whose strings it lends: for compute_loss(). */
void steps_brought(const EnvironmentEntry *entry, Arena *arena, ComputeAsk *ask);
/* steps_deploy.c */
extern const StepDoer deploy_doer, stop_deploy_doer;
/* Was it run, also by `env run` in its worktree? Then something of it may run. */
bool steps_deployed(Operation *operation);
/* steps_infra.c */
extern const StepDoer start_infra_doer, stop_infra_doer;
/* steps_ports.c */
extern const StepDoer allocate_ports_doer;
/* steps_files.c */
extern const StepDoer build_manifest_doer, write_manifest_doer, generate_env_doer, cleanup_env_doer;
/* The files that a step of this kind writes. */
MUST int steps_see_files(const Operation *operation, LifecycleKind kind, SeenEnvironment *seen,
                         Arena *arena, Err *err);
/* ERR_CONFLICT: git tracks the manifest or an env file in the project's own directory, so it will
 * in a worktree. */
MUST int steps_check_files(const Operation *operation, Arena *arena, Err *err);
/* steps_services.c */
extern const StepDoer start_services_doer, stop_services_doer;
/* None runs what that server would have started of it. */
bool steps_sessions_down(const Operation *operation, const char *state_dir);
/* Another server that runs sessions of the config file, or in a tree that would go: its state
 * directory. NULL: none. */
const char *steps_sessions_elsewhere(const Operation *operation, Arena *arena);
/* What sessions that are down have left, with the logs of what they ran. */
MUST int steps_purge_sessions(const Operation *operation, Err *err);
/* steps_state.c */
extern const StepDoer remove_state_doer;
