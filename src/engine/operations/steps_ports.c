/* SPDX-License-Identifier: Apache-2.0 */
/* allocate_ports: the block that the environment's name asks for, or, if another has it, the next
 * free one, which it keeps; and in it a port for each service. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "engine/operations/steps.h"
#include "plan/port_block.h"
#include "spec/digest.h"
#include "spec/replicas.h"

/* ---- who gets one ---- */

static int compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t count_names(const Config *config) {
    size_t n = config->services.n + config->infrastructure.services.n;
    for (size_t i = 0; i < config->services.n; i++)
        n += config->services.at[i].ports.n;
    return n;
}

/* Services, their named ports and infrastructure, in byte order. */
static StrList names_of(const Config *config, Arena *arena) {
    StrList names = {.at = arena_alloc(arena, (count_names(config) + 1) * sizeof(*names.at))};
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        if (!replicas_is_group(config, service))
            names.at[names.n++] = service->name;
        for (size_t k = 0; k < service->ports.n; k++)
            names.at[names.n++] = entry_port_name(service->name, service->ports.at[k].name, arena);
    }
    for (size_t i = 0; i < config->infrastructure.services.n; i++)
        names.at[names.n++] = config->infrastructure.services.at[i].name;
    qsort(names.at, names.n, sizeof(*names.at), compare);
    size_t n = 0;
    for (size_t i = 0; i < names.n; i++)
        if (n == 0 || strcmp(names.at[n - 1], names.at[i]) != 0)
            names.at[n++] = names.at[i];
    names.n = n;
    return names;
}

/* A fixed port of the file overrides the one of the block. */
static int64_t fixed_port(const Config *config, const char *name, Arena *arena) {
    const Service *service = config_service(config, name);
    if (service)
        return service->port.number;
    for (size_t i = 0; i < config->services.n; i++) {
        service = &config->services.at[i];
        for (size_t k = 0; k < service->ports.n; k++)
            if (strcmp(entry_port_name(service->name, service->ports.at[k].name, arena), name) == 0)
                return service->ports.at[k].port.number;
    }
    return 0;
}

static const char *digest_names(const Config *config, const StrList *names, Arena *arena) {
    Digest *digest = digest_new();
    for (size_t i = 0; i < names->n; i++) {
        int64_t fixed = fixed_port(config, names->at[i], arena);
        digest_add_text(digest, names->at[i]);
        digest_add(digest, &fixed, sizeof(fixed));
    }
    return digest_end(digest, arena);
}

static bool has_all(const EnvironmentEntry *entry, const StrList *names) {
    bool all = entry->ports.n == names->n;
    for (size_t i = 0; all && i < names->n; i++)
        all = entry_port(entry, names->at[i]) > 0;
    return all;
}

static int look(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    StrList names = names_of(operation->config, arena);
    ret->own = digest_names(operation->config, &names, arena);
    ret->stands = has_all(&operation->entry, &names);
    ret->why = ret->stands ? NULL : "not every service has a port";
    return 0;
}

/* ---- which ---- */

/* What the environment has already is its own, whoever listens there. */
static bool is_free(void *arg, uint16_t port) {
    Operation *operation = arg;
    for (size_t i = 0; i < operation->entry.ports.n; i++)
        if (operation->entry.ports.at[i].port == port)
            return true;
    return operation_hold_port(operation, port);
}

static int act(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    const Config *config = operation->config;
    StrList names = names_of(config, arena);
    EnvironmentPorts *ports = &ret->ports;
    uint32_t block;
    PortBlockClaim claim = {.key = operation->lease.key,
                            .wanted = port_block_of(operation->entry.name),
                            .n = PORT_BLOCKS};
    if (store_port_block(operation->engine->options.store, &claim, &block, err) < 0 ||
        port_block_draw(
            &(PortBlockAsk){.names = &names, .block = block, .is_free = is_free, .arg = operation},
            arena, ports, err) < 0)
        return -1;
    for (size_t i = 0; i < ports->n; i++) {
        int64_t fixed = fixed_port(config, ports->at[i].name, arena);
        if (fixed > 0)
            ports->at[i].port = fixed;
    }
    return 0;
}

static int take(Operation *operation, Err *err) {
    Arena *arena = &operation->arena;
    Value *ports = value_new(arena, VALUE_MAP), *kept = value_new(arena, VALUE_MAP);
    operation->entry.ports = operation->drawn;
    operation_hold_ports(operation);
    for (size_t i = 0; i < operation->drawn.n; i++)
        value_set(arena, ports, operation->drawn.at[i].name,
                  value_new_int(arena, operation->drawn.at[i].port));
    value_set(arena, kept, "ports", ports);
    operation->produced = kept;
    return 0;
}

const StepDoer allocate_ports_doer = {
    .look = look, .act = act, .in_store = true, .take = take, .skip = operation_hold_ports};
