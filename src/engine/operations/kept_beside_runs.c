/* SPDX-License-Identifier: Apache-2.0 */
/* The entry of what is of no environment: hooks that all of them share. What was done lies beside
 * their runs, for the next server. */
#include "base/path.h"
#include "engine/operations/operation.h"

static char *steps_file(const Operation *operation) {
    return path_join(operation->environment->dir, "steps.json");
}

static int open_entry(Operation *operation, Arena *arena, Opening *ret, Err *err) {
    AUTO_FREE char *path = steps_file(operation);
    EnvironmentEntry entry = {.name = operation->ask.name,
                              .mode = operation->ask.mode,
                              .branch = "",
                              .status = ENVIRONMENT_PROVISIONED};
    if (steps_file_read(path, arena, &entry, err) < 0)
        return -1;
    ret->lease.token = 1;
    ret->found = true;
    ret->stored = (StoredEnvironment){.entry = entry, .version = 1};
    return 0;
}

static int write_entry(Operation *operation, const EnvironmentWrite *write, int64_t *ret_version,
                       Err *err) {
    AUTO_FREE char *path = steps_file(operation);
    *ret_version = operation->version + 1;
    return steps_file_write(path, &operation->entry, err);
}

const EntryKeeper kept_beside_runs = {.open = open_entry, .write = write_entry};
