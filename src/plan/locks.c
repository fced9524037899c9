/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of a graph: who shares one. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "plan/graph.h"

typedef struct Pair {
    const char *name;
    uint32_t target;
} Pair;

static int by_name(const void *a, const void *b) {
    const Pair *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->target > y->target) - (x->target < y->target);
}

/* Every job with every lock of its service, sorted by lock; none twice. */
static size_t collect(const Graph *graph, Pair **ret) {
    size_t n = 0, kept = 0;
    for (size_t s = 0; s < graph->config->services.n; s++)
        n += graph->of[s].update == TARGET_NONE ? 0 : graph->config->services.at[s].locks.n;
    Pair *pairs = *ret = n ? xcalloc(n, sizeof *pairs) : NULL;
    n = 0;
    for (size_t s = 0; s < graph->config->services.n; s++) {
        const StrList *locks = &graph->config->services.at[s].locks;
        for (size_t i = 0; i < locks->n && graph->of[s].update != TARGET_NONE; i++)
            pairs[n++] = (Pair){locks->at[i], graph->of[s].update};
    }
    if (n > 1)
        qsort(pairs, n, sizeof *pairs, by_name);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || by_name(&pairs[kept - 1], &pairs[i]) != 0)
            pairs[kept++] = pairs[i];
    return kept;
}

static void give(Graph *graph, uint32_t target, uint32_t lock, Arena *arena) {
    TargetSpec *spec = &graph->targets[target];
    if (!spec->locks)
        spec->locks = arena_alloc(arena, spec->service->locks.n * sizeof *spec->locks);
    spec->locks[spec->lock_n++] = lock;
}

void locks_build(Graph *graph, Arena *arena) {
    Pair *pairs;
    size_t n = collect(graph, &pairs);
    GraphLock *locks = arena_alloc(arena, n * sizeof *locks);
    uint32_t *targets = arena_alloc(arena, n * sizeof *targets);
    graph->locks = locks;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(pairs[i - 1].name, pairs[i].name) != 0)
            locks[graph->lock_n++] = (GraphLock){.name = pairs[i].name, .targets = &targets[i]};
        targets[i] = pairs[i].target;
        locks[graph->lock_n - 1].n++;
        give(graph, pairs[i].target, (uint32_t)graph->lock_n - 1, arena);
    }
    free(pairs);
}
