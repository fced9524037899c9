/* SPDX-License-Identifier: Apache-2.0 */
/* Facts as the API shows them. */
#include "plan/show.h"

#include <string.h>

#include "base/attr.h"
#include "plan/plan.h"

static const struct {
    const char *reason, *event;
} holds[] = {
    [HOLD_NONE] = {NULL, NULL},
    [HOLD_DEP] = {"waiting-for-dep", "WaitingForDep"},
    [HOLD_BUILD] = {"waiting-for-build", "WaitingForBuild"},
    [HOLD_LOOK] = {"checking-inputs", "CheckingInputs"},
    [HOLD_LOCK] = {"waiting-for-lock", "WaitingForLock"},
    [HOLD_SCHEDULE] = {"schedule", "Schedule"},
    [HOLD_CONNECTION] = {"waiting-for-connection", "WaitingForConnection"},
    [HOLD_SLOT] = {"waiting-for-slot", "WaitingForSlot"},
    [HOLD_BACKOFF] = {"backoff", "Backoff"},
    [HOLD_HOOK] = {"hook", "Hook"},
    [HOLD_STOPPING] = {"stopping", "Stopping"},
    [HOLD_STARTING] = {"starting", "Starting"},
};

const char *hold_reason(Hold hold) {
    return holds[hold].reason;
}

const char *hold_event_reason(Hold hold) {
    return holds[hold].event;
}

/* An ended run that was stopped is no result, and a stop by request wipes out what failed before; a
 * job that was done stays done. */
static TargetPhase phase_of_ended(const TargetFacts *f) {
    if (f->stop_requested && !f->failure)
        return PHASE_NONE;
    if (f->want == WANT_STOPPED && f->failure)
        return PHASE_NONE;
    return PHASE_TERMINATED;
}

TargetPhase show_phase(const TargetFacts *f, const Verdict *verdict) {
    if (facts_alive(f))
        return f->started_us ? PHASE_ACTIVE : PHASE_WAITING;
    if (f->want == WANT_DISABLED)
        return PHASE_DISABLED;
    if (verdict->hold == HOLD_SCHEDULE)
        return PHASE_WAITING;
    if (f->queued && f->want == WANT_RUN && verdict->hold != HOLD_NONE)
        return PHASE_WAITING;
    return f->run_state == RUN_ENDED ? phase_of_ended(f) : PHASE_NONE;
}

static void show_waiting(const Graph *graph, const TargetFacts *f, const Verdict *v,
                         TargetState *ret, const char *names[WAITING_ON_MAX]) {
    Hold hold = v->hold;
    if (hold == HOLD_NONE)
        hold = f->run_state == RUN_STOPPING ? HOLD_STOPPING : HOLD_STARTING;
    ret->wait_reason = hold_reason(hold);
    ret->trigger_us = f->trigger_us;
    for (size_t i = 0; i < v->waiting_on_n; i++)
        names[i] = graph->targets[v->waiting_on[i]].name;
    ret->waiting_on = names;
    ret->waiting_on_n = v->waiting_on_n;
}

static void show_run(const TargetFacts *f, TargetState *ret) {
    ret->run = f->run;
    ret->pid = f->pid;
    ret->restarts = f->restarts;
    ret->start_us = f->started_us;
}

static void show_terminated(const TargetFacts *f, TargetState *ret) {
    show_run(f, ret);
    if (!ret->start_us)
        ret->start_us = f->ended_us; /* it could not start: the API wants a time */
    ret->finish_us = f->ended_us;
    ret->error = f->failure;
    ret->grace_status = f->grace_exceeded ? "Exceeded" : "";
    if (f->run == 0)
        return;
    ret->oom_killed = f->result.oom_killed;
    if (f->result.kind == END_EXITED)
        ret->exit_code = f->result.code;
    if (f->result.kind == END_SIGNALED)
        ret->signal = f->result.code;
}

void plan_show(const Judged *judged, TargetState *ret, const char *names[WAITING_ON_MAX]) {
    const TargetFacts *f = &judged->facts[judged->i];
    *ret = (TargetState){
        .phase = show_phase(f, judged->verdict),
        .grace_status = "",
        .exit_code = -1,
        .oom_killed = UNKNOWN,
    };
    switch (ret->phase) {
    case PHASE_WAITING: show_waiting(judged->graph, f, judged->verdict, ret, names); return;
    case PHASE_ACTIVE:
        show_run(f, ret);
        ret->ready = f->ready;
        ret->last_ready_us = f->last_ready_us;
        return;
    case PHASE_TERMINATED: show_terminated(f, ret); return;
    case PHASE_NONE:
    case PHASE_DISABLED: return;
    }
    UNREACHABLE();
}
