/* SPDX-License-Identifier: Apache-2.0 */
/* Leasing the ports of one session: what blocks, for the worker of the store. Nothing here touches
 * a Session. */
#pragma once

#include "engine/ports/port_hold.h"
#include "plan/ports.h"
#include "spec/port_table.h"
#include "store/store.h"

typedef struct LeaseAsk {
    LeaseOwner owner;
    StrList living;  /* slugs of all sessions that live: what others hold is theirs no more */
    PortRange range; /* that `auto` draws from */
    PortTable ports; /* numbers that are known are kept; 0 is drawn, and put here */
    /* Parallel. In: is the port to be held? Out: what holds it, now or since it was known. */
    bool *hold;
    PortHold *holds;
} LeaseAsk;

/* Those that are to be `leased`; a fixed one that is another session's is not, from then on. -1:
 * nothing was leased, and nothing is held. ERR_LIMIT: none is free. */
MUST int lease_ports(Store *store, LeaseAsk *ask, Err *err);
