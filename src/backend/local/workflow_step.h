/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a workflow as processes. A workflow has two directories of its own below its task's:
 * `workspace`, where its steps run, and `home`, which is their HOME; both go with it.
 *
 * A step inherits nothing but what a program needs to work at all (PATH, the language, proxies):
 * the rest of its environment is its own. `image` is the shell that its commands are for, or the
 * program of a plugin. Its working directory is found below the workspace: CI_WORKSPACE of the
 * Config, or workspace_base, stands for that. */
#pragma once

#include "spec/workflow.h"

/* What processes cannot honour is refused by name, before anything starts. */
MUST int workflow_refuse(const WorkflowConfig *config, Err *err);
/* Both directories; they may be there already. */
MUST int workflow_places_make(const char *task_dir, Err *err);
MUST int workflow_places_remove(const char *task_dir, Err *err);
/* The step as a STEP_PROCESS; makes its working directory. In `arena`. */
MUST int workflow_process(const Step *step, const char *task_dir, Arena *arena, Step *ret,
                          Err *err);
