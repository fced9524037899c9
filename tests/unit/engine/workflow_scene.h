/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of workflows share: one on the fake backend, in a scene without a session. */
#pragma once

#include "engine/workflows/workflow.h"
#include "unit/engine/scene.h"

#define STEP(name, more)                                                             \
    "{\"name\":\"" name "\",\"uuid\":\"U-" name                                      \
    "\",\"type\":\"commands\",\"image\":\"sh\",\"on_success\":true,\"environment\":" \
    "{\"X\":\"1\"}" more "}"
#define STAGE(...)    "{\"steps\":[" __VA_ARGS__ "]}"
#define PIPELINE(...) "{\"pipeline\":[" __VA_ARGS__ "]}"

Scene *stage(void);
/* Task T1, unless the ask names another. NULL: scene->err. */
Workflow *begin_with(Scene *scene, WorkflowAsk ask, const char *text);
Workflow *begin(Scene *scene, const char *text);
/* "over success: a success, b skipped" */
const char *look(Scene *scene, Workflow *workflow);
const char *error_of(Scene *scene, Workflow *workflow);
/* Of its steps, in order: "a started, a Completed, b skipped". */
const char *traces(Workflow *workflow, size_t *ret_n);
/* kill -9 of the server, and the next one. NULL: it has no T1. */
Workflow *crash(Scene *scene);
