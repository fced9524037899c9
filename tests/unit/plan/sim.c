/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

enum { SERVICES_MAX = 12, DEPS_MAX = 8, SIM_LOCKS = 4 };

void sim_init(Sim *sim) {
    *sim = (Sim){.parallelism = 4};
    arena_init(&sim->arena);
    sim->world = (PlanWorld){.now_ms = 1000, .boot_ms = 500000, .now_us = 1700000000000000};
    sim->config = (Config){
        .version = 1,
        .ci = {.timeout_ms = 1800000, .readiness_timeout_ms = 300000},
    };
    sim->config.services.at = arena_alloc(&sim->arena, SERVICES_MAX * sizeof(Service));
}

void sim_deinit(Sim *sim) {
    for (size_t i = 0; i < sim->graph.n; i++)
        facts_deinit(&sim->facts[i]);
    arena_deinit(&sim->arena);
}

Service *sim_service(Sim *sim, const char *name) {
    assert(sim->config.services.n < SERVICES_MAX);
    Service *s = &sim->config.services.at[sim->config.services.n++];
    *s = (Service){
        .name = arena_strdup(&sim->arena, name),
        .auto_start = true,
        .restart = {.policy = RESTART_ON_FAILURE,
                    .delay_ms = 500,
                    .max_delay_ms = 30000,
                    .max_restarts = 10,
                    .reset_after_ms = 60000},
        .stop = {.signal = 15, .grace_ms = 10000},
    };
    s->depends_on.at = arena_alloc(&sim->arena, DEPS_MAX * sizeof(DependsOn));
    return s;
}

void sim_command(Sim *sim, Command *ret, const char *script) {
    const char **argv = arena_alloc(&sim->arena, sizeof *argv);
    argv[0] = arena_strdup(&sim->arena, script);
    ret->argv = (StrList){.at = argv, .n = 1};
}

DependsOn *sim_depend(Sim *sim, Service *service, const char *on, DepCondition condition) {
    assert(service->depends_on.n < DEPS_MAX);
    DependsOn *dep = &service->depends_on.at[service->depends_on.n++];
    *dep = (DependsOn){.name = arena_strdup(&sim->arena, on), .condition = condition};
    return dep;
}

void sim_lock(Sim *sim, Service *service, const char *name) {
    StrList *locks = &service->locks;
    if (!locks->at)
        locks->at = arena_alloc(&sim->arena, SIM_LOCKS * sizeof *locks->at);
    assert(locks->n < SIM_LOCKS);
    locks->at[locks->n++] = arena_strdup(&sim->arena, name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const Service *)a)->name, ((const Service *)b)->name);
}

void sim_build(Sim *sim) {
    qsort(sim->config.services.at, sim->config.services.n, sizeof(Service), by_name);
    graph_build(&sim->config, &sim->arena, &sim->graph);
    sim->facts = arena_alloc(&sim->arena, sim->graph.n * sizeof *sim->facts);
    sim->verdicts = arena_alloc(&sim->arena, sim->graph.n * sizeof *sim->verdicts);
    sim->runs = arena_alloc(&sim->arena, sim->graph.n * sizeof *sim->runs);
    fact_file_read(&sim->facts[sim->graph.tiltfile], sim->world.now_us, sim->world.now_us, NULL);
}

size_t sim_target(const Sim *sim, const char *name) {
    int64_t at = graph_find(&sim->graph, name);
    assert(at >= 0);
    return (size_t)at;
}

Judged sim_judged(const Sim *sim, size_t i) {
    return (Judged){&sim->graph, sim->facts, i, &sim->verdicts[i]};
}

/* ---- the engine ---- */

static void set_due(Sim *sim, size_t i) {
    const Service *service = sim->graph.targets[i].service;
    if (service && service->schedule.interval_ms && sim->graph.targets[i].type == TARGET_JOB)
        fact_due_at(&sim->facts[i], sim->world.now_us + service->schedule.interval_ms * 1000,
                    "noon");
}

static void perform(Sim *sim, size_t i, const Verdict *v) {
    TargetFacts *f = &sim->facts[i];
    SimRun *run = &sim->runs[i];
    if (sim->on_act)
        sim->on_act(sim->arg, i, v);
    switch (v->act) {
    case ACT_NONE: return;
    case ACT_START:
        *run = (SimRun){.live = true, .run = f->run + 1};
        fact_start_asked(f, f->run + 1, &sim->world);
        return;
    case ACT_STOP:
        run->stop_asked = true;
        if (v->overdue)
            fact_timed_out(f, &sim->graph.targets[i], NULL);
        fact_stop_asked(f, &sim->world);
        return;
    case ACT_GONE: fact_gone(f); return;
    case ACT_HOOK:
        fact_hook_begun(f, v->start_hook);
        run->hook = v->start_hook;
        return;
    case ACT_DUE:
        fact_due(f, sim->world.now_us);
        set_due(sim, i);
        return;
    case ACT_FOLLOW: fact_restart_asked(f, sim->world.now_us, NULL); return;
    case ACT_LOOK:
        run->looking = true;
        fact_look_asked(f);
        return;
    }
}

static bool drain_once(Sim *sim) {
    bool acted = false;
    sim->world.slots = 0;
    for (size_t i = 0; i < sim->graph.n; i++) {
        Verdict *v = &sim->verdicts[i];
        plan_target(&sim->graph, sim->facts, i, &sim->world, v);
        if (v->act != ACT_NONE) {
            perform(sim, i, v);
            acted = true;
        } else if (v->hold == HOLD_CONNECTION && !sim->facts[i].ever_ready) {
            if (sim->on_act)
                sim->on_act(sim->arg, i, v);
            fact_reachable(&sim->facts[i]);
            acted = true;
        }
    }
    return acted;
}

static int free_slots(const Sim *sim) {
    int n = sim->parallelism;
    for (size_t i = 0; i < sim->graph.n; i++)
        n -= sim->runs[i].live && sim->graph.targets[i].type == TARGET_JOB;
    return n;
}

/* The first of those that wait for a slot; -1: none does. */
static int64_t first_in_line(const Sim *sim) {
    int64_t first = -1;
    for (size_t i = 0; i < sim->graph.n; i++) {
        if (sim->verdicts[i].hold != HOLD_SLOT)
            continue;
        if (first < 0 || plan_slot_compare(&sim->facts[i], sim->graph.targets[i].name,
                                           &sim->facts[first], sim->graph.targets[first].name) < 0)
            first = (int64_t)i;
    }
    return first;
}

static bool offer_slot(Sim *sim) {
    int64_t i = free_slots(sim) > 0 ? first_in_line(sim) : -1;
    if (i < 0)
        return false;
    sim->world.slots = 1;
    plan_target(&sim->graph, sim->facts, (size_t)i, &sim->world, &sim->verdicts[i]);
    perform(sim, (size_t)i, &sim->verdicts[i]);
    return true;
}

void sim_drain(Sim *sim) {
    int rounds = 0;
    do {
        while (drain_once(sim))
            assert(++rounds < 1000);
    } while (offer_slot(sim));
}

int64_t sim_wake(const Sim *sim) {
    int64_t wake = 0;
    for (size_t i = 0; i < sim->graph.n; i++) {
        int64_t at = sim->verdicts[i].wake_ms;
        if (at && (!wake || at < wake))
            wake = at;
        int64_t due_us = sim->facts[i].want == WANT_RUN ? sim->facts[i].due_us : 0;
        at = due_us ? sim->world.now_ms + (due_us - sim->world.now_us) / 1000 : 0;
        if (at && !sim->world.done && (!wake || at < wake))
            wake = at;
    }
    return wake;
}

void sim_pass(Sim *sim, int64_t ms) {
    sim->world.now_ms += ms;
    sim->world.now_us += ms * 1000;
    sim->world.boot_ms += ms;
    sim_drain(sim);
}

/* ---- the backend ---- */

void sim_exec(Sim *sim, size_t i) {
    SimRun *run = &sim->runs[i];
    assert(run->live && !run->execed);
    run->execed = true;
    fact_started(&sim->facts[i], &sim->graph.targets[i], (int32_t)(1000 + i), sim->world.now_us,
                 &sim->world);
    sim_drain(sim);
}

void sim_ended(Sim *sim, size_t i, const RunResult *result) {
    assert(sim->runs[i].live);
    sim->runs[i].live = false;
    fact_ended(&sim->facts[i], &sim->graph.targets[i], result, &sim->world);
    sim_drain(sim);
}

void sim_end(Sim *sim, size_t i, EndKind kind, int code) {
    sim_ended(sim, i,
              &(RunResult){.kind = kind,
                           .code = code,
                           .own_fault = kind == END_FAILED,
                           .oom_killed = NO,
                           .ended_us = sim->world.now_us});
}

void sim_ready(Sim *sim, size_t i, bool ready) {
    fact_ready(&sim->facts[i], ready, &sim->world);
    sim_drain(sim);
}

void sim_unlive(Sim *sim, size_t i, const char *why) {
    fact_unlive(&sim->facts[i], why);
    sim_drain(sim);
}

void sim_connect(Sim *sim, size_t i) {
    fact_connected(&sim->facts[i]);
    sim_drain(sim);
}

void sim_survivors(Sim *sim, size_t i, const char *names) {
    sim->runs[i].stop_asked = false;
    fact_stop_failed(&sim->facts[i], names);
    sim_drain(sim);
}

/* ---- people ---- */

void sim_want(Sim *sim, size_t i, Want want) {
    fact_wanted(&sim->facts[i], want, sim->world.now_us, NULL);
    if (want == WANT_RUN)
        set_due(sim, i);
    sim_drain(sim);
}

void sim_start(Sim *sim, size_t i) {
    unsigned char *marks = arena_alloc(&sim->arena, sim->graph.n);
    plan_needed(&sim->graph, sim->facts, i, marks);
    for (size_t t = 0; t < sim->graph.n; t++) {
        if (!marks[t])
            continue;
        fact_wanted(&sim->facts[t], WANT_RUN, sim->world.now_us, NULL);
        set_due(sim, t);
    }
    sim_drain(sim);
}

void sim_restart(Sim *sim, size_t i) {
    fact_restart_asked(&sim->facts[i], sim->world.now_us, NULL);
    sim_drain(sim);
}

void sim_change(Sim *sim, size_t i, bool patient, const char *cause) {
    fact_changed(&sim->facts[i], sim->world.now_us, patient, cause);
    sim_drain(sim);
}

void sim_force(Sim *sim, size_t i) {
    fact_restart_asked(&sim->facts[i], sim->world.now_us, NULL);
    fact_forced(&sim->facts[i]);
    sim_drain(sim);
}

void sim_look(Sim *sim, size_t i, bool fresh, const char *note) {
    sim->runs[i].looking = false;
    fact_looked(&sim->facts[i], fresh, note, &sim->world);
    sim_drain(sim);
}

void sim_unwatched(Sim *sim, size_t i, bool unwatched) {
    if (unwatched)
        fact_unwatched(&sim->facts[i]);
    else
        fact_watched(&sim->facts[i]);
    sim_drain(sim);
}

void sim_down(Sim *sim) {
    for (size_t i = 0; i < sim->graph.n; i++)
        fact_wanted(&sim->facts[i], WANT_DOWN, sim->world.now_us, NULL);
    sim_drain(sim);
}

void sim_await(Sim *sim, size_t i) {
    fact_awaited(&sim->facts[i], sim->world.now_us);
    set_due(sim, i);
    sim_drain(sim);
}

void sim_hook_end(Sim *sim, size_t i, const char *why) {
    assert(sim->runs[i].hook);
    sim->runs[i].hook = HOOK_NONE;
    fact_hook_ended(&sim->facts[i], why);
    sim_drain(sim);
}
