/* SPDX-License-Identifier: Apache-2.0 */
/* HOME of a workflow's steps. They share one, `home`, also what is cached there. Steps with
 * credentials for git (CI_NETRC_*) find them in ~/.netrc, and have a HOME besides, `homes/1` and so
 * on: one for all that have the same credentials, so that those that run at the same time neither
 * see nor disturb each other's. */
#pragma once

#include "spec/step.h"

MUST int homes_make(const char *task_dir, Err *err);
bool homes_exist(const char *task_dir);
MUST int homes_remove(const char *task_dir, Err *err);
/* Of this step, with its ~/.netrc (0600) in it; in `arena`. NULL: err. */
const char *step_home(const Step *step, const char *task_dir, Arena *arena, Err *err);
