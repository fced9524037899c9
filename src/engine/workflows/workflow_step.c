/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one step: asked, started, waited for, destroyed. Whatever way it ends, it is
 * destroyed before it counts as ended: nothing of it is left then. */
#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_files.h"
#include "spec/mask_forms.h"
#include "spec/signals.h"

static StepId id_of(const StepWork *work) {
    const Workflow *workflow = work->workflow;
    return (StepId){workflow->task, workflow->graph->at[work->index].step->uuid, work->run};
}

static StepFacts *facts_of(const StepWork *work) {
    return &work->workflow->facts.steps[work->index];
}

/* ---- the end ---- */

static void say(StepWork *work, const char *why) {
    free(work->why);
    work->why = *why ? xstrdup(why) : NULL;
}

static void finish(StepWork *work) {
    Workflow *workflow = work->workflow;
    char why[WORKFLOW_TEXT];
    work->timeout = timer_free(work->timeout);
    if (facts_of(work)->timed_out && work->end.outcome != OUTCOME_ERROR)
        say(work, "it ran for longer than its timeout");
    work->end.outcome = step_outcome(&workflow->facts, workflow->graph, work->index, &work->end);
    if (work->end.outcome == OUTCOME_SUCCESS)
        say(work, ""); /* however it took its dismissal */
    str_copy(why, sizeof(why), work->why ? work->why : "");
    mask_text(workflow_masks(workflow), why, sizeof(why));
    work->end.error = why;
    bool canceled = workflow->facts.canceled;
    workflow_note_ended(workflow, work->index, &work->end);
    sys_point("wf-ended");
    step_ended(&workflow->facts, workflow->graph, work->index, &work->end);
    work->end.error = NULL;
    say(work, "");
    bool cancels = workflow->facts.canceled && !canceled; /* which concerns all */
    workflow_mark(workflow, cancels ? UINT32_MAX : work->index);
}

static void fail(StepWork *work, const char *why) {
    work->end.outcome = OUTCOME_ERROR;
    say(work, why);
}

static void destroy(StepWork *work);

static void on_again(void *arg) {
    StepWork *work = arg;
    work->again = timer_free(work->again);
    destroy(work);
}

/* What could not be ended, after a few tries, is an error, also of a step that did well. */
static void on_destroyed(void *arg, const void *result, const Err *err) {
    StepWork *work = arg;
    work->stop = NULL;
    workflow_hear(work->workflow, err);
    if (err && destroy_may_be_repeated(err) && ++work->tries < DESTROY_TRIES) {
        work->again = timer_new(work->workflow->engine->loop, DESTROY_AGAIN_MS << (work->tries - 1),
                                on_again, work);
    } else if (err) {
        op_drop(work->call);
        work->call = NULL;
        work_give_up(work, err->msg);
    } else if (work->over) {
        finish(work);
    }
}

static void destroy(StepWork *work) {
    const StopHow how = {.signal = SIGTERM,
                         .grace_ms = (uint32_t)work->workflow->grace_ms,
                         .helpers = true,
                         .keep = work->workflow->facts.keep};
    if (!work->stop && !work->again)
        work->stop =
            backend_destroy_step(work->workflow->backend, id_of(work), &how, on_destroyed, work);
}

/* A local process has no exit code then. That we have stopped it ourselves is said elsewhere. */
static void say_signal(StepWork *work, const StepState *state) {
    char name[16], text[64];
    if (work->why || state->oom_killed == YES || facts_of(work)->progress == PROGRESS_STOPPING)
        return;
    snprintf(text, sizeof(text), "killed by signal %d (%s)", state->code,
             signal_name(state->code, name));
    say(work, text);
}

static void take_end(StepWork *work, const StepState *state) {
    work->end.ended_us = state->ended_us;
    work->end.oom_killed = state->oom_killed;
    say(work, state->error);
    switch (state->end) {
    case STEP_EXITED:
        work->end.exit_code = state->code;
        work->end.outcome =
            state->code || state->oom_killed == YES ? OUTCOME_FAILURE : OUTCOME_SUCCESS;
        break;
    case STEP_SIGNALED:
        work->end.outcome = OUTCOME_FAILURE;
        say_signal(work, state);
        break;
    case STEP_FAILED:
    case STEP_LOST: work->end.outcome = OUTCOME_ERROR; break;
    }
}

static void end(StepWork *work, const StepState *state, const Err *err) {
    work->over = true;
    work->timeout = timer_free(work->timeout); /* it was in time, however long its removal takes */
    work->end = (StepEnded){.exit_code = -1,
                            .oom_killed = UNKNOWN,
                            .ended_us = loop_wall_us(work->workflow->engine->loop)};
    workflow_hear(work->workflow, err);
    if (err)
        fail(work, err->msg);
    else
        take_end(work, state);
    destroy(work);
}

/* ---- running ---- */

static void on_waited(void *arg, const void *result, const Err *err) {
    StepWork *work = arg;
    work->call = NULL;
    end(work, result, err);
}

static void on_timeout(void *arg) {
    StepWork *work = arg;
    work->timeout = timer_free(work->timeout);
    workflow_note_timed_out(work->workflow, work->index);
    step_timed_out(&work->workflow->facts, work->index);
    workflow_mark(work->workflow, work->index);
}

static void arm_timeout(StepWork *work, int64_t ago_ms) {
    const Workflow *workflow = work->workflow;
    int64_t own_ms = workflow->graph->at[work->index].step->backend_options.timeout_ms;
    int64_t ms = own_ms > 0 ? own_ms : workflow->step_timeout_ms;
    if (ms > 0)
        work->timeout =
            timer_new(workflow->engine->loop, ms > ago_ms ? ms - ago_ms : 0, on_timeout, work);
}

static void run(StepWork *work, const StepState *state, int64_t ago_ms) {
    Workflow *workflow = work->workflow;
    if (!facts_of(work)->ran) {
        step_started(&workflow->facts, workflow->graph, work->index, state->started_us);
        if (workflow->graph->at[work->index].step->detach)
            workflow_note_started(workflow, work->index, state->started_us);
        sys_point("wf-started");
    }
    if (state->phase == STEP_ENDED) {
        end(work, state, NULL);
    } else {
        if (!work->timeout && facts_of(work)->progress == PROGRESS_RUNNING)
            arm_timeout(work, ago_ms);
        work->call = backend_wait_step(workflow->backend, id_of(work), on_waited, work);
    }
    workflow_mark(workflow, work->index);
}

static bool was_started(const StepState *state) {
    return state->phase == STEP_RUNNING || state->end != STEP_FAILED;
}

static void on_started(void *arg, const void *result, const Err *err) {
    StepWork *work = arg;
    const StepState *state = result;
    work->call = NULL;
    if (err || !was_started(state))
        end(work, state, err);
    else
        run(work, state, 0);
}

/* ---- what the plan asks for ---- */

void work_start(StepWork *work) {
    Workflow *workflow = work->workflow;
    Arena arena;
    Err err;
    int written = workflow_note_asked(workflow, work->index, work->run + 1, &err);
    step_asked(&workflow->facts, workflow->graph, work->index);
    sys_point("wf-asked");
    if (written < 0) {
        work_give_up(work, err.msg);
        return;
    }
    work->run++;
    arena_init(&arena);
    Step step = workflow_step(workflow, work->index, &arena);
    work->call = backend_start_step(workflow->backend, id_of(work), &step, on_started, work);
    arena_deinit(&arena);
}

/* What is being started hears of it as well: its start ends in whatever way it can. */
void work_stop(StepWork *work) {
    step_stop_asked(&work->workflow->facts, work->index);
    work->timeout = timer_free(work->timeout);
    destroy(work);
}

void work_hurry(StepWork *work) {
    op_drop(work->stop);
    work->stop = NULL;
    work->again = timer_free(work->again);
    work->tries = 0;
    destroy(work);
}

void work_skip(StepWork *work) {
    Workflow *workflow = work->workflow;
    workflow_note_skipped(workflow, work->index);
    step_skipped(&workflow->facts, workflow->graph, work->index);
    workflow_mark(workflow, work->index);
}

void work_give_up(StepWork *work, const char *why) {
    if (!work->over)
        work->end = (StepEnded){.exit_code = -1,
                                .oom_killed = UNKNOWN,
                                .ended_us = loop_wall_us(work->workflow->engine->loop)};
    work->over = true;
    work_drop(work);
    fail(work, why);
    finish(work);
}

void work_drop(StepWork *work) {
    op_drop(work->call);
    op_drop(work->stop);
    work->call = work->stop = NULL;
    work->again = timer_free(work->again);
    work->timeout = timer_free(work->timeout);
}

void work_deinit(StepWork *work) {
    work_drop(work);
    say(work, "");
}

/* ---- adoption ---- */

static int64_t age_ms(const StepWork *work, const StepState *state) {
    Loop *loop = work->workflow->engine->loop;
    if (state->started_boot_ms)
        return loop_boot_ms(loop) - state->started_boot_ms;
    int64_t ms = (loop_wall_us(loop) - state->started_us) / 1000;
    return ms > 0 ? ms : 0;
}

static void on_resumed(void *arg, const void *result, const Err *err) {
    StepWork *work = arg;
    const StepState *state = result;
    work->call = NULL;
    work->workflow->looked_up--;
    if (err)
        work_give_up(work, err->msg);
    else if (state->phase == STEP_NEVER)
        step_unasked(&work->workflow->facts, work->index);
    else if (was_started(state))
        run(work, state, age_ms(work, state));
    else
        end(work, state, NULL);
    workflow_mark(work->workflow, work->index);
}

void work_resume(StepWork *work) {
    work->workflow->looked_up++;
    work->call = backend_resume_step(work->workflow->backend, id_of(work), on_resumed, work);
}
