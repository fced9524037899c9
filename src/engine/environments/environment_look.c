/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/environments/environment_look.h"

#include <string.h>

#include "engine/environments/environments_inside.h"
#include "engine/environments/steps.h"

typedef struct Looking {
    Operation *operation;     /* never begun */
    Environment *environment; /* its; not published */
} Looking;

static bool needs_one_that_runs(const SeenEnvironment *seen, const LifecycleStep *step,
                                const char **ret_why, Arena *arena) {
    for (uint32_t i = 0; i < step->need_n; i++) {
        const SeenStep *need = &seen->steps[step->needs[i]];
        if (need->verdict == VERDICT_SKIP)
            continue;
        *ret_why = arena_printf(arena, "%s is done again", need->step->name);
        return true;
    }
    return false;
}

static void see_step(Operation *operation, SeenEnvironment *seen, uint32_t i, Arena *arena) {
    const LifecycleStep *step = &operation->lifecycle.at[i];
    SeenStep *to = &seen->steps[i];
    StepFound found = {0};
    Err err;
    *to = (SeenStep){.step = step,
                     .record = entry_checkpoint(&operation->entry, step->name),
                     .verdict = VERDICT_RUN};
    operation->at = i;
    if (needs_one_that_runs(seen, step, &to->why, arena))
        return;
    const StepDoer *doer = step_doer(step->kind);
    if (doer->look && doer->look(operation, arena, &found, &err) < 0) {
        to->why = arena_strdup(arena, err.msg);
        return;
    }
    StepLook look = {.record = to->record,
                     .inputs =
                         lifecycle_inputs(&operation->lifecycle, i, found.own ? found.own : "",
                                          &operation->entry, arena),
                     .stands = found.stands,
                     .why = found.why};
    StepDecision decision = lifecycle_decide(step, &look, arena);
    to->verdict = decision.verdict;
    to->why = decision.verdict == VERDICT_RUN ? decision.message : NULL;
}

static void see_steps(Operation *operation, SeenEnvironment *seen, Arena *arena) {
    seen->step_n = operation->lifecycle.n;
    seen->steps = arena_alloc(arena, (seen->step_n + 1) * sizeof(*seen->steps));
    for (uint32_t i = 0; i < operation->lifecycle.n; i++)
        see_step(operation, seen, i, arena);
}

static int see_files(Operation *operation, SeenEnvironment *seen, Arena *arena, Err *err) {
    uint32_t i;
    if (!operation->ask.step)
        return 0;
    if (lifecycle_require(&operation->lifecycle, operation->ask.step, &i, err) < 0)
        return -1;
    return steps_see_files(operation, operation->lifecycle.at[i].kind, seen, arena, err);
}

static int see(Operation *operation, SeenEnvironment *seen, Arena *arena, Err *err) {
    operation_place(operation);
    if (operation_list(operation, err) < 0)
        return -1;
    seen->config = operation->config;
    seen->entry = arena_dup(arena, &operation->entry, sizeof(operation->entry));
    see_steps(operation, seen, arena);
    return see_files(operation, seen, arena, err);
}

/* One trip: the entry, then the files. The store is not asked again, but it is its worker: whoever
 * looks waits for both. */
static int do_look(Blocking *blocking, Err *err) {
    Operation *operation = ((const Looking *)blocking->ask)->operation;
    SeenEnvironment *seen = arena_alloc(&blocking->arena, sizeof(*seen));
    StoredEnvironment stored;
    Err why;
    blocking->result = seen;
    blocking->result_size = sizeof(*seen);
    EnvironmentRead read = {.key = environment_key(operation->environment),
                            .parts = ENVIRONMENT_STEPS | ENVIRONMENT_VALUES};
    int r = store_environment(blocking->store, &read, &blocking->arena, &stored, &why);
    if (r < 0 && why.kind != ERR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    if (r == 0 && operation_copy_entry(operation, &stored.entry, err) < 0)
        return -1;
    if (r < 0)
        operation_make_entry(operation);
    r = see(operation, seen, &blocking->arena, err);
    arena_adopt(&blocking->arena, &operation->arena); /* what is seen is made of it */
    return r;
}

static void on_looked(void *arg) {
    const Looking *looking = arg;
    operation_unref(looking->operation);
    environment_unmake(looking->environment);
}

static Op *refused(Engine *engine, const Err *err, OpFn fn, void *arg) {
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    op_finish(op, NULL, 0, err);
    return op;
}

Op *environment_look(Engine *engine, const OperationAsk *ask, Report *report, OpFn fn, void *arg) {
    Err err;
    const Environment *known = environment_find(engine, ask->file, ask->name);
    Environment *environment = environment_make(engine, ask->file, ask->name);
    if (known)
        environment_take(environment, &known->entry, known->version);
    Operation *operation = operation_new(environment, ask, report, &err);
    if (!operation) {
        environment_unmake(environment);
        return refused(engine, &err, fn, arg);
    }
    Blocking *blocking = blocking_store(engine);
    Looking *looking = arena_alloc(&blocking->arena, sizeof(*looking));
    *looking = (Looking){operation, environment};
    blocking->ask = looking;
    blocking->done = on_looked;
    blocking->done_arg = looking;
    return blocking_run(blocking, do_look, fn, arg);
}
