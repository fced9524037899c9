/* SPDX-License-Identifier: Apache-2.0 */
/* plan N ROUNDS: what it costs to plan a session of N targets: build the graph, choose everything,
 * and take each target from nothing to ready in dependency order, asking the planner whenever the
 * engine would. Prints nanoseconds, one line a round. */
#include "bench.h"

#include <malloc.h>

#include "base/arena.h"
#include "plan/plan.h"

enum { DEPENDS_ON = 3, NAME_SIZE = 16, HEAP_MOST = 1 << 30 };

/* Service i depends on up to three before it: on its neighbour, on one half as far, on one a third
 * as far. */
static void service_fill(Service *services, size_t i, char *names, DependsOn *deps) {
    Service *service = &services[i];
    service->name = names + i * NAME_SIZE;
    snprintf(names + i * NAME_SIZE, NAME_SIZE, "s%06u", (unsigned)i);
    static const char *argv[] = {"true"};
    service->command.argv.at = argv;
    service->command.argv.n = 1;
    service->auto_start = true;
    service->depends_on.at = deps + i * DEPENDS_ON;
    const size_t on[DEPENDS_ON] = {i - 1, i / 2, i / 3};
    for (size_t d = 0; d < DEPENDS_ON && i > 2; d++) {
        if (d == 0 || on[d] != on[d - 1])
            service->depends_on.at[service->depends_on.n++] =
                (DependsOn){.name = names + on[d] * NAME_SIZE};
    }
}

static void config_fill(Config *config, size_t n) {
    Service *services = calloc(n, sizeof(*services));
    char *names = calloc(n, NAME_SIZE);
    DependsOn *deps = calloc(n * DEPENDS_ON, sizeof(*deps));
    if (!services || !names || !deps)
        die("memory");
    for (size_t i = 0; i < n; i++)
        service_fill(services, i, names, deps);
    config->services.at = services;
    config->services.n = n;
}

/* Starts the target if the plan says so, and then everything that this makes possible. Returns how
 * many came up. */
static size_t settle(const Graph *graph, TargetFacts *facts, size_t first, const PlanWorld *world,
                     uint32_t *queue) {
    size_t head = 0, tail = 0, up = 0;
    queue[tail++] = (uint32_t)first;
    while (head < tail) {
        uint32_t i = queue[head++];
        Verdict verdict;
        plan_target(graph, facts, i, world, &verdict);
        if (verdict.act != ACT_START)
            continue;
        const TargetSpec *spec = &graph->targets[i];
        fact_start_asked(&facts[i], facts[i].run + 1, world);
        fact_started(&facts[i], spec, (int32_t)(i + 2), world->now_us, world);
        up++;
        for (size_t d = 0; d < spec->dependent_n; d++)
            queue[tail++] = spec->dependents[d];
    }
    return up;
}

static int64_t round_ns(const Config *config) {
    int64_t began = now_ns();
    Arena arena = {0};
    arena_init(&arena);
    Graph graph;
    graph_build(config, &arena, &graph);
    unsigned char *chosen = arena_alloc(&arena, graph.n);
    Err err;
    if (graph_choose(&graph, NULL, 0, chosen, &err) < 0)
        die("%s", err.msg);
    TargetFacts *facts = arena_alloc(&arena, graph.n * sizeof(*facts));
    uint32_t *queue = arena_alloc(&arena, graph.n * (DEPENDS_ON + 2) * sizeof(*queue));
    PlanWorld world = {.now_ms = 1000, .now_us = 1000000, .slots = 4};
    size_t want = 0, up = 0;
    for (size_t i = 0; i < graph.n; i++) {
        want += chosen[i];
        if (chosen[i])
            fact_wanted(&facts[i], WANT_RUN, world.now_us, NULL);
    }
    for (size_t i = 0; i < graph.n; i++)
        up += settle(&graph, facts, i, &world, queue);
    errno = ECANCELED;
    if (up != want || want == 0)
        die("%zu of %zu targets came up", up, want);
    arena_deinit(&arena);
    return now_ns() - began;
}

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc != 3)
        die("usage: plan N ROUNDS");
    Config config = {
        .version = 1, .name = "bench", .file = "/thole.yaml", .root = "/", .slug = "bench-000000"};
    mallopt(M_MMAP_THRESHOLD, HEAP_MOST); /* no round pays the kernel for pages of the one before */
    mallopt(M_TRIM_THRESHOLD, HEAP_MOST);
    config_fill(&config, (size_t)number(argv[1]));
    for (long left = number(argv[2]); left > 0; left--)
        printf("%lld\n", (long long)round_ns(&config));
    return 0;
}
