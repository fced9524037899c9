/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/environments/environment_state.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/operations/operation.h"
#include "plan/port_block.h"
#include "store/environment_copy.h"

/* ---- export ---- */

typedef struct Exporting {
    ProjectRead read;
    EnvironmentState state;
} Exporting;

static int do_export(Blocking *blocking, Err *err) {
    Exporting *exporting = (Exporting *)blocking->ask;
    blocking->result = &exporting->state;
    blocking->result_size = sizeof(exporting->state);
    return store_project(blocking->store, &exporting->read, &blocking->arena, &exporting->state,
                         err);
}

Op *environments_export(Engine *engine, const char *project, bool audit, OpFn fn, void *arg) {
    Blocking *blocking = blocking_store(engine);
    Exporting *exporting = arena_alloc(&blocking->arena, sizeof(*exporting));
    exporting->read = (ProjectRead){.project = arena_strdup(&blocking->arena, project),
                                    .parts = audit ? ENVIRONMENT_ALL_PARTS
                                                   : ENVIRONMENT_STEPS | ENVIRONMENT_VALUES};
    blocking->ask = exporting;
    return blocking_run(blocking, do_export, fn, arg);
}

/* ---- import ---- */

/* The block that its ports are of, so that nobody else draws from it; -1: they are of none. One
 * that another has already is shared: the ports are what they are. */
static int64_t block_of(const EnvironmentEntry *entry) {
    int64_t last = PORT_BLOCK_FIRST + PORT_BLOCKS * PORT_BLOCK_SIZE;
    for (size_t i = 0; i < entry->ports.n; i++) {
        int64_t port = entry->ports.at[i].port;
        if (port >= PORT_BLOCK_FIRST && port < last)
            return (port - PORT_BLOCK_FIRST) / PORT_BLOCK_SIZE;
    }
    return -1;
}

static int do_import(Blocking *blocking, Err *err) {
    const EnvironmentAdd *added = blocking->ask;
    if (access(added->project, F_OK) < 0)
        return err_set(err, ERR_NOT_FOUND, "there is no %s: %s", added->project, strerror(errno));
    if (store_environments_add(blocking->store, added, err) < 0)
        return err_in(err, "nothing was imported");
    return 0;
}

Op *environments_import(Engine *engine, const char *project, const EnvironmentState *state, OpFn fn,
                        void *arg) {
    Blocking *blocking = blocking_store(engine);
    Arena *arena = &blocking->arena;
    size_t n = state->environments.n;
    EnvironmentEntry *entries = arena_alloc(arena, (n + 1) * sizeof(*entries));
    int64_t *blocks = arena_alloc(arena, (n + 1) * sizeof(*blocks));
    EnvironmentAdd *added = arena_alloc(arena, sizeof(*added));
    AuditEntry imported = {.time_ns = loop_wall_us(engine->loop) * 1000,
                           .step = "",
                           .action = "imported",
                           .machine = operation_machine(arena),
                           .user = operation_user(NULL, arena)};
    for (size_t i = 0; i < n; i++) {
        EnvironmentEntry *entry = &entries[i];
        *entry = entry_copy(&state->environments.at[i], ENVIRONMENT_ALL_PARTS, arena);
        AuditEntry *log = arena_alloc(arena, (entry->audit.n + 1) * sizeof(*log));
        for (size_t k = 0; k < entry->audit.n; k++)
            log[k] = entry->audit.at[k];
        log[entry->audit.n] = imported;
        entry->audit = (AuditLog){log, entry->audit.n + 1};
        blocks[i] = block_of(entry);
    }
    *added = (EnvironmentAdd){.project = arena_strdup(arena, project),
                              .at = entries,
                              .n = n,
                              .blocks = blocks,
                              .unknown = value_copy(state->unknown, arena)};
    blocking->ask = added;
    return blocking_run(blocking, do_import, fn, arg);
}
