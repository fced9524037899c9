/* SPDX-License-Identifier: Apache-2.0 */
/* Whose plan may be another one now that something of a target has changed. */
#include "base/str.h"
#include "engine/targets/target.h"

void target_mark_alone(Target *target) {
    Engine *engine = target->session->engine;
    if (list_empty(&target->dirty))
        list_append(&engine->dirty, &target->dirty);
    engine_wants_drain(engine);
}

static bool follows(const TargetSpec *spec, uint32_t leader) {
    for (size_t d = 0; d < spec->dep_n; d++)
        if (spec->deps[d].target == leader)
            return spec->deps[d].restart;
    return false;
}

/* Directly or over others. */
static void mark_followers(Target *target) {
    const TargetSpec *spec = target_spec(target);
    for (size_t i = 0; spec->leads && i < spec->dependent_n; i++) {
        Target *other = target->session->targets[spec->dependents[i]];
        if (other->follower_marked || !follows(target_spec(other), target->index))
            continue;
        other->follower_marked = true; /* until it is drained */
        target_mark_alone(other);
        mark_followers(other);
    }
}

void target_mark_lock_waiters(Target *target) {
    const Session *session = target->session;
    const TargetSpec *spec = target_spec(target);
    for (size_t i = 0; i < spec->lock_n; i++) {
        const GraphLock *lock = &session->graph.locks[spec->locks[i]];
        for (size_t k = 0; k < lock->n; k++) {
            Target *other = session->targets[lock->targets[k]];
            if (other != target && str_same(other->shown.wait_reason, hold_reason(HOLD_LOCK)))
                target_mark_alone(other);
        }
    }
}

void target_mark(Target *target) {
    const TargetSpec *spec = target_spec(target);
    Target **all = target->session->targets;
    target_mark_alone(target);
    mark_followers(target);
    target_mark_lock_waiters(target);
    for (size_t i = 0; i < spec->dependent_n; i++)
        target_mark_alone(all[spec->dependents[i]]);
    for (size_t i = 0; i < spec->dep_n; i++) /* a dependency that is to go down waits for us */
        target_mark_alone(all[spec->deps[i].target]);
}
