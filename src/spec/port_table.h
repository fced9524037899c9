/* SPDX-License-Identifier: Apache-2.0 */
/* The ports of a config's services: what the file asks for and, once they are drawn, what each
 * `auto` has become; and the environment variables that tell of them. Plain values, in an arena. */
#pragma once

#include "spec/config.h"

typedef struct PortEntry {
    const char *service;
    const char *name; /* of `ports`; "": the service's `port` */
    int64_t number;   /* 0: `auto`, not drawn yet */
    bool automatic;
    bool leased; /* a session has it, or is getting it */
} PortEntry;

typedef struct PortTable {
    PortEntry *at; /* by service, then name; none twice */
    size_t n;
} PortTable;

PortTable port_table_of(const Config *config, Arena *arena);
/* The service's entries are next to each other. NULL: it has none of that name. */
PortEntry *port_table_find(const PortTable *table, const char *service, const char *name);
/* The first entry of a service, and how many it has. */
const PortEntry *port_table_service(const PortTable *table, const char *service, size_t *ret_n);

/* What every service gets: <SERVICE>_PORT, <SERVICE>_PORT_<NAME>. */
StrMap port_env_shared(const PortTable *table, Arena *arena);
/* What the service itself gets: PORT, PORT_<NAME>. */
StrMap port_env_own(const PortTable *table, const char *service, Arena *arena);
