/* SPDX-License-Identifier: Apache-2.0 */
/* Model check of the planner: random graphs, random events, and beside the facts a second,
 * independent account of what was asked and what the backend saw (Truth). After each event, when
 * nothing is left to do, the two must agree:
 *   - never two live runs of a target, never more jobs than slots;
 *   - no start but of what is wanted and owed, whose dependencies were all satisfied once;
 *   - whatever is owed and could be started, was; whatever must be stopped, is being stopped; so
 *     there is no state in which something waits for nothing;
 *   - the restart policy, its back-off and its end;
 *   - told to go down, everything ends, dependents first, and nothing starts any more.
 * A violation prints the seed of its sequence. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "harness/test.h"
#include "model.h"

static void dump(const Model *m) {
    for (size_t i = 0; i < m->sim.graph.n; i++) {
        const TargetFacts *f = &m->sim.facts[i];
        const Verdict *v = &m->sim.verdicts[i];
        const Truth *t = &m->truth[i];
        printf(
            "  %-16s want %d queued %d state %d run %u late %d hold %d wake %lld | want %d owed %d "
            "policy %d leaving %d stuck %d due %lld live %d\n",
            m->sim.graph.targets[i].name, f->want, f->queued, f->run_state, f->run,
            f->timed_out || f->probe_failed, v->hold, (long long)v->wake_ms, t->want, t->owed,
            t->policy, t->leaving, t->stuck, (long long)t->due_max_ms, m->sim.runs[i].live);
    }
}

static NORETURN void violated(const Model *m, const char *rule, size_t i) {
    printf("seed %llu, step %d (%s of %s): %s: %s\n", (unsigned long long)m->seed, m->step,
           m->event, m->sim.graph.targets[m->on].name, m->sim.graph.targets[i].name, rule);
    printf("  now %lld, done %d\n", (long long)m->sim.world.now_ms, m->sim.world.done);
    dump(m);
    fflush(stdout);
    abort();
}

static void must(const Model *m, bool holds, const char *rule, size_t i) {
    if (!holds)
        violated(m, rule, i);
}

/* ---- what must be so, told from the truth alone ---- */

static const Service *service_of(const Model *m, size_t i) {
    return m->sim.graph.targets[i].service;
}

static bool is_job(const Model *m, size_t i) {
    return m->sim.graph.targets[i].type == TARGET_JOB;
}

static bool truth_dep(const Model *m, const Dep *d) {
    const Truth *t = &m->truth[d->target];
    if (d->own_build)
        return t->build_ok && !t->owed && !t->policy && !m->sim.runs[d->target].live;
    if (d->condition == DEP_STARTED)
        return t->ever_execed;
    return d->condition == DEP_READY ? t->ever_ready : t->ever_done;
}

static bool deps_met(const Model *m, size_t i, bool own_build_only) {
    const TargetSpec *spec = &m->sim.graph.targets[i];
    for (size_t d = 0; d < spec->dep_n; d++) {
        if ((spec->deps[d].own_build || !own_build_only) && !truth_dep(m, &spec->deps[d]))
            return false;
    }
    return true;
}

/* When the run has gone on for too long; 0: never. */
static int64_t late_ms(const Model *m, size_t i) {
    const Truth *t = &m->truth[i];
    const Service *s = service_of(m, i);
    int64_t patience = is_job(m, i)                               ? s->timeout_ms
                       : s->ready.kind != PROBE_NONE && !t->ready ? s->ready.deadline_ms
                                                                  : 0;
    return m->sim.runs[i].live && m->sim.runs[i].execed && patience ? t->exec_ms + patience : 0;
}

static bool too_late(const Model *m, size_t i) {
    int64_t late = late_ms(m, i);
    return late && m->sim.world.now_ms >= late;
}

/* Its run is over, its hooks are not. */
static bool hooked(const Model *m, size_t i) {
    return m->truth[i].hooks || m->sim.runs[i].hook;
}

/* Something that depends on it, however far away, is still alive and could be stopped. */
static bool needed_alive(const Model *m, size_t i) {
    const TargetSpec *spec = &m->sim.graph.targets[i];
    for (size_t d = 0; d < spec->dependent_n; d++) {
        size_t on = spec->dependents[d];
        if ((m->sim.runs[on].live && !m->truth[on].stuck) || hooked(m, on) || needed_alive(m, on))
            return true;
    }
    return false;
}

/* It is started by the first connection, which has not come. */
static bool unconnected(const Model *m, size_t i) {
    return !is_job(m, i) && service_of(m, i)->lazy && !m->truth[i].connected;
}

static bool has_inputs(const Model *m, size_t i) {
    return is_job(m, i) && service_of(m, i)->inputs.n > 0;
}

/* ---- who shares a lock ---- */

static bool share(const Model *m, size_t a, size_t b) {
    const TargetSpec *x = &m->sim.graph.targets[a], *y = &m->sim.graph.targets[b];
    for (size_t i = 0; i < x->lock_n && is_job(m, b); i++)
        for (size_t k = 0; k < y->lock_n; k++)
            if (x->locks[i] == y->locks[k])
                return true;
    return false;
}

static bool locked_out(const Model *m, size_t i) {
    for (size_t k = 0; k < m->sim.graph.n; k++)
        if (k != i && (m->sim.runs[k].live || hooked(m, k)) && share(m, i, k))
            return true;
    return false;
}

/* Another that shares a lock with it could start as well, and has waited longer. */
static bool is_second(const Model *m, size_t i) {
    const Sim *s = &m->sim;
    for (size_t k = 0; k < s->graph.n; k++) {
        if (k == i || !share(m, i, k) || s->runs[k].live || hooked(m, k) ||
            m->truth[k].want != WANT_RUN)
            continue;
        bool ready = !m->truth[k].unwatched && (!has_inputs(m, k) || m->truth[k].needed);
        if (ready && model_owes(m, k) && deps_met(m, k, false) &&
            s->facts[k].not_before_ms <= s->world.now_ms &&
            plan_slot_compare(&s->facts[k], s->graph.targets[k].name, &s->facts[i],
                              s->graph.targets[i].name) < 0)
            return true;
    }
    return false;
}

static int jobs_live(const Model *m) {
    int n = 0;
    for (size_t i = 0; i < m->sim.graph.n; i++)
        n += m->sim.runs[i].live && is_job(m, i);
    return n;
}

/* ---- acts are checked before they are performed ---- */

static void check_start(Model *m, size_t i) {
    Truth *t = &m->truth[i];
    must(m, i != m->sim.graph.tiltfile, "the file itself was started", i);
    must(m, !m->sim.runs[i].live, "started while a run was alive", i);
    must(m, !hooked(m, i), "started before the hooks of its former run", i);
    must(m, t->want == WANT_RUN, "started although not wanted", i);
    must(m, t->owed || t->policy, "started although nothing was owed", i);
    must(m, !m->sim.world.done, "started after the session was over", i);
    must(m, deps_met(m, i, false), "started before its dependencies", i);
    must(m, t->owed || m->sim.world.now_ms >= t->due_min_ms, "restarted too soon", i);
    must(m, !is_job(m, i) || jobs_live(m) < m->sim.parallelism, "more jobs than slots", i);
    must(m, !t->unwatched, "started before its files were watched", i);
    must(m, !unconnected(m, i), "started before anybody connected", i);
    must(m, !has_inputs(m, i) || t->needed, "started before its inputs were looked at", i);
    t->patient = t->forced = t->looking = t->needed = false;
    must(m, m->sim.facts[i].run == t->run, "a run number was skipped", i);
    must(m, !locked_out(m, i), "started while another had its lock", i);
    must(m, !is_second(m, i), "started before one that had waited longer for its lock", i);
    t->run++;
    t->begun = m->sim.world.boot_ms;
    t->executed = t->readied = t->finished = 0;
    if (t->policy && !t->owed)
        t->row++;
    else
        t->asked_ms = m->sim.world.now_ms;
    t->owed = t->policy = t->leaving = t->late = t->unlive = t->stuck = t->retry = false;
    t->ready = t->build_ok = false;
    t->exec_ms = 0;
}

static void check_stop(Model *m, size_t i, const Verdict *v) {
    Truth *t = &m->truth[i];
    must(m, m->sim.runs[i].live, "stopped although nothing runs", i);
    must(m, !m->sim.runs[i].stop_asked, "stopped twice", i);
    must(m, !t->stuck || t->retry, "tried again although nobody asked", i);
    must(m, t->want != WANT_DOWN || !needed_alive(m, i), "stopped before its dependents", i);
    bool restart = t->owed && (t->leaving || (deps_met(m, i, true) && !t->patient));
    must(m, t->want != WANT_RUN || restart || t->unlive || too_late(m, i), "stopped for no reason",
         i);
    must(m, !v->overdue || too_late(m, i), "called late too soon", i);
    t->late |= v->overdue;
    t->leaving = true;
    t->stuck = t->retry = false;
}

static void check_follow(Model *m, size_t i, const Verdict *v) {
    must(m, model_due(m, i), "restarted although it follows nothing that came anew", i);
    must(m, !model_stirs(m, i), "restarted before what it follows was at rest", i);
    m->truth[i].owed = true;
    m->truth[i].row = 0;
}

static void check_hook(Model *m, size_t i, const Verdict *v) {
    Truth *t = &m->truth[i];
    must(m, !m->sim.runs[i].live && !m->sim.runs[i].hook, "a hook beside its run", i);
    must(m, t->hooks >> v->start_hook & 1, "a hook that nobody asked for, or twice", i);
    t->hooks &= ~(1u << v->start_hook);
}

static void check_due(Model *m, size_t i) {
    Truth *t = &m->truth[i];
    must(m, t->want == WANT_RUN && !m->sim.world.done, "due, but nobody wants it", i);
    must(m, m->sim.graph.targets[i].service->schedule.interval_ms && is_job(m, i),
         "due without a schedule", i);
    if (!m->sim.runs[i].live && !model_owes(m, i)) {
        t->owed = true;
        t->row = 0;
    }
}

/* Nothing is done yet: who depends on it may go on. */
static void check_reachable(Model *m, size_t i) {
    must(m, unconnected(m, i) && deps_met(m, i, false), "waits for a connection too soon", i);
    m->truth[i].ever_execed = m->truth[i].ever_ready = true;
}

static void on_act(void *arg, size_t i, const Verdict *v) {
    Model *m = arg;
    switch (v->act) {
    case ACT_NONE: check_reachable(m, i); return;
    case ACT_START: check_start(m, i); return;
    case ACT_STOP: check_stop(m, i, v); return;
    case ACT_HOOK: check_hook(m, i, v); return;
    case ACT_DUE: check_due(m, i); return;
    case ACT_FOLLOW: check_follow(m, i, v); return;
    case ACT_GONE:
        must(m, m->truth[i].want == WANT_DOWN, "gone, but nobody asked", i);
        must(m, !m->sim.runs[i].live || m->truth[i].stuck, "gone, but alive", i);
        must(m, !hooked(m, i), "gone before its hooks", i);
        must(m, !needed_alive(m, i), "gone before its dependents", i);
        return;
    case ACT_LOOK:
        must(m, has_inputs(m, i) && !m->sim.runs[i].live && !m->truth[i].looking,
             "looks at inputs for no reason", i);
        must(m, (m->truth[i].owed || m->truth[i].policy) && deps_met(m, i, false),
             "looks at inputs too soon", i);
        m->truth[i].looking = true;
        return;
    }
}

/* ---- and when nothing is left to do, nothing may be left undone ---- */

static void check_owed(const Model *m, size_t i) {
    const Truth *t = &m->truth[i];
    const Sim *s = &m->sim;
    bool owed = t->owed || t->policy;
    must(m, s->facts[i].queued == owed, owed ? "a wish was lost" : "a wish out of nothing", i);
    must(m, s->world.done || !s->facts[i].due_us || s->facts[i].due_us > s->world.now_us,
         "is due, and nothing happened", i);
    must(m,
         s->world.done || too_late(m, i) || hooked(m, i) || !model_due(m, i) || model_stirs(m, i),
         "does not follow", i);
    if (!owed || s->world.done)
        return;
    if (s->runs[i].live) {
        must(m, t->leaving || t->patient || !deps_met(m, i, true), "not stopped for its restart",
             i);
        return;
    }
    if (hooked(m, i))
        return;
    bool due = t->owed || s->world.now_ms >= t->due_max_ms;
    bool slot = (!is_job(m, i) || jobs_live(m) < s->parallelism) && !t->unwatched;
    bool lock = !locked_out(m, i) && !is_second(m, i);
    if (due && deps_met(m, i, false) && !t->unwatched && has_inputs(m, i) && !t->needed) {
        must(m, t->looking, "nobody looks at its inputs", i);
        return;
    }
    if (due && deps_met(m, i, false) && slot && unconnected(m, i)) {
        must(m, s->verdicts[i].hold == HOLD_CONNECTION, "waits for no connection", i);
        must(m, t->ever_ready, "cannot be reached", i);
        return;
    }
    must(m, !(due && slot && lock && deps_met(m, i, false)), "could be started, and was not", i);
    if (!due && deps_met(m, i, false) && slot && lock && !t->looking)
        must(m, s->verdicts[i].wake_ms && s->verdicts[i].wake_ms <= t->due_max_ms,
             "its back-off wakes nobody", i);
}

static void check_alive(const Model *m, size_t i) {
    const Truth *t = &m->truth[i];
    if (!m->sim.runs[i].live || t->leaving)
        return;
    bool stop = t->want != WANT_RUN && (t->want != WANT_DOWN || !needed_alive(m, i));
    stop |= t->unlive && t->want != WANT_DOWN;
    must(m, !stop, "should be stopped, and is not", i);
    if (t->want != WANT_RUN)
        return;
    int64_t late = late_ms(m, i), wake = m->sim.verdicts[i].wake_ms;
    must(m, !too_late(m, i), "runs on beyond its time", i);
    must(m, !late || (wake && wake <= late), "its deadline wakes nobody", i);
}

static void check_shown(const Model *m, size_t i) {
    const char *names[WAITING_ON_MAX];
    char why[512];
    TargetState s;
    Judged judged = sim_judged(&m->sim, i);
    plan_show(&judged, &s, names);
    plan_why(&judged, why, sizeof why);
    switch (s.phase) {
    case PHASE_WAITING:
        must(m, s.wait_reason && why[0], "waits without a reason", i);
        must(m,
             !strstr(s.wait_reason, "-for-dep") == !s.waiting_on_n ||
                 strstr(s.wait_reason, "-for-build") || strstr(s.wait_reason, "-for-lock"),
             "does not say for what it waits", i);
        return;
    case PHASE_ACTIVE:
        must(m, s.start_us > 0 && m->sim.runs[i].live, "active without a start", i);
        must(m, !s.ready || (!is_job(m, i) && !m->truth[i].leaving), "ready, but how", i);
        return;
    case PHASE_TERMINATED:
        must(m, s.start_us > 0 && s.finish_us >= s.start_us, "ended before it began", i);
        must(m, !m->sim.runs[i].live, "shown as ended, but alive", i);
        must(m, s.error || is_job(m, i), "a server that ended without error", i);
        return;
    case PHASE_NONE: must(m, why[0], "nothing to say about nothing", i); return;
    case PHASE_DISABLED: return;
    }
}

static void check_all(Model *m) {
    for (size_t i = 0; i < m->sim.graph.n; i++) {
        if (i == m->sim.graph.tiltfile)
            continue;
        must(m, m->sim.facts[i].want == m->truth[i].want, "the wish is not what was asked", i);
        must(m, facts_alive(&m->sim.facts[i]) == m->sim.runs[i].live, "life is in doubt", i);
        must(m, !m->truth[i].hooks || m->sim.runs[i].hook, "its hook is not run", i);
        must(m, !m->sim.verdicts[i].wake_ms || m->sim.verdicts[i].wake_ms > m->sim.world.now_ms,
             "wakes in the past", i);
        if (m->truth[i].want == WANT_RUN)
            check_owed(m, i);
        else
            must(m, !m->sim.facts[i].queued, "queued although not wanted", i);
        check_alive(m, i);
    }
    check_shown(m, model_dice(m, (uint32_t)m->sim.graph.n));
}

/* ---- people ---- */

/* A wish, or another one: what was seen of the inputs before does not count. */
static void owe(Model *m, size_t i) {
    m->truth[i].looking = m->truth[i].needed = false;
}

static void told(Model *m, size_t i, Want want) {
    Truth *t = &m->truth[i];
    t->want = want;
    t->connected &= m->sim.runs[i].live;
    t->patient = false;
    t->row = 0;
    t->retry = t->stuck;
    t->due_min_ms = t->due_max_ms = 0;
    if (want != WANT_RUN)
        t->owed = t->policy = t->forced = t->looking = false;
    else if (!m->sim.runs[i].live || t->leaving || t->unlive || t->policy) {
        t->owed = true;
        owe(m, i);
    }
    t->policy = false;
}

static void change(Model *m, size_t i) {
    Truth *t = &m->truth[i];
    bool patient = is_job(m, i) && model_dice(m, 2), was = !t->owed || t->patient;
    if (t->want == WANT_RUN) {
        if (!t->stuck) {
            t->row = 0;
            t->due_min_ms = t->due_max_ms = 0;
        }
        t->owed = true;
        t->policy = false;
        owe(m, i);
        t->patient = patient && was && m->sim.runs[i].live;
    }
    sim_change(&m->sim, i, patient, "a file changed");
}

static void look(Model *m, size_t i, bool fresh) {
    Truth *t = &m->truth[i];
    if (t->looking && fresh && !t->forced) {
        t->owed = t->policy = t->patient = false;
        t->ever_execed = t->ever_done = t->build_ok = true;
        t->begun = m->sim.world.boot_ms;
        t->leaving = t->late = t->unlive = false;
    } else if (t->looking) {
        t->needed = true;
    }
    t->looking = false;
    sim_look(&m->sim, i, fresh, "skipped");
}

/* After `start`: all it waits for is coming, or disabled. */
static void check_needed(Model *m, size_t i) {
    const TargetSpec *spec = &m->sim.graph.targets[i];
    const Truth *t = &m->truth[i];
    must(m, t->want == WANT_DISABLED || m->sim.runs[i].live || t->owed || t->policy,
         "is needed, and nobody asked for it", i);
    for (size_t d = 0; t->want != WANT_DISABLED && d < spec->dep_n; d++) {
        if (!truth_dep(m, &spec->deps[d]))
            check_needed(m, spec->deps[d].target);
    }
}

static void ask_start(Model *m, size_t i) {
    unsigned char marks[TARGETS_MAX];
    plan_needed(&m->sim.graph, m->sim.facts, i, marks);
    must(m, marks[i], "needs not itself", i);
    for (size_t t = 0; t < m->sim.graph.n; t++) {
        if (!marks[t])
            continue;
        must(m, t == i || m->truth[t].want != WANT_DISABLED, "a disabled one was marked", t);
        told(m, t, WANT_RUN);
    }
    check_needed(m, i);
    sim_start(&m->sim, i);
}

static void ask_restart(Model *m, size_t i) {
    bool connected = m->truth[i].connected;
    if (m->truth[i].want != WANT_DOWN && m->truth[i].want != WANT_DISABLED) {
        told(m, i, WANT_RUN);
        m->truth[i].connected = connected;
        m->truth[i].owed = true;
        owe(m, i);
    }
    sim_restart(&m->sim, i);
}

static void ask_force(Model *m, size_t i) {
    bool connected = m->truth[i].connected;
    if (m->truth[i].want != WANT_DOWN && m->truth[i].want != WANT_DISABLED) {
        told(m, i, WANT_RUN);
        m->truth[i].connected = connected;
        m->truth[i].owed = m->truth[i].forced = true;
        owe(m, i);
    }
    sim_force(&m->sim, i);
}

static void unwatch(Model *m, size_t i) {
    m->truth[i].unwatched = !m->truth[i].unwatched;
    sim_unwatched(&m->sim, i, m->truth[i].unwatched);
}

static void ask_want(Model *m, size_t i, Want want) {
    told(m, i, want);
    sim_want(&m->sim, i, want);
}

static void ask_down(Model *m) {
    for (size_t i = 0; i < m->sim.graph.n; i++)
        told(m, i, WANT_DOWN);
    sim_down(&m->sim);
}

/* ---- the backend ---- */

static void do_exec(Model *m, size_t i) {
    Truth *t = &m->truth[i];
    t->ever_execed = true;
    t->executed = m->sim.world.boot_ms;
    t->exec_ms = m->sim.world.now_ms;
    if (t->row == 0)
        t->asked_ms = t->exec_ms;
    if (!t->leaving && !is_job(m, i) && service_of(m, i)->ready.kind == PROBE_NONE)
        t->ready = t->ever_ready = true, t->readied = m->sim.world.boot_ms;
    sim_exec(&m->sim, i);
}

static bool restart_on(const Model *m, size_t i) {
    const Service *s = service_of(m, i);
    if (s->restart.policy == RESTART_NEVER || m->sim.world.done)
        return false;
    return !is_job(m, i) || (s->type == SERVICE_JOB && s->restart_written);
}

static bool policy_says(const Model *m, size_t i) {
    const Service *s = service_of(m, i);
    const PlanWorld *w = &m->sim.world;
    if (!restart_on(m, i))
        return false;
    return !w->ci || s->restart_written || w->now_ms - m->truth[i].asked_ms < w->ci_grace_ms;
}

static void do_end(Model *m, size_t i, EndKind kind, int code) {
    Truth *t = &m->truth[i];
    const Restart *r = &service_of(m, i)->restart;
    bool well = is_job(m, i) && kind == END_EXITED && code == 0 && !t->leaving;
    bool failed = t->late || t->unlive || (!t->leaving && !well);
    bool gave_up = false, hopeless = kind == END_FAILED && code == ENOENT;
    if (well)
        t->ever_done = t->build_ok = true, t->finished = m->sim.world.boot_ms;
    if (failed && t->want == WANT_RUN && !t->owed && hopeless && restart_on(m, i)) {
        gave_up = true;
    } else if (failed && t->want == WANT_RUN && !t->owed && policy_says(m, i)) {
        if (t->exec_ms && m->sim.world.now_ms - t->exec_ms >= r->reset_after_ms)
            t->row = 0;
        gave_up = r->max_restarts && t->row >= r->max_restarts;
        int64_t delay = r->delay_ms << (t->row < 20 ? t->row : 20);
        if (delay > r->max_delay_ms)
            delay = r->max_delay_ms;
        t->policy = !gave_up;
        if (t->policy)
            owe(m, i);
        t->due_max_ms = m->sim.world.now_ms + delay;
        t->due_min_ms = m->sim.world.now_ms + delay / 2;
    }
    if (target_has_hooks(&m->sim.graph.targets[i])) {
        const Hooks *hooks = &service_of(m, i)->hooks;
        t->hooks = (hooks->after.argv.n ? 1u << HOOK_AFTER : 0) |
                   (failed && hooks->on_failure.argv.n ? 1u << HOOK_ON_FAILURE : 0);
    }
    m->sim.world.random = model_dice(m, UINT32_MAX);
    RunState before = m->sim.facts[i].run_state;
    sim_end(&m->sim, i, kind, code);
    must(m, before != RUN_ENDED, "it had ended before", i);
    if (m->sim.facts[i].run_state == RUN_ENDED) {
        must(m, (m->sim.facts[i].failure != NULL) == failed, "a failure, or none", i);
        must(m, m->sim.facts[i].gave_up == gave_up, "gave up, or not", i);
    }
}

static void do_hook_end(Model *m, size_t i) {
    sim_hook_end(&m->sim, i, model_dice(m, 3) ? NULL : "exit code 1");
}

static void do_ready(Model *m, size_t i, bool ready) {
    Truth *t = &m->truth[i];
    if (ready && !t->leaving) {
        t->readied = t->readied ? t->readied : m->sim.world.boot_ms;
        t->ready = t->ever_ready = true;
    }
    sim_ready(&m->sim, i, ready);
}

/* Heard of a run that is to end anyway, or is not executing, it changes nothing. */
static void do_unlive(Model *m, size_t i) {
    m->truth[i].unlive |= !m->truth[i].leaving;
    sim_unlive(&m->sim, i, "no answer");
}

static void do_connect(Model *m, size_t i) {
    m->truth[i].connected = true;
    sim_connect(&m->sim, i);
}

static void do_stuck(Model *m, size_t i) {
    m->truth[i].stuck = true;
    sim_survivors(&m->sim, i, "4711 (sleep)");
}

static void end_somehow(Model *m, size_t i) {
    switch (model_dice(m, 8)) {
    case 0: do_end(m, i, END_LOST, 0); return;
    case 1: do_end(m, i, END_SIGNALED, 9); return;
    case 2: do_end(m, i, END_EXITED, 3); return;
    default: do_end(m, i, END_EXITED, 0); return;
    }
}

static void backend_event(Model *m, size_t i) {
    const SimRun *run = &m->sim.runs[i];
    m->event = "backend";
    if (!run->live && run->looking)
        look(m, i, model_dice(m, 2));
    if (m->sim.verdicts[i].hold == HOLD_CONNECTION && model_dice(m, 2))
        do_connect(m, i);
    if (run->hook && model_dice(m, 2))
        do_hook_end(m, i);
    if (!run->live)
        return;
    if (!run->execed && model_dice(m, 4)) {
        do_exec(m, i);
    } else if (!run->execed) {
        do_end(m, i, END_FAILED, model_dice(m, 2) ? ENOENT : EAGAIN);
    } else if (run->stop_asked && model_dice(m, 8) == 0) {
        do_stuck(m, i);
    } else if (run->stop_asked || model_dice(m, 3) == 0) {
        end_somehow(m, i);
    } else if (!is_job(m, i) && model_dice(m, 4) == 0) {
        do_unlive(m, i);
    } else if (!is_job(m, i) && service_of(m, i)->ready.kind != PROBE_NONE) {
        do_ready(m, i, model_dice(m, 3) > 0);
    }
}

static void pass_time(Model *m) {
    int64_t wake = sim_wake(&m->sim);
    m->event = "time";
    if (wake && model_dice(m, 2))
        sim_pass(&m->sim, wake - m->sim.world.now_ms);
    else
        sim_pass(&m->sim, model_dice(m, 400));
}

/* A session goes down, and comes up again, as a whole. */
static void event_while_down(Model *m, size_t i) {
    if (model_dice(m, 3)) {
        ask_restart(m, i); /* of no use */
        return;
    }
    for (size_t t = 0; t < m->sim.graph.n; t++)
        told(m, t, WANT_RUN);
    for (size_t t = 0; t < m->sim.graph.n; t++)
        fact_wanted(&m->sim.facts[t], WANT_RUN, m->sim.world.now_us, NULL);
    sim_drain(&m->sim);
}

static void people_event(Model *m, size_t i) {
    m->event = "wish";
    if (m->truth[i].want == WANT_DOWN) {
        event_while_down(m, i);
        return;
    }
    switch (model_dice(m, 15)) {
    case 12: change(m, i); return;
    case 13: ask_force(m, i); return;
    case 14:
        if (!m->sim.runs[i].live)
            unwatch(m, i);
        return;
    case 0:
    case 1: ask_want(m, i, WANT_STOPPED); return;
    case 2: ask_want(m, i, model_dice(m, 2) ? WANT_DISABLED : WANT_NOTHING); return;
    case 3:
    case 4: ask_want(m, i, WANT_RUN); return;
    case 5:
    case 6:
    case 7: ask_restart(m, i); return;
    case 8:
        if (model_dice(m, 10) == 0)
            ask_down(m);
        return;
    default: ask_start(m, i); return;
    }
}

static void any_event(Model *m) {
    m->event = "a moment";
    sim_pass(&m->sim, 1); /* nothing happens at the same time as something else */
    m->on = model_dice(m, (uint32_t)m->sim.graph.n);
    if (m->on == m->sim.graph.tiltfile)
        pass_time(m);
    else if (model_dice(m, 3) == 0)
        people_event(m, m->on);
    else if (model_dice(m, 8) == 0)
        pass_time(m);
    else
        backend_event(m, m->on);
    if (m->sim.world.ci && model_dice(m, 100) == 0)
        m->sim.world.done = true;
    check_all(m);
}

/* ---- the end ---- */

/* Everybody does what is expected of him, until nothing moves. */
static bool settle_once(Model *m) {
    bool moved = false;
    for (size_t i = 0; i < m->sim.graph.n; i++) {
        const SimRun *run = &m->sim.runs[i];
        m->on = i;
        if (m->truth[i].unwatched)
            unwatch(m, i), moved = true;
        if (run->hook)
            do_hook_end(m, i), moved = true;
        if (run->looking)
            look(m, i, false), moved = true;
        else if (run->live && !run->execed && !run->stop_asked)
            do_exec(m, i), moved = true;
        else if (run->live && (run->stop_asked || is_job(m, i)) && !m->truth[i].stuck)
            do_end(m, i, END_EXITED, 0), moved = true;
        else if (run->live && !m->truth[i].ready && !m->truth[i].leaving)
            do_ready(m, i, true), moved = true;
        check_all(m);
    }
    int64_t wake = sim_wake(&m->sim);
    if (moved || !wake)
        return moved;
    sim_pass(&m->sim, wake - m->sim.world.now_ms);
    return true;
}

static void settle(Model *m) {
    m->event = "settling";
    for (size_t i = 0; i < m->sim.graph.n; i++) /* schedules go on for ever */
        fact_due_at(&m->sim.facts[i], 0, NULL);
    sim_drain(&m->sim);
    for (int rounds = 0; settle_once(m); rounds++)
        must(m, rounds < 200, "never comes to rest", 0);
    for (size_t i = 0; i < m->sim.graph.n; i++) {
        Hold hold = m->sim.verdicts[i].hold;
        bool at_rest =
            hold == HOLD_NONE || hold == HOLD_CONNECTION || hold == HOLD_DEP ||
            hold == HOLD_BUILD || (hold == HOLD_STOPPING && m->truth[i].stuck) ||
            (hold == HOLD_LOCK && jobs_live(m) > 0) || /* only those that are stuck are left */
            (hold == HOLD_SLOT && jobs_live(m) >= m->sim.parallelism);
        must(m, at_rest, "waits for what never comes", i);
    }
}

static void go_down(Model *m) {
    m->event = "going down";
    ask_down(m);
    for (int rounds = 0; rounds < 100; rounds++) {
        for (size_t i = 0; i < m->sim.graph.n; i++) {
            m->on = i;
            if (m->sim.runs[i].hook)
                do_hook_end(m, i);
            if (m->sim.runs[i].stop_asked && m->sim.runs[i].live)
                do_end(m, i, END_SIGNALED, 15);
            check_all(m);
        }
    }
    for (size_t i = 0; i < m->sim.graph.n; i++)
        must(m, !m->sim.runs[i].live && facts_gone(&m->sim.facts[i]), "is not gone", i);
    sim_pass(&m->sim, 1000000);
    check_all(m);
}

static void run_sequence(uint64_t seed) {
    Model m = {.seed = seed, .random = (seed + 1) * 0x9E3779B97F4A7C15u, .event = "the start"};
    model_random_world(&m);
    m.sim.on_act = on_act;
    m.sim.arg = &m;
    for (size_t i = 0; i < m.sim.graph.n; i++) {
        if (i != m.sim.graph.tiltfile && model_dice(&m, 4))
            ask_want(&m, i, WANT_RUN);
    }
    for (m.step = 1; m.step <= STEPS; m.step++)
        any_event(&m);
    settle(&m);
    go_down(&m);
    sim_deinit(&m.sim);
}

/* Four tests instead of one, so that two processors share them. */
static void run_sequences(uint64_t from) {
    for (uint64_t seed = from; seed < from + 30000; seed++)
        run_sequence(seed);
}

TEST(model_sequences_1)
{ run_sequences(0); }

TEST(model_sequences_2)
{ run_sequences(100000); }

TEST(model_sequences_3)
{ run_sequences(200000); }

TEST(model_sequences_4)
{ run_sequences(300000); }
