/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a workflow as processes. A workflow has directories of its own below its task's:
 * `workspace`, where its steps run, and `home`, which is their HOME (workflow_home.h); they go
 * with it.
 *
 * A step inherits the few variables of Step.process.inherited; over them come where its workflow's
 * services are, what the step's own environment says, and HOME and CI_WORKSPACE. Its umask is 022.
 * TMPDIR is the client's: what is made there may need short names, such as sockets. `image` is the
 * shell that its commands are for (workflow_script.h), or the program of a plugin or service; a
 * clone is made by the program plugin-git. Its working directory is found below the workspace:
 * CI_WORKSPACE of the Config, or workspace_base, stands for that. */
#pragma once

#include "spec/workflow.h"

typedef struct WorkflowPlace {
    const char *dir;    /* the task's */
    const char *script; /* the path where the run's script will be */
    StrMap services;    /* services_environment() */
} WorkflowPlace;

typedef struct WorkflowProcess {
    Step step;          /* a STEP_PROCESS */
    const char *script; /* what is to be written to WorkflowPlace.script, 0600; NULL: nothing */
} WorkflowProcess;

/* What processes cannot honour of the values of fields (local_fields.c): an error each. */
void workflow_check_values(const WorkflowConfig *config, Report *report);
/* The directories; they may be there already. */
MUST int workflow_places_make(const char *task_dir, Err *err);
bool workflow_places_exist(const char *task_dir);
/* May take long: there may be many files. */
MUST int workflow_places_remove(const char *task_dir, Err *err);
/* The step as a process; makes its working directory and its HOME. In `arena`. ERR_NOT_FOUND:
 * there is no such program in its PATH; ERR_LIMIT: it is more than a process can be given. */
MUST int workflow_process(const Step *step, const WorkflowPlace *place, Arena *arena,
                          WorkflowProcess *ret, Err *err);
