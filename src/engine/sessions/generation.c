/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/sessions/generation.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "plan/exit.h"

static void gather_labels(Generation *g) {
    g->labels = arena_alloc(&g->arena, g->graph.n * sizeof(*g->labels));
    for (size_t i = 0; i < g->graph.n; i++) {
        const Service *service = g->graph.targets[i].service;
        g->labels[i] = service ? &service->labels : NULL;
        for (size_t k = 0; k < g->groups[i].n; k++) {
            const Service *group = config_service(g->config, g->groups[i].at[k]);
            if (group->labels.n == 0)
                continue;
            StrMap all = strmap_merge(&group->labels, g->labels[i], &g->arena);
            g->labels[i] = arena_dup(&g->arena, &all, sizeof(all));
        }
    }
}

Generation *generation_new(const Config *config, Arena *arena) {
    Generation *generation = xcalloc(1, sizeof(*generation));
    generation->refs = 1;
    arena_init(&generation->arena);
    arena_adopt(&generation->arena, arena);
    generation->config = config;
    graph_build(config, &generation->arena, &generation->graph);
    generation->may_end = exit_may_end(config);
    generation->groups = graph_groups(&generation->graph, &generation->arena);
    generation->ports = port_table_of(config, &generation->arena);
    gather_labels(generation);
    return generation;
}

Generation *generation_ref(Generation *generation) {
    generation->refs++;
    return generation;
}

Generation *generation_unref(Generation *generation) {
    if (!generation || --generation->refs)
        return NULL;
    arena_deinit(&generation->arena);
    free(generation);
    return NULL;
}
