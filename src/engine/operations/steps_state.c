/* SPDX-License-Identifier: Apache-2.0 */
/* remove_state: the last step. */
#include "engine/operations/steps.h"

static int act(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    return store_environment_remove(operation->engine->options.store, operation->lease.key,
                                    operation->lease.token, err);
}

/* Nothing is left to be written to. */
static int take(Operation *operation, Err *err) {
    operation->removed = true;
    return 0;
}

const StepDoer remove_state_doer = {.act = act, .in_store = true, .take = take};
