/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/environment_undoing.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define SEED "seed_"

static bool names(const Config *config, const char *service) {
    for (size_t i = 0; i < config->provisioner.services.n; i++)
        if (strcmp(config->provisioner.services.at[i].name, service) == 0)
            return true;
    return false;
}

static bool is_provisioned(const EnvironmentEntry *entry, const char *service) {
    for (size_t i = 0; i < entry->steps.n; i++) {
        const char *step = entry->steps.at[i].name;
        if (str_starts(step, SEED) && strcmp(step + strlen(SEED), service) == 0)
            return true;
    }
    return entry_outputs(entry, service) != NULL;
}

/* Its hook may have made a machine, and failed before it said which. */
static bool has_machine(const EnvironmentEntry *entry) {
    return entry->compute ? strcmp(entry->compute->type, "local") != 0
                          : entry_checkpoint(entry, "create_compute") != NULL;
}

/* ---- what is kept ---- */

static ProvisionedService only_undone(const ProvisionedService *service) {
    ProvisionedService kept = {.name = service->name,
                               .outputs = service->outputs,
                               .destroy = service->destroy,
                               .line = service->line};
    if (hook_given(&kept.destroy))
        schema_mark(&type_provisioned, &kept, "destroy");
    return kept;
}

static int compare(const void *a, const void *b) {
    return strcmp(((const ProvisionedService *)a)->name, ((const ProvisionedService *)b)->name);
}

static void keep_services(Config *config, const Config *before, const EnvironmentEntry *entry,
                          Arena *arena) {
    __auto_type services = &config->provisioner.services;
    size_t n = services->n;
    const ProvisionedService *now = services->at;
    __auto_type old = &before->provisioner.services;
    services->at = arena_alloc(arena, (n + old->n + 1) * sizeof(*services->at));
    if (n)
        memcpy(services->at, now, n * sizeof(*now));
    for (size_t i = 0; i < old->n; i++)
        if (!names(config, old->at[i].name) && (!entry || is_provisioned(entry, old->at[i].name)))
            services->at[services->n++] = only_undone(&old->at[i]);
    if (services->n == n)
        return;
    qsort(services->at, services->n, sizeof(*services->at), compare);
    schema_mark(&type_config, config, "provisioner");
}

static void keep_machine(Config *config, const Config *before, const EnvironmentEntry *entry) {
    ComputeConfig *compute = &config->provisioner.compute;
    const EnvironmentHook *destroy = &before->provisioner.compute.destroy;
    if (hook_given(&compute->destroy) || !hook_given(destroy) || (entry && !has_machine(entry)))
        return;
    compute->destroy = *destroy;
    schema_mark(&type_compute, compute, "destroy");
    schema_mark(&type_provisioner, &config->provisioner, "compute");
    schema_mark(&type_config, config, "provisioner");
}

const Config *environment_undoing(const Config *now, const Config *before,
                                  const EnvironmentEntry *entry, Arena *arena) {
    Config *config = arena_dup(arena, now, sizeof(*now));
    keep_services(config, before, entry, arena);
    keep_machine(config, before, entry);
    return config;
}

/* ---- what is not known ---- */

static void add_service(const Config *config, const char *service, const char **list,
                        Arena *arena) {
    const char *key = arena_printf(arena, "provisioner.services.%s", service);
    if (!names(config, service))
        *list = *list ? arena_printf(arena, "%s, %s", *list, key) : key;
}

const char *environment_undoing_unknown(const Config *config, const EnvironmentEntry *entry,
                                        Arena *arena) {
    const ComputeConfig *compute = &config->provisioner.compute;
    const char *list = NULL;
    for (size_t i = 0; i < entry->steps.n; i++)
        if (str_starts(entry->steps.at[i].name, SEED))
            add_service(config, entry->steps.at[i].name + strlen(SEED), &list, arena);
    for (size_t i = 0; i < entry->outputs.n; i++) {
        const char *service = entry->outputs.at[i].service;
        if (!entry_checkpoint(entry, arena_printf(arena, SEED "%s", service)))
            add_service(config, service, &list, arena);
    }
    if (!entry->compute || !has_machine(entry) || hook_given(&compute->create) ||
        hook_given(&compute->destroy))
        return list;
    return arena_printf(arena, "%s%sprovisioner.compute", list ? list : "", list ? ", " : "");
}
