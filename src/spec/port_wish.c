/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/port_wish.h"

#include <stdlib.h>
#include <string.h>

#include "spec/environment.h"
#include "spec/replicas.h"

static int compare(const void *a, const void *b) {
    const PortWish *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->infra - y->infra;
}

static void add_service(PortWishes *to, const Config *config, const Service *service,
                        Arena *arena) {
    if (!replicas_is_group(config, service))
        to->at[to->n++] = (PortWish){
            .name = service->name,
            .fixed = service->port.number,
            .key = arena_printf(arena, "services.%s", service->name),
        };
    for (size_t i = 0; i < service->ports.n; i++) {
        const char *name = service->ports.at[i].name;
        to->at[to->n++] = (PortWish){
            .name = entry_port_name(service->name, name, arena),
            .fixed = service->ports.at[i].port.number,
            .key = arena_printf(arena, "services.%s.ports.%s", service->name, name),
        };
    }
}

static void add_infra(PortWishes *to, const Config *config, const InfraService *infra) {
    const Service *same = config_service(config, infra->name);
    to->at[to->n++] = (PortWish){
        .name = infra->name,
        .fixed = same ? same->port.number : 0,
        .key = "infrastructure.compose_file",
        .infra = true,
    };
}

PortWishes port_wishes_of(const Config *config, Arena *arena) {
    size_t most = config->services.n + config->infrastructure.services.n;
    for (size_t i = 0; i < config->services.n; i++)
        most += config->services.at[i].ports.n;
    PortWishes wishes = {.at = arena_alloc(arena, most * sizeof(*wishes.at))};
    for (size_t i = 0; i < config->services.n; i++)
        add_service(&wishes, config, &config->services.at[i], arena);
    for (size_t i = 0; i < config->infrastructure.services.n; i++)
        add_infra(&wishes, config, &config->infrastructure.services.at[i]);
    if (wishes.n)
        qsort(wishes.at, wishes.n, sizeof(*wishes.at), compare);
    return wishes;
}
