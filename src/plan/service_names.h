/* SPDX-License-Identifier: Apache-2.0 */
/* The services of a config by name, for as long as a graph is built: no copies, one hash per
 * lookup, and small enough to stay in the cache, which is what counts with 10,000 of them. */
#pragma once

#include "spec/config.h"

typedef struct NameSlot {
    uint32_t hash;
    uint32_t service; /* index plus one; 0: free */
} NameSlot;

typedef struct ServiceNames {
    /* per service, so that a lookup does not touch the services, which are large */
    const char **of;
    NameSlot *slots;
    size_t mask;
} ServiceNames;

void service_names_init(ServiceNames *names, const Config *config);
void service_names_deinit(ServiceNames *names);
/* Index of a service; it is there (asserted). */
uint32_t service_names_find(const ServiceNames *names, const char *name);
