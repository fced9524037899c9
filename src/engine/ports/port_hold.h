/* SPDX-License-Identifier: Apache-2.0 */
/* A port that is kept for a service: a bound socket keeps strangers away until the service is
 * spawned, and a name that only one server can have keeps other servers of thole away, also while
 * nobody listens. Both go when the server does. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct PortHold {
    uint16_t port;
    int socket; /* bound on every local address, of both families; not listening. -1: none (any
                   more) */
    int name;   /* -1: none */
    bool listening;
} PortHold;

/* ERR_CONFLICT: somebody is bound to the port, on one address at least, or another server of ours
 * keeps it. */
MUST int port_hold(uint16_t port, PortHold *ret, Err *err);
/* The name alone, for a port whose service runs; whoever has it, this is no failure. */
PortHold port_hold_name(uint16_t port);
/* Connections are taken, and wait until somebody accepts them. */
MUST int port_hold_listen(PortHold *hold, Err *err);
/* The port is free for the service; the name stays. */
void port_hold_let_go(PortHold *hold);
void port_hold_deinit(PortHold *hold);
