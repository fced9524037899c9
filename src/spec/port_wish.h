/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a port in an environment: each service of the config, each of its named ports, and each
 * service of the compose file. */
#pragma once

#include "spec/config.h"

typedef struct PortWish {
    const char *name; /* "web", "web.admin": entry_port_name() */
    int64_t fixed;    /* that the config gives it; 0: none */
    const char *key;  /* where it is written: "services.web.ports.admin" */
    bool infra;       /* it is of the compose file */
} PortWish;

/* Whoever is of the compose file and named as a service has the port of that; both are listed. */
typedef struct PortWishes {
    PortWish *at; /* by name */
    size_t n;
} PortWishes;

/* So many ports an environment has room for. */
enum { PORT_WISHES_MOST = 100 };

PortWishes port_wishes_of(const Config *config, Arena *arena);
