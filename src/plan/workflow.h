/* SPDX-License-Identifier: Apache-2.0 */
/* What a workflow does next, as pure functions: no I/O, no clock.
 *
 * The engine keeps one StepFacts per step. It records what happened (step_*(), workflow_cancel) and
 * asks plan_step() about each step that this may concern (workflow_concerned); performing the act
 * brings the next fact. A workflow that was resumed is the same question asked of facts from disk.
 *
 * A step is *settled* when nobody has to wait for it any more: it has ended, was skipped, or is
 * detached and runs. It may start when all are settled that it waits for: the steps it names in
 * `depends_on` if any step of the Config names one, else all steps of the stages before.
 *
 * Whether it then starts or is skipped is up to the outcome of those it waited for: of all before
 * it, or (with `depends_on`) of those it depends on, directly or over others, so that it is not a
 * matter of speed. If one of them failed it needs `on_failure`, if none `on_success`. A failure
 * with `failure: ignore` is none, and so is that of a detached step once it runs. What could not be
 * started has failed in any case.
 *
 * When all are settled, or could not be set up, the workflow is destroyed, which ends the detached
 * ones: for them that is success, whatever they say to it. Then it is over. With `keep` they are
 * ended one by one, and nothing is destroyed.
 *
 * Cancelled (by people, a timeout, or a failure with `failure: cancel`): what runs is stopped,
 * detached steps excepted; what has not begun is skipped, but for clean-up: steps with
 * `on_failure`, if the workflow or the step itself asked for that, run as after a failure. */
#pragma once

#include "base/arena.h"
#include "spec/session.h"
#include "spec/workflow.h"

enum { WORKFLOW_TEXT = 256 };

/* ---- the graph: never changes ---- */
typedef struct StepNode {
    const Step *step;
    uint32_t stage;
    uint32_t *after;  /* those it depends on: indices; with `depends_on` only */
    uint32_t *before; /* those that depend on it */
    uint32_t after_n, before_n;
} StepNode;

typedef struct StepGraph {
    const WorkflowConfig *config;
    bool staged; /* no step has `depends_on` */
    StepNode *at;
    uint32_t n;
    uint32_t *stages; /* index of the first step of each stage; and n */
    uint32_t stage_n;
} StepGraph;

/* Of a Config that workflow_load has accepted, in `arena`. */
StepGraph *step_graph_new(const WorkflowConfig *config, Arena *arena);

/* ---- the facts ---- */
typedef enum StepProgress {
    PROGRESS_PENDING,
    PROGRESS_STARTING, /* the backend was asked */
    PROGRESS_RUNNING,
    PROGRESS_STOPPING, /* ... to end it */
    PROGRESS_DONE,     /* it has ended, all it wrote is in its log, and nothing of it is left */
    PROGRESS_SKIPPED,
} StepProgress;

typedef enum StepOutcome {
    OUTCOME_NONE,
    OUTCOME_SUCCESS,
    OUTCOME_FAILURE,  /* its exit code, or out of memory, or its timeout */
    OUTCOME_ERROR,    /* it could not be started, followed, or ended */
    OUTCOME_CANCELED, /* whatever it did in the end */
} StepOutcome;

typedef struct StepFacts {
    StepProgress progress;
    StepOutcome outcome;
    bool ran;       /* it was started: a detached one was settled then */
    bool cleans_up; /* it was begun after the cancel */
    bool bad;       /* it, or (with `depends_on`) one it depends on, counts as failed */
    bool timed_out; /* it is being stopped because of that */
    uint32_t open;  /* those it depends on that are not settled */
    int exit_code;  /* -1: none */
    Tristate oom_killed;
    int64_t started_us, ended_us;
    char *error; /* one sentence; NULL: none. Owned */
} StepFacts;

typedef enum WorkflowPhase {
    WORKFLOW_NEW,       /* to be set up */
    WORKFLOW_RUNNING,   /* set up */
    WORKFLOW_ENDING,    /* all is settled: to be destroyed */
    WORKFLOW_DESTROYED, /* detached steps are heard of for the last time */
    WORKFLOW_OVER,
} WorkflowPhase;

typedef enum WorkflowResult {
    RESULT_NONE,
    RESULT_SUCCESS,
    RESULT_FAILURE,  /* a step's */
    RESULT_ERROR,    /* of setup, or of a step that could not be started, ... */
    RESULT_CANCELED, /* by people */
    RESULT_TIMEOUT,  /* of the workflow */
} WorkflowResult;

typedef struct WorkflowFacts {
    WorkflowPhase phase;
    StepFacts *steps; /* parallel to graph->at */
    uint32_t settled; /* how many */
    uint32_t live;    /* STARTING, RUNNING, STOPPING */
    uint32_t stage;   /* staged: the first that is not settled */
    uint32_t stage_open;
    bool stage_bad; /* staged: a step of this stage has failed, */
    bool bad;       /* ... of one before; with `depends_on`: any */
    bool set_up;    /* it was, once */
    bool keep;      /* what it made stays when it is over; what still runs is ended */
    bool cleanup;   /* a cancel leaves time for steps with `on_failure` */
    bool canceled;  /* from now on */
    bool hurried;   /* ... and again */
    WorkflowResult result;
    uint32_t culprit;          /* whose failure the result is; UINT32_MAX: of none */
    char error[WORKFLOW_TEXT]; /* one sentence; "": none */
    char left[WORKFLOW_TEXT];  /* why not all that it made is gone; "": it is */
} WorkflowFacts;

void workflow_facts_init(WorkflowFacts *facts, const StepGraph *graph);
void workflow_facts_deinit(WorkflowFacts *facts, const StepGraph *graph);

void workflow_set_up(WorkflowFacts *facts, const StepGraph *graph);
/* It cannot be: nothing is started. `step`: whose fault it is, which is an end of it with exit code
 * 1; or UINT32_MAX. */
void workflow_not_set_up(WorkflowFacts *facts, uint32_t step, const char *why, int64_t at_us);
/* Not once it is ending. */
bool workflow_may_cancel(const WorkflowFacts *facts);
/* result: CANCELED, TIMEOUT, or FAILURE (`failure: cancel`). Ignored once it is ending; again: what
 * cleans up is stopped, too. */
void workflow_cancel(WorkflowFacts *facts, WorkflowResult result, const char *why);
/* `why`: it is not gone, which is nobody's failure but said; NULL: it is. */
void workflow_destroyed(WorkflowFacts *facts, const char *why);

/* What became of a step. */
typedef struct StepEnded {
    StepOutcome outcome;
    int exit_code;
    Tristate oom_killed;
    int64_t ended_us;
    const char *error; /* copied; NULL: none */
} StepEnded;

void step_asked(WorkflowFacts *facts, const StepGraph *graph, uint32_t i);
/* The server that asked was killed, and the backend has never heard of it. */
void step_unasked(WorkflowFacts *facts, uint32_t i);
void step_started(WorkflowFacts *facts, const StepGraph *graph, uint32_t i, int64_t started_us);
void step_stop_asked(WorkflowFacts *facts, uint32_t i);
void step_timed_out(WorkflowFacts *facts, uint32_t i);
/* What its end comes to, by what is known of the whole. Asked once, before it is written down. */
StepOutcome step_outcome(const WorkflowFacts *facts, const StepGraph *graph, uint32_t i,
                         const StepEnded *ended);
/* The outcome is final. */
void step_ended(WorkflowFacts *facts, const StepGraph *graph, uint32_t i, const StepEnded *ended);
void step_skipped(WorkflowFacts *facts, const StepGraph *graph, uint32_t i);

/* ---- the plan ---- */
typedef enum StepAct { STEP_ACT_NONE, STEP_ACT_START, STEP_ACT_SKIP, STEP_ACT_STOP } StepAct;

StepAct plan_step(const StepGraph *graph, const WorkflowFacts *facts, uint32_t i);
/* What a step that starts now is told of the workflow: CI_PIPELINE_STATUS. */
bool step_sees_failure(const StepGraph *graph, const WorkflowFacts *facts, uint32_t i);

typedef enum WorkflowAct {
    WORKFLOW_ACT_NONE,
    WORKFLOW_SET_UP,
    WORKFLOW_END_STEPS, /* those still running are to be planned: with `keep` */
    WORKFLOW_DESTROY,
} WorkflowAct;
/* Moves on to the next phase where nothing is left to do in this one. */
WorkflowAct plan_workflow(const StepGraph *graph, WorkflowFacts *facts);

/* Calls `fn` for each step whose plan may be another one after a fact of step `i` (UINT32_MAX: of
 * the workflow). */
void workflow_concerned(const StepGraph *graph, const WorkflowFacts *facts, uint32_t i,
                        void (*fn)(void *arg, uint32_t step), void *arg);
