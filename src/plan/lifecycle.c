/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/lifecycle.h"

#include <string.h>

#include "base/utf8.h"
#include "plan/lifecycle_inside.h"
#include "spec/manifest.h"

enum { BRIEF_MOST = 200 };

typedef struct Builder {
    const LifecycleAsk *ask;
    const Config *config;
    Arena *arena;
    Lifecycle list;
    size_t cap;
} Builder;

/* ---- the list ---- */

/* `need` ends with a star: all that begin so. */
static bool matches(const char *name, const char *need) {
    size_t n = strlen(need);
    return need[n - 1] == '*' ? strncmp(name, need, n - 1) == 0 : strcmp(name, need) == 0;
}

static bool is_needed(const char *name, const char *const *needs) {
    for (; *needs; needs++)
        if (matches(name, *needs))
            return true;
    return false;
}

/* `needs` ends with NULL; those that are no steps do not count. */
static void add(Builder *b, LifecycleStep step, const char *const *needs) {
    Lifecycle *list = &b->list;
    step.needs = arena_alloc(b->arena, list->n * sizeof(*step.needs));
    for (uint32_t i = 0; i < list->n; i++)
        if (is_needed(list->at[i].name, needs))
            step.needs[step.need_n++] = i;
    list->at = arena_grow(b->arena, list->at, list->n, &b->cap, sizeof(*list->at));
    list->at[list->n++] = step;
}

#define NEEDS(...)    ((const char *const[]){__VA_ARGS__, NULL})
#define NEEDS_NOTHING ((const char *const[]){NULL})

/* ---- steps ---- */

static void add_own(Builder *b, LifecycleKind kind, const char *const *needs) {
    add(b, lifecycle_own_step(kind), needs);
}

/* The first line of a command, or its beginning, for people. */
static const char *in_brief(const Builder *b, const char *command) {
    size_t size;
    command += strspn(command, "\n");
    size = utf8_cut(command, strcspn(command, "\n"), BRIEF_MOST);
    return command[size] ? arena_printf(b->arena, "%.*s …", (int)size, command) : command;
}

/* "provisioner" and "before" are the step provisioner_before and the key provisioner.before. */
static LifecycleStep of_key(const Builder *b, const char *part, const char *action,
                            const EnvironmentHook *hook) {
    const char *brief = in_brief(b, hook->command);
    return (LifecycleStep){
        .name = arena_printf(b->arena, "%s_%s", part, action),
        .kind = STEP_HOOK,
        .action = action,
        .hook = hook,
        .starting = arena_printf(b->arena, "Running %s.%s → %s", part, action, brief),
        .complete = arena_printf(b->arena, "Ran %s.%s (%s)", part, action, brief),
    };
}

static void add_provisioner_hook(Builder *b, const char *action, const EnvironmentHook *hook,
                                 const char *const *needs) {
    if (!hook_given(hook))
        return;
    LifecycleStep step = of_key(b, "provisioner", action, hook);
    step.phase = LIFECYCLE_PROVISION;
    step.place = HOOK_PROJECT;
    add(b, step, needs);
}

static void add_runner_hook(Builder *b, const char *action, const EnvironmentHook *hook,
                            const char *const *needs) {
    if (!hook_given(hook))
        return;
    LifecycleStep step = of_key(b, "runner", action, hook);
    step.phase = LIFECYCLE_RUN;
    step.place = HOOK_COMPUTE;
    if (hook == &b->config->runner.deploy) {
        step.kind = STEP_DEPLOY;
        step.verified = true;
    }
    add(b, step, needs);
}

/* ---- provision ---- */

static void add_compute(Builder *b) {
    const ComputeConfig *compute = &b->config->provisioner.compute;
    LifecycleStep step = lifecycle_own_step(STEP_CREATE_COMPUTE);
    bool remote = lifecycle_is_remote(b->config, b->ask->compute);
    if (b->ask->attached || (remote && !hook_given(&compute->create)))
        return;
    if (remote) {
        step.kind = STEP_HOOK;
        step.verified = false;
        step.action = "create";
        step.hook = &compute->create;
        step.outputs = &compute->outputs;
        step.place = HOOK_PROJECT;
        step.starting = "Creating remote compute...";
        step.complete = "Compute created via hook";
    }
    add(b, step, NEEDS_NOTHING);
}

static void add_seed(Builder *b, const ProvisionedService *service) {
    if (!hook_given(&service->seed))
        return;
    const char *name = service->name, *brief = in_brief(b, service->seed.command);
    LifecycleStep step = {
        .name = lifecycle_seed_name(name, b->arena),
        .phase = LIFECYCLE_PROVISION,
        .kind = STEP_HOOK,
        .service = name,
        .action = "seed",
        .hook = &service->seed,
        .outputs = &service->outputs,
        .place = HOOK_PROJECT,
        .starting = arena_printf(b->arena, "Seeding %s → %s", name, brief),
        .complete = arena_printf(b->arena, "Seeded %s (%s)", name, brief),
    };
    add(b, step, NEEDS("provisioner_before")); /* of ports those it uses are its own inputs */
}

static void add_seeds(Builder *b) {
    size_t n = b->config->provisioner.services.n;
    uint32_t *order = arena_alloc(b->arena, n * sizeof(*order));
    lifecycle_provisioner_order(b->config, order);
    for (size_t i = 0; i < n; i++)
        add_seed(b, &b->config->provisioner.services.at[order[i]]);
}

bool lifecycle_is_remote(const Config *config, const ComputeAccess *compute) {
    return compute ? strcmp(compute->type, "local") != 0
                   : hook_given(&config->provisioner.compute.create);
}

static void add_write_manifest(Builder *b) {
    LifecycleStep step = lifecycle_own_step(STEP_WRITE_MANIFEST);
    step.complete = arena_printf(b->arena, "Manifest written to %s", manifest_name(b->config));
    add(b, step, NEEDS("build_manifest", "create_compute"));
}

static void add_provision(Builder *b) {
    const ProvisionerConfig *provisioner = &b->config->provisioner;
    add_provisioner_hook(b, "before", &provisioner->before, NEEDS_NOTHING);
    add_compute(b);
    if (b->ask->copies)
        add_own(b, STEP_COPY_FILES, NEEDS("create_compute"));
    add_own(b, STEP_ALLOCATE_PORTS, NEEDS_NOTHING);
    add_seeds(b);
    add_own(b, STEP_BUILD_MANIFEST, NEEDS("allocate_ports", "seed_*"));
    if (!lifecycle_is_remote(b->config, b->ask->compute))
        add_write_manifest(b);
    add_provisioner_hook(b, "after", &provisioner->after,
                         NEEDS("build_manifest", "write_manifest"));
}

/* ---- run ---- */

static bool has_env(const Config *config) {
    for (size_t i = 0; i < config->services.n; i++)
        if (config->services.at[i].env.n > 0)
            return true;
    return false;
}

/* Services that an environment starts: previewctl never runs the commands that its file has. */
static bool has_commands(const Config *config) {
    if (config_of_previewctl(config->file))
        return false;
    for (size_t i = 0; i < config->services.n; i++)
        if (config->services.at[i].command.argv.n > 0)
            return true;
    return false;
}

static bool has_infrastructure(const Config *config) {
    return config->infrastructure.compose_file != NULL;
}

static void add_build(Builder *b) {
    const EnvironmentHook *hook = &b->config->runner.build;
    if (!hook_given(hook))
        return;
    add(b,
        (LifecycleStep){.name = "build_services",
                        .phase = LIFECYCLE_RUN,
                        .kind = STEP_HOOK,
                        .action = "build",
                        .hook = hook,
                        .place = HOOK_COMPUTE,
                        .starting = arena_printf(b->arena, "Building services → %s",
                                                 in_brief(b, hook->command)),
                        .complete = "Services built"},
        NEEDS("copy_files", "runner_before", "generate_env", "start_infra"));
}

static void add_run(Builder *b) {
    const RunnerConfig *runner = &b->config->runner;
    add_runner_hook(b, "before", &runner->before,
                    NEEDS("create_compute", "copy_files", "write_manifest", "provisioner_after"));
    if (has_env(b->config))
        add_own(b, STEP_GENERATE_ENV, NEEDS("build_manifest", "create_compute", "runner_before"));
    if (has_infrastructure(b->config))
        add_own(b, STEP_START_INFRA, NEEDS("allocate_ports", "create_compute"));
    add_build(b);
    if (has_commands(b->config))
        add_own(b, STEP_START_SERVICES,
                NEEDS("runner_before", "generate_env", "start_infra", "build_services"));
    add_runner_hook(
        b, "deploy", &runner->deploy,
        NEEDS("runner_before", "generate_env", "start_infra", "build_services", "start_services"));
    add_runner_hook(b, "after", &runner->after,
                    NEEDS("runner_before", "generate_env", "start_infra", "build_services",
                          "start_services", "runner_deploy"));
}

/* ---- destroy ---- */

/* What is undone needs nothing: its steps are done one after the other. */
static void add_undo(Builder *b, LifecycleKind kind) {
    add_own(b, kind, NEEDS_NOTHING);
}

static void add_undo_hook(Builder *b, LifecycleStep step) {
    step.phase = LIFECYCLE_DESTROY;
    step.kind = STEP_HOOK;
    add(b, step, NEEDS_NOTHING);
}

/* The first of the runner's hooks: what is after it counts no more either. */
static const char *first_of_runner(const RunnerConfig *runner) {
    return hook_given(&runner->before)   ? "runner_before"
           : hook_given(&runner->build)  ? "build_services"
           : hook_given(&runner->deploy) ? "runner_deploy"
           : hook_given(&runner->after)  ? "runner_after"
                                         : NULL;
}

static void add_runner_destroy(Builder *b) {
    const RunnerConfig *runner = &b->config->runner;
    if (!hook_given(&runner->destroy))
        return;
    LifecycleStep step = of_key(b, "runner", "destroy", &runner->destroy);
    step.place = HOOK_COMPUTE;
    step.undoes = first_of_runner(runner);
    add_undo_hook(b, step);
}

static void add_provisioned(Builder *b, const ProvisionedService *service) {
    const char *name = service->name;
    if (!hook_given(&service->destroy))
        return;
    LifecycleStep step = {
        .name = arena_printf(b->arena, "destroy_core_%s", name),
        .service = name,
        .action = "destroy",
        .hook = &service->destroy,
        .place = HOOK_PROJECT,
        .undoes = lifecycle_seed_name(name, b->arena),
        .starting = arena_printf(b->arena, "Running destroy hook for %s...", name),
        .complete = arena_printf(b->arena, "Destroyed provisioner service %s", name),
    };
    add_undo_hook(b, step);
}

static void add_destroy_provisioned(Builder *b) {
    size_t n = b->config->provisioner.services.n;
    uint32_t *order = arena_alloc(b->arena, n * sizeof(*order));
    lifecycle_provisioner_order(b->config, order);
    for (size_t i = n; i-- > 0;)
        add_provisioned(b, &b->config->provisioner.services.at[order[i]]);
}

static bool is_local(const ComputeAccess *compute) {
    return compute && strcmp(compute->type, "local") == 0 && compute->path && compute->path[0];
}

/* The hook also where nothing is known of what it has to destroy: `create` may have failed half
 * way. A worktree goes beside it, never instead of it; nothing was made
 * for one that was attached. */
static void add_destroy_compute(Builder *b) {
    const ComputeAccess *compute = b->ask->compute;
    const EnvironmentHook *hook = &b->config->provisioner.compute.destroy;
    bool attached = is_local(compute) && !compute->managed;
    if (hook_given(hook) && !attached)
        add_undo_hook(b, (LifecycleStep){.name = "destroy_compute_hook",
                                         .action = "destroy",
                                         .hook = hook,
                                         .place = HOOK_PROJECT,
                                         .undoes = "create_compute",
                                         .starting = "Destroying remote compute...",
                                         .complete = "Compute destroyed via hook"});
    if (is_local(compute) && compute->managed)
        add_undo(b, STEP_DESTROY_COMPUTE);
    else if (is_local(compute) && has_infrastructure(b->config))
        add_undo(b, STEP_STOP_INFRA);
}

static void add_destruction(Builder *b) {
    const ComputeAccess *compute = b->ask->compute;
    if (is_local(compute) && compute->managed)
        add_undo(b, STEP_CHECK_LOSS);
    if (is_local(compute))
        add_undo(b, STEP_STOP_SERVICES);
    if (compute && !lifecycle_is_remote(b->config, b->ask->compute))
        add_runner_destroy(b);
    if (b->ask->deployed)
        add_undo(b, STEP_STOP_DEPLOY);
    add_destroy_provisioned(b);
    add_destroy_compute(b);
    if (is_local(compute))
        add_undo(b, STEP_CLEANUP_ENV);
    add_undo(b, STEP_REMOVE_STATE);
}

/* ---- what people ask for ---- */

static void add_to_stop(Builder *b, LifecycleKind kind) {
    LifecycleStep step = lifecycle_own_step(kind);
    step.phase = LIFECYCLE_STOP;
    add(b, step, NEEDS_NOTHING);
}

static void add_stop(Builder *b) {
    if (b->ask->deployed)
        add_to_stop(b, STEP_STOP_DEPLOY);
    add_to_stop(b, STEP_STOP_SERVICES);
    if (has_infrastructure(b->config))
        add_to_stop(b, STEP_STOP_INFRA);
}

/* init has nothing to say; what destroy says is nobody's. */
static bool is_listened_to(const char *action) {
    return strcmp(action, "seed") == 0 || strcmp(action, "reset") == 0;
}

static void add_hook(Builder *b) {
    const LifecycleAsk *ask = b->ask;
    const ProvisionedService *service;
    const EnvironmentHook *hook = lifecycle_hook(b->config, ask->service, ask->action, &service);
    if (!hook)
        return;
    const char *brief = in_brief(b, hook->command);
    add(b,
        (LifecycleStep){
            .name = arena_printf(b->arena, "core_%s_%s", ask->action, ask->service),
            .phase = LIFECYCLE_HOOK,
            .kind = STEP_HOOK,
            .service = ask->service,
            .action = ask->action,
            .hook = hook,
            .outputs = is_listened_to(ask->action) ? &service->outputs : NULL,
            .place = HOOK_PROJECT,
            .starting =
                arena_printf(b->arena, "Running %s of %s → %s", ask->action, ask->service, brief),
            .complete = arena_printf(b->arena, "Ran %s of %s", ask->action, ask->service)},
        NEEDS_NOTHING);
}

Lifecycle lifecycle_of(const LifecycleAsk *ask, Arena *arena) {
    Builder b = {.ask = ask, .config = ask->config, .arena = arena};
    if (ask->phases & LIFECYCLE_PROVISION)
        add_provision(&b);
    if (ask->phases & LIFECYCLE_RUN && !lifecycle_is_remote(ask->config, ask->compute))
        add_run(&b);
    if (ask->phases & LIFECYCLE_DESTROY)
        add_destruction(&b);
    if (ask->phases & LIFECYCLE_STOP && !lifecycle_is_remote(ask->config, ask->compute))
        add_stop(&b);
    if (ask->phases & LIFECYCLE_HOOK)
        add_hook(&b);
    return b.list;
}
