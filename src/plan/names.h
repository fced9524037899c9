/* SPDX-License-Identifier: Apache-2.0 */
/* The services of a config by name, for as long as a graph is built: no copies, one hash per lookup, and
 * small enough to stay in the cache, which is what counts with 10,000 of them. */
#pragma once

#include "spec/config.h"

typedef struct NameSlot {
    uint32_t hash;
    uint32_t service; /* index plus one; 0: free */
} NameSlot;

typedef struct Names {
    /* per service, so that a lookup does not touch the services, which are large */
    const char **of;
    NameSlot *slots;
    size_t mask;
} Names;

void names_init(Names *names, const Config *config);
void names_deinit(Names *names);
/* Index of a service; it is there (asserted). */
uint32_t names_find(const Names *names, const char *name);
