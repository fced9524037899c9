/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <assert.h>
#include <string.h>

#include "base/attr.h"

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

bool facts_failed(const TargetFacts *facts) {
    return facts->run_state == RUN_ENDED && facts->failure && !facts->queued;
}

bool facts_gone(const TargetFacts *facts) {
    if (facts->want == WANT_DOWN)
        return facts->gone;
    return !facts_alive(facts) || facts->stop_failed;
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
    } else if (a->own->queued && !held_by_build(a)) {
        v->act = ACT_STOP;
        v->hold = HOLD_STOPPING;
    } else if (a->own->run_state == RUN_STARTING && v->hold == HOLD_NONE) {
        v->hold = HOLD_STARTING;
    }
}

/* Nothing runs: should something? */
static void plan_idle(const Ask *a) {
    Verdict *v = a->ret;
    if (a->own->want == WANT_DOWN) {
        v->act = leave(a);
        return;
    }
    if (!a->own->queued || a->own->want != WANT_RUN || a->world->done || !a->spec->service)
        return;
    if (held_by_deps(a))
        return;
    if (a->own->not_before_ms > a->world->now_ms) {
        v->hold = HOLD_BACKOFF;
        v->wake_ms = a->own->not_before_ms;
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
    if (facts_alive(ask.own))
        plan_alive(&ask);
    else
        plan_idle(&ask);
}

/* Dependants come before what they depend on: one pass backwards is enough. What is coming anyway is
 * passed through (2): it may wait for something that must be asked. */
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
