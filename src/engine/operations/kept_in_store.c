/* SPDX-License-Identifier: Apache-2.0 */
/* The entry of an operation as the store has it, under a lease. */
#include "engine/operations/operation.h"

static int open_entry(Operation *operation, Arena *arena, Opening *ret, Err *err) {
    Store *store = operation->engine->options.store;
    EnvironmentLease lease = operation->lease;
    EnvironmentRead read = {.key = lease.key, .parts = ENVIRONMENT_STEPS | ENVIRONMENT_VALUES};
    Err refused;
    if (operation_check_blocks(operation, arena, err) < 0)
        return -1;
    int r = store_environment_lease(store, &lease, arena, &ret->lease, &refused);
    if (r < 0 && refused.kind == ERR_CONFLICT) {
        ret->lease.token = 0;
        return 0;
    }
    if (r == 0)
        r = store_environment(store, &read, arena, &ret->stored, &refused);
    ret->found = r == 0;
    if (r < 0 && refused.kind != ERR_NOT_FOUND) {
        *err = refused;
        return -1;
    }
    return 0;
}

static int write_entry(Operation *operation, const EnvironmentWrite *write, int64_t *ret_version,
                       Err *err) {
    return store_environment_write(operation->engine->options.store, write, ret_version, err);
}

const EntryKeeper kept_in_store = {.open = open_entry, .write = write_entry, .leased = true};
