/* SPDX-License-Identifier: Apache-2.0 */
/* A complete engine in small, for tests: a graph, facts, a clock that only moves when told to, and
 * a backend that does what it is told later, when the test says so. It keeps to the loop of
 * plan.h. */
#pragma once

#include "base/arena.h"
#include "plan/plan.h"

typedef struct Sim Sim;

/* What the backend knows of a target's run. */
typedef struct SimRun {
    bool live, execed, stop_asked;
    bool looking; /* at its inputs */
    uint32_t run;
    Hook hook; /* of a run that has ended */
} SimRun;

/* Told of each act before it is performed. */
typedef void (*SimFn)(void *arg, size_t target, const Verdict *verdict);

struct Sim {
    Arena arena;
    Config config;
    Graph graph;
    TargetFacts *facts;
    Verdict *verdicts; /* as of the last drain */
    SimRun *runs;
    PlanWorld world;
    int parallelism;
    SimFn on_act;
    void *arg;
};

/* An empty config; add services, then build. */
void sim_init(Sim *sim);
void sim_deinit(Sim *sim);
/* A service with the defaults of thole.yaml; the pointer is good until sim_build. */
Service *sim_service(Sim *sim, const char *name);
void sim_command(Sim *sim, Command *ret, const char *script);
DependsOn *sim_depend(Sim *sim, Service *service, const char *on, DepCondition condition);
void sim_lock(Sim *sim, Service *service, const char *name);
void sim_build(Sim *sim);
size_t sim_target(const Sim *sim, const char *name);

/* As plan_show() and plan_why() want it. */
Judged sim_judged(const Sim *sim, size_t i);

/* Performs acts until there are none. */
void sim_drain(Sim *sim);
/* Earliest wake_ms of all verdicts; 0: none. */
int64_t sim_wake(const Sim *sim);
void sim_pass(Sim *sim, int64_t ms); /* time passes, then drain */

/* The backend answers; each drains. */
void sim_exec(Sim *sim, size_t i);
void sim_end(Sim *sim, size_t i, EndKind kind, int code);
void sim_ended(Sim *sim, size_t i, const RunResult *result);
void sim_ready(Sim *sim, size_t i, bool ready);
void sim_connect(Sim *sim, size_t i); /* somebody, to a lazy server */
void sim_unlive(Sim *sim, size_t i, const char *why);
void sim_survivors(Sim *sim, size_t i, const char *names);
/* People ask; each drains. */
void sim_want(Sim *sim, size_t i, Want want);
void sim_start(Sim *sim, size_t i);                     /* with all it needs */
void sim_hook_end(Sim *sim, size_t i, const char *why); /* NULL: well */
void sim_await(Sim *sim, size_t i); /* of a scheduled job: without running it now */
void sim_restart(Sim *sim, size_t i);
void sim_down(Sim *sim);
/* Files; each drains. */
void sim_change(Sim *sim, size_t i, bool patient, const char *cause);
void sim_force(Sim *sim, size_t i);
void sim_look(Sim *sim, size_t i, bool fresh, const char *note);
void sim_unwatched(Sim *sim, size_t i, bool unwatched);
