/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/ports/lease.h"

#include <inttypes.h>
#include <string.h>

#include "base/xalloc.h"

typedef struct Work {
    Store *store;
    LeaseAsk *ask;
    Arena arena;
    Leases all;
    const Lease **holders; /* per port: who has it, of others that live */
    unsigned char *marks;  /* per port: PortMark */
    PortHold taken;        /* by the last draw */
    size_t strangers;      /* ports that somebody is bound to */
    Err why;               /* a port could not be tried at all */
} Work;

enum { PORTS = UINT16_MAX + 1 };

static bool is_own(const Work *w, const Lease *lease) {
    return strcmp(lease->owner.file, w->ask->owner.file) == 0 &&
           strcmp(lease->owner.session, w->ask->owner.session) == 0;
}

static bool lives(const Work *w, const Lease *lease) {
    for (size_t i = 0; i < w->ask->living.n; i++)
        if (strcmp(w->ask->living.at[i], lease->owner.slug) == 0)
            return true;
    return false;
}

/* Its session went without a word: a directory that was removed by hand, a server that was killed
 * at the wrong moment. */
static int release_stale(Work *w, Err *err) {
    for (size_t i = 0; i < w->all.n; i++) {
        Lease *lease = &w->all.at[i];
        if (!lease->held || is_own(w, lease) || lives(w, lease))
            continue;
        if (store_release(w->store, &lease->owner, err) < 0)
            return -1;
        lease->held = false;
    }
    return 0;
}

static void mark_ports(Work *w) {
    w->holders = arena_alloc(&w->arena, PORTS * sizeof(const Lease *));
    w->marks = arena_alloc(&w->arena, PORTS);
    for (size_t i = 0; i < w->all.n; i++) {
        const Lease *lease = &w->all.at[i];
        if (lease->port < 1 || lease->port > UINT16_MAX || is_own(w, lease))
            continue;
        w->marks[lease->port] |= lease->held ? PORT_TAKEN : PORT_REMEMBERED;
        if (lease->held)
            w->holders[lease->port] = lease;
    }
}

/* ---- what has its number ---- */

static void take_fixed(Work *w, size_t i) {
    PortEntry *port = &w->ask->ports.at[i];
    w->marks[port->number] |= PORT_TAKEN;
    port->leased = port->leased && !w->holders[port->number];
    /* Who has it now may be gone when it is needed: it is looked at again before the service
     * starts. */
    if (port->leased && w->ask->hold[i] &&
        port_hold((uint16_t)port->number, &w->ask->holds[i], NULL) < 0)
        w->ask->holds[i] = port_hold_name((uint16_t)port->number);
}

/* ---- what has not ---- */

static bool take(void *arg, uint16_t port) {
    Work *w = arg;
    Err err;
    if (w->why.kind)
        return false;
    if (port_hold(port, &w->taken, &err) == 0)
        return true;
    w->strangers++;
    if (err.kind != ERR_CONFLICT)
        w->why = err;
    return false;
}

static uint16_t last_of(const Work *w, const PortEntry *port) {
    for (size_t i = 0; i < w->all.n; i++) {
        const Lease *lease = &w->all.at[i];
        if (lease->automatic && is_own(w, lease) && strcmp(lease->service, port->service) == 0 &&
            strcmp(lease->name, port->name) == 0)
            return (uint16_t)lease->port;
    }
    return 0;
}

static int none_free(const Work *w, const PortEntry *port, Err *err) {
    const PortRange *range = &w->ask->range;
    size_t own = 0;
    if (w->why.kind) {
        *err = w->why;
        return -1;
    }
    for (unsigned i = range->low; i <= range->high; i++)
        own += (w->marks[i] & PORT_TAKEN) != 0;
    return err_set(
        err, ERR_LIMIT,
        "no port from %u to %u is free for %s of service %s: %zu are held by sessions of "
        "thole, the others are in use; stop some, or set THOLE_PORT_RANGE to a larger "
        "range",
        range->low, range->high, *port->name ? port->name : "the port", port->service, own);
}

static int draw(Work *w, size_t i, Err *err) {
    PortEntry *port = &w->ask->ports.at[i];
    const LeaseOwner *owner = &w->ask->owner;
    uint16_t number = port_draw(&(PortDraw){.range = w->ask->range,
                                            .marks = w->marks,
                                            .file = owner->file,
                                            .session = owner->session,
                                            .service = port->service,
                                            .name = port->name,
                                            .last = last_of(w, port),
                                            .take = take,
                                            .arg = w});
    if (!number)
        return none_free(w, port, err);
    port->number = number;
    w->marks[number] |= PORT_TAKEN;
    w->ask->holds[i] = w->taken;
    return 0;
}

/* ---- all of them ---- */

/* Fixed ones first: they have no choice. */
static int choose(Work *w, Err *err) {
    const PortTable *ports = &w->ask->ports;
    for (size_t i = 0; i < ports->n; i++)
        if (ports->at[i].number)
            take_fixed(w, i);
    for (size_t i = 0; i < ports->n; i++)
        if (!ports->at[i].number && draw(w, i, err) < 0)
            return -1;
    return 0;
}

static int put(Work *w, Err *err) {
    const PortTable *ports = &w->ask->ports;
    Leases leases = {.at = arena_alloc(&w->arena, ports->n * sizeof(Lease))};
    for (size_t i = 0; i < ports->n; i++)
        if (ports->at[i].leased)
            leases.at[leases.n++] = (Lease){.owner = w->ask->owner,
                                            .service = ports->at[i].service,
                                            .name = ports->at[i].name,
                                            .port = ports->at[i].number,
                                            .automatic = ports->at[i].automatic,
                                            .held = true};
    return leases.n ? store_lease(w->store, &leases, err)
                    : store_release(w->store, &w->ask->owner, err);
}

int lease_ports(Store *store, LeaseAsk *ask, Err *err) {
    Work w = {.store = store, .ask = ask};
    arena_init(&w.arena);
    for (size_t i = 0; i < ask->ports.n; i++)
        ask->holds[i] = (PortHold){.socket = -1, .name = -1};
    int r = store_leases(store, &w.arena, &w.all, err);
    if (r == 0)
        r = release_stale(&w, err);
    if (r == 0) {
        mark_ports(&w);
        r = choose(&w, err);
    }
    if (r == 0)
        r = put(&w, err);
    for (size_t i = 0; r < 0 && i < ask->ports.n; i++)
        port_hold_deinit(&ask->holds[i]);
    arena_deinit(&w.arena);
    return r;
}
