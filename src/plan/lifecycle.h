/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an environment as a list of steps, and what is to be done about each: pure
 * functions, no I/O, no clock. The engine walks the list from the front; of each step it learns
 * what its inputs are now and whether its effect still stands, asks lifecycle_decide(), and does
 * that.
 *
 *     provision  provisioner_before  create_compute  copy_files  allocate_ports  seed_<service>…
 *                build_manifest  write_manifest  provisioner_after
 *     run        runner_before  generate_env  start_infra  build_services  start_services
 *                runner_deploy  runner_after
 *     destroy    check_loss  stop_services  runner_destroy  stop_deploy
 *                destroy_core_<service>…  destroy_compute_hook
 *                destroy_compute | stop_infra  cleanup_env  remove_state
 *
 * Where a hook makes the compute it is another machine: what would be done there (write_manifest,
 * all of run, runner_destroy) comes later, and is no step yet.
 *
 * What the config does not have is no step: a hook, infrastructure, env, commands. But
 * stop_services always is one: what runs in a worktree is what the file of its branch says.
 * Services come in the order of `depends_on`, else by name; to destroy, the other way round.
 *
 * Nothing is lost by a crash if the engine keeps to one order: the record `started` (with the hash
 * of the inputs, and the number of the run where a command is run) is written before the step
 * begins, in one transaction with the invalidation of its dependants where the decision says so;
 * the record `completed` or `failed` after it. What people force (--from, --no-cache, --only) is
 * written down as invalidation (lifecycle_invalidate) before the walk begins, so that it is done
 * once; and so are records of steps that the config has no more. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "spec/config.h"
#include "spec/environment.h"

typedef enum LifecyclePhase {
    LIFECYCLE_PROVISION = 1,
    LIFECYCLE_RUN = 2,
    LIFECYCLE_DESTROY = 4,
    LIFECYCLE_STOP = 8, /* stop_deploy  stop_services  stop_infra: nothing is undone */
    LIFECYCLE_HOOK = 16 /* core_<action>_<service>: one hook that people ask for */
} LifecyclePhase;

/* Who does it. */
typedef enum LifecycleKind {
    STEP_HOOK,   /* a command of the config */
    STEP_DEPLOY, /* likewise runner_deploy: what it leaves running goes on */
    STEP_CREATE_COMPUTE,
    STEP_COPY_FILES,
    STEP_ALLOCATE_PORTS,
    STEP_BUILD_MANIFEST,
    STEP_WRITE_MANIFEST,
    STEP_GENERATE_ENV,
    STEP_START_INFRA,
    STEP_START_SERVICES,
    STEP_CHECK_LOSS,
    STEP_STOP_DEPLOY,
    STEP_STOP_SERVICES,
    STEP_STOP_INFRA,
    STEP_DESTROY_COMPUTE,
    STEP_CLEANUP_ENV,
    STEP_REMOVE_STATE,
} LifecycleKind;

/* Where a hook runs, and what it is told. */
typedef enum HookPlace {
    HOOK_PROJECT, /* on this machine, in the root of the project */
    HOOK_COMPUTE, /* where the environment is, in its root */
} HookPlace;

typedef struct LifecycleStep {
    const char *name; /* "seed_db" */
    LifecyclePhase phase;
    LifecycleKind kind;
    const char *service;         /* of the provisioner: seed_, destroy_core_; NULL */
    const char *action;          /* of a hook: "seed", "destroy", "create", "before", ...; NULL */
    const EnvironmentHook *hook; /* NULL: no hook */
    const StrList *outputs;      /* that the hook must print; NULL: it is not listened to */
    HookPlace place;
    bool verified; /* it has an effect that can be looked at */
    uint32_t *needs;
    uint32_t need_n; /* steps before it whose redoing makes it stale */
    /* To destroy: the step whose record counts no more once this has begun, with its dependants'.
     * NULL: none. */
    const char *undoes;
    const char *starting; /* "Allocating ports..." */
    const char *complete; /* "Ports allocated" */
} LifecycleStep;

typedef struct Lifecycle {
    LifecycleStep *at;
    uint32_t n;
} Lifecycle;

typedef struct LifecycleAsk {
    const Config *config;
    const ComputeAccess *compute; /* to destroy: what there is; NULL: none yet. What is not
                                     `managed` is left standing (attached, --keep-worktree) */
    bool attached;                /* the worktree is given: create_compute is no step */
    bool copies;                  /* files are brought along: copy_files is a step */
    bool deployed;                /* runner_deploy was run: stop_deploy is a step */
    const char *service, *action; /* LIFECYCLE_HOOK: of the provisioner; init, seed, reset, … */
    unsigned phases;              /* of LifecyclePhase */
} LifecycleAsk;

/* In `arena`; strings of the config are lent. Inputs are chained over the steps that are listed:
 * of an environment in the store list both phases, also where only one of them is walked. */
Lifecycle lifecycle_of(const LifecycleAsk *ask, Arena *arena);
/* A hook of a provisioned service, by its action. NULL: it has none such; *ret NULL: nor is there
 * the service. */
const EnvironmentHook *lifecycle_hook(const Config *config, const char *service, const char *action,
                                      const ProvisionedService **ret);
const char *lifecycle_seed_name(const char *service, Arena *arena); /* of its step */
const char *lifecycle_phase_name(LifecyclePhase phase);             /* "provision" */
/* Is a step of this name one of those that undo? Or that stop: `env stop` has them, too. */
bool lifecycle_destroys(const char *name);
bool lifecycle_stops(const char *name);
/* Does `step` make again what the step `undo` has undone, so that it is to be undone again? */
bool lifecycle_remakes(const LifecycleStep *step, const char *undo);
/* UINT32_MAX: there is none of that name. */
uint32_t lifecycle_find(const Lifecycle *lifecycle, const char *name);
/* Index of the step; ERR_NOT_FOUND lists those that there are, with a did-you-mean. */
MUST int lifecycle_require(const Lifecycle *lifecycle, const char *name, uint32_t *ret, Err *err);

/* Is it on another machine? compute: what there is; NULL: none yet, the config says what it will
 * be. */
bool lifecycle_is_remote(const Config *config, const ComputeAccess *compute);

/* Services of the config in the order of depends_on, else of their names (previewctl's
 * TopologicalSort): indices of config->services.at, as many. What a circle holds back comes last,
 * by name. */
void lifecycle_service_order(const Config *config, uint32_t *ret);
/* Likewise those of the provisioner: depends_on of the services orders them, of those of the same
 * names and over others. */
void lifecycle_provisioner_order(const Config *config, uint32_t *ret);

/* What is known of a step right now. */
typedef struct StepLook {
    const Checkpoint *record; /* NULL: never begun */
    /* Hash of what it is made from now. NULL, or none in the record (imported ones have none): not
     * known, it does not count. */
    const char *inputs;
    bool forced;     /* it is to be done, whatever its record says */
    bool kept;       /* once done it stays as it is, whatever it would be made from now */
    bool stands;     /* `verified` steps: its effect is as it should be */
    const char *why; /* ... or why it is not; of `forced`: who says so; NULL */
} StepLook;

typedef enum StepVerdict {
    VERDICT_SKIP,   /* it is done */
    VERDICT_RUN,    /* it is to be done */
    VERDICT_RESUME, /* its command was started: what became of it is to be found out and recorded,
                       then asked again; only if it cannot be found out, it is to be done */
} StepVerdict;

typedef struct StepDecision {
    StepVerdict verdict;
    /* If it is done: with its record `started` the records of its dependants are invalidated.
     * Not so where a hook with `allow_cache: false` runs as it does each time. */
    bool invalidates;
    const char *action;  /* of the audit: skipped, verified; of VERDICT_RUN: verify_failed,
                            invalidated, NULL */
    const char *message; /* of the audit: "Re-executing: …"; in `arena`; NULL */
} StepDecision;

StepDecision lifecycle_decide(const LifecycleStep *step, const StepLook *look, Arena *arena);

/* The record counts no more: because what it needs is done again, or because people say so. One
 * that was started keeps its run, which goes on, but forgets its inputs (""): once it has ended the
 * step is done again. False: there was nothing to change. */
bool lifecycle_invalidate(Checkpoint *record);

/* The hash of a step's inputs: of what is its own (`own`: configuration, the text of its hook and
 * of files it names, as the engine has digested it) and of what the steps it needs have become:
 * when each was begun, its inputs and outputs, as its record has them; so what is done again makes
 * stale what needs it, also what is no step at that time. In `arena`. */
const char *lifecycle_inputs(const Lifecycle *lifecycle, uint32_t step, const char *own,
                             const EnvironmentEntry *entry, Arena *arena);

/* The steps whose records count no more once `step` is done again: all that need it, directly or
 * over others, in order. Returns how many; `ret` has room for lifecycle->n. */
uint32_t lifecycle_dependants(const Lifecycle *lifecycle, uint32_t step, uint32_t *ret);
