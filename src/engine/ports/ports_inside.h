/* SPDX-License-Identifier: Apache-2.0 */
/* What a session's ports are made of: for ports.c and port_sockets.c. */
#pragma once

#include "base/vec.h"
#include "engine/ports/lease.h"
#include "engine/sessions/session.h"

/* A lease. In flight the worker has it until on_leased. */
typedef struct LeaseWork {
    Session *session; /* NULL: its ports are gone */
    Generation *generation;
    Store *store;
    Arena arena;
    LeaseAsk ask;
    int result;
    Err err;
    OpFn fn;
    void *arg;
    Deferred *deferred; /* there is no worker */
} LeaseWork;

typedef enum Release { RELEASE_NOT, RELEASE_ASKED, RELEASE_DONE } Release;

struct Ports {
    Arena arena;
    PortTable table; /* what is leased: as ports.json has it */
    VEC(PortHold) holds;
    LeaseWork *work; /* in flight */
    LeaseWork *next; /* asked for meanwhile: what `work` finds is nobody's, and it is begun then */
    Release release;
};

Ports *ports_of_session(Session *session);                     /* made if there are none */
PortHold *ports_find_hold(const Ports *ports, int64_t number); /* NULL: none */
/* From now on it is theirs. NULL: it holds nothing. */
PortHold *ports_add_hold(Ports *ports, const PortHold *hold);
