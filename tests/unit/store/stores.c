/* SPDX-License-Identifier: Apache-2.0 */
#include "stores.h"

#include "store/mem/mem.h"
#include "store/sqlite/sqlite.h"

int64_t clock_ms = 1800000000000;

static int64_t clock_now(void *arg) {
    return *(int64_t *)arg * 1000;
}

void clock_set(Store *store) {
    store->now_us = clock_now;
    store->now_arg = &clock_ms;
}

const char *sqlite_here_path(void) {
    static char path[200];
    snprintf(path, sizeof(path), "%s/thole.db", test_dir());
    return path;
}

Store *mem_here(void) {
    return mem_store_new();
}

Store *sqlite_here(void) {
    return sqlite_store_new(&(SqliteFiles){sqlite_here_path(), NULL}, 20 * 1000);
}

void run_on(Store *store, StoreTest test) {
    clock_set(store);
    test(store);
    store_free(store);
}
