/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/step_copy.h"

static const char *text(const char *from, Arena *arena) {
    return from ? arena_strdup(arena, from) : NULL;
}

static StrList list(const StrList *from, Arena *arena) {
    StrList to = {.at = arena_alloc(arena, (from->n + 1) * sizeof(char *)), .n = from->n};
    for (size_t i = 0; i < from->n; i++)
        to.at[i] = text(from->at[i], arena);
    return to;
}

static StrMap map(const StrMap *from, Arena *arena) {
    StrMap to = {.at = arena_alloc(arena, (from->n + 1) * sizeof(StrPair)), .n = from->n};
    for (size_t i = 0; i < from->n; i++)
        to.at[i] = (StrPair){text(from->at[i].name, arena), text(from->at[i].value, arena)};
    return to;
}

static void copy_hosts(Step *to, const Step *from, Arena *arena) {
    to->extra_hosts.at = arena_alloc(arena, (from->extra_hosts.n + 1) * sizeof(HostAlias));
    for (size_t i = 0; i < from->extra_hosts.n; i++)
        to->extra_hosts.at[i] = (HostAlias){text(from->extra_hosts.at[i].name, arena),
                                            text(from->extra_hosts.at[i].ip, arena)};
}

static void copy_networks(Step *to, const Step *from, Arena *arena) {
    to->networks.at = arena_alloc(arena, (from->networks.n + 1) * sizeof(StepNetwork));
    for (size_t i = 0; i < from->networks.n; i++)
        to->networks.at[i] = (StepNetwork){text(from->networks.at[i].name, arena),
                                           list(&from->networks.at[i].aliases, arena)};
    to->ports.at = arena_alloc(arena, (from->ports.n + 1) * sizeof(StepPort));
    for (size_t i = 0; i < from->ports.n; i++)
        to->ports.at[i] =
            (StepPort){from->ports.at[i].number, text(from->ports.at[i].protocol, arena)};
}

Step *step_copy(const Step *from, Arena *arena) {
    Step *to = arena_dup(arena, from, sizeof(*from));
    to->name = text(from->name, arena);
    to->uuid = text(from->uuid, arena);
    to->image = text(from->image, arena);
    to->working_dir = text(from->working_dir, arena);
    to->workspace_base = text(from->workspace_base, arena);
    to->environment = map(&from->environment, arena);
    to->entrypoint = list(&from->entrypoint, arena);
    to->commands = list(&from->commands, arena);
    to->volumes = list(&from->volumes, arena);
    to->tmpfs = list(&from->tmpfs, arena);
    to->devices = list(&from->devices, arena);
    to->dns = list(&from->dns, arena);
    to->dns_search = list(&from->dns_search, arena);
    to->auth_config = (RegistryAuth){text(from->auth_config.username, arena),
                                     text(from->auth_config.password, arena)};
    to->network_mode = text(from->network_mode, arena);
    to->backend_options.docker.user = text(from->backend_options.docker.user, arena);
    to->workflow_labels = map(&from->workflow_labels, arena);
    to->container_name_scheme = text(from->container_name_scheme, arena);
    to->secrets = list(&from->secrets, arena);
    to->cause = text(from->cause, arena);
    copy_hosts(to, from, arena);
    copy_networks(to, from, arena);
    return to;
}
