/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite: a test that is written once and held against each store.
 *
 *     EACH_STORE(a_lease_is_kept, 30) {
 *         CHECK_EQ(store_lease(store, …), 0);
 *     } */
#pragma once

#include "harness/test.h"
#include "store/environments.h"

typedef void (*StoreTest)(Store *store);

/* A store of this test's own, in test_dir(); its clock stands at `clock_ms` below. */
Store *mem_here(void);
Store *sqlite_here(void);
const char *sqlite_here_path(void);
void run_on(Store *store, StoreTest test); /* takes `store` */
void clock_set(Store *store);              /* to `clock_ms`, from now on */

extern int64_t clock_ms;

#define EACH_STORE(test_name, seconds)          \
    static void test_name(Store *store);        \
    TEST_TIMEOUT(test_name##_mem, seconds) {    \
        run_on(mem_here(), test_name);          \
    }                                           \
    TEST_TIMEOUT(test_name##_sqlite, seconds) { \
        run_on(sqlite_here(), test_name);       \
    }                                           \
    static void test_name(Store *store)
