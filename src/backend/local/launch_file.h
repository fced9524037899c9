/* SPDX-License-Identifier: Apache-2.0 */
/* The launch file (pin/wire.h): a step as a pin wants it. Written before a pin is asked for, gone
 * when the run has ended. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "pin/wire.h"
#include "spec/step.h"

/* Beside it, for steps with commands: what their shell runs. It may hold secrets. */
#define RUN_SCRIPT "script"

typedef struct LaunchPlan {
    const char *id; /* of the run; the stamp in its environment */
    uint32_t run;
    const Step *step;
    /* NULL, or the launch whose environment, directory and limits stand in for what the step
     * leaves out */
    const Launch *base;
} LaunchPlan;

/* A step that cannot be launched at all: no command, no directory. */
MUST int launch_check(const LaunchPlan *plan, Err *err);

/* Writes RUN_LAUNCH into the run directory; `again`: over one that a pin may have open. Tells its
 * size, for messages. */
MUST int launch_write(const char *dir, const LaunchPlan *plan, bool again, size_t *ret_size,
                      Err *err);

/* Reads one back; free() it. 1: there is one, 0: there is none, or a torn one; -1: err. */
MUST int launch_read(const char *dir, Launch **ret, Err *err);

/* It is not needed any more, and holds the environment. Its RUN_SCRIPT goes with it. */
void launch_remove(const char *dir);
/* A text, or list of texts, of a launch that was read. */
const char *launch_string(const Launch *launch, uint32_t at);
