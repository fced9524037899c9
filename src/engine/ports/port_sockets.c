/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ports/port_sockets.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "engine/ports/ports_inside.h"
#include "engine/targets/step_build.h"
#include "engine/targets/target.h"

enum { NAME_MAX_BYTES = 24 };

static void name_of(int64_t number, char name[NAME_MAX_BYTES]) {
    snprintf(name, NAME_MAX_BYTES, "port/%" PRId64, number);
}

bool ports_passes(const Session *session, const char *service) {
    const Service *of = config_service(session->config, service);
    return of && of->pass == PASS_FD && !of->leaving;
}

bool ports_pass_sockets(const Generation *generation) {
    for (size_t i = 0; i < generation->config->services.n; i++)
        if (generation->config->services.at[i].pass == PASS_FD)
            return true;
    return false;
}

/* ---- kept by the backend ---- */

/* More than can be kept, or a backend that keeps none: they do not outlive a server that is
 * killed. */
static void keep(const Session *session, int64_t number, int fd) {
    char name[NAME_MAX_BYTES];
    Err err;
    name_of(number, name);
    if (backend_keep_socket(session->engine->backend, name, fd, &err) < 0)
        log_debug("%s: %s", session->slug, err.msg);
}

static int find_kept(const KeptSockets *kept, int64_t number) {
    char name[NAME_MAX_BYTES];
    name_of(number, name);
    for (size_t i = 0; i < kept->n; i++)
        if (strcmp(kept->at[i].name, name) == 0)
            return kept->at[i].fd;
    return -1;
}

void ports_take_kept(Session *session, const KeptSockets *kept) {
    const PortTable *table = &session->generation->ports;
    for (size_t i = 0; i < table->n; i++) {
        const PortEntry *port = &table->at[i];
        int fd = port->number ? find_kept(kept, port->number) : -1;
        if (fd < 0 || !port->leased || !ports_passes(session, port->service) ||
            ports_find_hold(session->ports, port->number))
            continue;
        PortHold hold = port_hold_name((uint16_t)port->number);
        hold.socket = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        hold.listening = hold.socket >= 0;
        ports_add_hold(ports_of_session(session), &hold);
    }
}

void ports_drop_kept(const Session *session) {
    for (size_t i = 0; session->ports && i < session->ports->table.n; i++)
        if (session->ports->table.at[i].leased &&
            ports_passes(session, session->ports->table.at[i].service))
            keep(session, session->ports->table.at[i].number, -1);
}

/* ---- listening ---- */

static PortHold *hold_of(Session *session, const PortEntry *port) {
    Ports *ports = session->ports;
    PortHold *hold = ports_find_hold(ports, port->number), fresh;
    if (hold && hold->socket >= 0)
        return hold;
    if (hold) { /* the name is ours already */
        port_hold_deinit(hold);
        *hold = ports->holds.at[--ports->holds.n];
    }
    if (port_hold((uint16_t)port->number, &fresh, NULL) < 0)
        fresh = port_hold_name((uint16_t)port->number);
    hold = ports_add_hold(ports, &fresh);
    return hold && hold->socket >= 0 ? hold : NULL;
}

static void listen_on(Session *session, const PortEntry *port) {
    PortHold *hold = hold_of(session, port);
    Err err;
    if (!hold || hold->listening)
        return;
    if (port_hold_listen(hold, &err) < 0) {
        log_warn("%s: %s", session->slug, err.msg);
        port_hold_let_go(hold);
        return;
    }
    keep(session, port->number, hold->socket);
}

static void stop_listening(Session *session, const PortEntry *port) {
    PortHold *hold = ports_find_hold(session->ports, port->number);
    if (!hold || !hold->listening)
        return;
    port_hold_let_go(hold);
    keep(session, port->number, -1);
}

void ports_listen(Session *session) {
    const PortTable *table = &session->ports->table;
    for (size_t i = 0; i < table->n; i++) {
        if (!table->at[i].leased)
            continue;
        if (ports_passes(session, table->at[i].service))
            listen_on(session, &table->at[i]);
        else
            stop_listening(session, &table->at[i]);
    }
}

int ports_sockets(const Target *target, Arena *arena, Step *ret, Err *err) {
    Session *session = target->session;
    const TargetSpec *spec = target_spec(target);
    size_t n;
    const PortEntry *port = port_table_service(&session->generation->ports, spec->resource, &n);
    if (!step_is_main(target) || !ports_passes(session, spec->resource))
        return 0;
    ret->sockets.at = arena_alloc(arena, n * sizeof(*ret->sockets.at));
    for (size_t i = 0; i < n; i++) {
        listen_on(session, &port[i]);
        const PortHold *hold = ports_find_hold(session->ports, port[i].number);
        if (!hold || hold->socket < 0)
            return err_set(err, ERR_CONFLICT, "port %" PRId64 " is in use; change the port",
                           port[i].number);
        (void)fcntl(hold->socket, F_SETFL, fcntl(hold->socket, F_GETFL) & ~O_NONBLOCK);
        ret->sockets.at[ret->sockets.n++] =
            (StepSocket){.name = *port[i].name ? port[i].name : "port", .fd = hold->socket};
    }
    return 0;
}
