/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/generation.h"

#include <stdlib.h>

#include "base/xalloc.h"

Generation *generation_new(const Config *config, Arena *arena) {
    Generation *generation = xcalloc(1, sizeof(*generation));
    generation->refs = 1;
    arena_init(&generation->arena);
    arena_adopt(&generation->arena, arena);
    generation->config = config;
    graph_build(config, &generation->arena, &generation->graph);
    generation->groups = graph_groups(&generation->graph, &generation->arena);
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
