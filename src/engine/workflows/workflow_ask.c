/* SPDX-License-Identifier: Apache-2.0 */
/* What people ask: to begin a workflow, to stop it, to delete it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_files.h"
#include "engine/workflows/workflow_words.h"

enum { TASK_MAX = 200 };

static int check_task(const char *task, Err *err) {
    size_t n = strlen(task);
    if (!n || n > TASK_MAX)
        return err_set(err, ERR_INVALID, "a task uuid has 1 to %d characters", TASK_MAX);
    for (size_t i = 0; i < n; i++)
        if (task[i] <= ' ' || task[i] > '~' || task[i] == '/')
            return err_set(err, ERR_INVALID,
                           "a task uuid is made of printable ASCII characters other than space and "
                           "slash; \"%.40s\" is not",
                           task);
    return 0;
}

/* Backends know a session by its slug as they know a workflow by its task. */
static int check_free(Engine *engine, const char *task, Err *err) {
    AUTO_FREE char *name = workflow_name_of(task);
    AUTO_FREE char *session = xasprintf("%s/sessions/%s/session.json", engine->state_dir, task);
    const Object *there = object_find(engine->objects, OBJECT_WORKFLOW, NULL, name);
    if (session_find(engine, task) || access(session, F_OK) == 0)
        return err_set(err, ERR_CONFLICT, "%s is the name of a session: choose another task uuid",
                       task);
    if (there && workflow_over(container_of(there, const Workflow, object)))
        return err_set(
            err, ERR_CONFLICT,
            "task %s has run already: choose another task uuid, or remove it with `thole "
            "workflow delete %s`",
            task, task);
    if (there)
        return err_set(err, ERR_CONFLICT, "task %s runs already: choose another task uuid", task);
    return 0;
}

static int begin(Workflow *workflow, const WorkflowAsk *ask, Err *err) {
    workflow->started_us = loop_wall_us(workflow->engine->loop);
    workflow->timeout_ms = ask->timeout_ms;
    workflow->step_timeout_ms = ask->step_timeout_ms;
    workflow->facts.cleanup = ask->cleanup;
    workflow_take_given(workflow, ask);
    workflow->facts.keep = ask->keep;
    random_uuid(workflow->object.uid);
    return workflow_check_masks(workflow, err) < 0 ? -1 : workflow_files_begin(workflow, err);
}

static void keep_warnings(Workflow *workflow, const Report *report) {
    Arena *arena = &workflow->arena;
    workflow->warnings.at = arena_alloc(arena, (report->n + 1) * sizeof(char *));
    for (size_t i = 0; i < report->n; i++)
        if (report->at[i].warning)
            workflow->warnings.at[workflow->warnings.n++] = report_line(&report->at[i], arena);
}

/* NULL also if its backend refuses what the Config asks for. */
static Workflow *make_with(Engine *engine, const WorkflowAsk *ask, WorkflowParts *parts,
                           Source *source, Err *err) {
    if (!parts->config) {
        err_set(err, ERR_INVALID, "%s is not valid", ask->file);
        return NULL;
    }
    Workflow *workflow = workflow_new(engine, parts, err);
    if (!workflow)
        return NULL;
    backend_check_config(workflow->backend, workflow->config, source);
    if (source->report->errors) {
        err_set(err, ERR_INVALID, "%s cannot be run on the backend %s", ask->file,
                workflow->backend->name);
        return workflow_free(workflow);
    }
    keep_warnings(workflow, source->report);
    return workflow;
}

/* Where what stands is asked only if there is something to be told. */
static Workflow *make(Engine *engine, const WorkflowAsk *ask, WorkflowParts *parts, Source *source,
                      Err *err) {
    Report quick;
    Source plain = *source;
    report_init(&quick, source->arena);
    plain.report = &quick;
    parts->config = workflow_read_quickly(&plain, ask->text, ask->size, parts->arena);
    Workflow *workflow = make_with(engine, ask, parts, &plain, err);
    if (quick.n == 0)
        return workflow;
    workflow_free(workflow);
    parts->config = workflow_read(source, ask->text, ask->size, parts->arena);
    return make_with(engine, ask, parts, source, err);
}

Workflow *workflow_create(Engine *engine, const WorkflowAsk *ask, Report *report, Err *err) {
    Arena tree, arena;
    char drawn[37];
    random_uuid(drawn);
    Source source = {.file = ask->file, .report = report, .arena = &tree};
    WorkflowParts parts = {.task = ask->task ? ask->task : drawn,
                           .backend = {ask->backend, ask->backend_options},
                           .arena = &arena};
    if (check_task(parts.task, err) < 0 || check_free(engine, parts.task, err) < 0)
        return NULL;
    arena_init(&tree);
    arena_init(&arena);
    Workflow *workflow = make(engine, ask, &parts, &source, err);
    arena_deinit(&arena);
    arena_deinit(&tree);
    if (workflow && begin(workflow, ask, err) < 0)
        return workflow_free(workflow);
    if (workflow) {
        workflow_publish(workflow);
        workflow_arm_timeout(workflow);
        workflow_mark(workflow, UINT32_MAX);
    }
    return workflow;
}

int workflow_stop(Workflow *workflow, int64_t grace_ms, Err *err) {
    static const char why[] = "canceled by request";
    if (workflow_over(workflow))
        return err_set(err, ERR_CONFLICT, "workflow %s is over", workflow->task);
    if (grace_ms > MAX_GRACE_MS)
        return err_set(err, ERR_INVALID, "the grace is %d hours at most",
                       MAX_GRACE_MS / 1000 / 60 / 60);
    if (!workflow_may_cancel(&workflow->facts)) {
        workflow_hurry(workflow);
        return 0;
    }
    if (grace_ms >= 0)
        workflow->grace_ms = grace_ms;
    workflow_note_cancel(workflow, RESULT_CANCELED, why);
    sys_point("wf-cancel");
    workflow_cancel(&workflow->facts, RESULT_CANCELED, why);
    for (uint32_t i = 0; i < workflow->graph->n; i++)
        if (workflow->facts.steps[i].progress == PROGRESS_STOPPING)
            work_hurry(&workflow->work[i]);
    workflow_give_up_setup(workflow);
    workflow_limit_wait(workflow);
    workflow_mark(workflow, UINT32_MAX);
    return 0;
}

int workflow_delete(Workflow *workflow, Err *err) {
    if (!workflow_over(workflow) && workflow_stop(workflow, -1, err) < 0)
        return -1;
    if (workflow->deleting)
        return 0;
    workflow_unshelve(workflow);
    workflow->tries = 0; /* what is kept is destroyed now */
    workflow->deleting = true;
    workflow->object.deleted_us = loop_wall_us(workflow->engine->loop);
    workflow_note_phase(workflow, "delete", NULL, workflow->object.deleted_us);
    workflow_mark(workflow, UINT32_MAX);
    return 0;
}
