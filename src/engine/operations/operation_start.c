/* SPDX-License-Identifier: Apache-2.0 */
/* What `env start` counts on: it starts what was stopped, and does nothing else that is left. */
#include "engine/operations/operation_files.h"

typedef struct Counted {
    bool needed; /* by what is started, directly or over others */
    bool after;  /* it needs what is started: a start makes it stale, which is no reason for none */
} Counted;

/* Needs come before what needs them. */
static void count(const Operation *operation, Counted *ret) {
    const Lifecycle *list = &operation->lifecycle;
    for (uint32_t i = 0; i < list->n; i++)
        for (uint32_t k = 0; k < list->at[i].need_n; k++) {
            uint32_t need = list->at[i].needs[k];
            ret[i].after |= ret[need].after || operation_means(operation, &list->at[need]);
        }
    for (uint32_t i = list->n; i-- > 0;)
        for (uint32_t k = 0; k < list->at[i].need_n; k++)
            ret[list->at[i].needs[k]].needed |=
                ret[i].needed || operation_means(operation, &list->at[i]);
}

/* NULL: it is done. */
static const char *fault_of(const Checkpoint *record, const Counted *counted) {
    if (!record || record->status == CHECKPOINT_STARTED)
        return "was not done";
    if (record->status == CHECKPOINT_FAILED)
        return "failed";
    return record->status == CHECKPOINT_INVALIDATED && !counted->after ? "is to be done anew"
                                                                       : NULL;
}

int operation_check_start(const Operation *operation, Err *err) {
    const Lifecycle *list = &operation->lifecycle;
    const EnvironmentEntry *entry = &operation->entry;
    const char *fault = NULL;
    uint32_t i = 0;
    Arena arena;
    if (operation->ask.kind != OPERATION_START)
        return 0;
    if (entry->status == ENVIRONMENT_DELETING)
        return err_set(err, ERR_CONFLICT,
                       "environment '%s' cannot be started, for its deletion did not come to its "
                       "end: `thole env delete %s` goes on with that",
                       entry->name, entry->name);
    arena_init(&arena);
    Counted *counted = arena_alloc(&arena, (list->n + 1) * sizeof(*counted));
    count(operation, counted);
    for (; i < list->n && !fault; i++)
        if (counted[i].needed && !operation_means(operation, &list->at[i]))
            fault = fault_of(entry_checkpoint(entry, list->at[i].name), &counted[i]);
    arena_deinit(&arena);
    if (!fault)
        return 0;
    bool attached = entry->compute && !entry->compute->managed;
    return err_set(err, ERR_CONFLICT,
                   "environment '%s' cannot be started as it is, for %s %s: `thole env %s %s%s%s` "
                   "does what is left, and starts it",
                   entry->name, list->at[i - 1].name, fault, attached ? "attach" : "create",
                   entry->name, attached ? " --worktree " : "",
                   attached ? entry->compute->path : "");
}
