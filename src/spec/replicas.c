/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/replicas.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "spec/names.h"

size_t replicas_stem(const char *name, size_t size) {
    size_t n = size;
    while (n > 0 && isdigit((unsigned char)name[n - 1]))
        n--;
    bool padded = n < size && name[n] == '0' && size - n > 1;
    return n < size && n > 1 && name[n - 1] == '-' && !padded ? n - 1 : 0;
}

static bool has_replicas(const Service *service) {
    return schema_has(&type_service, service, "replicas");
}

const Service *replicas_base(const Config *config, const char *name) {
    size_t stem = replicas_stem(name, strlen(name));
    char base[64];
    int64_t index;
    if (stem == 0 || stem >= sizeof(base))
        return NULL;
    str_copy(base, sizeof(base), name);
    base[stem] = '\0';
    const Service *service = config_service(config, base);
    if (!service || !has_replicas(service) || number_parse(name + stem + 1, 0, 100, &index) < 0)
        return NULL;
    return index < service->replicas ? service : NULL;
}

static void shift_port(Port *port, int64_t by) {
    if (port->number)
        port->number += by;
}

static void shift_ports(Service *copy, int64_t by, Arena *arena) {
    shift_port(&copy->port, by);
    NamedPort *ports = arena_alloc(arena, (copy->ports.n + 1) * sizeof(*ports));
    for (size_t i = 0; i < copy->ports.n; i++) {
        ports[i] = copy->ports.at[i];
        shift_port(&ports[i].port, by);
    }
    copy->ports.at = ports;
}

static Service replica_of(const Service *service, int64_t index, Arena *arena) {
    Service copy = *service;
    StrPair number = {"THOLE_REPLICA", arena_printf(arena, "%lld", (long long)index)};
    copy.name = arena_printf(arena, "%s-%lld", service->name, (long long)index);
    copy.replicas = 1;
    schema_forget(&type_service, &copy, "replicas");
    copy.env = strmap_merge(&service->env, &(StrMap){&number, 1}, arena);
    shift_ports(&copy, index, arena);
    return copy;
}

/* What the name stood for: all of them. */
static Service group_of(const Service *service, const Source *source) {
    Service group;
    Decoder d = {.arena = source->arena, .report = source->report, .file = source->file};
    (void)!schema_decode(&d, &type_service, NULL, &group); /* the defaults */
    group.name = service->name;
    group.description = service->description;
    group.auto_start = service->auto_start;
    group.line = service->line;
    group.depends_on.at = arena_alloc(source->arena, (size_t)service->replicas * sizeof(DependsOn));
    for (int64_t i = 0; i < service->replicas; i++)
        group.depends_on.at[group.depends_on.n++] = (DependsOn){
            .name = arena_printf(source->arena, "%s-%lld", service->name, (long long)i)};
    schema_mark(&type_service, &group, "depends_on");
    if (schema_has(&type_service, service, "auto"))
        schema_mark(&type_service, &group, "auto");
    if (schema_has(&type_service, service, "description"))
        schema_mark(&type_service, &group, "description");
    return group;
}

static void check_name(const Config *config, const Source *source, const Service *service,
                       const char *name) {
    const char *path = arena_printf(source->arena, "services.%s.replicas", service->name);
    const char *wrong = check_service_name(name);
    if (config_service(config, name))
        source_problem(source, path, "rename one of them", "there is a service %s already", name);
    else if (wrong)
        source_problem(source, path, NULL, "\"%s\": %s", name, wrong);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const Service *)a)->name, ((const Service *)b)->name);
}

static size_t count(const Config *config) {
    size_t n = 0;
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        n += 1 + (has_replicas(service) ? (size_t)service->replicas : 0);
    }
    return n;
}

void replicas_expand(Config *config, const Source *source) {
    size_t total = count(config), n = 0;
    if (total == config->services.n)
        return;
    if (total * 2 + 1 > MAX_TARGETS) {
        source_problem(source, "services", NULL,
                       "%zu services, with all their replicas, are more than the limit of %d",
                       total, MAX_TARGETS / 2 - 1);
        return;
    }
    Service *all = arena_alloc(source->arena, total * sizeof(*all));
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        bool many = has_replicas(service);
        for (int64_t k = 0; many && k < service->replicas; k++) {
            all[n] = replica_of(service, k, source->arena);
            check_name(config, source, service, all[n++].name);
        }
        all[n++] = many ? group_of(service, source) : *service;
    }
    qsort(all, n, sizeof(*all), by_name);
    config->services.at = all;
    config->services.n = n;
}

bool replicas_is_group(const Config *config, const Service *service) {
    char first[80];
    snprintf(first, sizeof(first), "%s-0", service->name);
    const Service *replica = config_service(config, first);
    return replica && !service->command.argv.n && service->depends_on.n > 0 &&
           str_same(service->depends_on.at[0].name, first) &&
           strmap_get(&replica->env, "THOLE_REPLICA");
}
