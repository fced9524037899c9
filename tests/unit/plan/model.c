/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <string.h>

#include "base/attr.h"

uint32_t model_dice(Model *m, uint32_t sides) {
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)(m->random >> 32) % sides;
}

static void random_deps(Model *m, Service *s, size_t at, bool backwards, size_t n) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    size_t from = backwards ? at + 1 : 0, to = backwards ? n : at;
    for (size_t on = from; on < to; on++) {
        if (model_dice(m, 5) < 2)
            sim_depend(&m->sim, s, names[on], model_dice(m, 4))->restart = model_dice(m, 2);
    }
}

static void random_service(Model *m, Service *s) {
    switch (model_dice(m, 7)) {
    case 0: return; /* a group */
    case 1:
    case 2: s->type = SERVICE_JOB; break;
    case 3:
    case 4: sim_command(&m->sim, &s->build, "make"); break;
    default: break;
    }
    sim_command(&m->sim, &s->command, "run");
    if (s->type == SERVICE_SERVER && model_dice(m, 2)) {
        s->ready.kind = PROBE_KIND_TCP;
        s->ready.deadline_ms = model_dice(m, 2) ? 800 : 0;
    }
    for (const char *const *lock = (const char *const[]){"x", "y", NULL}; *lock; lock++)
        if (s->type == SERVICE_JOB ? model_dice(m, 2) : model_dice(m, 4) == 0)
            sim_lock(&m->sim, s, *lock);
    s->schedule.interval_ms = s->type == SERVICE_JOB && model_dice(m, 3) == 0 ? 500 : 0;
    s->timeout_ms = model_dice(m, 3) ? 0 : 700;
    if (model_dice(m, 3) == 0)
        sim_command(&m->sim, &s->hooks.after, "after");
    if (model_dice(m, 3) == 0)
        sim_command(&m->sim, &s->hooks.on_failure, "failed");
    if (model_dice(m, 3) == 0)
        s->inputs = s->command.argv;
    s->lazy = s->type == SERVICE_SERVER && model_dice(m, 4) == 0;
    s->restart = (Restart){
        .policy = model_dice(m, 3),
        .delay_ms = model_dice(m, 3) ? 100 : 0,
        .max_delay_ms = 300,
        .max_restarts = model_dice(m, 4),
        .reset_after_ms = model_dice(m, 2) ? 1000 : 50,
    };
    s->restart_written = model_dice(m, 2);
}

void model_random_world(Model *m) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    Service *services[COUNT(names)];
    size_t n = 1 + model_dice(m, 4) + model_dice(m, 2);
    bool backwards = model_dice(m, 2);
    sim_init(&m->sim);
    for (size_t i = 0; i < n; i++) {
        services[i] = sim_service(&m->sim, names[i]);
        random_service(m, services[i]);
    }
    for (size_t i = 0; i < n; i++)
        random_deps(m, services[i], i, backwards, n);
    sim_build(&m->sim);
    m->sim.parallelism = 1 + (int)model_dice(m, 3);
    m->sim.world.ci = model_dice(m, 4) == 0;
    m->sim.world.ci_grace_ms = model_dice(m, 2) ? 600 : 0;
    memset(m->truth, 0, sizeof m->truth);
}

/* ---- who follows whom ---- */

static int64_t truth_met(const Model *m, const Dep *d) {
    const Truth *t = &m->truth[d->target];
    if (d->condition == DEP_STARTED)
        return t->executed;
    return d->condition == DEP_READY ? t->readied : t->finished;
}

static bool truth_anew(const Model *m, size_t i, const Dep *d) {
    return d->restart && truth_met(m, d) > m->truth[i].begun;
}

bool model_owes(const Model *m, size_t i) {
    return m->truth[i].owed || m->truth[i].policy;
}

bool model_due(const Model *m, size_t i) {
    const Truth *t = &m->truth[i];
    const TargetSpec *spec = &m->sim.graph.targets[i];
    bool live = m->sim.runs[i].live && !t->leaving && !t->unlive;
    bool failed = !m->sim.runs[i].live && facts_failed(&m->sim.facts[i]);
    if (t->want != WANT_RUN || model_owes(m, i) || !(live || failed))
        return false;
    for (size_t d = 0; d < spec->dep_n; d++)
        if (truth_anew(m, i, &spec->deps[d]))
            return true;
    return false;
}

bool model_stirs(const Model *m, size_t i) {
    const TargetSpec *spec = &m->sim.graph.targets[i];
    for (size_t d = 0; d < spec->dep_n; d++) {
        const Dep *dep = &spec->deps[d];
        const Truth *t = &m->truth[dep->target];
        if (!dep->restart || t->want != WANT_RUN)
            continue;
        if (model_owes(m, dep->target) || (m->sim.runs[dep->target].live && !truth_met(m, dep)) ||
            model_due(m, dep->target) || model_stirs(m, dep->target))
            return true;
    }
    return false;
}
