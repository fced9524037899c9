/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mem/mem.h"

#include <string.h>

#include "store/mem/mem_store.h"

MemStore *mem_store(Store *store) {
    return container_of(store, MemStore, base);
}

bool mem_same_key(EnvironmentKey a, EnvironmentKey b) {
    return strcmp(a.name, b.name) == 0 && strcmp(a.project, b.project) == 0;
}

#define FREE_ALL(vec)                          \
    do {                                       \
        for (size_t i = 0; i < (vec).n; i++) { \
            arena_deinit(&(vec).at[i]->arena); \
            free((vec).at[i]);                 \
        }                                      \
        VEC_FREE(vec);                         \
    } while (0)

static void close_store(Store *store) {
    MemStore *m = mem_store(store);
    FREE_ALL(m->leases);
    FREE_ALL(m->environments);
    FREE_ALL(m->claims);
    FREE_ALL(m->blocks);
    FREE_ALL(m->projects);
    free(m);
}

static const EnvironmentStoreOps environment_ops = {.list = mem_environments,
                                                    .change = mem_change,
                                                    .get = mem_environment,
                                                    .write = mem_environment_write,
                                                    .remove = mem_environment_remove,
                                                    .lease = mem_environment_lease,
                                                    .renew = mem_environment_renew,
                                                    .release = mem_environment_release,
                                                    .port_block = mem_port_block,
                                                    .values = mem_environment_values,
                                                    .project = mem_project,
                                                    .add = mem_environments_add,
                                                    .port_blocks = mem_port_blocks};

static const StoreOps ops = {.close = close_store,
                             .leases = mem_leases,
                             .lease = mem_lease,
                             .release = mem_release,
                             .forget = mem_forget,
                             .environments = &environment_ops};

Store *mem_store_new(void) {
    MemStore *m = xcalloc(1, sizeof(*m));
    m->base.ops = &ops;
    m->change = m->forgotten = 1;
    return &m->base;
}
