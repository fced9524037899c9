/* SPDX-License-Identifier: Apache-2.0 */
/* Workflows that servers before have begun. The backend is told anew where the task is, which
 * creates nothing that is there; what ran is looked up. What had not been set up begins, what was
 * being destroyed is destroyed: by the plan. */
#include <dirent.h>
#include <errno.h>

#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_files.h"

bool workflow_looked_up(Workflow *workflow) {
    if (workflow->looked_up > 0)
        return false;
    workflow->adopting = false;
    workflow->limit = timer_free(workflow->limit); /* it was of the looking up */
    workflow_mark(workflow, UINT32_MAX);
    return true;
}

static void on_set_up_again(void *arg, const void *result, const Err *err) {
    Workflow *workflow = arg;
    workflow->call = NULL;
    workflow->looked_up--;
    const SetupBlame *blame = result;
    if (err || blame) {
        workflow_settle_by_force(workflow, err ? err->msg : blame->why);
        workflow_fail_setup(workflow, blame, err);
    }
    for (uint32_t i = 0; i < workflow->graph->n && !err && !blame; i++) {
        StepProgress progress = workflow->facts.steps[i].progress;
        if (progress == PROGRESS_STARTING || progress == PROGRESS_RUNNING)
            work_resume(&workflow->work[i]);
    }
    workflow_mark(workflow, UINT32_MAX);
}

void workflow_give_up_lookup(Workflow *workflow, const Err *err) {
    op_drop(workflow->call);
    workflow->looked_up = 1; /* the steps that are being looked up are given up, too */
    on_set_up_again(workflow, NULL, err);
}

static void on_backend_again(void *arg, const void *result, const Err *err) {
    Workflow *workflow = arg;
    if (err)
        on_set_up_again(workflow, NULL, err);
    else
        workflow->call = backend_setup_workflow(workflow->backend, workflow->task, workflow->dir,
                                                workflow->config, on_set_up_again, workflow);
}

/* An engine finds what it has of a task by itself. */
static bool only_destroys(const Workflow *workflow) {
    const WorkflowFacts *facts = &workflow->facts;
    return facts->phase == WORKFLOW_ENDING && !facts->set_up && facts->live == 0 &&
           !pooled_is_own(workflow->pooled);
}

/* True also if all that was there is destroyed: to set it up again would make it anew. */
static bool has_nothing_to_look_up(const Workflow *workflow) {
    const WorkflowFacts *facts = &workflow->facts;
    return workflow->ended_us || facts->phase == WORKFLOW_NEW || only_destroys(workflow) ||
           (facts->phase == WORKFLOW_DESTROYED && facts->live == 0);
}

static void adopt(Workflow *workflow) {
    workflow_publish(workflow);
    workflow_arm_timeout(workflow);
    if (has_nothing_to_look_up(workflow)) {
        workflow_mark(workflow, UINT32_MAX);
        return;
    }
    if (workflow->facts.phase == WORKFLOW_DESTROYED) /* with steps whose end nobody has told */
        workflow->facts.phase = WORKFLOW_RUNNING;
    workflow->adopting = true;
    workflow->looked_up = 1;
    workflow_limit_wait(workflow);
    workflow->call = pooled_load(workflow->pooled, true, on_backend_again, workflow);
}

int workflows_adopt(Engine *engine, Err *err) {
    AUTO_FREE char *path = path_join(engine->state_dir, "workflows");
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? 0 : err_sys(err, errno, "open %s", path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        Workflow *workflow = NULL;
        Err why;
        if (entry->d_name[0] == '.')
            continue;
        workflow = workflow_shelved(engine, entry->d_name);
        int r = workflow ? 0 : workflow_files_load(engine, entry->d_name, &workflow, &why);
        if (r < 0 && why.kind != ERR_NOT_FOUND)
            log_error("workflow %s is not adopted: %s", entry->d_name, why.msg);
        if (r == 0)
            adopt(workflow);
    }
    closedir(dir);
    workflows_sweep(engine);
    workflows_retain(engine, NULL);
    return 0;
}
