/* SPDX-License-Identifier: Apache-2.0 */
/* The server's connection to the rail of its state directory. It is made when it is first wanted,
 * to the rail that lives or to one that is started for it, and made again whenever it ends: pins
 * live on meanwhile, only new ones have to wait. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/local/local.h"
#include "pin/wire.h"

typedef struct RailLink RailLink;

/* All called from the loop, never from inside a call below. */
typedef struct RailEvents {
    void (*ready)(void *arg); /* there is a rail, or there is room in its socket again */
    /* no rail for now: what waits for one need not wait longer. It is tried again later */
    void (*failed)(void *arg, const Err *why);
    void (*spawn_failed)(void *arg, uint64_t tag, int error);
    void (*pin_died)(void *arg, const WirePinDied *died);
    void (*swept)(void *arg, uint64_t tag);
    void (*kept)(void *arg, const WireKeep *kept,
                 int fd); /* before `welcome`; takes fd, -1: it was lost */
    void (*welcome)(void *arg, const WireWelcome *welcome);
} RailEvents;

/* `options` and `events` are lent as long as the link lives. */
RailLink *rail_link_new(Loop *loop, const LocalOptions *options, const RailEvents *events,
                        void *arg);
RailLink *rail_link_free(RailLink *link);

void rail_link_want(RailLink *link); /* connect, or start a rail, unless that is going on */
/* A pin of it was heard of: when it dies, the next one is tried soon. */
void rail_link_works(RailLink *link);
bool rail_link_up(const RailLink *link);
pid_t rail_link_pid(const RailLink *link); /* of the rail; 0: there is none */

typedef enum RailSent { RAIL_SENT, RAIL_LATER, RAIL_FAILED } RailSent;

/* Asks for a pin; fds as WIRE_SPAWN has them, the last `sockets` of them are to be passed; they
 * stay the caller's. RAIL_LATER: events.ready will come. RAIL_FAILED: errno. */
RailSent rail_link_spawn(RailLink *link, uint64_t tag, const int *fds, size_t n, size_t sockets);
int rail_link_keep(RailLink *link, const WireKeep *keep,
                   int fd);                         /* -1: not now, events.ready will come */
bool rail_link_sweep(RailLink *link, uint64_t tag); /* false: not asked, there is no rail */
/* The server leaves on purpose: no other is started, and the link is not made again. */
void rail_link_bye(RailLink *link);
