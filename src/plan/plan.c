/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/xalloc.h"

typedef struct Ask {
    const Graph *graph;
    const TargetFacts *facts; /* of all */
    const PlanWorld *world;
    const TargetSpec *spec; /* of the target at hand */
    const TargetFacts *own;
    Verdict *ret;
} Ask;

bool facts_alive(const TargetFacts *facts) {
    return facts->run_state == RUN_STARTING || facts->run_state == RUN_RUNNING ||
           facts->run_state == RUN_STOPPING;
}

bool facts_busy(const TargetFacts *facts) {
    return facts_alive(facts) || facts->hook != HOOK_NONE || facts->hooks_owed;
}

const char *hook_name(Hook hook) {
    static const char *const names[HOOKS] = {"", "before", "on_failure", "after"};
    return names[hook];
}

bool target_has_hooks(const TargetSpec *spec) {
    return spec->service && spec->command == &spec->service->command;
}

bool facts_failed(const TargetFacts *facts) {
    return facts->run_state == RUN_ENDED && facts->failure && !facts->queued;
}

bool facts_gone(const TargetFacts *facts) {
    if (facts->want == WANT_DOWN)
        return facts->gone;
    return !facts_busy(facts) || facts->stop_failed;
}

bool facts_build_current(const TargetFacts *build) {
    return build->ever_succeeded && !build->queued && build->run_state == RUN_ENDED &&
           !build->stop_requested && !build->failure;
}

bool facts_satisfy(const TargetFacts *facts, const Dep *dep) {
    if (dep->own_build)
        return facts_build_current(facts);
    switch (dep->condition) {
    case DEP_STARTED: return facts->ever_started;
    case DEP_READY: return facts->ever_ready;
    case DEP_COMPLETED: return facts->ever_succeeded;
    case DEP_ENDED: return facts->run_state == RUN_ENDED && !facts->queued;
    case DEP_DEFAULT: break;
    }
    UNREACHABLE();
}

static void wait_on(Verdict *v, uint32_t target) {
    if (v->waiting_on_n < WAITING_ON_MAX)
        v->waiting_on[v->waiting_on_n++] = target;
    v->waiting_on_total++;
}

/* Held by its own build alone, or by nothing. */
static bool held_by_build(const Ask *a) {
    if (a->spec->dep_n == 0)
        return false;
    const Dep *last = &a->spec->deps[a->spec->dep_n - 1];
    if (!last->own_build || facts_satisfy(&a->facts[last->target], last))
        return false;
    a->ret->hold = HOLD_BUILD;
    wait_on(a->ret, last->target);
    return true;
}

static bool held_by_deps(const Ask *a) {
    for (size_t d = 0; d < a->spec->dep_n; d++) {
        const Dep *dep = &a->spec->deps[d];
        if (!dep->own_build && !facts_satisfy(&a->facts[dep->target], dep))
            wait_on(a->ret, dep->target);
    }
    if (a->ret->waiting_on_n == 0)
        return held_by_build(a);
    a->ret->hold = HOLD_DEP;
    return true;
}

/* ---- what is followed ---- */

int64_t facts_met(const TargetFacts *facts, DepCondition condition) {
    switch (condition) {
    case DEP_STARTED: return facts->at.started;
    case DEP_READY: return facts->at.ready;
    case DEP_COMPLETED:
    case DEP_ENDED: return facts->at.done; /* a run that failed is followed by nothing */
    case DEP_DEFAULT: break;
    }
    UNREACHABLE();
}

/* A new run of it has met the condition since the target was asked to run. */
static bool came_anew(const TargetFacts *own, const TargetFacts *on, const Dep *dep) {
    return dep->restart && facts_met(on, dep->condition) > own->at.asked;
}

bool facts_may_follow(const TargetFacts *own) {
    bool ending = own->run_state == RUN_STOPPING || own->timed_out || own->probe_failed;
    return own->want == WANT_RUN && !own->queued &&
           ((facts_alive(own) && !ending) || facts_failed(own));
}

/* It is on its way to a new run of its own, or will be, because of what it follows itself. */
static bool unsettled(const Ask *a, const Dep *dep, unsigned char *seen) {
    const TargetFacts *f = &a->facts[dep->target];
    const TargetSpec *spec = &a->graph->targets[dep->target];
    if (f->want != WANT_RUN)
        return false;
    if (f->queued || (facts_alive(f) && !facts_met(f, dep->condition)))
        return true;
    if (seen[dep->target]++)
        return false;
    for (size_t d = 0; d < spec->dep_n; d++) {
        const Dep *next = &spec->deps[d];
        if (next->restart &&
            ((facts_may_follow(f) && came_anew(f, &a->facts[next->target], next)) ||
             unsettled(a, next, seen)))
            return true;
    }
    return false;
}

/* Which of those it follows has come anew; -1: none. */
static int64_t leader_of(const Ask *a) {
    for (size_t d = 0; d < a->spec->dep_n; d++) {
        const Dep *dep = &a->spec->deps[d];
        if (came_anew(a->own, &a->facts[dep->target], dep))
            return dep->target;
    }
    return -1;
}

/* True: it is to be restarted because of what it follows, at once or (HOLD_DEP) when that has come
 * to rest. */
static bool follows(const Ask *a) {
    int64_t leader = a->spec->follows && facts_may_follow(a->own) ? leader_of(a) : -1;
    if (leader < 0)
        return false;
    unsigned char *seen = xcalloc(a->graph->n, 1);
    for (size_t d = 0; d < a->spec->dep_n; d++)
        if (a->spec->deps[d].restart && unsettled(a, &a->spec->deps[d], seen))
            wait_on(a->ret, a->spec->deps[d].target);
    free(seen);
    a->ret->hold = a->ret->waiting_on_n ? HOLD_DEP : HOLD_NONE;
    if (a->ret->hold == HOLD_NONE) {
        wait_on(a->ret, (uint32_t)leader);
        a->ret->act = ACT_FOLLOW;
    }
    return true;
}

static bool dependents_gone(const Ask *a) {
    for (size_t d = 0; d < a->spec->dependent_n; d++) {
        if (!facts_gone(&a->facts[a->spec->dependents[d]]))
            return false;
    }
    return true;
}

/* Going down, nothing of it is left that could be ended. */
static ActKind leave(const Ask *a) {
    bool going = a->own->want == WANT_DOWN && !a->own->gone;
    return going && dependents_gone(a) ? ACT_GONE : ACT_NONE;
}

/* How long the run may go on as it is; 0: for ever. */
static int64_t patience_ms(const TargetSpec *spec, const TargetFacts *own) {
    if (own->last_ready_ms) /* a server, then; most are, and their service need not be looked at */
        return 0;
    if (spec->type == TARGET_JOB)
        return spec->service->timeout_ms;
    return spec->service->ready.kind == PROBE_NONE ? 0 : spec->service->ready.deadline_ms;
}

static bool overdue(const Ask *a) {
    int64_t patience = patience_ms(a->spec, a->own);
    if (a->own->run_state != RUN_RUNNING || patience <= 0)
        return false;
    if (a->world->now_ms - a->own->started_ms >= patience)
        return true;
    a->ret->wake_ms = a->own->started_ms + patience;
    return false;
}

/* A run is alive: may it stay? */
static void plan_alive(const Ask *a) {
    Verdict *v = a->ret;
    if (a->own->run_state == RUN_STOPPING) {
        v->hold = a->own->queued ? HOLD_STOPPING : HOLD_NONE;
        v->act = a->own->stop_failed ? leave(a) : ACT_NONE;
        return;
    }
    if (a->own->want == WANT_DOWN) {
        v->act = dependents_gone(a) ? ACT_STOP : ACT_NONE;
        return;
    }
    if (a->own->want != WANT_RUN || a->own->timed_out || a->own->probe_failed) {
        v->act = ACT_STOP;
        return;
    }
    if (overdue(a)) {
        v->act = ACT_STOP;
        v->overdue = !a->own->stop_requested; /* else it was to end anyway */
    } else if (a->own->queued && !a->own->patient && !held_by_build(a)) {
        v->act = ACT_STOP;
        v->hold = HOLD_STOPPING;
    } else if (!a->world->done && follows(a)) {
        return;
    } else if (a->own->run_state == RUN_STARTING && v->hold == HOLD_NONE) {
        v->hold = HOLD_STARTING;
    }
}

/* Its inputs are to be looked at before it is known whether a run is needed. */
static bool held_by_inputs(const Ask *a) {
    if (a->spec->type != TARGET_JOB || !a->spec->service->inputs.n ||
        a->own->inputs == INPUTS_CHANGED)
        return false;
    a->ret->hold = HOLD_LOOK;
    a->ret->act = a->own->inputs == INPUTS_UNKNOWN ? ACT_LOOK : ACT_NONE;
    return true;
}

/* ---- locks ---- */

/* Idle, and but for locks and slots it would be started. */
static bool could_start(const Ask *a) {
    Verdict unused = {0};
    Ask ask = *a;
    ask.ret = &unused;
    return a->own->queued && a->own->want == WANT_RUN && !facts_busy(a->own) &&
           a->own->not_before_ms <= a->world->now_ms && !a->own->unwatched && !held_by_deps(&ask) &&
           !held_by_inputs(&ask);
}

static bool is_before(const Ask *a, uint32_t other) {
    Ask ask = *a;
    ask.own = &a->facts[other];
    ask.spec = &a->graph->targets[other];
    return plan_slot_compare(ask.own, ask.spec->name, a->own, a->spec->name) < 0 &&
           could_start(&ask);
}

/* Who has the lock, or is to have it first; -1: nobody but the target itself. */
static int64_t lock_holder(const Ask *a, const GraphLock *lock) {
    int64_t first = -1;
    for (size_t i = 0; i < lock->n; i++) {
        const TargetFacts *other = &a->facts[lock->targets[i]];
        if (other == a->own)
            continue;
        if (facts_busy(other))
            return lock->targets[i];
        if (first < 0 && is_before(a, lock->targets[i]))
            first = lock->targets[i];
    }
    return first;
}

static bool held_by_lock(const Ask *a) {
    for (size_t i = 0; i < a->spec->lock_n; i++) {
        int64_t holder = lock_holder(a, &a->graph->locks[a->spec->locks[i]]);
        if (holder < 0)
            continue;
        a->ret->hold = HOLD_LOCK;
        a->ret->lock = a->spec->locks[i];
        wait_on(a->ret, (uint32_t)holder);
        return true;
    }
    return false;
}

/* The run is over, its hooks are not. */
static void plan_hooks(const Ask *a) {
    Verdict *v = a->ret;
    bool waits = a->own->queued && a->own->want == WANT_RUN && !a->world->done;
    v->hold = waits ? HOLD_HOOK : HOLD_NONE;
    for (Hook hook = HOOK_BEFORE; hook < HOOKS && a->own->hook == HOOK_NONE; hook++) {
        if (!(a->own->hooks_owed >> hook & 1))
            continue;
        v->act = ACT_HOOK;
        v->start_hook = hook;
        return;
    }
}

/* Nothing runs: should something? */
static void plan_idle(const Ask *a) {
    Verdict *v = a->ret;
    if (facts_busy(a->own)) {
        plan_hooks(a);
        return;
    }
    if (a->own->want == WANT_DOWN) {
        v->act = leave(a);
        return;
    }
    if (a->own->want != WANT_RUN || a->world->done || !a->spec->service)
        return;
    if (!a->own->queued) {
        if (!follows(a) && a->own->due_us)
            v->hold = HOLD_SCHEDULE;
        return;
    }
    if (held_by_deps(a))
        return;
    if (a->own->unwatched) {
        v->hold = HOLD_STARTING;
    } else if (a->own->not_before_ms > a->world->now_ms) {
        v->hold = HOLD_BACKOFF;
        v->wake_ms = a->own->not_before_ms;
    } else if (a->spec->type == TARGET_SERVER && a->spec->service->lazy && !a->own->connected) {
        v->hold = HOLD_CONNECTION;
    } else if (held_by_inputs(a) || held_by_lock(a)) {
        return;
    } else if (a->spec->type == TARGET_JOB && a->world->slots <= 0) {
        v->hold = HOLD_SLOT;
    } else {
        v->act = ACT_START;
        v->hold = HOLD_STARTING;
    }
}

void plan_target(const Graph *graph, const TargetFacts *facts, size_t i, const PlanWorld *world,
                 Verdict *ret) {
    assert(i < graph->n);
    *ret = (Verdict){0};
    Ask ask = {graph, facts, world, &graph->targets[i], &facts[i], ret};
    if (ask.own->due_us && ask.own->due_us <= world->now_us && ask.own->want == WANT_RUN &&
        !world->done) {
        ret->act = ACT_DUE;
        return;
    }
    if (facts_alive(ask.own))
        plan_alive(&ask);
    else
        plan_idle(&ask);
}

/* Dependants come before what they depend on: one pass backwards is enough. What is coming anyway
 * is passed through (2): it may wait for something that must be asked. */
void plan_needed(const Graph *graph, const TargetFacts *facts, size_t i, unsigned char *marks) {
    memset(marks, 0, graph->n);
    marks[i] = 1;
    for (size_t at = graph->n; at-- > 0;) {
        const TargetSpec *spec = &graph->targets[graph->order[at]];
        for (size_t d = 0; marks[graph->order[at]] && d < spec->dep_n; d++) {
            const TargetFacts *on = &facts[spec->deps[d].target];
            bool coming = on->want == WANT_RUN && (on->queued || facts_alive(on));
            if (!facts_satisfy(on, &spec->deps[d]) && on->want != WANT_DISABLED)
                marks[spec->deps[d].target] = coming ? 2 : 1;
        }
    }
    for (size_t t = 0; t < graph->n; t++)
        marks[t] = marks[t] == 1;
}

int plan_slot_compare(const TargetFacts *a, const char *a_name, const TargetFacts *b,
                      const char *b_name) {
    if (a->trigger_us != b->trigger_us)
        return a->trigger_us < b->trigger_us ? -1 : 1;
    return strcmp(a_name, b_name);
}
