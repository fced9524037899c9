/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/workflows/workflow.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_files.h"
#include "engine/workflows/workflow_words.h"
#include "spec/mask_forms.h"

enum { GRACE_MS = 10 * 1000, READOUT_MS = 5000 };

/* ---- names ---- */

/* A legal DNS name: the uuid in lower case; where more has to be changed, with a hash of it. */
char *workflow_name_of(const char *task) {
    char *name = xasprintf("%s-%08x", task, (unsigned)str_hash(STR_HASH, task));
    size_t n = strlen(task);
    bool changed = false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)tolower((unsigned char)task[i]);
        bool legal = isalnum(c) || (c == '-' && i > 0 && i + 1 < n);
        changed |= !legal;
        name[i] = legal ? (char)c : i ? '-' : 'x';
    }
    if (!changed)
        name[n] = '\0';
    return name;
}

/* ---- life ---- */

static void take_config(Workflow *workflow, const WorkflowParts *parts) {
    arena_adopt(&workflow->arena, parts->arena);
    workflow->config = parts->config;
    workflow->graph = step_graph_new(parts->config, &workflow->arena);
    workflow->step_n = workflow->graph->n;
    workflow_facts_init(&workflow->facts, workflow->graph);
    workflow->work = xcalloc(workflow->graph->n + 1, sizeof(*workflow->work));
    for (uint32_t i = 0; i < workflow->graph->n; i++)
        workflow->work[i] = (StepWork){.workflow = workflow, .index = i};
}

void workflow_drop_steps(Workflow *workflow) {
    if (!workflow->graph)
        return;
    WorkflowFacts facts = workflow->facts; /* what is known of the whole stays */
    for (uint32_t i = 0; i < workflow->graph->n; i++)
        work_deinit(&workflow->work[i]);
    workflow_facts_deinit(&workflow->facts, workflow->graph);
    workflow->facts = facts;
    workflow->facts.steps = NULL;
    VEC_FREE(workflow->queue);
    free(workflow->work);
    workflow->work = NULL;
    workflow->graph = NULL;
}

Workflow *workflow_new(Engine *engine, const WorkflowParts *parts, Err *err) {
    PooledBackend *pooled = parts->again ? backend_pool_retake(engine->pool, &parts->backend, err)
                                         : backend_pool_take(engine->pool, &parts->backend, err);
    if (!pooled)
        return NULL;
    Workflow *workflow = xcalloc(1, sizeof(*workflow));
    workflow->engine = engine;
    workflow->pooled = pooled;
    workflow->backend = pooled_backend(pooled);
    workflow->task = xstrdup(parts->task);
    workflow->name = workflow_name_of(parts->task);
    workflow->dir = xasprintf("%s/workflows/%s", engine->state_dir, workflow->name);
    arena_init(&workflow->arena);
    if (parts->config)
        take_config(workflow, parts);
    workflow->grace_ms = GRACE_MS;
    list_init(&workflow->link);
    list_init(&workflow->dirty);
    list_init(&workflow->readers);
    list_init(&workflow->listeners);
    return workflow;
}

void workflow_publish(Workflow *workflow) {
    workflow->object.kind = OBJECT_WORKFLOW;
    workflow->object.name = workflow->name;
    workflow->object.encode = workflow_encode_object;
    workflow->object.encode_brief = workflow_encode_brief;
    workflow->object.generation = 1;
    workflow->object.created_us = workflow->started_us;
    object_add(workflow->engine->objects, &workflow->object);
    list_append(&workflow->engine->workflows, &workflow->link);
}

Workflow *workflow_free(Workflow *workflow) {
    if (!workflow)
        return NULL;
    list_remove(&workflow->link);
    list_remove(&workflow->dirty);
    workflow_readers_leave(workflow);
    op_drop(workflow->call);
    timer_free(workflow->again);
    timer_free(workflow->timeout);
    timer_free(workflow->limit);
    timer_free(workflow->readout);
    workflow_drop_steps(workflow);
    pooled_drop(workflow->pooled);
    free(workflow->task);
    free(workflow->name);
    free(workflow->dir);
    object_deinit(&workflow->object);
    arena_deinit(&workflow->arena);
    free(workflow);
    return NULL;
}

/* ---- facts ---- */

static void enqueue(void *arg, uint32_t step) {
    Workflow *workflow = arg;
    if (workflow->work[step].queued)
        return;
    workflow->work[step].queued = true;
    VEC_PUSH(workflow->queue, step);
}

void workflow_mark(Workflow *workflow, uint32_t step) {
    Engine *engine = workflow->engine;
    WorkflowListener *listener;
    LIST_FOREACH (listener, &workflow->listeners, link)
        listener->fn(listener->arg, step);
    if (workflow->graph)
        workflow_concerned(workflow->graph, &workflow->facts, step, enqueue, workflow);
    object_touch(engine->objects, &workflow->object);
    workflow_look_again(workflow);
}

void workflow_look_again(Workflow *workflow) {
    if (list_empty(&workflow->dirty))
        list_append(&workflow->engine->dirty_workflows, &workflow->dirty);
    engine_wants_drain(workflow->engine);
}

void workflow_settle_by_force(Workflow *workflow, const char *why) {
    for (uint32_t i = 0; i < workflow->graph->n; i++) {
        StepProgress progress = workflow->facts.steps[i].progress;
        if (progress == PROGRESS_STARTING || progress == PROGRESS_RUNNING ||
            progress == PROGRESS_STOPPING)
            work_give_up(&workflow->work[i], why);
    }
}

static void on_timeout(void *arg) {
    Workflow *workflow = arg;
    char limit[DURATION_TEXT], why[WORKFLOW_TEXT];
    workflow->timeout = timer_free(workflow->timeout);
    if (!workflow_may_cancel(&workflow->facts)) {
        workflow_hurry_destroy(workflow);
        return;
    }
    duration_format_go(workflow->timeout_ms, limit);
    snprintf(why, sizeof(why), "it ran for longer than its timeout of %s", limit);
    workflow_note_cancel(workflow, RESULT_TIMEOUT, why);
    workflow_cancel(&workflow->facts, RESULT_TIMEOUT, why);
    workflow_give_up_setup(workflow);
    workflow_limit_wait(workflow);
    workflow_mark(workflow, UINT32_MAX);
}

void workflow_arm_timeout(Workflow *workflow) {
    int64_t left_ms = workflow->timeout_ms - workflow->age_ms;
    if (workflow->timeout_ms > 0 && !workflow->facts.canceled &&
        workflow_may_cancel(&workflow->facts))
        workflow->timeout =
            timer_new(workflow->engine->loop, left_ms > 0 ? left_ms : 0, on_timeout, workflow);
}

/* ---- acts on the whole ---- */

static uint32_t step_of_uuid(const Workflow *workflow, const char *uuid) {
    for (uint32_t i = 0; i < workflow->graph->n; i++)
        if (strcmp(workflow->graph->at[i].step->uuid, uuid) == 0)
            return i;
    return UINT32_MAX;
}

void workflow_fail_setup(Workflow *workflow, const SetupBlame *blame, const Err *err) {
    char why[WORKFLOW_TEXT];
    workflow_hear(workflow, err);
    uint32_t step = blame ? step_of_uuid(workflow, blame->step) : UINT32_MAX;
    if (step != UINT32_MAX)
        snprintf(why, sizeof(why), "error in workflow setup step '%s': %s",
                 workflow->graph->at[step].step->name, blame->why);
    else
        snprintf(why, sizeof(why), "error in workflow setup: %s", blame ? blame->why : err->msg);
    mask_text(workflow_masks(workflow), why, sizeof(why));
    int64_t us = loop_wall_us(workflow->engine->loop);
    workflow_note_not_set_up(workflow, step, why, us);
    workflow_not_set_up(&workflow->facts, step, why, us);
}

static void on_set_up(void *arg, const void *result, const Err *err) {
    Workflow *workflow = arg;
    workflow->call = NULL;
    if (err || result) {
        workflow_fail_setup(workflow, result, err);
    } else {
        workflow_note_phase(workflow, "set_up", NULL, loop_wall_us(workflow->engine->loop));
        sys_point("wf-set-up");
        workflow_set_up(&workflow->facts, workflow->graph);
    }
    workflow_mark(workflow, UINT32_MAX);
}

static void on_backend(void *arg, const void *result, const Err *err) {
    Workflow *workflow = arg;
    if (err)
        on_set_up(workflow, NULL, err);
    else
        workflow->call = backend_setup_workflow(workflow->backend, workflow->task, workflow->dir,
                                                workflow->config, on_set_up, workflow);
}

static void on_again(void *arg) {
    Workflow *workflow = arg;
    workflow->again = timer_free(workflow->again);
    workflow_mark(workflow, UINT32_MAX);
}

/* False: that was tried often enough. */
static bool try_again(Workflow *workflow, const Err *err) {
    if (!destroy_may_be_repeated(err) || ++workflow->tries >= DESTROY_TRIES)
        return false;
    workflow->again = timer_new(workflow->engine->loop, DESTROY_AGAIN_MS << (workflow->tries - 1),
                                on_again, workflow);
    return true;
}

void workflow_end_destroy(Workflow *workflow, const Err *err) {
    workflow_note_phase(workflow, "destroyed", err ? err->msg : NULL,
                        loop_wall_us(workflow->engine->loop));
    sys_point("wf-destroyed");
    workflow_destroyed(&workflow->facts, err ? err->msg : NULL);
    if (err) {
        workflow_settle_by_force(workflow, err->msg);
        log_warn("workflow %s is not gone: %s", workflow->name, err->msg);
    }
    workflow_mark(workflow, UINT32_MAX);
}

static void on_gone(void *arg, const void *result, const Err *err) {
    Workflow *workflow = arg;
    workflow->call = NULL;
    if (!err || !try_again(workflow, err))
        workflow_end_destroy(workflow, err);
}

static void on_kept_gone(void *arg, const void *result, const Err *err) {
    Workflow *workflow = arg;
    workflow->call = NULL;
    if (err && try_again(workflow, err))
        return;
    if (err) {
        str_copy(workflow->facts.left, sizeof(workflow->facts.left), err->msg);
        log_warn("workflow %s is not gone: %s", workflow->name, err->msg);
    }
    workflow->gone = true;
    workflow_mark(workflow, UINT32_MAX);
}

static void destroy(Workflow *workflow, OpFn fn) {
    sys_point("wf-destroy");
    workflow->call =
        backend_destroy_workflow(workflow->backend, workflow->task, workflow->config, fn, workflow);
}

static void on_readout(void *arg) {
    workflow_forget(arg);
}

/* Whoever shows it has still to read how it ended. */
static void forget_when_read(Workflow *workflow) {
    if (!workflow_is_watched(workflow))
        workflow_forget(workflow);
    else if (!workflow->readout)
        workflow->readout = timer_new(workflow->engine->loop, READOUT_MS, on_readout, workflow);
}

static void finish(Workflow *workflow) {
    workflow->timeout = timer_free(workflow->timeout);
    workflow->limit = timer_free(workflow->limit);
    if (!workflow->ended_us) {
        workflow->ended_us = loop_wall_us(workflow->engine->loop);
        workflow_note_over(workflow);
        sys_point("wf-over");
        object_touch(workflow->engine->objects, &workflow->object);
        workflows_retain(workflow->engine, workflow);
    }
    if (!workflow->deleting)
        workflow_shelve(workflow);
    else if (workflow->facts.keep && !workflow->gone)
        destroy(workflow, on_kept_gone);
    else
        forget_when_read(workflow);
}

static void perform(Workflow *workflow) {
    if (workflow->call || workflow->again)
        return;
    switch (plan_workflow(workflow->graph, &workflow->facts)) {
    case WORKFLOW_SET_UP:
        sys_point("wf-begun");
        workflow->call = pooled_load(workflow->pooled, false, on_backend, workflow);
        break;
    case WORKFLOW_END_STEPS: workflow_mark(workflow, UINT32_MAX); break;
    case WORKFLOW_DESTROY:
        workflow_limit_wait(workflow);
        destroy(workflow, on_gone);
        break;
    case WORKFLOW_ACT_NONE:
        if (workflow_over(workflow))
            finish(workflow); /* may free it */
        break;
    }
}

static void plan(Workflow *workflow, uint32_t step) {
    StepWork *work = &workflow->work[step];
    work->queued = false;
    switch (plan_step(workflow->graph, &workflow->facts, step)) {
    case STEP_ACT_NONE: break;
    case STEP_ACT_START: work_start(work); break;
    case STEP_ACT_SKIP: work_skip(work); break;
    case STEP_ACT_STOP: work_stop(work); break;
    }
}

/* ---- for engine.c ---- */

static void drain_one(Workflow *workflow) {
    list_remove(&workflow->dirty);
    if (workflow->adopting && !workflow_looked_up(workflow))
        return;
    while (workflow->queue_at < workflow->queue.n)
        plan(workflow, workflow->queue.at[workflow->queue_at++]);
    workflow->queue.n = workflow->queue_at = 0;
    list_remove(&workflow->dirty); /* it has marked itself on the way, and was planned */
    perform(workflow);
}

void workflows_drain(Engine *engine) {
    while (!list_empty(&engine->dirty_workflows))
        drain_one(container_of(engine->dirty_workflows.next, Workflow, dirty));
}

/* An engine may be silent for long: what its workflows were doing is shown meanwhile. */
bool workflows_adopting(const Engine *engine) {
    const Workflow *workflow;
    LIST_FOREACH (workflow, &engine->workflows, link)
        if (workflow->adopting && pooled_is_own(workflow->pooled))
            return true;
    return false;
}

bool workflows_idle(const Engine *engine) {
    const Workflow *workflow;
    LIST_FOREACH (workflow, &engine->workflows, link)
        if (!workflow_over(workflow))
            return false;
    return true;
}

void workflows_stop_all(Engine *engine) {
    Workflow *workflow;
    Err err;
    LIST_FOREACH (workflow, &engine->workflows, link)
        if (!workflow_over(workflow) && workflow_stop(workflow, -1, &err) < 0)
            log_warn("workflow %s: %s", workflow->name, err.msg);
}

void workflows_free(Engine *engine) {
    Workflow *workflow;
    LIST_FOREACH_SAFE (workflow, &engine->workflows, link) {
        object_remove(engine->objects, &workflow->object);
        workflow_free(workflow);
    }
}

/* ---- finding ---- */

Workflow *workflow_of(Object *object) {
    assert(object->kind == OBJECT_WORKFLOW);
    return container_of(object, Workflow, object);
}

Object *workflow_object(Workflow *workflow) {
    return &workflow->object;
}

bool workflow_over(const Workflow *workflow) {
    return workflow->facts.phase == WORKFLOW_OVER;
}

Workflow *workflow_find(Engine *engine, const char *task) {
    Workflow *workflow;
    LIST_FOREACH (workflow, &engine->workflows, link)
        if (strcmp(workflow->task, task) == 0)
            return workflow;
    return NULL;
}
