/* SPDX-License-Identifier: Apache-2.0 */
/* A random walk over all calls of a store. The same seed asks the same of any store, and what it
 * answers and holds then is a text, to be compared. */
#pragma once

#include "store/environments.h"

typedef struct Walk {
    Store *store;
    uint64_t seed;
    int64_t clock_ms;
    EnvironmentLease leases[6]; /* that were got, of some environments; token 0: none */
} Walk;

/* The store's clock is the walk's from now on. */
void walk_init(Walk *walk, Store *store, uint64_t seed);
const char *walk_step(Walk *walk); /* what was asked and answered */
const char *walk_dump(Store *store);
