/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/ports/ports.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "engine/ports/port_sockets.h"
#include "engine/ports/ports_inside.h"
#include "engine/targets/target.h"

Ports *ports_of_session(Session *session) {
    if (!session->ports) {
        session->ports = xcalloc(1, sizeof(Ports));
        arena_init(&session->ports->arena);
    }
    return session->ports;
}

/* ---- checks ---- */

PortRange ports_range(const Session *session, Err *err) {
    const char *text = strmap_get(&session->client.env, "THOLE_PORT_RANGE");
    PortRange range = PORT_RANGE_DEFAULT;
    if (text && *text && port_range_parse(text, &range) < 0)
        err_set(err, ERR_INVALID, "THOLE_PORT_RANGE is \"%.60s\", no range such as 20000-29999",
                text);
    return range;
}

bool ports_are_over(const Session *session) {
    return session->done && !session->alive;
}

int64_t ports_listener(const Generation *generation, const PortEntry *port) {
    const Service *service = config_service(generation->config, port->service);
    if (!service)
        return -1;
    const ServiceTargets *of = &generation->graph.of[service - generation->config->services.at];
    uint32_t target = of->serve != TARGET_NONE ? of->serve : of->update;
    return target == TARGET_NONE ? -1 : (int64_t)target;
}

static const char *target_of_port(const Session *session, const PortEntry *port) {
    int64_t i = ports_listener(session->generation, port);
    return i < 0 ? port->service : session->graph.targets[i].name;
}

bool ports_wanted(const Session *session, const Generation *generation, const PortEntry *port) {
    int64_t i = ports_listener(generation, port);
    if (i < 0)
        return false;
    const TargetSpec *spec = &generation->graph.targets[i];
    int64_t now = graph_find(&session->graph, spec->name);
    if (now < 0)
        return session->all && spec->service->auto_start && spec->service->enabled;
    return session->facts[now].want == WANT_RUN || facts_busy(&session->facts[now]);
}

static int conflict(const PortEntry *port, const Session *other, const PortEntry *theirs,
                    Err *err) {
    return err_set(err, ERR_CONFLICT,
                   "port %" PRId64
                   " (services.%s.%s%s) is that of %s of session %s (%s); stop that "
                   "one, or use another number or auto",
                   port->number, port->service, *port->name ? "ports." : "port", port->name,
                   target_of_port(other, theirs), other->slug, other->config->file);
}

static const PortEntry *find_number(const PortTable *table, int64_t number) {
    for (size_t i = 0; i < table->n; i++)
        if (table->at[i].number == number)
            return &table->at[i];
    return NULL;
}

/* What the session has of that number, or will have when its lease in flight comes back. */
static const PortEntry *find_taken(const Session *session, int64_t number) {
    const PortTable *all = &session->generation->ports;
    for (size_t i = 0; !ports_are_over(session) && i < all->n; i++)
        if (all->at[i].number == number &&
            (all->at[i].leased || ports_wanted(session, session->generation, &all->at[i])))
            return &all->at[i];
    return NULL;
}

int ports_check_fixed(const Engine *engine, const Session *session, const PortEntry *port,
                      Err *err) {
    const Session *other;
    LIST_FOREACH (other, &engine->sessions, link) {
        const PortEntry *theirs = other != session ? find_taken(other, port->number) : NULL;
        if (theirs)
            return conflict(port, other, theirs, err);
    }
    return 0;
}

int ports_check(const Session *session, const Generation *generation, Err *err) {
    const PortTable *table = &generation->ports;
    Err why = {.kind = ERR_NONE};
    if (table->n)
        ports_range(session, &why);
    for (size_t i = 0; i < table->n && !why.kind; i++)
        if (!table->at[i].automatic && ports_wanted(session, generation, &table->at[i]) &&
            ports_check_fixed(session->engine, session, &table->at[i], &why) < 0)
            break;
    if (!why.kind)
        return 0;
    *err = why;
    return -1;
}

int ports_check_own(const Target *target, Err *err) {
    size_t n;
    const PortEntry *port = ports_of_target(target, &n);
    for (size_t i = 0; i < n; i++)
        if (!port[i].leased &&
            ports_check_fixed(target->session->engine, target->session, &port[i], err) < 0)
            return -1;
    return 0;
}

/* ---- holding ---- */

PortHold *ports_add_hold(Ports *ports, const PortHold *hold) {
    if (hold->socket < 0 && hold->name < 0)
        return NULL;
    VEC_PUSH(ports->holds, *hold);
    return &ports->holds.at[ports->holds.n - 1];
}

void ports_give(Session *session, const PortHold *hold) {
    Ports *ports = ports_of_session(session);
    PortHold given = *hold;
    if (ports_find_hold(ports, hold->port))
        port_hold_deinit(&given);
    else
        ports_add_hold(ports, &given);
}

PortHold *ports_find_hold(const Ports *ports, int64_t number) {
    for (size_t i = 0; ports && i < ports->holds.n; i++)
        if (ports->holds.at[i].port == number)
            return &ports->holds.at[i];
    return NULL;
}

void ports_drop_holds(Ports *ports) {
    size_t n = 0;
    for (size_t i = 0; i < ports->holds.n; i++) {
        if (find_number(&ports->table, ports->holds.at[i].port))
            ports->holds.at[n++] = ports->holds.at[i];
        else
            port_hold_deinit(&ports->holds.at[i]);
    }
    ports->holds.n = n;
}

void ports_hold_again(Session *session) {
    Ports *ports = session->ports;
    for (size_t i = 0; i < ports->table.n; i++) {
        const PortEntry *port = &ports->table.at[i];
        int64_t target = ports_listener(session->generation, port);
        bool ran = target < 0 || session->facts[target].run > session->targets[target]->base_run;
        PortHold hold;
        if (!port->leased || ports_find_hold(ports, port->number))
            continue;
        if (ran || port_hold((uint16_t)port->number, &hold, NULL) < 0)
            hold = port_hold_name((uint16_t)port->number);
        ports_add_hold(ports, &hold);
    }
    ports_listen(session);
}

const PortEntry *ports_of_target(const Target *target, size_t *ret_n) {
    const TargetSpec *spec = target_spec(target);
    *ret_n = 0;
    if (!spec->service || spec->command != &spec->service->command)
        return NULL; /* a build listens on nothing */
    return port_table_service(&target->session->generation->ports, spec->resource, ret_n);
}

void ports_let_go(const Target *target) {
    size_t n;
    const PortEntry *port = ports_of_target(target, &n);
    for (size_t i = 0; i < n; i++) {
        PortHold *hold = ports_find_hold(target->session->ports, port[i].number);
        if (hold && !ports_passes(target->session, port[i].service))
            port_hold_let_go(hold);
    }
}

void ports_encode(const Target *target, JsonWriter *out) {
    size_t n;
    const PortEntry *port = ports_of_target(target, &n);
    if (!n || !port[0].number)
        return;
    json_kv_array(out, "ports");
    for (size_t i = 0; i < n; i++) {
        json_object_begin(out);
        if (*port[i].name)
            json_kv_string(out, "name", port[i].name);
        json_kv_int(out, "port", port[i].number);
        json_kv_bool(out, "auto", port[i].automatic);
        json_object_end(out);
    }
    json_array_end(out);
}

uint16_t ports_in_use(const Target *target) {
    size_t n;
    const PortEntry *port = ports_of_target(target, &n);
    uint16_t ready = target_spec(target)->type == TARGET_SERVER ? target_ready_port(target) : 0;
    bool held = false;
    for (size_t i = 0; i < n; i++) {
        const PortHold *hold = ports_find_hold(target->session->ports, port[i].number);
        bool ours = hold && hold->socket >= 0;
        held = held || (ours && port[i].number == ready);
        if (!ours && port_in_use((uint16_t)port[i].number))
            return (uint16_t)port[i].number;
    }
    return ready && !held && port_in_use(ready) ? ready : 0;
}

Ports *ports_free(Ports *ports) {
    if (!ports)
        return NULL;
    ports_drop_leases(ports);
    for (size_t i = 0; i < ports->holds.n; i++)
        port_hold_deinit(&ports->holds.at[i]);
    VEC_FREE(ports->holds);
    arena_deinit(&ports->arena);
    free(ports);
    return NULL;
}

TemplateValues ports_values(const Generation *generation, const char *service) {
    return (TemplateValues){
        .config = generation->config, .ports = &generation->ports, .self = service};
}
