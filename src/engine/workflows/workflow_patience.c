/* SPDX-License-Identifier: Apache-2.0 */
/* How long a workflow that is to end waits for a backend that may never answer. */
#include "base/str.h"
#include "engine/workflows/workflow_files.h"

enum { LIMIT_LEAST_MS = 1000, LIMIT_MOST_MS = 10 * 1000 };

void workflow_hear(Workflow *workflow, const Err *err) {
    workflow->silent = err && (err->kind == ERR_UNAVAILABLE || err->kind == ERR_TIMEOUT);
}

void workflow_give_up_setup(Workflow *workflow) {
    WorkflowFacts *facts = &workflow->facts;
    char why[WORKFLOW_TEXT];
    if (facts->phase != WORKFLOW_NEW || !workflow->call)
        return;
    op_drop(workflow->call);
    workflow->call = NULL;
    str_copy(why, sizeof(why), facts->error);
    int64_t us = loop_wall_us(workflow->engine->loop);
    workflow_note_not_set_up(workflow, UINT32_MAX, why, us);
    workflow_not_set_up(facts, UINT32_MAX, why, us);
}

/* What is being destroyed may be an orphan then, which people can list and remove. */
static void give_up_destroy(Workflow *workflow) {
    Err err;
    op_drop(workflow->call);
    workflow->call = NULL;
    workflow->again = timer_free(workflow->again);
    err_set(&err, ERR_CANCELLED,
            "its end was not waited for; `thole backend orphans` lists what is left of it");
    workflow_end_destroy(workflow, &err);
}

static void on_limit(void *arg) {
    Workflow *workflow = arg;
    Err err;
    workflow->limit = timer_free(workflow->limit);
    err_set(&err, ERR_TIMEOUT, "its backend did not answer");
    if (workflow->adopting)
        workflow_give_up_lookup(workflow, &err);
    else if (workflow->facts.phase == WORKFLOW_ENDING && (workflow->call || workflow->again))
        give_up_destroy(workflow);
}

/* One of this server always answers; and what was set up has shown that it can be reached, until it
 * shows that it no longer can. */
static bool may_wait_in_vain(const Workflow *workflow) {
    const WorkflowFacts *facts = &workflow->facts;
    if (workflow->adopting)
        return facts->canceled && !pooled_is_own(workflow->pooled);
    if (facts->phase != WORKFLOW_ENDING)
        return false;
    return facts->set_up ? facts->canceled && workflow->silent
                         : facts->canceled || workflow->silent;
}

void workflow_limit_wait(Workflow *workflow) {
    int64_t ms = workflow->adopting ? LIMIT_MOST_MS : workflow->grace_ms;
    ms = ms < LIMIT_LEAST_MS ? LIMIT_LEAST_MS : ms > LIMIT_MOST_MS ? LIMIT_MOST_MS : ms;
    if (!workflow->limit && may_wait_in_vain(workflow))
        workflow->limit = timer_new(workflow->engine->loop, ms, on_limit, workflow);
}

void workflow_hurry_destroy(Workflow *workflow) {
    if (!workflow->limit)
        return;
    timer_free(workflow->limit);
    workflow->limit = timer_new(workflow->engine->loop, LIMIT_LEAST_MS, on_limit, workflow);
}

void workflow_hurry(Workflow *workflow) {
    const WorkflowFacts *facts = &workflow->facts;
    bool waits = facts->set_up && !workflow->hurried;
    workflow->hurried = true;
    workflow->grace_ms = 0;
    for (uint32_t i = 0; i < workflow->graph->n; i++) {
        StepProgress progress = facts->steps[i].progress;
        if (progress == PROGRESS_STARTING || progress == PROGRESS_RUNNING ||
            progress == PROGRESS_STOPPING)
            work_hurry(&workflow->work[i]);
    }
    if (!waits && facts->phase == WORKFLOW_ENDING && (workflow->call || workflow->again))
        give_up_destroy(workflow);
}
