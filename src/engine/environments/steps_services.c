/* SPDX-License-Identifier: Apache-2.0 */
/* start_services and stop_services: the session of the worktree. */
#include "engine/environments/steps.h"

static void begin(Operation *operation) {
    operation_step_ended(operation, NULL);
}

const StepDoer start_services_doer = {.begin = begin};
const StepDoer stop_services_doer = {.begin = begin};
