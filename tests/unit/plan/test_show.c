/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown, where no golden file shows it. */
#include "harness/test.h"
#include "sim.h"

static TargetState state_of(const Sim *sim, size_t i) {
    static const char *names[WAITING_ON_MAX];
    TargetState s;
    Judged judged = sim_judged(sim, i);
    plan_show(&judged, &s, names);
    return s;
}

static const char *why_of(const Sim *sim, size_t i) {
    static char text[512];
    Judged judged = sim_judged(sim, i);
    plan_why(&judged, text, sizeof text);
    return text;
}

static void one_server(Sim *sim) {
    sim_init(sim);
    Service *s = sim_service(sim, "web");
    sim_command(sim, &s->command, "run");
    sim_build(sim);
}

TEST(the_file_itself)
{
    Sim sim;
    one_server(&sim);
    size_t file = sim.graph.tiltfile;
    sim_drain(&sim);
    TargetState s = state_of(&sim, file);
    CHECK_EQ(s.phase, PHASE_TERMINATED);
    CHECK(s.start_us && s.finish_us && !s.error);
    CHECK_EQ(s.exit_code, -1);
    CHECK_STR(why_of(&sim, file), "");
    sim_want(&sim, file, WANT_RUN); /* even if somebody does */
    CHECK_EQ(sim.facts[file].run, 0);
    CHECK_EQ(state_of(&sim, file).phase, PHASE_TERMINATED);
    fact_file_read(&sim.facts[file], 10, 20, "thole.yaml:3: unknown key");
    s = state_of(&sim, file);
    CHECK_STR(s.error, "thole.yaml:3: unknown key");
    CHECK_STR(why_of(&sim, file), "thole.yaml:3: unknown key");
    sim_deinit(&sim);
}

TEST(numbers_of_a_run)
{
    Sim sim;
    one_server(&sim);
    size_t web = sim_target(&sim, "web:serve");
    sim_want(&sim, web, WANT_RUN);
    TargetState s = state_of(&sim, web);
    CHECK_EQ(s.phase, PHASE_WAITING);
    CHECK_EQ(s.trigger_us, sim.world.now_us);
    CHECK_EQ(s.waiting_on_n, 0);
    sim_exec(&sim, web);
    s = state_of(&sim, web);
    CHECK_EQ(s.phase, PHASE_ACTIVE);
    CHECK_EQ(s.run, 1);
    CHECK_EQ(s.pid, sim.facts[web].pid);
    CHECK_EQ(s.start_us, sim.world.now_us);
    CHECK_EQ(s.last_ready_us, sim.world.now_us);
    sim_end(&sim, web, END_SIGNALED, 9);
    sim_pass(&sim, 500);
    sim_exec(&sim, web);
    s = state_of(&sim, web);
    CHECK_EQ(s.run, 2);
    CHECK_EQ(s.restarts, 1);
    sim_want(&sim, web, WANT_DOWN);
    sim_end(&sim, web, END_SIGNALED, 15);
    CHECK_EQ(state_of(&sim, web).phase, PHASE_NONE);
    CHECK_STR(why_of(&sim, web), "stopped with the session");
    sim_deinit(&sim);
}

TEST(what_could_not_start_has_times)
{
    Sim sim;
    one_server(&sim);
    size_t web = sim_target(&sim, "web:serve");
    sim.config.services.at[0].restart.policy = RESTART_NEVER;
    sim_want(&sim, web, WANT_RUN);
    sim_end(&sim, web, END_FAILED, 2);
    TargetState s = state_of(&sim, web);
    CHECK_EQ(s.phase, PHASE_TERMINATED);
    CHECK(s.start_us && s.finish_us);
    CHECK_STR(s.error, "could not start: no such file or directory: run");
    sim_deinit(&sim);
}

TEST(names_of_what_it_waits_for_are_bounded)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    Sim sim;
    sim_init(&sim);
    Service *x = sim_service(&sim, "x");
    sim_command(&sim, &x->command, "run");
    for (size_t i = 0; i < 8; i++) {
        Service *s = sim_service(&sim, names[i]);
        sim_command(&sim, &s->command, "run");
        sim_depend(&sim, x, names[i], DEP_DEFAULT);
    }
    sim_build(&sim);
    size_t target = sim_target(&sim, "x:serve");
    sim_want(&sim, target, WANT_RUN);
    TargetState s = state_of(&sim, target);
    CHECK_EQ(s.waiting_on_n, 8);
    CHECK_STR(s.waiting_on[7], "h:serve");
    CHECK_STR(why_of(&sim, target), "waiting for a, b, c and 5 more; a was not asked for");
    sim_deinit(&sim);
}

TEST(why_fits_any_buffer)
{
    Sim sim;
    one_server(&sim);
    size_t web = sim_target(&sim, "web:serve");
    sim_want(&sim, web, WANT_RUN);
    sim_exec(&sim, web);
    sim_end(&sim, web, END_EXITED, 3);
    char text[8];
    Judged judged = sim_judged(&sim, web);
    plan_why(&judged, text, sizeof text);
    CHECK_STR(text, "exit co");
    sim_deinit(&sim);
}

TEST(a_finished_session_starts_nothing)
{
    Sim sim;
    one_server(&sim);
    size_t web = sim_target(&sim, "web:serve");
    sim.world.ci = sim.world.done = true;
    sim_want(&sim, web, WANT_RUN);
    CHECK_EQ(sim.facts[web].run, 0);
    CHECK_EQ(state_of(&sim, web).phase, PHASE_NONE);
    CHECK_STR(why_of(&sim, web), "not started: the session is over");
    sim_deinit(&sim);
}

TEST(slots_go_to_the_oldest_wish)
{
    TargetFacts a = {.trigger_us = 5}, b = {.trigger_us = 4};
    CHECK(plan_slot_compare(&a, "a", &b, "b") > 0);
    CHECK(plan_slot_compare(&b, "b", &a, "a") < 0);
    b.trigger_us = 5;
    CHECK(plan_slot_compare(&a, "a", &b, "b") < 0);
    CHECK_EQ(plan_slot_compare(&a, "a", &a, "a"), 0);
}
