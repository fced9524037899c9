/* SPDX-License-Identifier: Apache-2.0 */
/* What steps are called, and what is said of them. */
#include <assert.h>
#include <string.h>

#include "base/attr.h"
#include "base/str.h"
#include "plan/lifecycle.h"
#include "plan/lifecycle_inside.h"

/* ---- steps that are no hooks ---- */

static const LifecycleStep own_steps[] = {
    [STEP_CREATE_COMPUTE] = {.name = "create_compute",
                             .phase = LIFECYCLE_PROVISION,
                             .verified = true,
                             .starting = "Creating compute resources...",
                             .complete = "Compute resources created"},
    [STEP_COPY_FILES] = {.name = "copy_files",
                         .phase = LIFECYCLE_PROVISION,
                         .starting = "Bringing ignored files along...",
                         .complete = "Ignored files brought along"},
    [STEP_ALLOCATE_PORTS] = {.name = "allocate_ports",
                             .phase = LIFECYCLE_PROVISION,
                             .verified = true,
                             .starting = "Allocating ports...",
                             .complete = "Ports allocated"},
    [STEP_BUILD_MANIFEST] = {.name = "build_manifest",
                             .phase = LIFECYCLE_PROVISION,
                             .starting = "Building manifest...",
                             .complete = "Manifest built"},
    [STEP_WRITE_MANIFEST] = {.name = "write_manifest",
                             .phase = LIFECYCLE_PROVISION,
                             .verified = true,
                             .starting = "Writing manifest..."},
    [STEP_GENERATE_ENV] = {.name = "generate_env",
                           .phase = LIFECYCLE_RUN,
                           .verified = true,
                           .starting = "Generating .env files...",
                           .complete = ".env files generated"},
    [STEP_START_INFRA] = {.name = "start_infra",
                          .phase = LIFECYCLE_RUN,
                          .verified = true,
                          .starting = "Starting infrastructure containers...",
                          .complete = "Infrastructure containers started"},
    [STEP_START_SERVICES] = {.name = "start_services",
                             .phase = LIFECYCLE_RUN,
                             .verified = true,
                             .starting = "Starting services...",
                             .complete = "Services started"},
    [STEP_CHECK_LOSS] = {.name = "check_loss",
                         .phase = LIFECYCLE_DESTROY,
                         .starting = "Looking for work that would be lost...",
                         .complete = "No work would be lost"},
    [STEP_STOP_DEPLOY] = {.name = "stop_deploy",
                          .phase = LIFECYCLE_DESTROY,
                          .starting = "Ending what runner.deploy has left running...",
                          .complete = "What runner.deploy had left running has ended"},
    [STEP_STOP_SERVICES] = {.name = "stop_services",
                            .phase = LIFECYCLE_DESTROY,
                            .undoes = "start_services",
                            .starting = "Stopping services...",
                            .complete = "Services stopped"},
    [STEP_STOP_INFRA] = {.name = "stop_infra",
                         .phase = LIFECYCLE_DESTROY,
                         .undoes = "start_infra",
                         .starting = "Stopping infrastructure containers...",
                         .complete = "Infrastructure containers stopped"},
    [STEP_DESTROY_COMPUTE] = {.name = "destroy_compute",
                              .phase = LIFECYCLE_DESTROY,
                              .undoes = "create_compute",
                              .starting = "Removing worktree and stopping containers...",
                              .complete = "Worktree and containers removed"},
    [STEP_CLEANUP_ENV] = {.name = "cleanup_env",
                          .phase = LIFECYCLE_DESTROY,
                          .undoes = "generate_env",
                          .starting = "Cleaning up env files...",
                          .complete = "Env files cleaned up"},
    [STEP_REMOVE_STATE] = {.name = "remove_state",
                           .phase = LIFECYCLE_DESTROY,
                           .starting = "Removing state...",
                           .complete = "State removed"},
};

LifecycleStep lifecycle_own_step(LifecycleKind kind) {
    assert(kind < COUNT(own_steps) && own_steps[kind].name);
    LifecycleStep step = own_steps[kind];
    step.kind = kind;
    return step;
}

/* ---- by name ---- */

const char *lifecycle_seed_name(const char *service, Arena *arena) {
    return arena_printf(arena, "seed_%s", service);
}

const char *lifecycle_phase_name(LifecyclePhase phase) {
    switch (phase) {
    case LIFECYCLE_PROVISION: return "provision";
    case LIFECYCLE_RUN: return "run";
    case LIFECYCLE_DESTROY: return "destroy";
    case LIFECYCLE_STOP: return "stop";
    case LIFECYCLE_HOOK: return "hook";
    }
    return "";
}

bool lifecycle_destroys(const char *name) {
    static const char *const beginnings[] = {"check_loss", "runner_destroy", "destroy_",
                                             "cleanup_env", "remove_state"};
    for (size_t i = 0; i < COUNT(beginnings); i++)
        if (str_starts(name, beginnings[i]))
            return true;
    return false;
}

bool lifecycle_stops(const char *name) {
    return str_starts(name, "stop_");
}

bool lifecycle_remakes(const LifecycleStep *step, const char *undo) {
    static const char provisioned[] = "destroy_core_";
    if (step->phase == LIFECYCLE_DESTROY || step->phase == LIFECYCLE_STOP)
        return false;
    if (str_starts(undo, provisioned))
        return step->service && strcmp(step->action, "destroy") != 0 &&
               strcmp(undo + strlen(provisioned), step->service) == 0;
    if (str_starts(undo, "destroy_compute"))
        return strcmp(step->name, "create_compute") == 0;
    return step->phase != LIFECYCLE_HOOK;
}

const EnvironmentHook *lifecycle_hook(const Config *config, const char *service, const char *action,
                                      const ProvisionedService **ret) {
    __auto_type services = &config->provisioner.services;
    *ret = NULL;
    for (size_t i = 0; i < services->n && !*ret; i++)
        if (strcmp(services->at[i].name, service) == 0)
            *ret = &services->at[i];
    if (!*ret)
        return NULL;
    const EnvironmentHook *hook = strcmp(action, "init") == 0      ? &(*ret)->init
                                  : strcmp(action, "seed") == 0    ? &(*ret)->seed
                                  : strcmp(action, "reset") == 0   ? &(*ret)->reset
                                  : strcmp(action, "destroy") == 0 ? &(*ret)->destroy
                                                                   : NULL;
    return hook && hook_given(hook) ? hook : NULL;
}

uint32_t lifecycle_find(const Lifecycle *lifecycle, const char *name) {
    for (uint32_t i = 0; i < lifecycle->n; i++)
        if (strcmp(lifecycle->at[i].name, name) == 0)
            return i;
    return UINT32_MAX;
}

int lifecycle_require(const Lifecycle *lifecycle, const char *name, uint32_t *ret, Err *err) {
    uint32_t at = lifecycle_find(lifecycle, name);
    if (at != UINT32_MAX) {
        *ret = at;
        return 0;
    }
    Arena arena;
    arena_init(&arena);
    const char **names = arena_alloc(&arena, lifecycle->n * sizeof(*names));
    const char *list = "";
    for (uint32_t i = 0; i < lifecycle->n; i++) {
        names[i] = lifecycle->at[i].name;
        list = arena_printf(&arena, "%s%s%s", list, i ? ", " : "", names[i]);
    }
    const char *like = str_suggest(name, names, lifecycle->n);
    err_set(err, ERR_NOT_FOUND, "there is no step %.80s; %s%s%sthe steps are %s", name,
            like ? "did you mean " : "", like ? like : "", like ? "? " : "", list);
    arena_deinit(&arena);
    return -1;
}
