/* SPDX-License-Identifier: Apache-2.0 */
/* Which steps there are, which of them an operation means, and which are stale when it begins. */
#include <string.h>

#include "engine/operations/operation_files.h"
#include "engine/operations/steps.h"

static bool is_refreshed(const LifecycleStep *step) {
    return step->phase == LIFECYCLE_RUN || step->kind == STEP_BUILD_MANIFEST ||
           step->kind == STEP_WRITE_MANIFEST;
}

/* Refresh and step do only some of the steps; what those need is there. */
bool operation_means(const Operation *operation, const LifecycleStep *step) {
    const OperationAsk *ask = &operation->ask;
    switch (ask->kind) {
    case OPERATION_CREATE: return step->phase != LIFECYCLE_DESTROY;
    case OPERATION_RUN: return step->phase == LIFECYCLE_RUN;
    case OPERATION_PROVISION: return step->phase == LIFECYCLE_PROVISION;
    case OPERATION_DELETE: return step->phase == LIFECYCLE_DESTROY;
    case OPERATION_STOP: return step->phase == LIFECYCLE_STOP;
    case OPERATION_HOOK: return step->phase == LIFECYCLE_HOOK;
    case OPERATION_START:
        return step->kind == STEP_START_INFRA || step->kind == STEP_START_SERVICES ||
               step->kind == STEP_DEPLOY;
    case OPERATION_STEP: return strcmp(step->name, ask->step) == 0;
    case OPERATION_INVALIDATE:
    case OPERATION_STATUS: return false;
    case OPERATION_REFRESH:
    case OPERATIONS: break;
    }
    for (size_t i = 0; i < ask->only.n; i++)
        if (strcmp(step->name, ask->only.at[i]) == 0)
            return true;
    return ask->only.n == 0 && is_refreshed(step);
}

/* What is to be done anew whatever its record says. Told the store before the walk begins: a server
 * that is killed in between does not do it twice. */
static void forget_record(Operation *operation, const char *name, const char *why) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, name);
    if (!record)
        return;
    Checkpoint now = *record;
    if (!lifecycle_invalidate(&now))
        return;
    operation_set_checkpoint(operation, &now);
    operation_audit(operation, name, "invalidated", why);
}

static void invalidate(Operation *operation, uint32_t i, const char *why) {
    forget_record(operation, operation->lifecycle.at[i].name, why);
}

bool operation_invalidate_dependants(Operation *operation, uint32_t step, const char *why) {
    bool any = false;
    uint32_t *dependants =
        arena_alloc(&operation->arena, (operation->lifecycle.n + 1) * sizeof(*dependants));
    uint32_t n = lifecycle_dependants(&operation->lifecycle, step, dependants);
    for (uint32_t i = 0; i < n; i++) {
        invalidate(operation, dependants[i], why);
        any |= entry_checkpoint(&operation->entry, operation->lifecycle.at[dependants[i]].name) !=
               NULL;
    }
    return any;
}

void operation_invalidate(Operation *operation, const char *name, const char *why) {
    uint32_t i = name ? lifecycle_find(&operation->lifecycle, name) : UINT32_MAX;
    if (name)
        forget_record(operation, name, why);
    if (i != UINT32_MAX)
        operation_invalidate_dependants(operation, i, why);
}

const char *operation_stale(Operation *operation) {
    const OperationAsk *ask = &operation->ask;
    const char *names = "", *verb = "refresh";
    size_t n = 0;
    if (ask->kind != OPERATION_STEP && ask->only.n == 0)
        return NULL;
    for (uint32_t i = 0; i < operation->lifecycle.n; i++) {
        const LifecycleStep *step = &operation->lifecycle.at[i];
        const Checkpoint *record = entry_checkpoint(&operation->entry, step->name);
        if (!record || record->status != CHECKPOINT_INVALIDATED)
            continue;
        names = arena_printf(&operation->arena, "%s%s%s", names, n++ ? ", " : "", step->name);
        if (!is_refreshed(step))
            verb = "create";
    }
    return n == 0 ? NULL
                  : arena_printf(&operation->arena, "%s %s stale: `thole env %s %s` goes on", names,
                                 n == 1 ? "is" : "are", verb, operation->entry.name);
}

/* What does something each time it is asked for. */
static bool is_forced(const OperationAsk *ask) {
    static const bool forced[OPERATIONS] = {[OPERATION_REFRESH] = true,
                                            [OPERATION_STEP] = true,
                                            [OPERATION_HOOK] = true,
                                            [OPERATION_STOP] = true};
    return forced[ask->kind];
}

int operation_force(Operation *operation, Err *err) {
    const OperationAsk *ask = &operation->ask;
    bool all = is_forced(ask);
    uint32_t from = UINT32_MAX;
    if (ask->from && lifecycle_require(&operation->lifecycle, ask->from, &from, err) < 0)
        return -1;
    const char *why =
        ask->from
            ? arena_printf(&operation->arena, "Invalidated due to --from %s", ask->from)
            : arena_printf(&operation->arena, "asked for by %s", operation_kind_name(ask->kind));
    for (uint32_t i = 0; i < operation->lifecycle.n; i++)
        if (operation_means(operation, &operation->lifecycle.at[i]) &&
            !operation_keeps(operation, &operation->lifecycle.at[i]) &&
            (ask->no_cache || (ask->from ? i >= from : all)))
            invalidate(operation, i, why);
    if (ask->kind == OPERATION_INVALIDATE)
        operation_invalidate(operation, ask->step, why);
    return 0;
}

/* Of those that it comes to: others would be nothing to begin at. */
static int require_meant(const Operation *operation, const Lifecycle *lifecycle, Err *err) {
    Arena arena;
    uint32_t at;
    arena_init(&arena);
    Lifecycle meant = {.at = arena_alloc(&arena, (lifecycle->n + 1) * sizeof(*meant.at))};
    for (uint32_t i = 0; i < lifecycle->n; i++)
        if (operation_means(operation, &lifecycle->at[i]))
            meant.at[meant.n++] = lifecycle->at[i];
    int r = lifecycle_require(&meant, operation->ask.from, &at, err);
    arena_deinit(&arena);
    return r;
}

static int check_from(const Operation *operation, const Lifecycle *lifecycle, Err *err) {
    if (require_meant(operation, lifecycle, err) == 0)
        return 0;
    if (lifecycle_find(lifecycle, operation->ask.from) == UINT32_MAX)
        return -1;
    if (operation->ask.only.n)
        return err_set(err, ERR_INVALID, "--from %s: that is none of the steps of --only",
                       operation->ask.from);
    return err_set(err, ERR_INVALID, "--from %s: that is no step of `thole env %s`",
                   operation->ask.from, operation_kind_name(operation->ask.kind));
}

static int check_ask(const Operation *operation, const Lifecycle *lifecycle, Err *err) {
    const OperationAsk *ask = &operation->ask;
    const ProvisionedService *service;
    uint32_t step;
    if ((ask->kind == OPERATION_STEP || ask->kind == OPERATION_INVALIDATE) &&
        lifecycle_require(lifecycle, ask->step, &step, err) < 0)
        return -1;
    if (ask->from && check_from(operation, lifecycle, err) < 0)
        return -1;
    for (size_t i = 0; i < ask->only.n; i++)
        if (lifecycle_require(lifecycle, ask->only.at[i], &step, err) < 0)
            return -1;
    if (ask->kind != OPERATION_HOOK ||
        lifecycle_hook(operation->config, ask->service, ask->action, &service))
        return 0;
    return service ? err_set(err, ERR_NOT_FOUND, "provisioner service '%s' has no %s hook",
                             ask->service, ask->action)
                   : err_set(err, ERR_NOT_FOUND, "unknown provisioner service '%s'", ask->service);
}

static Lifecycle list_of(Operation *operation, const ComputeAccess *compute, Arena *arena) {
    const OperationAsk *ask = &operation->ask;
    bool attached = ask->worktree || (compute && !compute->managed);
    unsigned own = ask->kind == OPERATION_DELETE ? LIFECYCLE_DESTROY
                   : ask->kind == OPERATION_STOP ? LIFECYCLE_STOP
                   : ask->kind == OPERATION_HOOK ? LIFECYCLE_HOOK
                                                 : 0;
    return lifecycle_of(&(LifecycleAsk){.config = operation->config,
                                        .compute = compute,
                                        .attached = attached,
                                        .copies = operation_copies(operation),
                                        .deployed = steps_deployed(operation),
                                        .service = ask->service,
                                        .action = ask->action,
                                        .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN | own},
                        arena);
}

int operation_check_names(Operation *operation, Err *err) {
    const OperationAsk *ask = &operation->ask;
    Arena arena;
    bool names = ask->from || ask->step || ask->only.n || ask->kind == OPERATION_HOOK;
    if (!operation->config || operation->manifest || !names)
        return 0;
    arena_init(&arena);
    const Lifecycle list = list_of(operation, operation->environment->entry.compute, &arena);
    int r = check_ask(operation, &list, err);
    arena_deinit(&arena);
    return r;
}

/* What is on another machine is made, listed and destroyed by its hooks. */
static int check_remote(const Operation *operation, Err *err) {
    OperationKind kind = operation->ask.kind;
    const ComputeAccess *compute = operation->entry.compute;
    bool there = kind == OPERATION_START || kind == OPERATION_STOP || kind == OPERATION_REFRESH;
    if (!there || !lifecycle_is_remote(operation->config, compute))
        return 0;
    return err_set(err, ERR_UNAVAILABLE,
                   "environment '%s' is on another machine%s%s: to %s what runs there comes later",
                   operation->entry.name, compute && compute->host ? ", " : "",
                   compute && compute->host ? compute->host : "", operation_kind_name(kind));
}

int operation_list(Operation *operation, Err *err) {
    if (check_remote(operation, err) < 0)
        return -1;
    operation_recall_copies(operation);
    operation_keep_undoing(operation);
    operation->lifecycle = list_of(operation, operation->entry.compute, &operation->arena);
    operation->told = arena_alloc(&operation->arena, operation->lifecycle.n + 1);
    return check_ask(operation, &operation->lifecycle, err);
}

void operation_forget_undone(Operation *operation) {
    const LifecycleStep *step = operation_step(operation);
    const EnvironmentEntry *entry = &operation->entry;
    for (size_t i = 0; i < entry->steps.n; i++) {
        const char *name = entry->steps.at[i].name;
        if (lifecycle_destroys(name) && lifecycle_remakes(step, name))
            forget_record(operation, name, step->name);
    }
}

/* What `env stop` does as well may be up again without a step: to delete it is done in any case.
 * What else a delete has done that came to no end is done: operation_forget_undone(). */
static void forget_undoing(Operation *operation) {
    const EnvironmentEntry *entry = &operation->entry;
    bool destroys = operation->ask.kind == OPERATION_DELETE;
    const char *why = operation_kind_name(operation->ask.kind);
    for (size_t i = 0; i < entry->steps.n; i++) {
        const char *name = entry->steps.at[i].name;
        uint32_t at = lifecycle_find(&operation->lifecycle, name);
        LifecycleKind kind = at == UINT32_MAX ? STEP_HOOK : operation->lifecycle.at[at].kind;
        bool always = kind == STEP_STOP_DEPLOY || kind == STEP_STOP_SERVICES ||
                      kind == STEP_STOP_INFRA || kind == STEP_CHECK_LOSS;
        if (destroys ? always : at == UINT32_MAX && !lifecycle_destroys(name))
            forget_record(operation, name, why);
    }
}

/* What people say that it is. */
static void say_status(Operation *operation) {
    EnvironmentEntry *entry = &operation->entry;
    const char *text = operation->ask.status;
    (void)!environment_status_parse(text, &entry->status); /* operation_ask_check() */
    if (entry->status != ENVIRONMENT_ERROR)
        entry->failed_step = entry->error = NULL;
    operation->unwritten.entry = true;
    operation_audit(operation, "", "status", text);
}

int operation_prepare(Operation *operation, Err *err) {
    if (operation_list(operation, err) < 0)
        return -1;
    operation_recall(operation);
    if (operation->started)
        return 0;
    if (operation_check(operation, err) < 0)
        return -1;
    if (operation->ask.kind == OPERATION_STATUS) {
        say_status(operation);
        return 0;
    }
    forget_undoing(operation);
    return operation_force(operation, err);
}
