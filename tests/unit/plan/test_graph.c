/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/err.h"
#include "harness/test.h"
#include "sim.h"

/* "a:update b:serve(ready)": the deps of a target, for comparison. */
static const char *deps_of(const Sim *sim, const char *name, char text[512]) {
    static const char *const conditions[] = {"default", "started", "ready", "completed", "ended"};
    const TargetSpec *spec = &sim->graph.targets[sim_target(sim, name)];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < spec->dep_n; i++)
        at += (size_t)snprintf(text + at, 512 - at, "%s%s %s%s", i ? ", " : "",
                               sim->graph.targets[spec->deps[i].target].name,
                               conditions[spec->deps[i].condition],
                               spec->deps[i].own_build ? " (own)" : "");
    return text;
}

static Service *server(Sim *sim, const char *name) {
    Service *s = sim_service(sim, name);
    sim_command(sim, &s->command, "run");
    return s;
}

static Service *job(Sim *sim, const char *name) {
    Service *s = server(sim, name);
    s->type = SERVICE_JOB;
    return s;
}

static Service *built(Sim *sim, const char *name) {
    Service *s = server(sim, name);
    sim_command(sim, &s->build, "make");
    return s;
}

TEST(targets_are_in_byte_order)
{
    Sim sim;
    sim_init(&sim);
    built(&sim, "db");
    built(&sim, "db-2");
    server(&sim, "web");
    job(&sim, "zip");
    sim_service(&sim, "group");
    sim_build(&sim);
    static const char *const names[] = {"db-2:serve",      "db-2:update", "db:serve",  "db:update",
                                        "tiltfile:update", "web:serve",   "zip:update"};
    CHECK_EQ(sim.graph.n, 7);
    for (size_t i = 0; i < 7; i++)
        CHECK_STR(sim.graph.targets[i].name, names[i]);
    CHECK_EQ(sim.graph.tiltfile, 4);
    const TargetSpec *file = &sim.graph.targets[4];
    CHECK_STR(file->resource, "(Tiltfile)");
    CHECK(!file->service && !file->command && file->dep_n == 0 && file->type == TARGET_JOB);
    CHECK_EQ(graph_find(&sim.graph, "db:serve"), 2);
    CHECK_EQ(graph_find(&sim.graph, "db"), -1);
    CHECK_EQ(graph_find(&sim.graph, "zzz:serve"), -1);
    sim_deinit(&sim);
}

TEST(an_empty_file_is_its_own_target)
{
    Sim sim;
    sim_init(&sim);
    sim_build(&sim);
    CHECK_EQ(sim.graph.n, 1);
    CHECK_EQ(sim.graph.order[0], 0);
    unsigned char chosen = 9;
    CHECK_EQ(graph_choose(&sim.graph, NULL, 0, &chosen, NULL), 0);
    CHECK_EQ(chosen, 0);
    sim_deinit(&sim);
}

static bool legal(const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++) {
        bool alnum = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9');
        bool edge = i == 0 || i + 1 == n || name[i - 1] == '.' || name[i + 1] == '.';
        if (!alnum && (edge || (name[i] != '-' && name[i] != '.')))
            return false;
    }
    return n > 0 && n <= 253;
}

TEST(object_names_are_legal_and_unique)
{
    static const char *const names[] = {"a",   "a-",  "a--", "a-b", "a-x", "a_",
                                        "a_b", "a_x", "ab_", "a__", "a_-", "0-9_"};
    Sim sim;
    sim_init(&sim);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        server(&sim, names[i]);
    sim_build(&sim);
    for (size_t i = 0; i < sim.graph.n; i++) {
        CHECK(legal(sim.graph.targets[i].object));
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(sim.graph.targets[i].object, sim.graph.targets[j].object) != 0);
    }
    CHECK_STR(sim.graph.targets[sim_target(&sim, "a-b:serve")].object, "a-b.serve");
    CHECK_STR(sim.graph.targets[sim_target(&sim, "a_b:serve")].object, "a-b.u2.serve");
    CHECK_STR(sim.graph.targets[sim_target(&sim, "a-:serve")].object, "a-x.x0.serve");
    sim_deinit(&sim);
}

TEST(longest_object_name)
{
    Sim sim;
    char name[64];
    memset(name, '_', 63);
    name[0] = 'a';
    name[63] = '\0';
    sim_init(&sim);
    server(&sim, name);
    sim_build(&sim);
    CHECK(legal(sim.graph.targets[0].object));
    sim_deinit(&sim);
}

TEST(default_conditions)
{
    Sim sim;
    char text[512];
    sim_init(&sim);
    Service *x = built(&sim, "x");
    sim_depend(&sim, x, "b", DEP_DEFAULT);
    sim_depend(&sim, x, "j", DEP_DEFAULT);
    sim_depend(&sim, x, "s", DEP_DEFAULT);
    built(&sim, "b");
    job(&sim, "j");
    server(&sim, "s");
    sim_build(&sim);
    CHECK_STR(deps_of(&sim, "x:update", text), "b:serve ready, j:update completed, s:serve ready");
    CHECK_STR(deps_of(&sim, "x:serve", text),
              "b:serve ready, j:update completed, s:serve ready, x:update completed (own)");
    CHECK_STR(deps_of(&sim, "j:update", text), "");
    const TargetSpec *s = &sim.graph.targets[sim_target(&sim, "s:serve")];
    CHECK_EQ(s->dependent_n, 2);
    CHECK_STR(sim.graph.targets[s->dependents[0]].name, "x:serve");
    CHECK_STR(sim.graph.targets[s->dependents[1]].name, "x:update");
    sim_deinit(&sim);
}

TEST(written_conditions)
{
    Sim sim;
    char text[512];
    sim_init(&sim);
    Service *x = server(&sim, "x");
    sim_depend(&sim, x, "b", DEP_COMPLETED); /* its build */
    sim_depend(&sim, x, "j", DEP_STARTED);
    sim_depend(&sim, x, "s", DEP_STARTED);
    built(&sim, "b");
    job(&sim, "j");
    server(&sim, "s");
    sim_build(&sim);
    CHECK_STR(deps_of(&sim, "x:serve", text),
              "b:update completed, j:update started, s:serve started");
    sim_deinit(&sim);
}

TEST(groups_stand_for_what_they_depend_on)
{
    Sim sim;
    char text[512];
    sim_init(&sim);
    Service *x = server(&sim, "x"), *y = server(&sim, "y");
    Service *outer = sim_service(&sim, "outer"), *inner = sim_service(&sim, "inner");
    Service *lone = sim_service(&sim, "lone"), *z = server(&sim, "z");
    server(&sim, "s");
    job(&sim, "j");
    sim_depend(&sim, x, "outer", DEP_DEFAULT);
    sim_depend(&sim, y, "outer", DEP_STARTED); /* holds for all the group stands for */
    sim_depend(&sim, outer, "inner", DEP_DEFAULT);
    sim_depend(&sim, outer, "s", DEP_DEFAULT);
    sim_depend(&sim, inner, "s", DEP_STARTED);
    sim_depend(&sim, inner, "j", DEP_DEFAULT);
    sim_depend(&sim, z, "lone", DEP_DEFAULT);
    (void)lone;
    sim_build(&sim);
    CHECK_STR(deps_of(&sim, "x:serve", text), "j:update completed, s:serve ready");
    CHECK_STR(deps_of(&sim, "y:serve", text), "j:update started, s:serve started");
    CHECK_STR(deps_of(&sim, "z:serve", text), "");
    const StrList *groups = graph_groups(&sim.graph, &sim.arena);
    const StrList *of_s = &groups[graph_find(&sim.graph, "s:serve")];
    CHECK_EQ(of_s->n, 2);
    CHECK_STR(of_s->at[0], "inner");
    CHECK_STR(of_s->at[1], "outer");
    CHECK_EQ(groups[graph_find(&sim.graph, "x:serve")].n, 0);
    CHECK_EQ(groups[sim.graph.tiltfile].n, 0);
    sim_deinit(&sim);
}

TEST(order_has_dependencies_first)
{
    Sim sim;
    sim_init(&sim);
    sim_depend(&sim, built(&sim, "a"), "c", DEP_DEFAULT);
    sim_depend(&sim, built(&sim, "b"), "a", DEP_DEFAULT);
    sim_depend(&sim, built(&sim, "c"), "d", DEP_DEFAULT);
    built(&sim, "d");
    sim_build(&sim);
    size_t place[16];
    for (size_t i = 0; i < sim.graph.n; i++)
        place[sim.graph.order[i]] = i;
    for (size_t i = 0; i < sim.graph.n; i++) {
        for (size_t d = 0; d < sim.graph.targets[i].dep_n; d++)
            CHECK(place[sim.graph.targets[i].deps[d].target] < place[i]);
    }
    sim_deinit(&sim);
}

/* ---- names that people give ---- */

static const char *chosen(const Sim *sim, const char *names, char text[512]) {
    unsigned char marks[32];
    Err err;
    const char *list[8];
    char copy[256];
    size_t n = 0, at = 0;
    snprintf(copy, sizeof copy, "%s", names ? names : "");
    for (char *p = copy; *p; p += strcspn(p, " "), p += *p == ' ' ? (*p = '\0', 1) : 0)
        list[n++] = p;
    text[0] = '\0';
    if (graph_choose(&sim->graph, names ? list : NULL, n, marks, &err) < 0) {
        snprintf(text, 512, "%s", err.msg);
        return text;
    }
    for (size_t i = 0; i < sim->graph.n; i++) {
        if (marks[i])
            at += (size_t)snprintf(text + at, 512 - at, "%s%s", at ? " " : "",
                                   sim->graph.targets[i].name);
    }
    return text;
}

static void shop(Sim *sim) {
    sim_init(sim);
    Service *api = built(sim, "api"), *web = server(sim, "web"), *all = sim_service(sim, "all");
    server(sim, "db")->auto_start = false;
    job(sim, "lint")->auto_start = false;
    all->auto_start = false;
    sim_depend(sim, api, "db", DEP_DEFAULT);
    sim_depend(sim, all, "api", DEP_DEFAULT);
    sim_depend(sim, all, "lint", DEP_DEFAULT);
    (void)web;
    sim_build(sim);
}

TEST(choose)
{
    Sim sim;
    char text[512];
    shop(&sim);
    CHECK_STR(chosen(&sim, NULL, text), "api:serve api:update db:serve web:serve");
    CHECK_STR(chosen(&sim, "web", text), "web:serve");
    CHECK_STR(chosen(&sim, "lint web", text), "lint:update web:serve");
    CHECK_STR(chosen(&sim, "api:update", text), "api:update db:serve");
    CHECK_STR(chosen(&sim, "api:serve", text), "api:serve api:update db:serve");
    CHECK_STR(chosen(&sim, "all", text), "api:serve api:update db:serve lint:update");
    CHECK_STR(chosen(&sim, "wob", text),
              "there is no service or target named \"wob\"; did you mean web?");
    CHECK_STR(chosen(&sim, "web:serv", text),
              "there is no service or target named \"web:serv\"; did you mean web:serve?");
    CHECK_STR(chosen(&sim, "quite-different", text),
              "there is no service or target named \"quite-different\"; `thole config` shows them");
    CHECK_HAS(chosen(&sim, "tiltfile:update", text), "it is not run");
    CHECK_HAS(chosen(&sim, "tiltfile", text), "there is no service");
    sim_deinit(&sim);
}

TEST(choose_tells_kinds_of_errors)
{
    Sim sim;
    Err err;
    unsigned char marks[32];
    shop(&sim);
    const char *name = "nope";
    CHECK(graph_choose(&sim.graph, &name, 1, marks, &err) < 0 && err.kind == ERR_NOT_FOUND);
    name = "tiltfile:update";
    CHECK(graph_choose(&sim.graph, &name, 1, marks, &err) < 0 && err.kind == ERR_INVALID);
    sim_deinit(&sim);
}

TEST(mark_takes_no_dependencies)
{
    Sim sim;
    Err err;
    unsigned char marks[32] = {0};
    shop(&sim);
    CHECK_EQ(graph_mark(&sim.graph, "api", marks, &err), 0);
    CHECK(marks[sim_target(&sim, "api:serve")] && marks[sim_target(&sim, "api:update")]);
    CHECK(!marks[sim_target(&sim, "db:serve")]);
    CHECK_EQ(graph_mark(&sim.graph, "all", marks, &err), 0);
    CHECK(marks[sim_target(&sim, "lint:update")]);
    CHECK(graph_mark(&sim.graph, "nope", marks, &err) < 0);
    sim_deinit(&sim);
}

/* ---- size ---- */

/* `n` services, each of which depends on nine earlier ones, some by way of groups. */
static Config *many(Arena *arena, size_t n) {
    Config *c = arena_alloc(arena, sizeof *c);
    c->services.at = arena_alloc(arena, n * sizeof(Service));
    c->services.n = n;
    for (size_t i = 0; i < n; i++) {
        Service *s = &c->services.at[i];
        s->name = arena_printf(arena, "service-%05zu", i);
        s->auto_start = true;
        s->depends_on.at = arena_alloc(arena, 10 * sizeof(DependsOn));
        for (size_t k = 1; k < 10 && k * k <= i; k++)
            s->depends_on.at[s->depends_on.n++] =
                (DependsOn){.name = c->services.at[i - k * k].name};
        if (i % 10 == 9)
            continue;
        s->command.argv.at = arena_alloc(arena, sizeof(char *));
        s->command.argv.n = 1;
    }
    return c;
}

static int64_t cpu_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t cost_us(size_t n) {
    int64_t best = INT64_MAX;
    for (int round = 0; round < 5; round++) {
        Arena arena;
        Graph graph;
        arena_init(&arena);
        const Config *config = many(&arena, n);
        unsigned char *marks = arena_alloc(&arena, 2 * n + 1);
        TargetFacts *facts = arena_alloc(&arena, (2 * n + 1) * sizeof *facts);
        int64_t from = cpu_us();
        graph_build(config, &arena, &graph);
        CHECK_EQ(graph_choose(&graph, NULL, 0, marks, NULL), 0);
        for (size_t i = 0; i < graph.n; i++) {
            Verdict v;
            plan_target(&graph, facts, i, &(PlanWorld){0}, &v);
        }
        int64_t cost = cpu_us() - from;
        best = cost < best ? cost : best;
        arena_deinit(&arena);
    }
    return best;
}

/* The benchmark has the budget (12 times); on a busy machine this tells linear from quadratic
 * (100). */
TEST(ten_times_the_targets_do_not_cost_a_hundred_times)
{
    int64_t small = cost_us(1000), large = cost_us(10000);
    if (large > 40 * small)
        test_fail(__FILE__, __LINE__, "%lld us against %lld us", (long long)large,
                  (long long)small);
}

TEST(a_long_chain_of_groups)
{
    Arena arena;
    Graph graph;
    size_t n = 20000;
    arena_init(&arena);
    Config *c = arena_alloc(&arena, sizeof *c);
    c->services.at = arena_alloc(&arena, n * sizeof(Service));
    c->services.n = n;
    for (size_t i = 0; i < n; i++) {
        Service *s = &c->services.at[i];
        s->name = arena_printf(&arena, "s%05zu", i);
        s->depends_on.at = arena_alloc(&arena, sizeof(DependsOn));
        if (i > 0)
            s->depends_on.at[s->depends_on.n++] = (DependsOn){.name = c->services.at[i - 1].name};
    }
    c->services.at[n - 1].command.argv.n = c->services.at[0].command.argv.n = 1;
    graph_build(c, &arena, &graph);
    CHECK_EQ(graph.n, 3);
    CHECK_EQ(graph.targets[1].dep_n, 1);
    arena_deinit(&arena);
}
