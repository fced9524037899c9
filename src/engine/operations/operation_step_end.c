/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a step: what is written down of it, and what comes next. */
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "engine/operations/operation_files.h"
#include "engine/operations/steps.h"

/* One that was resumed may have been made from what has changed since: it is decided on again. */
static void after_step(Operation *operation) {
    const LifecycleStep *step = operation_step(operation);
    const Checkpoint *record = entry_checkpoint(&operation->entry, step->name);
    sys_point("env-noted");
    operation_tell(operation, EVENT_STEP_COMPLETED, step->complete, NULL);
    if (!record || !record->inputs || str_same(record->inputs, operation_inputs(operation)))
        operation->doing.at++;
    operation_next(operation);
}

/* A delete by force goes on: but it does not forget what it could not undo. */
static bool passes_over(const Operation *operation, const LifecycleStep *step) {
    return operation->ask.kind == OPERATION_DELETE && operation->ask.force &&
           !operation->canceled && step->kind != STEP_CHECK_LOSS && step->kind != STEP_REMOVE_STATE;
}

static void pass_over(Operation *operation, const LifecycleStep *step) {
    const char *before = operation->left;
    operation->left = arena_printf(&operation->arena, "%s%s%s (%s)", before ? before : "",
                                   before ? ", " : "", step->name, operation->error);
    operation->error_kind = ERR_NONE; /* of all that was passed over there is none */
    operation->doing.at++;
    operation_next(operation);
}

static void after_failure(Operation *operation) {
    const LifecycleStep *step = operation_step(operation);
    if (!operation->told[operation->doing.at])
        operation_tell(operation, EVENT_STEP_FAILED, NULL, operation->error);
    if (passes_over(operation, step))
        pass_over(operation, step);
    else
        operation_finish(operation, operation->canceled ? OPERATION_CANCELED : OPERATION_FAILED);
}

void operation_step_failed_before(Operation *operation, const Checkpoint *record) {
    operation->doing.run = (uint32_t)record->run;
    operation->doing.started_us = record->started_ns / 1000;
    operation->step = record->name;
    str_copy(operation->error, sizeof(operation->error), record->error ? record->error : "?");
    operation->error_kind = err_kind_of_reason(record->reason);
    after_failure(operation);
}

static void note_again(Operation *operation) {
    static const char text[] = "what became of it before is not known, so it has run again";
    operation->note =
        operation->note ? arena_printf(&operation->arena, "%s; %s", text, operation->note) : text;
}

static void note_end(Operation *operation, const Err *err) {
    const LifecycleStep *step = operation_step(operation);
    int64_t now_us = loop_wall_us(operation->engine->loop);
    Arena *arena = &operation->arena;
    const Checkpoint *started = entry_checkpoint(&operation->entry, step->name);
    Checkpoint record = {.name = step->name,
                         .status = err ? CHECKPOINT_FAILED : CHECKPOINT_COMPLETED,
                         .started_ns = operation->doing.started_us * 1000,
                         .finished_ns = now_us * 1000,
                         .duration_ms = (now_us - operation->doing.started_us) / 1000,
                         .machine = operation->machine,
                         .error = err ? arena_strdup(arena, err->msg) : NULL,
                         .reason = err ? err_reason(err->kind) : NULL,
                         .outputs = err ? NULL : operation->doing.produced,
                         .inputs = err || !started ? NULL : started->inputs,
                         .run = operation->doing.run,
                         .server = operation->engine->owner,
                         .operation = operation->number};
    operation_set_checkpoint(operation, &record);
    operation_audit(operation, step->name, err ? "failed" : "executed", operation->note);
    AuditEntry *audit = &operation->unwritten.audit.at[operation->unwritten.audit.n - 1];
    audit->duration_ms = record.duration_ms;
    audit->error = record.error;
}

void operation_forget_deaths(Operation *operation) {
    Err err;
    if (operation->deaths.n == 0)
        return;
    operation->deaths = (OperationDeaths){0};
    if (operation_keep(operation, &err) < 0)
        log_warn("environment %s: %s", operation->environment->slug, err.msg);
}

/* Its deletion had come to no end: from here on it is gone on with by a create, not by a delete. */
static void note_made(Operation *operation) {
    OperationKind kind = operation->ask.kind;
    if (operation->entry.status == ENVIRONMENT_DELETING &&
        (kind == OPERATION_CREATE || kind == OPERATION_PROVISION))
        operation->entry.status = ENVIRONMENT_CREATING;
}

void operation_step_ended(Operation *operation, const Err *err) {
    const LifecycleStep *step = operation_step(operation);
    const StepDoer *doer = step_doer(step->kind);
    Err why;
    if (!err && doer->take && doer->take(operation, &why) < 0)
        err = &why;
    if (!err && !operation->note)
        operation->note = operation->doing.note;
    if (operation->doing.lost)
        note_again(operation);
    note_end(operation, err);
    operation_forget_deaths(operation); /* what servers have died at was not this */
    operation->unwritten.entry = true;
    operation_hook_ended(operation, step, err != NULL);
    if (!err) {
        note_made(operation);
        operation_write(operation, after_step);
        return;
    }
    str_copy(operation->error, sizeof(operation->error), err->msg);
    operation->error_kind = err->kind;
    operation->step = step->name;
    /* Of a hook alone people hear; the environment is what it was. */
    if (step->phase != LIFECYCLE_HOOK && step->kind != STEP_CHECK_LOSS) {
        operation->entry.failed_step = step->name;
        operation->entry.error = arena_strdup(&operation->arena, err->msg);
        if (operation->entry.status != ENVIRONMENT_DELETING) /* else it is so still */
            operation->entry.status = ENVIRONMENT_ERROR;
    }
    operation_write(operation, after_failure);
}
