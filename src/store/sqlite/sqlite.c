/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "store/sqlite/sqlite_store.h"

Database *sqlite_own(Store *store) {
    return &container_of(store, SqliteStore, base)->own;
}

Database *sqlite_shared(Store *store) {
    SqliteStore *s = container_of(store, SqliteStore, base);
    return s->shared.path ? &s->shared : &s->own;
}

static void close_store(Store *store) {
    SqliteStore *s = container_of(store, SqliteStore, base);
    database_deinit(&s->own);
    if (s->shared.path)
        database_deinit(&s->shared);
    free(s);
}

static const EnvironmentStoreOps environment_ops = {.list = sqlite_environments,
                                                    .change = sqlite_change,
                                                    .get = sqlite_environment,
                                                    .write = sqlite_environment_write,
                                                    .remove = sqlite_environment_remove,
                                                    .lease = sqlite_environment_lease,
                                                    .renew = sqlite_environment_renew,
                                                    .release = sqlite_environment_release,
                                                    .port_block = sqlite_port_block,
                                                    .values = sqlite_environment_values,
                                                    .project = sqlite_project,
                                                    .add = sqlite_environments_add,
                                                    .port_blocks = sqlite_port_blocks};

static const StoreOps ops = {.close = close_store,
                             .leases = sqlite_leases,
                             .lease = sqlite_lease,
                             .release = sqlite_release,
                             .forget = sqlite_forget,
                             .environments = &environment_ops};

Store *sqlite_store_new(const SqliteFiles *files, int wait_ms) {
    SqliteStore *s = xcalloc(1, sizeof(*s));
    s->base.ops = &ops;
    database_init(&s->own, files->own, wait_ms);
    if (files->shared && strcmp(files->shared, files->own) != 0)
        database_init(&s->shared, files->shared, wait_ms);
    return &s->base;
}
