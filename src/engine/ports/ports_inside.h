/* SPDX-License-Identifier: Apache-2.0 */
/* What a session's ports are made of, for the files that share them. */
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

/* ---- ports.c ---- */
Ports *ports_of_session(Session *session); /* made if there are none */
/* Those of what the target runs. NULL: it listens on nothing. */
const PortEntry *ports_of_target(const Target *target, size_t *ret_n);
/* That `auto` draws from. It has a kind of error if THOLE_PORT_RANGE is none. */
PortRange ports_range(const Session *session, Err *err);
/* One of which nothing runs any more, and nothing will, has no use for its ports. */
bool ports_are_over(const Session *session);
/* The target whose process listens on it. -1: there is none. */
int64_t ports_listener(const Generation *generation, const PortEntry *port);
/* Will it be listened on, in that generation of the session? What is new in it and not named is
 * started if all is. */
bool ports_wanted(const Session *session, const Generation *generation, const PortEntry *port);
PortHold *ports_find_hold(const Ports *ports, int64_t number); /* NULL: none */
/* From now on it is theirs. NULL: it holds nothing. */
PortHold *ports_add_hold(Ports *ports, const PortHold *hold);
void ports_drop_holds(Ports *ports); /* those of ports that are no longer ours */
/* The next server keeps them as the one before: with a socket where nothing of ours can listen
 * yet. */
void ports_hold_again(Session *session);

/* ---- ports_file.c ---- */
/* `auto` stays what it is for as long as the session lives, and what was leased is kept. */
void ports_take_known(const PortTable *known, PortTable *table);
void ports_now_known(Generation *generation); /* to what is planned of it */
MUST int ports_save(const Session *session, const PortTable *table, Err *err);

/* ---- ports_lease.c ---- */
void ports_drop_leases(Ports *ports); /* those in flight are nobody's */

/* ---- ports_release.c ---- */
LeaseOwner ports_owner(const Session *session, Arena *arena);
