/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/environments/environment_look.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "engine/environments/environment_see.h"
#include "engine/operations/steps.h"
#include "engine/sessions/session.h"
#include "store/environment_copy.h"

typedef struct Looking {
    Operation *operation;     /* never begun */
    Environment *environment; /* its; not published */
    unsigned parts;
    StepFound *on_loop;       /* of each step what only the loop knows */
    const ComputeLook *infra; /* as a step has seen it; NULL: none has asked */
} Looking;

/* ---- steps ---- */

static const char *needed_that_runs(const SeenEnvironment *seen, const LifecycleStep *step) {
    for (uint32_t i = 0; i < step->need_n; i++) {
        const SeenStep *need = &seen->steps[step->needs[i]];
        if (need->verdict != VERDICT_SKIP && need->invalidates)
            return need->step->name;
    }
    return NULL;
}

/* Why its record was invalidated just now, by what is asked. */
static const char *why_invalidated(const Operation *operation, const char *step) {
    for (size_t i = operation->unwritten.audit.n; i-- > 0;)
        if (strcmp(operation->unwritten.audit.at[i].step, step) == 0)
            return operation->unwritten.audit.at[i].message;
    return "its record was invalidated";
}

static const char *why_run(const Operation *operation, const SeenStep *seen,
                           const StepDecision *decision) {
    if (decision->verdict == VERDICT_RESUME)
        return "it was begun, and what became of it is not known yet";
    if (decision->message || !seen->record)
        return decision->message;
    switch (seen->record->status) {
    case CHECKPOINT_INVALIDATED: return why_invalidated(operation, seen->step->name);
    case CHECKPOINT_FAILED: return "it failed";
    case CHECKPOINT_STARTED: return "it was begun, and interrupted";
    case CHECKPOINT_COMPLETED: return "it runs each time";
    }
    return NULL;
}

static StepDecision decide(Looking *looking, uint32_t i, SeenStep *seen, Arena *arena) {
    Operation *operation = looking->operation;
    const LifecycleStep *step = seen->step;
    const StepDoer *doer = step_doer(step->kind);
    StepFound found = {0};
    Err err;
    operation->doing.at = i;
    if (doer->look && doer->look(operation, arena, &found, &err) < 0)
        return (StepDecision){
            .verdict = VERDICT_RUN, .invalidates = true, .message = arena_strdup(arena, err.msg)};
    if (found.infra)
        looking->infra = found.infra;
    if (doer->look_on_loop) {
        found.stands = looking->on_loop[i].stands;
        found.why = looking->on_loop[i].why;
    }
    StepLook look = {.record = seen->record,
                     .kept = operation_keeps(operation, step),
                     .inputs =
                         lifecycle_inputs(&operation->lifecycle, i, found.own ? found.own : "",
                                          &operation->entry, arena),
                     .stands = found.stands,
                     .why = found.why};
    return lifecycle_decide(step, &look, arena);
}

static void see_step(Looking *looking, SeenEnvironment *seen, uint32_t i, Arena *arena) {
    Operation *operation = looking->operation;
    const LifecycleStep *step = &operation->lifecycle.at[i];
    SeenStep *to = &seen->steps[i];
    *to = (SeenStep){.step = step,
                     .running = looking->on_loop[i].running,
                     .record = entry_checkpoint(&operation->entry, step->name),
                     .verdict = VERDICT_RUN,
                     .meant = operation_means(operation, step),
                     .invalidates = true};
    if (looking->parts & LOOK_LIFE)
        return;
    bool done = to->record && to->record->status == CHECKPOINT_COMPLETED;
    const char *need = needed_that_runs(seen, step);
    if (need) {
        to->stale = done;
        to->why = to->record ? arena_printf(arena, "%s is done again", need) : NULL;
        return;
    }
    StepDecision decision = decide(looking, i, to, arena);
    to->verdict = decision.verdict;
    to->invalidates = decision.invalidates;
    to->stale = done && decision.verdict == VERDICT_RUN && decision.invalidates;
    to->why = decision.verdict == VERDICT_SKIP ? NULL : why_run(operation, to, &decision);
}

static void see_steps(Looking *looking, SeenEnvironment *seen, Arena *arena) {
    const Operation *operation = looking->operation;
    seen->step_n = operation->lifecycle.n;
    seen->steps = arena_alloc(arena, (seen->step_n + 1) * sizeof(*seen->steps));
    for (uint32_t i = 0; i < operation->lifecycle.n; i++)
        see_step(looking, seen, i, arena);
}

/* ---- files ---- */

static int see_files(Operation *operation, SeenEnvironment *seen, Arena *arena, Err *err) {
    uint32_t i;
    if (lifecycle_require(&operation->lifecycle, operation->ask.step, &i, err) < 0)
        return -1;
    seen->step = &operation->lifecycle.at[i];
    return steps_see_files(operation, seen->step->kind, seen, arena, err);
}

/* ---- its place ---- */

/* A tree that somebody has made is not taken as one of ours, which a delete removes. Where we make
 * them ourselves it is one that was left (`delete --keep-worktree`). */
static int check_standing(const Operation *operation, const ComputeAsk *ask, Arena *arena,
                          Err *err) {
    ComputeLook now = {0};
    if (!operation->ask.path)
        return 0;
    if (compute_look(&compute_local, ask, arena, &now, err) < 0)
        return -1;
    return !now.stands ? 0
                       : err_set(err, ERR_CONFLICT,
                                 "%s is a worktree of the project already: `thole env attach %s "
                                 "--worktree %s` takes it as it is; or choose another path",
                                 ask->path, operation->ask.name, ask->path);
}

static int see_place(const Operation *operation, Arena *arena, Err *err) {
    const ComputeAsk ask = operation_compute_ask(operation, arena);
    ComputeCommand unused;
    bool made_by_git = false;
    for (uint32_t i = 0; i < operation->lifecycle.n; i++)
        made_by_git = made_by_git || operation->lifecycle.at[i].kind == STEP_CREATE_COMPUTE;
    if (!made_by_git)
        return 0;
    if (check_standing(operation, &ask, arena, err) < 0 ||
        steps_check_files(operation, arena, err) < 0)
        return -1;
    return compute_create(&compute_local, &ask, arena, &unused, err);
}

/* ---- all of it ---- */

static StrList invalidated_by(const Operation *operation, Arena *arena) {
    StrList list = {.at =
                        arena_alloc(arena, (operation->unwritten.audit.n + 1) * sizeof(*list.at))};
    for (size_t i = 0; i < operation->unwritten.audit.n; i++)
        if (strcmp(operation->unwritten.audit.at[i].action, "invalidated") == 0)
            list.at[list.n++] = operation->unwritten.audit.at[i].step;
    return list;
}

static int do_look(Blocking *blocking, Err *err) {
    Looking *looking = blocking->ask;
    Operation *operation = looking->operation;
    Arena *arena = &blocking->arena;
    SeenEnvironment *seen = arena_alloc(arena, sizeof(*seen));
    int r = 0;
    *seen = (SeenEnvironment){.config = operation->config};
    seen->entry = arena_dup(arena, &operation->entry, sizeof(operation->entry));
    seen->invalidated = invalidated_by(operation, arena);
    blocking->result = seen;
    blocking->result_size = sizeof(*seen);
    if (looking->parts & LOOK_PLACE)
        r = see_place(operation, arena, err);
    if (looking->parts & (LOOK_STEPS | LOOK_LIFE))
        see_steps(looking, seen, arena);
    if (r == 0 && looking->parts & LOOK_FILES)
        r = see_files(operation, seen, arena, err);
    if (r == 0 && looking->parts & LOOK_VARIABLES)
        r = see_variables(operation, arena, &seen->variables, err);
    if (looking->parts & LOOK_INFRASTRUCTURE)
        see_infrastructure(operation, looking->infra, arena, &seen->infrastructure);
    arena_adopt(arena, &operation->arena); /* what is seen is made of it */
    return r;
}

static void on_looked(void *arg) {
    const Looking *looking = arg;
    operation_unref(looking->operation);
    environment_unmake(looking->environment);
}

static StepFound *look_on_loop(Operation *operation) {
    StepFound *found =
        arena_alloc(&operation->arena, (operation->lifecycle.n + 1) * sizeof(*found));
    for (uint32_t i = 0; i < operation->lifecycle.n; i++) {
        const StepDoer *doer = step_doer(operation->lifecycle.at[i].kind);
        found[i] = (StepFound){0};
        operation->doing.at = i;
        if (doer->look_on_loop)
            doer->look_on_loop(operation, &found[i]);
    }
    return found;
}

/* All that the operation itself would refuse, as the environment is, before its first step. */
static int check_begin(Operation *operation, Err *err) {
    operation_name_lease(operation);
    return operation_check_ports(operation, err) < 0 ? -1 : operation_check(operation, err);
}

/* As it is, or as it would be made; and its steps. */
static int prepare(Operation *operation, const LookAsk *ask, Err *err) {
    if (ask->entry) {
        operation->entry = entry_copy(ask->entry, ENVIRONMENT_ALL_PARTS, &operation->arena);
        operation->version = operation->environment->version;
    } else {
        operation_make_entry(operation);
    }
    operation_place(operation);
    if (operation_list(operation, err) < 0 ||
        (ask->parts & LOOK_BEGIN && check_begin(operation, err) < 0))
        return -1;
    return operation_force(operation, err);
}

static Environment *stand_in(Engine *engine, const OperationAsk *ask, const Environment *known) {
    Environment *environment = environment_make(engine, ask->file, ask->name);
    if (known)
        environment_take(environment, &(StoredEnvironment){.entry = known->entry,
                                                           .version = known->version,
                                                           .server = known->server});
    return environment;
}

static Operation *never_begun(Environment *environment, const Environment *known,
                              const LookAsk *ask, Err *err) {
    Arena arena;
    OperationAsk placed = *ask->ask;
    arena_init(&arena);
    int r = 0;
    if (ask->parts & (LOOK_PLACE | LOOK_BEGIN))
        r = operation_ask_check(ask->ask, err) < 0
                ? -1
                : environment_place(known ? known : environment, ask->ask, &arena, &placed, err);
    Operation *operation = r == 0 ? operation_new(environment, &placed, ask->report, err) : NULL;
    arena_deinit(&arena);
    return operation;
}

Op *environment_look(Engine *engine, const LookAsk *ask, OpFn fn, void *arg, Err *err) {
    const Environment *known = environment_find(engine, ask->ask->file, ask->ask->name);
    Environment *environment = stand_in(engine, ask->ask, known);
    Operation *operation = never_begun(environment, known, ask, err);
    if (!operation || prepare(operation, ask, err) < 0) {
        operation_unref(operation);
        environment_unmake(environment);
        return NULL;
    }
    Blocking *blocking = blocking_files(engine);
    Looking *looking = arena_alloc(&blocking->arena, sizeof(*looking));
    *looking = (Looking){.operation = operation,
                         .environment = environment,
                         .parts = ask->parts,
                         .on_loop = look_on_loop(operation)};
    blocking->ask = looking;
    blocking->done = on_looked;
    blocking->done_arg = looking;
    return blocking_run(blocking, do_look, fn, arg);
}

const ClientSetup *environment_client(const Environment *environment) {
    const Operation *operation = environment->operation;
    if (operation && operation->ask.client)
        return operation->ask.client;
    const Session *session = environment_session(environment);
    return session ? &session->client : NULL;
}
