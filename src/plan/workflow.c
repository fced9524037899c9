/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/workflow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "base/xalloc.h"

/* ---- the graph ---- */

static void lay_out(StepGraph *graph) {
    const WorkflowConfig *config = graph->config;
    for (uint32_t i = 0; i < graph->stage_n; i++) {
        graph->stages[i] = graph->n;
        for (size_t k = 0; k < config->stages.at[i].steps.n; k++)
            graph->at[graph->n++] =
                (StepNode){.step = &config->stages.at[i].steps.at[k], .stage = i};
    }
    graph->stages[graph->stage_n] = graph->n;
}

/* Names are unique where `depends_on` is used. Indices are put into the map as their nodes. */
static void resolve(StepGraph *graph, Arena *arena) {
    Map names;
    map_init(&names);
    for (uint32_t i = 0; i < graph->n; i++)
        (void)map_put(&names, graph->at[i].step->name, &graph->at[i]);
    for (uint32_t i = 0; i < graph->n; i++) {
        StepNode *node = &graph->at[i];
        const StrList *deps = &node->step->depends_on;
        node->after = arena_alloc(arena, deps->n * sizeof(*node->after));
        for (size_t k = 0; k < deps->n; k++) {
            StepNode *dep = map_get(&names, deps->at[k]);
            node->after[node->after_n++] = (uint32_t)(dep - graph->at);
            dep->before_n++;
        }
    }
    map_deinit(&names);
}

static void turn_around(StepGraph *graph, Arena *arena) {
    for (uint32_t i = 0; i < graph->n; i++) {
        StepNode *node = &graph->at[i];
        node->before = arena_alloc(arena, node->before_n * sizeof(*node->before));
        node->before_n = 0;
    }
    for (uint32_t i = 0; i < graph->n; i++)
        for (uint32_t k = 0; k < graph->at[i].after_n; k++) {
            StepNode *dep = &graph->at[graph->at[i].after[k]];
            dep->before[dep->before_n++] = i;
        }
}

StepGraph *step_graph_new(const WorkflowConfig *config, Arena *arena) {
    StepGraph *graph = arena_alloc(arena, sizeof(*graph));
    size_t n = workflow_step_count(config);
    *graph = (StepGraph){.config = config,
                         .staged = !workflow_is_graph(config),
                         .stage_n = (uint32_t)config->stages.n};
    graph->at = arena_alloc(arena, (n + 1) * sizeof(*graph->at));
    graph->stages = arena_alloc(arena, (graph->stage_n + 1) * sizeof(*graph->stages));
    lay_out(graph);
    if (!graph->staged) {
        resolve(graph, arena);
        turn_around(graph, arena);
    }
    return graph;
}

/* ---- the facts ---- */

/* The next stage that has a step. */
static void begin_stage(WorkflowFacts *facts, const StepGraph *graph, uint32_t stage) {
    while (stage < graph->stage_n && graph->stages[stage] == graph->stages[stage + 1])
        stage++;
    facts->stage = stage;
    facts->stage_open =
        stage < graph->stage_n ? graph->stages[stage + 1] - graph->stages[stage] : 0;
    facts->stage_bad = false;
}

void workflow_facts_init(WorkflowFacts *facts, const StepGraph *graph) {
    *facts = (WorkflowFacts){.steps = xcalloc(graph->n + 1, sizeof(*facts->steps)),
                             .culprit = UINT32_MAX};
    for (uint32_t i = 0; i < graph->n; i++) {
        facts->steps[i].open = graph->at[i].after_n;
        facts->steps[i].exit_code = -1;
        facts->steps[i].oom_killed = UNKNOWN;
    }
    begin_stage(facts, graph, 0);
}

void workflow_facts_deinit(WorkflowFacts *facts, const StepGraph *graph) {
    for (uint32_t i = 0; facts->steps && i < graph->n; i++)
        free(facts->steps[i].error);
    free(facts->steps);
    *facts = (WorkflowFacts){0};
}

static void blame(WorkflowFacts *facts, WorkflowResult result, uint32_t step, const char *why) {
    if (facts->result != RESULT_NONE)
        return;
    facts->result = result;
    facts->culprit = step;
    str_copy(facts->error, sizeof(facts->error), why);
}

void workflow_set_up(WorkflowFacts *facts, const StepGraph *graph) {
    facts->phase = WORKFLOW_RUNNING;
    facts->set_up = true;
}

void workflow_not_set_up(WorkflowFacts *facts, uint32_t step, const char *why, int64_t at_us) {
    blame(facts, RESULT_ERROR, step, why);
    facts->phase = WORKFLOW_ENDING;
    if (step == UINT32_MAX || facts->steps[step].progress != PROGRESS_PENDING)
        return;
    facts->steps[step] = (StepFacts){.progress = PROGRESS_DONE,
                                     .outcome = OUTCOME_ERROR,
                                     .exit_code = 1,
                                     .oom_killed = UNKNOWN,
                                     .ended_us = at_us,
                                     .error = xstrdup(why)};
}

bool workflow_may_cancel(const WorkflowFacts *facts) {
    return facts->phase <= WORKFLOW_RUNNING;
}

void workflow_cancel(WorkflowFacts *facts, WorkflowResult result, const char *why) {
    if (!workflow_may_cancel(facts))
        return;
    facts->hurried = facts->canceled;
    facts->canceled = true;
    blame(facts, result, UINT32_MAX, why);
}

void workflow_destroyed(WorkflowFacts *facts, const char *why) {
    facts->phase = WORKFLOW_DESTROYED;
    if (why)
        snprintf(facts->left, sizeof(facts->left), "%s", why);
    if (why && !facts->error[0])
        snprintf(facts->error, sizeof(facts->error), "what it made is not gone: %s", why);
}

/* ---- the facts of a step ---- */

/* Nobody waits for it any more. `bad`: those who did have to know of a failure. */
static void settle(WorkflowFacts *facts, const StepGraph *graph, uint32_t i, bool bad) {
    const StepNode *node = &graph->at[i];
    facts->settled++;
    facts->steps[i].bad |= bad;
    for (uint32_t k = 0; k < node->before_n; k++) {
        StepFacts *dependent = &facts->steps[node->before[k]];
        dependent->open--;
        dependent->bad |= facts->steps[i].bad;
    }
    if (!graph->staged)
        return;
    facts->stage_bad |= bad;
    if (--facts->stage_open == 0) {
        facts->bad |= facts->stage_bad;
        begin_stage(facts, graph, facts->stage + 1);
    }
}

void step_asked(WorkflowFacts *facts, const StepGraph *graph, uint32_t i) {
    StepFacts *step = &facts->steps[i];
    step->progress = PROGRESS_STARTING;
    step->cleans_up = facts->canceled;
    facts->live++;
}

void step_unasked(WorkflowFacts *facts, uint32_t i) {
    facts->steps[i].progress = PROGRESS_PENDING;
    facts->steps[i].cleans_up = false;
    facts->live--;
}

void step_started(WorkflowFacts *facts, const StepGraph *graph, uint32_t i, int64_t started_us) {
    StepFacts *step = &facts->steps[i];
    if (step->progress == PROGRESS_STARTING)
        step->progress = PROGRESS_RUNNING;
    step->started_us = started_us;
    step->ran = true;
    if (graph->at[i].step->detach)
        settle(facts, graph, i, false);
}

void step_stop_asked(WorkflowFacts *facts, uint32_t i) {
    facts->steps[i].progress = PROGRESS_STOPPING;
}

void step_timed_out(WorkflowFacts *facts, uint32_t i) {
    StepProgress progress = facts->steps[i].progress;
    if (progress == PROGRESS_STARTING || progress == PROGRESS_RUNNING)
        facts->steps[i].timed_out = true;
}

/* What is stopped because of a cancel is cancelled, whatever it did in the end. A detached step
 * that ran until nobody was left to wait for has done what it was there for. */
StepOutcome step_outcome(const WorkflowFacts *facts, const StepGraph *graph, uint32_t i,
                         const StepEnded *ended) {
    const StepFacts *step = &facts->steps[i];
    bool lasted = graph->at[i].step->detach && step->ran && facts->settled == graph->n;
    if (lasted && !step->timed_out && ended->outcome == OUTCOME_FAILURE && ended->oom_killed != YES)
        return OUTCOME_SUCCESS;
    if (step->timed_out && ended->outcome != OUTCOME_ERROR)
        return OUTCOME_FAILURE;
    if (lasted || step->progress != PROGRESS_STOPPING || !facts->canceled)
        return ended->outcome;
    return OUTCOME_CANCELED;
}

static void say_failure(WorkflowFacts *facts, const Step *step, uint32_t i) {
    const StepFacts *own = &facts->steps[i];
    char text[WORKFLOW_TEXT];
    if (own->error)
        snprintf(text, sizeof(text), "step %s: %s", step->name, own->error);
    else if (own->oom_killed == YES)
        snprintf(text, sizeof(text), "step %s was killed: out of memory", step->name);
    else
        snprintf(text, sizeof(text), "step %s: exit code %d", step->name, own->exit_code);
    blame(facts, own->outcome == OUTCOME_ERROR ? RESULT_ERROR : RESULT_FAILURE, i, text);
    if (step->failure == FAILURE_CANCEL)
        workflow_cancel(facts, RESULT_FAILURE, text);
}

void step_ended(WorkflowFacts *facts, const StepGraph *graph, uint32_t i, const StepEnded *ended) {
    StepFacts *own = &facts->steps[i];
    const Step *step = graph->at[i].step;
    own->outcome = ended->outcome;
    own->progress = PROGRESS_DONE;
    own->exit_code = ended->exit_code;
    own->oom_killed = ended->oom_killed;
    own->ended_us = ended->ended_us;
    own->error = own->outcome != OUTCOME_SUCCESS && ended->error && *ended->error
                     ? xstrdup(ended->error)
                     : NULL;
    facts->live--;
    if (step->detach && own->ran)
        return; /* settled; what becomes of it is its own affair */
    bool bad = own->outcome == OUTCOME_ERROR || own->outcome == OUTCOME_CANCELED ||
               (own->outcome == OUTCOME_FAILURE && step->failure != FAILURE_IGNORE);
    if (bad)
        say_failure(facts, step, i);
    settle(facts, graph, i, bad);
}

void step_skipped(WorkflowFacts *facts, const StepGraph *graph, uint32_t i) {
    facts->steps[i].progress = PROGRESS_SKIPPED;
    settle(facts, graph, i, false);
}

/* ---- the plan ---- */

bool step_sees_failure(const StepGraph *graph, const WorkflowFacts *facts, uint32_t i) {
    return facts->canceled || (graph->staged ? facts->bad : facts->steps[i].bad);
}

static bool has_turn(const StepGraph *graph, const WorkflowFacts *facts, uint32_t i) {
    return graph->staged ? graph->at[i].stage == facts->stage : facts->steps[i].open == 0;
}

static StepAct plan_pending(const StepGraph *graph, const WorkflowFacts *facts, uint32_t i) {
    const Step *step = graph->at[i].step;
    bool runs = step_sees_failure(graph, facts, i) ? step->on_failure : step->on_success;
    if (!has_turn(graph, facts, i))
        return STEP_ACT_NONE;
    if (facts->canceled)
        runs = step->on_failure && !facts->hurried &&
               (facts->cleanup || step->backend_options.thole.on_cancel);
    return runs ? STEP_ACT_START : STEP_ACT_SKIP;
}

/* What was not even set up is not worth a look. */
static bool is_kept(const WorkflowFacts *facts) {
    return facts->keep && facts->set_up;
}

StepAct plan_step(const StepGraph *graph, const WorkflowFacts *facts, uint32_t i) {
    const StepFacts *step = &facts->steps[i];
    if (facts->phase == WORKFLOW_ENDING && is_kept(facts))
        return step->progress == PROGRESS_RUNNING ? STEP_ACT_STOP : STEP_ACT_NONE;
    if (facts->phase != WORKFLOW_RUNNING)
        return STEP_ACT_NONE;
    switch (step->progress) {
    case PROGRESS_PENDING: return plan_pending(graph, facts, i);
    case PROGRESS_STARTING: /* which may take long: an image is pulled */
    case PROGRESS_RUNNING:
        if (step->timed_out)
            return STEP_ACT_STOP;
        if (!facts->canceled || (graph->at[i].step->detach && step->ran))
            return STEP_ACT_NONE;
        return !step->cleans_up || facts->hurried ? STEP_ACT_STOP : STEP_ACT_NONE;
    case PROGRESS_STOPPING:
    case PROGRESS_DONE:
    case PROGRESS_SKIPPED: break;
    }
    return STEP_ACT_NONE;
}

WorkflowAct plan_workflow(const StepGraph *graph, WorkflowFacts *facts) {
    if (facts->phase == WORKFLOW_NEW)
        return WORKFLOW_SET_UP;
    if (facts->phase == WORKFLOW_RUNNING && facts->settled == graph->n) {
        facts->phase = WORKFLOW_ENDING;
        if (is_kept(facts) && facts->live)
            return WORKFLOW_END_STEPS;
    }
    if (facts->phase == WORKFLOW_ENDING && !is_kept(facts))
        return WORKFLOW_DESTROY;
    if (facts->phase == WORKFLOW_ENDING && facts->live == 0)
        facts->phase = WORKFLOW_DESTROYED;
    if (facts->phase == WORKFLOW_DESTROYED && facts->live == 0) {
        facts->phase = WORKFLOW_OVER;
        if (facts->result == RESULT_NONE)
            facts->result = RESULT_SUCCESS;
    }
    return WORKFLOW_ACT_NONE;
}

void workflow_concerned(const StepGraph *graph, const WorkflowFacts *facts, uint32_t i,
                        void (*fn)(void *arg, uint32_t step), void *arg) {
    if (i == UINT32_MAX) {
        for (uint32_t k = 0; k < graph->n; k++)
            fn(arg, k);
        return;
    }
    const StepNode *node = &graph->at[i];
    fn(arg, i);
    for (uint32_t k = 0; k < node->before_n; k++)
        fn(arg, node->before[k]);
    if (!graph->staged || facts->stage == node->stage || facts->stage >= graph->stage_n)
        return;
    for (uint32_t k = graph->stages[facts->stage]; k < graph->stages[facts->stage + 1]; k++)
        fn(arg, k);
}
