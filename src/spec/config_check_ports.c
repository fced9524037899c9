/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: that each number is one service's alone, and that the variables which tell of them have
 * names of their own. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "spec/config_check.h"
#include "spec/port.h"
#include "spec/port_table.h"

typedef struct Check {
    const Config *config;
    const Source *source;
    PortTable table;
} Check;

static Arena *arena_of(const Check *c) {
    return c->source->arena;
}

static const char *path_of(const Check *c, const PortEntry *port) {
    return arena_printf(arena_of(c), "services.%s.%s%s", port->service,
                        *port->name ? "ports." : "port", port->name);
}

/* ---- what suits the service ---- */

static void check_service(const Check *c, const Service *service) {
    bool port = port_given(&service->port), any = port || service->ports.n > 0;
    bool fd = service->pass == PASS_FD;
    const char *base = arena_printf(arena_of(c), "services.%s", service->name);
#define AT(key) arena_printf(arena_of(c), "%s." key, base)
    /* An environment has one for every service. */
    if (any && !c->source->entry && !config_has_environments(c->config) &&
        !schema_has(&type_service, service, "command"))
        source_problem(c->source, port ? AT("port") : AT("ports"),
                       "add a `command`, or remove this key",
                       "`%s` is given, but there is no `command` that could listen there",
                       port ? "port" : "ports");
    if (fd && !any)
        source_problem(c->source, AT("pass"), "add `port`: a number or auto",
                       "there is no port whose socket it could be given");
    if (fd && service->type == SERVICE_JOB)
        source_problem(c->source, AT("pass"), "remove it, or remove `type: job`",
                       "a job ends: nobody would listen on its sockets");
    if (service->lazy && !fd)
        source_problem(c->source, AT("lazy"), "add `pass: fd`",
                       "only what is given its sockets can be started by the first connection");
#undef AT
}

/* ---- numbers ---- */

static int by_number(const void *a, const void *b) {
    const PortEntry *const *x = a, *const *y = b;
    int64_t order = (*x)->number - (*y)->number;
    return order ? (order > 0) - (order < 0) : (*x > *y) - (*x < *y);
}

static void check_numbers(const Check *c) {
    const PortEntry **sorted = arena_alloc(arena_of(c), c->table.n * sizeof(*sorted));
    for (size_t i = 0; i < c->table.n; i++)
        sorted[i] = &c->table.at[i];
    if (c->table.n)
        qsort(sorted, c->table.n, sizeof(*sorted), by_number);
    for (size_t i = 0; i < c->table.n; i++)
        if (sorted[i]->number > UINT16_MAX)
            source_problem(c->source, path_of(c, sorted[i]), "begin with a lower one",
                           "port %" PRId64 " is outside 1..65535", sorted[i]->number);
    for (size_t i = 1; i < c->table.n; i++)
        if (sorted[i]->number && sorted[i]->number == sorted[i - 1]->number)
            source_problem(c->source, path_of(c, sorted[i]), "use another number, or auto",
                           "port %" PRId64 " is that of %s already", sorted[i]->number,
                           path_of(c, sorted[i - 1]));
}

/* ---- variables ---- */

static void check_variables(const Check *c) {
    Map owners;
    map_init(&owners);
    for (size_t i = 0; i < c->table.n; i++) {
        PortTable one = {.at = &c->table.at[i], .n = 1};
        const char *name = port_env_shared(&one, arena_of(c)).at[0].name;
        const PortEntry *other = map_put(&owners, name, one.at);
        if (other)
            source_problem(c->source, path_of(c, one.at), "rename one of them",
                           "its variable %s is also that of %s", name, path_of(c, other));
    }
    for (size_t i = 0; i < c->table.n; i++) {
        PortTable one = {.at = &c->table.at[i], .n = 1};
        const char *name = port_env_own(&one, one.at->service, arena_of(c)).at[0].name;
        const PortEntry *other = map_get(&owners, name);
        if (other)
            source_problem(c->source, path_of(c, one.at), "rename one of them",
                           "its variable %s is also that of %s", name, path_of(c, other));
    }
    map_deinit(&owners);
}

void config_check_ports(const Config *config, const Source *source) {
    Check c = {.config = config, .source = source, .table = port_table_of(config, source->arena)};
    for (size_t i = 0; i < config->services.n; i++)
        check_service(&c, &config->services.at[i]);
    check_numbers(&c);
    check_variables(&c);
}
