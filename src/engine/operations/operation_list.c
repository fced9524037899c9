/* SPDX-License-Identifier: Apache-2.0 */
/* Which steps there are, which of them an operation means, and which are stale when it begins. */
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "engine/operations/operation_files.h"
#include "engine/operations/steps.h"

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
    return ask->only.n == 0 && (step->phase == LIFECYCLE_RUN || step->kind == STEP_BUILD_MANIFEST ||
                                step->kind == STEP_WRITE_MANIFEST);
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

/* What does something each time it is asked for. */
static bool is_forced(const OperationAsk *ask) {
    static const bool forced[OPERATIONS] = {[OPERATION_REFRESH] = true,
                                            [OPERATION_STEP] = true,
                                            [OPERATION_HOOK] = true,
                                            [OPERATION_STOP] = true};
    return ask->no_cache || forced[ask->kind];
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
            (ask->from ? i >= from : all))
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

/* What was undone is made anew: from now on it is to be undone again. Those of
 * `env stop` are also done without undoing anything: to delete they are done in any case. */
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
        if (destroys ? always : at == UINT32_MAX)
            forget_record(operation, name, why);
    }
}

/* What people say that it is. */
static int say_status(Operation *operation, Err *err) {
    EnvironmentEntry *entry = &operation->entry;
    const char *text = operation->ask.status;
    if (!text || environment_status_parse(text, &entry->status) < 0 ||
        entry->status == ENVIRONMENT_DELETING)
        return err_set(err, ERR_INVALID,
                       "\"%.40s\" is no status; it is creating, provisioned, running, stopped or "
                       "error",
                       text ? text : "");
    if (entry->status != ENVIRONMENT_ERROR)
        entry->failed_step = entry->error = NULL;
    operation->unwritten.entry = true;
    operation_audit(operation, "", "status", text);
    return 0;
}

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

const Value *operation_started_here(Operation *operation) {
    Value *kept = value_new(&operation->arena, VALUE_MAP);
    value_set(&operation->arena, kept, SERVICES_SERVER,
              value_new_string(&operation->arena, operation->lease.holder));
    return kept;
}

const char *operation_started_by(const Operation *operation, const char *step) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, step);
    bool done = record && record->status == CHECKPOINT_COMPLETED && record->outputs;
    return done ? value_get_str(record->outputs, SERVICES_SERVER) : NULL;
}

/* The state directory of a server on this machine; NULL: it is on another one. */
static const char *dir_of_server(const Operation *operation, const char *server) {
    const char *dir = strchr(server, ':');
    bool here = dir && strncmp(server, operation->lease.holder, (size_t)(dir - server) + 1) == 0;
    return here ? dir + 1 : NULL;
}

/* Another server that goes on with what the step has started; NULL: none. */
static const char *started_elsewhere(const Operation *operation, const char *step) {
    const char *server = operation_started_by(operation, step);
    if (!server || strcmp(server, operation->lease.holder) == 0)
        return NULL;
    const char *dir = dir_of_server(operation, server);
    bool services = strcmp(step, "start_services") == 0;
    bool over = dir && (access(dir, F_OK) < 0 || (services && steps_sessions_down(operation, dir)));
    return over ? NULL : server;
}

/* Services are those of the server that has started them: no other one sees them, or can end them.
 * Of one on this machine is known whether they are down. */
static int check_server(Operation *operation, Err *err) {
    const char *server = started_elsewhere(operation, "start_services");
    server = server ? server : started_elsewhere(operation, "runner_deploy");
    if (!server || !is_about_services(&operation->ask))
        return 0;
    const char *here = dir_of_server(operation, server);
    const char *end = arena_printf(&operation->arena, "`thole env stop %s` there ends them (%s%s)",
                                   operation->entry.name, here ? "THOLE_STATE_DIR=" : "on ",
                                   here ? here : server);
    if (!operation->ask.force)
        return err_set(err, ERR_CONFLICT, "its services run under another server, %s: first %s",
                       server, end);
    operation->elsewhere =
        arena_printf(&operation->arena, "its services go on under another server, %s", server);
    return 0;
}

int operation_prepare(Operation *operation, Err *err) {
    if (operation_list(operation, err) < 0)
        return -1;
    operation_recall(operation);
    if (operation->started)
        return 0;
    if (check_moved(operation, err) < 0 || check_kept(operation, err) < 0 ||
        check_server(operation, err) < 0 || operation_check_undoing(operation, err) < 0 ||
        operation_check_start(operation, err) < 0)
        return -1;
    if (operation->ask.kind == OPERATION_STATUS)
        return say_status(operation, err);
    forget_undoing(operation);
    return operation_force(operation, err);
}
