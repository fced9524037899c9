/* SPDX-License-Identifier: Apache-2.0 */
/* Workflow: a Config that is run, once, on one backend. What happens next is said by
 * plan/workflow.h; here its acts are performed, its facts written down (workflow_files.h), and the
 * object shown that the API serves. */
#pragma once

#include "engine/engine.h"
#include "plan/workflow.h"

typedef struct Workflow Workflow;

typedef struct WorkflowAsk {
    const char *task;             /* its uuid; NULL: one is drawn */
    const char *backend;          /* by name; NULL or "auto": the first one that is available */
    const Value *backend_options; /* BackendWish.options */
    const char *file;             /* what the text is called in messages */
    const char *text;             /* the Config, JSON or YAML */
    size_t size;
    int64_t timeout_ms;      /* of the whole; 0: none */
    int64_t step_timeout_ms; /* of steps that have none of their own; 0: none */
    bool keep;               /* what it made stays when it is over, until it is deleted */
    bool cleanup;            /* a cancel leaves time for all steps with on_failure */
    /* Into the environment of every step, over its own; the values of secrets are masked, too. */
    StrMap env, secrets;
    /* Of whom local steps inherit limits, nice and a few variables (spec/inherited.h); NULL: of
     * nobody */
    const ClientSetup *client;
} WorkflowAsk;

/* ERR_INVALID with `report` for a bad Config; ERR_CONFLICT: the task is there already;
 * ERR_NOT_FOUND, ERR_UNAVAILABLE: the backend. Then nothing was started. */
MUST Workflow *workflow_create(Engine *engine, const WorkflowAsk *ask, Report *report, Err *err);
/* Ends it gracefully: each step is given `grace_ms` (< 0: as is usual). Again: without clean-up,
 * and with that grace for what is being stopped. Of one that is ending the result stays, what is
 * left of it is killed; again: it is not waited for, and neither is a backend that does not answer.
 * ERR_CONFLICT: it is over; ERR_INVALID: more than MAX_GRACE_MS. */
MUST int workflow_stop(Workflow *workflow, int64_t grace_ms, Err *err);
/* Stops it if it goes on, then it goes with its files; again: as a cancel does. */
MUST int workflow_delete(Workflow *workflow, Err *err);

Workflow *workflow_of(Object *object);
Object *workflow_object(Workflow *workflow);
Workflow *workflow_find(Engine *engine, const char *task);
/* What the object, and its directory, of a task is called. Returns owned. */
char *workflow_name_of(const char *task);
bool workflow_over(const Workflow *workflow);
const char *workflow_task_name(const Workflow *workflow);
const char *workflow_backend_name(const Workflow *workflow); /* its name */
const char *workflow_phase_name(const Workflow *workflow);   /* "running", … */

/* ---- for engine.c ---- */
/* Reads those on disk. What ran is looked up at its backend; until then they are `adopting`. */
MUST int workflows_adopt(Engine *engine, Err *err);
bool workflows_adopting(const Engine *engine);
bool workflows_idle(const Engine *engine);
void workflows_stop_all(Engine *engine);
void workflows_drain(Engine *engine);
void workflows_free(Engine *engine); /* leaves everything running */
