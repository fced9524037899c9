/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/port_table.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "spec/port.h"

static void add(PortTable *table, const Service *service, const char *name, const Port *port) {
    if (!port_given(port) || service->leaving) /* its last run knows its ports */
        return;
    table->at[table->n++] = (PortEntry){.service = service->name,
                                        .name = name,
                                        .number = port->number,
                                        .automatic = port_is_auto(port)};
}

PortTable port_table_of(const Config *config, Arena *arena) {
    size_t most = 0;
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        most += service->ports.n + port_given(&service->port);
    }
    PortTable table = {.at = arena_alloc(arena, most * sizeof(*table.at))};
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        add(&table, service, "", &service->port);
        for (size_t k = 0; k < service->ports.n; k++)
            add(&table, service, service->ports.at[k].name, &service->ports.at[k].port);
    }
    return table;
}

const PortEntry *port_table_service(const PortTable *table, const char *service, size_t *ret_n) {
    size_t low = 0, high = table->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(table->at[middle].service, service) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < table->n && strcmp(table->at[end].service, service) == 0)
        end++;
    *ret_n = end - low;
    return table->at + low;
}

PortEntry *port_table_find(const PortTable *table, const char *service, const char *name) {
    size_t n;
    const PortEntry *first = port_table_service(table, service, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(first[i].name, name) == 0)
            return &table->at[first - table->at + (ptrdiff_t)i];
    return NULL;
}

/* ---- the environment ---- */

/* Upper case, and `_` for what no name of a variable may hold. */
static const char *variable(const char *service, const char *name, Arena *arena) {
    bool digit = isdigit((unsigned char)service[0]);
    char *text = arena_printf(arena, "%s%s%sPORT%s%s", digit ? "_" : "", service,
                              *service ? "_" : "", *name ? "_" : "", name);
    for (char *p = text; *p; p++)
        *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
    return text;
}

static StrMap env_of(const PortEntry *at, size_t n, bool own, Arena *arena) {
    StrMap env = {.at = arena_alloc(arena, n * sizeof(*env.at)), .n = n};
    for (size_t i = 0; i < n; i++)
        env.at[i] = (StrPair){.name = variable(own ? "" : at[i].service, at[i].name, arena),
                              .value = arena_printf(arena, "%" PRId64, at[i].number)};
    strmap_sort(&env);
    return env;
}

StrMap port_env_shared(const PortTable *table, Arena *arena) {
    return env_of(table->at, table->n, false, arena);
}

StrMap port_env_own(const PortTable *table, const char *service, Arena *arena) {
    size_t n;
    const PortEntry *first = port_table_service(table, service, &n);
    return env_of(first, n, true, arena);
}
