/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/restart.h"

#include <assert.h>
#include <errno.h>

int64_t restart_delay_ms(const Restart *restart, uint32_t attempt, uint32_t random) {
    assert(attempt > 0);
    int64_t delay = restart->delay_ms, max = restart->max_delay_ms;
    for (uint32_t n = 1; n < attempt && delay > 0 && delay <= max; n++)
        delay = delay > INT64_MAX / 2 ? max : delay * 2;
    if (delay > max)
        delay = max;
    return delay <= 0 ? 0 : delay - (int64_t)(random % (uint64_t)(delay / 2 + 1));
}

bool restart_hopeless(const RunResult *result) {
    if (result->kind != END_FAILED || !result->own_fault)
        return false;
    switch (result->code) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EACCES:
    case EPERM:
    case ENOEXEC:
    case ELIBBAD:
    case E2BIG: return true;
    default: return false; /* EAGAIN, ENOMEM, ETXTBSY, EIO, … */
    }
}

static bool policy_applies(const TargetSpec *spec) {
    const Service *s = spec->service;
    if (s->restart.policy == RESTART_NEVER)
        return false;
    return spec->type == TARGET_SERVER || (s->type == SERVICE_JOB && s->restart_written);
}

/* ci: has the grace period passed in which a server may fail? 0 is no grace at all. */
static bool within_grace(const TargetFacts *facts, const PlanWorld *world) {
    int64_t since = facts->asked_ms ? facts->asked_ms : facts->started_ms;
    return world->now_ms - since < world->ci_grace_ms;
}

void restart_decide(const TargetSpec *spec, const TargetFacts *facts, int64_t lived_ms,
                    const PlanWorld *world, RestartAnswer *ret) {
    *ret = (RestartAnswer){0};
    if (facts->want != WANT_RUN || facts->queued || world->done || facts->result.unsure ||
        !policy_applies(spec))
        return;
    const Restart *restart = &spec->service->restart;
    if (restart_hopeless(&facts->result)) {
        ret->hopeless = true;
        return;
    }
    if (world->ci && !spec->service->restart_written && !within_grace(facts, world)) {
        ret->exceeded = world->ci_grace_ms > 0;
        return;
    }
    bool forgotten = lived_ms > 0 && lived_ms >= restart->reset_after_ms;
    uint32_t row = forgotten ? 0 : facts->attempt;
    if (restart->max_restarts > 0 && row >= restart->max_restarts) {
        ret->gave_up = true;
        return;
    }
    ret->again = true;
    ret->attempt = row + 1;
    ret->delay_ms = restart_delay_ms(restart, row + 1, world->random);
}
