/* SPDX-License-Identifier: Apache-2.0 */
/* The restart policy: a run has failed; should there be another, and when?
 *
 * Servers follow `restart`. Jobs do not, because a failed job is run again only when asked; a
 * service of type job that writes `restart` has asked. Of a server any unrequested end is a
 * failure, so `always` and `on-failure` mean the same, and a job that succeeded is never run again.
 *
 * The n-th restart in a row comes after delay * 2^(n-1), at most max_delay, of which up to half is
 * taken off at random so that what failed together does not come back together. A run that lived
 * for reset_after ends the row. After max_restarts in a row the policy gives up.
 *
 * What could not even be started by its own fault (no such program, not executable, its directory
 * is gone) is not tried again: only people can mend that, and then they ask. A start that failed
 * for want of processes, memory or descriptors, or because the program was just being written, is.
 *
 * Nor is what may still run, for all we know: a target never has two runs.
 *
 * In `ci` a failure ends the session. A server is restarted only within the grace period after its
 * start (the start that was asked for: restarts do not extend it), or if the service writes
 * `restart`. */
#pragma once

#include "plan/plan.h"

typedef struct RestartAnswer {
    bool again;
    uint32_t attempt; /* the n-th in a row */
    int64_t delay_ms; /* before it */
    bool gave_up;     /* there would be one, but for max_restarts */
    bool hopeless;    /* ... but it cannot be started at all */
    bool exceeded;    /* ... but for the grace period of `ci` */
} RestartAnswer;

/* It never was executed, and never will be as things are. */
bool restart_hopeless(const RunResult *result);

/* `lived_ms`: how long the failed run was executing. The facts are as before its end, but for
 * `result`. */
void restart_decide(const TargetSpec *spec, const TargetFacts *facts, int64_t lived_ms,
                    const PlanWorld *world, RestartAnswer *ret);

/* Between half of the back-off for the n-th restart in a row (from 1) and all of it. */
int64_t restart_delay_ms(const Restart *restart, uint32_t attempt, uint32_t random);
