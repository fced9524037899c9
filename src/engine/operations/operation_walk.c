/* SPDX-License-Identifier: Apache-2.0 */
/* Step by step through the lifecycle: looked at, decided, done. */
#include "base/str.h"
#include "base/sys.h"
#include "engine/operations/operation_files.h"
#include "engine/operations/steps.h"
#include "engine/targets/run_files.h"

/* ---- the walk ---- */

typedef struct Look {
    Operation *operation;
    StepFound found;
} Look;

static int do_look(Blocking *blocking, Err *err) {
    Look *look = blocking->ask;
    Operation *operation = look->operation;
    const StepDoer *doer = step_doer(operation_step(operation)->kind);
    blocking->result = look;
    blocking->result_size = sizeof(*look);
    if (operation_check_link(operation, err) < 0) /* a hook may have put it there just now */
        return -1;
    return doer->look ? doer->look(operation, &blocking->arena, &look->found, err) : 0;
}

static void skip(Operation *operation, const StepDecision *decision) {
    const LifecycleStep *step = operation_step(operation);
    const Checkpoint *record = entry_checkpoint(&operation->entry, step->name);
    operation->doing.run = record ? (uint32_t)record->run : 0;
    operation_audit(operation, step->name, decision->action, decision->message);
    if (step_doer(step->kind)->skip)
        step_doer(step->kind)->skip(operation);
    if (!operation->told[operation->doing.at])
        operation_tell(operation, EVENT_STEP_SKIPPED,
                       arena_printf(&operation->arena, "%s (cached)", step->complete), NULL);
    operation->doing.at++;
    operation_next(operation);
}

static int do_act(Blocking *blocking, Err *err) {
    Operation *operation = blocking->ask;
    StepActed *acted = arena_alloc(&blocking->arena, sizeof(*acted));
    *acted = (StepActed){0};
    blocking->result = acted;
    blocking->result_size = sizeof(*acted);
    return step_doer(operation_step(operation)->kind)->act(operation, &blocking->arena, acted, err);
}

static void act(Operation *operation);

static void on_act_again(void *arg) {
    Operation *operation = arg;
    operation->again = timer_free(operation->again);
    act(operation);
}

static void on_acted(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    const StepActed *acted = result;
    Op *call = operation->call;
    operation->call = NULL;
    if (step_doer(operation_step(operation)->kind)->in_store && operation_store_is_away(err)) {
        operation_wait_for_store(operation, err, on_act_again);
        return;
    }
    operation->tries = 0;
    if (!err) {
        arena_adopt(&operation->arena, op_arena(call));
        operation->doing.produced = acted->produced;
        operation->doing.drawn = acted->ports;
        operation->note = acted->note;
    }
    operation_step_ended(operation, err);
}

static void act(Operation *operation) {
    const StepDoer *doer = step_doer(operation_step(operation)->kind);
    sys_point("env-asked");
    if (doer->begin)
        doer->begin(operation);
    else if (doer->command)
        operation_run(operation);
    else
        operation->call = operation_work(operation,
                                         doer->in_store ? blocking_store(operation->engine)
                                                        : blocking_files(operation->engine),
                                         operation, do_act, on_acted);
}

const char *operation_inputs(Operation *operation) {
    return lifecycle_inputs(&operation->lifecycle, operation->doing.at, operation->doing.found.own,
                            &operation->entry, &operation->arena);
}

/* From the first step on that undoes something; one that is refused before is as it was. */
static void set_deleting(Operation *operation) {
    if (operation->entry.status == ENVIRONMENT_DELETING)
        return;
    operation->entry.status = ENVIRONMENT_DELETING;
    operation->unwritten.entry = true;
}

/* One that the store does not know may have left runs: their numbers are taken. */
static uint32_t next_run(const Operation *operation, const Checkpoint *before) {
    uint32_t newest =
        run_files_newest(operation->environment->dir, operation_step(operation)->name);
    return (before && before->run > newest ? (uint32_t)before->run : newest) + 1;
}

static void run(Operation *operation, const StepDecision *decision) {
    const LifecycleStep *step = operation_step(operation);
    const Checkpoint *before = entry_checkpoint(&operation->entry, step->name);
    bool runs = step_doer(step->kind)->command != NULL;
    operation->doing.started_us = loop_wall_us(operation->engine->loop);
    operation->doing.run = runs ? next_run(operation, before) : 0;
    operation->told[operation->doing.at] = false;
    if (decision->action)
        operation_audit(operation, step->name, decision->action, decision->message);
    if (step->phase == LIFECYCLE_DESTROY && step->kind != STEP_CHECK_LOSS)
        set_deleting(operation);
    if (decision->invalidates)
        operation_invalidate_dependants(
            operation, operation->doing.at,
            arena_printf(&operation->arena, "%s is done again", step->name));
    operation_invalidate(operation, step->undoes, step->name);
    operation_forget_undone(operation);
    operation_set_checkpoint(operation,
                             &(Checkpoint){.name = step->name,
                                           .status = CHECKPOINT_STARTED,
                                           .started_ns = operation->doing.started_us * 1000,
                                           .machine = operation->machine,
                                           .inputs = operation_inputs(operation),
                                           .run = operation->doing.run,
                                           .server = operation->engine->owner,
                                           .operation = operation->number});
    operation_tell(operation, EVENT_STEP_STARTED, step->starting, NULL);
    operation_write(operation, act);
}

static void resume(Operation *operation) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, operation_step(operation)->name);
    operation->doing.run = (uint32_t)record->run;
    operation->doing.started_us = record->started_ns / 1000;
    operation_resume(operation);
}

/* Its runs, if it has any, lie in the state directory of this server. */
static bool is_of_here(const Operation *operation, const Checkpoint *record) {
    return record && str_same(record->server, operation->engine->owner);
}

/* A server that was killed has begun it, in this operation. */
static bool is_of_this(const Operation *operation, const Checkpoint *record) {
    return operation->ask.again && is_of_here(operation, record) &&
           record->operation == operation->number;
}

/* Its command was begun here, and may run. */
static bool may_run(const Operation *operation, const Checkpoint *record) {
    return is_of_here(operation, record) && record->run > 0 &&
           !(operation->begun.ended && operation->begun.run == (uint32_t)record->run &&
             str_same(operation->begun.step, record->name));
}

/* Its end was written down by a server that was killed before it went on. */
static bool has_ended(const Operation *operation, const Checkpoint *record) {
    return is_of_this(operation, record) &&
           (record->status == CHECKPOINT_COMPLETED || record->status == CHECKPOINT_FAILED);
}

static void decide(Operation *operation) {
    const LifecycleStep *step = operation_step(operation);
    const Checkpoint *record = entry_checkpoint(&operation->entry, step->name);
    bool each_time = step->hook && !step->hook->allow_cache, ended = has_ended(operation, record);
    if (ended && record->status == CHECKPOINT_FAILED) {
        operation_step_failed_before(operation, record);
        return;
    }
    StepLook look = {.record = record,
                     .inputs = operation_inputs(operation),
                     .kept = operation_keeps(operation, step),
                     .stands = operation->doing.found.stands,
                     .why = operation->doing.found.why};
    StepDecision decision = lifecycle_decide(step, &look, &operation->arena);
    if (ended && each_time)
        decision = (StepDecision){.verdict = VERDICT_SKIP, .action = "skipped"};
    if (decision.verdict == VERDICT_SKIP)
        skip(operation, &decision);
    else if (decision.verdict == VERDICT_RESUME && may_run(operation, record) &&
             !operation->doing.resumed)
        resume(operation);
    else if (decision.verdict == VERDICT_RESUME && step->verified && operation->doing.found.stands)
        skip(operation,
             &(StepDecision){.action = "verified", .message = "it was interrupted, and is done"});
    else
        run(operation, &decision);
}

static void look_on_loop(Operation *operation);

static void on_turn(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    operation->call = NULL;
    look_on_loop(operation);
}

/* What has become of sessions shows once it is drained. */
static void look_on_loop(Operation *operation) {
    const StepDoer *doer = step_doer(operation_step(operation)->kind);
    if (doer->look_on_loop && operation->engine->drain) {
        operation->call = operation_later(operation, on_turn);
        return;
    }
    if (doer->look_on_loop)
        doer->look_on_loop(operation, &operation->doing.found);
    decide(operation);
}

static void on_looked(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    const Look *look = result;
    operation->call = NULL;
    if (err) {
        operation->doing.started_us = loop_wall_us(operation->engine->loop);
        operation_step_ended(operation, err);
        return;
    }
    const StepFound *found = &look->found;
    operation->doing.found =
        (StepFound){.own = arena_strdup(&operation->arena, found->own ? found->own : ""),
                    .stands = found->stands,
                    .why = found->why ? arena_strdup(&operation->arena, found->why) : NULL};
    look_on_loop(operation);
}

/* Of one that was canceled: is the step's command under way, begun by a server before? */
static bool is_left(const Operation *operation, const LifecycleStep *step) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, step->name);
    return is_of_this(operation, record) && may_run(operation, record) &&
           record->status == CHECKPOINT_STARTED;
}

static bool is_next(const Operation *operation, const LifecycleStep *step) {
    return operation_means(operation, step) && (!operation->canceled || is_left(operation, step));
}

/* Nothing is written down of it: it may well be that nothing is to be done. */
static void tell_look(Operation *operation, const LifecycleStep *step) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, step->name);
    if (step_doer(step->kind)->slow_look && record && record->status == CHECKPOINT_COMPLETED &&
        !operation->told[operation->doing.at])
        operation_tell(operation, EVENT_STEP_VERIFYING, NULL, NULL);
}

void operation_next(Operation *operation) {
    const LifecycleStep *step;
    while ((step = operation_step(operation)) && !is_next(operation, step))
        operation->doing.at++;
    if (operation->canceled && !step) {
        operation_finish(operation, OPERATION_CANCELED);
        return;
    }
    if (!step || (step->kind == STEP_REMOVE_STATE && operation->left)) {
        operation_finish(operation, operation->left ? OPERATION_FAILED : OPERATION_DONE);
        return;
    }
    Blocking *blocking = blocking_files(operation->engine);
    Look *look = arena_alloc(&blocking->arena, sizeof(*look));
    look->operation = operation;
    operation->doing = (StepDoing){.at = operation->doing.at};
    tell_look(operation, step);
    operation->call = operation_work(operation, blocking, look, do_look, on_looked);
}

/* Its pin or the machine is gone: whether it had its effect is looked at; else it is done again. */
void operation_not_resumed(Operation *operation, bool never) {
    operation->doing.resumed = true;
    operation->doing.lost = !never;
    if (operation->canceled) {
        operation_finish(operation, OPERATION_CANCELED);
        return;
    }
    if (!never)
        operation_audit(operation, operation_step(operation)->name, "lost",
                        "what became of its command is not known");
    decide(operation);
}
