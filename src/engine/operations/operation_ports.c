/* SPDX-License-Identifier: Apache-2.0 */
/* The ports of an environment while it is worked on: from the moment they are drawn until its
 * session has them nobody else gets them. Of what the session starts strangers are kept off, too;
 * what hooks and compose listen on must be free for those. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/operations/operation.h"
#include "engine/sessions/session.h"
#include "plan/port_block.h"

/* ---- held ---- */

static bool session_listens(const Operation *operation, int64_t port) {
    const EnvironmentPorts *ports = &operation->entry.ports;
    for (size_t i = 0; i < ports->n; i++) {
        const Service *service = config_service(operation->config, ports->at[i].name);
        if (ports->at[i].port == port && service && service->command.argv.n > 0)
            return lifecycle_find(&operation->lifecycle, "start_services") != UINT32_MAX;
    }
    return false;
}

static bool is_held(const Operation *operation, int64_t port) {
    for (size_t i = 0; i < operation->holds.n; i++)
        if (operation->holds.at[i].port == port)
            return true;
    return false;
}

bool operation_hold_port(Operation *operation, uint16_t port) {
    PortHold hold;
    if (is_held(operation, port))
        return true;
    if (port_hold(port, &hold, NULL) < 0)
        return false;
    VEC_PUSH(operation->holds, hold);
    return true;
}

static bool is_own(const Operation *operation, int64_t port) {
    for (size_t i = 0; i < operation->entry.ports.n; i++)
        if (operation->entry.ports.at[i].port == port)
            return true;
    return false;
}

/* The others are for hooks and compose. Of those other servers of ours alone are kept off. */
static void hold_name(Operation *operation, uint16_t port) {
    PortHold hold = port_hold_name(port);
    if (hold.name >= 0)
        VEC_PUSH(operation->holds, hold);
}

static void drop_others(Operation *operation) {
    size_t n = 0;
    for (size_t i = 0; i < operation->holds.n; i++) {
        PortHold *hold = &operation->holds.at[i];
        if (!session_listens(operation, hold->port))
            port_hold_let_go(hold);
        if (is_own(operation, hold->port))
            operation->holds.at[n++] = *hold;
        else
            port_hold_deinit(hold);
    }
    operation->holds.n = n;
}

/* Whoever listens on one already is its own service, or is told of when that is started. */
void operation_hold_ports(Operation *operation) {
    const EnvironmentPorts *ports = &operation->entry.ports;
    drop_others(operation);
    for (size_t i = 0; i < ports->n; i++) {
        uint16_t port = (uint16_t)ports->at[i].port;
        if (session_listens(operation, port))
            (void)operation_hold_port(operation, port);
        else if (!is_held(operation, port))
            hold_name(operation, port);
    }
}

void operation_give_ports(Operation *operation, Session *session) {
    for (size_t i = 0; i < operation->holds.n; i++)
        ports_give(session, &operation->holds.at[i]);
    VEC_FREE(operation->holds);
}

void operation_drop_ports(Operation *operation) {
    for (size_t i = 0; i < operation->holds.n; i++)
        port_hold_deinit(&operation->holds.at[i]);
    VEC_FREE(operation->holds);
}

/* ---- fixed ones ---- */

/* It runs, and nobody but what it has started itself knows whether that listens. */
static bool has_port(const Environment *environment, int64_t port) {
    const EnvironmentPorts *ports = &environment->entry.ports;
    for (size_t i = 0; i < ports->n; i++)
        if (ports->at[i].port == port)
            return environment_phase(environment) == ENVIRONMENT_RUNNING;
    return false;
}

/* `env run` in its worktree was of this environment. */
static bool is_run_of(const Environment *other, const Environment *environment) {
    return other->apart && strcmp(other->entry.name, environment->entry.name) == 0 &&
           strcmp(entry_root(&other->entry), entry_root(&environment->entry)) == 0;
}

static int refuse_port(const Environment *other, const Service *service, const PortEntry *port,
                       Err *err) {
    bool apart = other->apart; /* known by its place alone */
    return err_set(err, ERR_CONFLICT,
                   "port %lld (services.%s.port) is that of environment '%s', which runs; "
                   "`thole %s%s%senv stop%s%s`, or use another number or auto",
                   (long long)port->number, service->name, other->entry.name, apart ? "-C " : "",
                   apart ? entry_root(&other->entry) : "", apart ? " " : "", apart ? "" : " ",
                   apart ? "" : other->entry.name);
}

static int check_port(const Environment *environment, const Service *service, const PortEntry *port,
                      Err *err) {
    const Environment *other;
    LIST_FOREACH (other, &environment->engine->environments, link)
        if (other != environment && !is_run_of(other, environment) && !service->command.argv.n &&
            has_port(other, port->number))
            return refuse_port(other, service, port, err);
    return ports_check_fixed(environment->engine, environment_session(environment), port, err);
}

int operation_check_ports(const Operation *operation, Err *err) {
    const Config *config = operation->config;
    OperationKind kind = operation->ask.kind;
    if (!config || (kind != OPERATION_CREATE && kind != OPERATION_START))
        return 0;
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        PortEntry port = {.service = service->name, .name = "", .number = service->port.number};
        if (port.number > 0 && check_port(operation->environment, service, &port, err) < 0)
            return -1;
        for (size_t k = 0; k < service->ports.n; k++) {
            port.name = service->ports.at[k].name;
            port.number = service->ports.at[k].port.number;
            if (port.number > 0 && check_port(operation->environment, service, &port, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- blocks ---- */

enum { NAMED_PROJECTS = 4 };

/* How many a project has. */
typedef struct Share {
    const char *project;
    size_t n;
} Share;

static int by_size(const void *a, const void *b) {
    const Share *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->project, y->project);
}

static size_t share_out(const PortBlocksTaken *taken, Share *shares) {
    size_t n = 0;
    for (size_t i = 0; i < taken->n; i++) {
        size_t k = 0;
        while (k < n && strcmp(shares[k].project, taken->at[i].key.project) != 0)
            k++;
        if (k == n)
            shares[n++] = (Share){.project = taken->at[i].key.project};
        shares[k].n++;
    }
    qsort(shares, n, sizeof(*shares), by_size);
    return n;
}

/* "28 of blog, 12 of shop": by the directories that they are in. */
static const char *name_shares(const PortBlocksTaken *taken, Arena *arena) {
    Share *shares = arena_alloc(arena, (taken->n + 1) * sizeof(*shares));
    size_t n = share_out(taken, shares);
    const char *text = "";
    for (size_t i = 0; i < n && i < NAMED_PROJECTS; i++) {
        AUTO_FREE char *dir = path_dir(shares[i].project);
        text = arena_printf(arena, "%s%s%zu of %.24s", text, i ? ", " : "", shares[i].n,
                            path_base(dir));
    }
    return n > NAMED_PROJECTS ? arena_printf(arena, "%s, …", text) : text;
}

int operation_check_blocks(const Operation *operation, Arena *arena, Err *err) {
    const EnvironmentKey key = operation->lease.key;
    OperationKind kind = operation->ask.kind;
    PortBlocksTaken taken;
    if (kind != OPERATION_CREATE && kind != OPERATION_PROVISION)
        return 0;
    if (store_port_blocks(operation->engine->options.store, arena, &taken, err) < 0)
        return -1;
    for (size_t i = 0; i < taken.n; i++)
        if (strcmp(taken.at[i].key.project, key.project) == 0 &&
            strcmp(taken.at[i].key.name, key.name) == 0)
            return 0;
    if (taken.n < PORT_BLOCKS)
        return 0;
    return err_set(err, ERR_LIMIT,
                   "all %d blocks of ports are taken: %s; delete an environment that is not needed "
                   "any more: `thole -C / env list` has all",
                   PORT_BLOCKS, name_shares(&taken, arena));
}
