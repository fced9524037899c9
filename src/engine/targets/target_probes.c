/* SPDX-License-Identifier: Apache-2.0 */
/* The two probes of a server's run: `ready`, and `live`, which begins when that has succeeded. */
#include "base/str.h"
#include "engine/targets/run_files.h"
#include "engine/targets/step_build.h"
#include "engine/targets/target.h"

static Op *exec_probe(void *exec_arg, const Probe *spec, OpFn fn, void *arg) {
    Target *target = exec_arg;
    Backend *backend = target->session->engine->backend;
    Arena arena;
    Step step;
    arena_init(&arena);
    step_build_probe(target, &spec->exec, &arena, &step);
    Op *op = backend_exec_step(backend, target_step_id(target, target_facts(target)->run), &step,
                               spec->timeout_ms, fn, arg);
    arena_deinit(&arena);
    return op;
}

static ProbeAsk ask_about(Target *target, const Probe *spec) {
    Engine *engine = target->session->engine;
    return (ProbeAsk){.loop = engine->loop,
                      .http = engine->http,
                      .backend = engine->backend,
                      .step = target_step_id(target, target_facts(target)->run),
                      .spec = spec,
                      .values = ports_values(target->begun, target_spec(target)->resource),
                      .exec = exec_probe,
                      .exec_arg = target};
}

/* ---- live ---- */

static void on_live(void *arg, bool live, const char *why) {
    Target *target = arg;
    if (live)
        return;
    fact_unlive(target_facts(target), why);
    target_mark(target);
}

static void start_live(Target *target) {
    const Probe *spec = &target_begun_service(target)->live;
    if (spec->kind == PROBE_NONE || target->live)
        return;
    ProbeAsk ask = ask_about(target, spec);
    ask.was_ready = true;
    ask.first_ms = spec->period_ms;
    target->live = ready_probe_new(&ask, on_live, target);
}

/* ---- ready ---- */

static void on_ready(void *arg, bool ready, const char *why) {
    Target *target = arg;
    TargetFacts *facts = target_facts(target);
    PlanWorld world = session_world(target->session);
    str_copy(target->probe_why, sizeof(target->probe_why), why);
    if (ready && !facts->last_ready_us)
        run_files_mark_ready(target->session->dir, target_spec(target)->name, facts->run,
                             (Moment){world.now_us, loop_boot_ms(target->session->engine->loop)});
    fact_ready(facts, ready, &world);
    events_look(target);
    target_mark(target);
    if (ready)
        start_live(target);
}

uint16_t target_ready_port(const Target *target) {
    TemplateValues values = ports_values(target->begun, target_spec(target)->resource);
    Arena arena;
    arena_init(&arena);
    Probe probe = template_probe(&target_begun_service(target)->ready, &values, &arena);
    uint16_t port = probe_port(&probe);
    arena_deinit(&arena);
    return port;
}

/* Is it somebody else who answers on the port? */
static bool doubt_ready(void *exec_arg, char *why, size_t size) {
    Target *target = exec_arg;
    uint16_t port = target_ready_port(target);
    return port && !target->session->engine->options.scripted &&
           port_stranger(port, target_facts(target)->pid, why, size);
}

static void start_ready(Target *target) {
    ProbeAsk ask = ask_about(target, &target_begun_service(target)->ready);
    ask.doubt = doubt_ready;
    ask.was_ready = target_facts(target)->ready;
    target->probe = ready_probe_new(&ask, on_ready, target);
    str_copy(target->probe_why, sizeof(target->probe_why), ready_probe_why(target->probe));
}

void target_probes_start(Target *target) {
    if (target_spec(target)->type != TARGET_SERVER)
        return;
    if (target_begun_service(target)->ready.kind != PROBE_NONE)
        start_ready(target);
    if (target_facts(target)->last_ready_ms)
        start_live(target);
}

void target_probes_stop(Target *target) {
    target->probe = ready_probe_free(target->probe);
    target->live = ready_probe_free(target->live);
}
