/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a hook that people have asked for: what it means for the step it touches. */
#include <string.h>

#include "engine/operations/operation.h"

/* What people reset is how the step that has made it left it; what needs that is stale. */
static void note_reset(Operation *operation, const LifecycleStep *step) {
    const char *seed = lifecycle_seed_name(step->service, &operation->arena);
    Checkpoint *record = entry_checkpoint(&operation->entry, seed);
    uint32_t i = lifecycle_find(&operation->lifecycle, seed);
    if (record) {
        Checkpoint now = *record;
        now.outputs = operation->doing.produced;
        operation_set_checkpoint(operation, &now);
    }
    if (i != UINT32_MAX && operation_invalidate_dependants(operation, i, step->name))
        operation->note = arena_printf(&operation->arena,
                                       "what was made from %s is stale: `thole env refresh %s` "
                                       "makes it anew",
                                       step->service, operation->entry.name);
}

/* Before it is made anew nothing needs it. */
static void note_destroyed(Operation *operation, const LifecycleStep *step) {
    const char *seed = lifecycle_seed_name(step->service, &operation->arena);
    operation_invalidate(operation, seed, step->name);
    if (lifecycle_find(&operation->lifecycle, seed) != UINT32_MAX)
        operation->note = arena_printf(&operation->arena, "`thole env create %s` makes %s anew",
                                       operation->entry.name, step->service);
}

/* The environment goes on with what its own step has printed. */
static void note_seeded(Operation *operation, const LifecycleStep *step) {
    if (operation->doing.outputs.n)
        operation->note = arena_printf(&operation->arena,
                                       "what it has printed is not kept: `thole env step %s "
                                       "seed_%s` does this and keeps it",
                                       operation->entry.name, step->service);
}

/* Half way in either nobody knows what is left of it. */
static void note_half_way(Operation *operation, const LifecycleStep *step) {
    const char *name = operation->entry.name, *service = step->service;
    const char *seed = lifecycle_seed_name(service, &operation->arena);
    operation_invalidate(operation, seed, step->name);
    operation->note =
        arena_printf(&operation->arena,
                     "what is left of %s is not known: `thole env hook %s %s %s` does this again, "
                     "`thole env create %s` makes it anew",
                     service, service, step->action, name, name);
}

void operation_hook_ended(Operation *operation, const LifecycleStep *step, bool failed) {
    bool hook = step->phase == LIFECYCLE_HOOK;
    bool reset = hook && strcmp(step->action, "reset") == 0;
    bool destroyed = hook && strcmp(step->action, "destroy") == 0;
    bool seeded = hook && strcmp(step->action, "seed") == 0;
    if ((reset || destroyed) && failed && operation->doing.run)
        note_half_way(operation, step);
    else if (reset && !failed)
        note_reset(operation, step);
    else if (destroyed && !failed)
        note_destroyed(operation, step);
    else if (seeded && !failed)
        note_seeded(operation, step);
}
