/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of what a container is made of, for a start that outlives the call that asked for it. */
#pragma once

#include "base/arena.h"
#include "spec/step.h"

/* What the backend reads of a step (container.h, backend/script.h); the rest is shared or zero. */
Step *step_copy(const Step *step, Arena *arena);
