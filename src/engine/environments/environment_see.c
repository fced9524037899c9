/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/environments/environment_see.h"

#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "engine/operations/steps.h"
#include "spec/environment_secrets.h"
#include "spec/replicas.h"

/* ---- what is secret ---- */

static bool has_one(const StrList *forms, const char *value) {
    for (size_t i = 0; i < forms->n; i++)
        if (strstr(value, forms->at[i]))
            return true;
    return false;
}

static bool is_named(const Service *service, const char *name) {
    for (size_t i = 0; service && i < service->secrets.n; i++)
        if (strcmp(service->secrets.at[i], name) == 0)
            return true;
    return false;
}

static void mark_secrets(const EnvironmentEntry *entry, const Service *service, Arena *arena,
                         SeenVariables *ret) {
    const StrList forms = environment_mask_forms(entry, arena);
    ret->secret = arena_alloc(arena, (ret->map.n + 1) * sizeof(*ret->secret));
    for (size_t i = 0; i < ret->map.n; i++) {
        const StrPair *pair = &ret->map.at[i];
        ret->secret[i] = is_named(service, pair->name) ||
                         environment_is_secret(entry, pair->value) || has_one(&forms, pair->value);
    }
}

/* ---- variables ---- */

static int no_service(const Config *config, const char *name, Arena *arena, Err *err) {
    const char **names = arena_alloc(arena, (config->services.n + 1) * sizeof(*names));
    for (size_t i = 0; i < config->services.n; i++)
        names[i] = config->services.at[i].name;
    err_set(err, ERR_NOT_FOUND, "%s has no service \"%.100s\"", config->name, name);
    return err_suggest(err, str_suggest(name, names, config->services.n), "");
}

static const ManifestService *service_of(const Manifest *manifest, const char *name) {
    for (size_t i = 0; i < manifest->services.n; i++)
        if (strcmp(manifest->services.at[i].name, name) == 0)
            return &manifest->services.at[i];
    return NULL;
}

/* As its env file has it, which it may share with others: what is its own wins, as in `up`. */
static int file_variables(const Manifest *manifest, const ManifestService *service, Arena *arena,
                          StrMap *ret, Err *err) {
    Manifest alone = {.services = {(ManifestService *)service, 1}};
    ManifestFiles own, all;
    *ret = (StrMap){0};
    if (manifest_files(&alone, arena, &own, err) < 0 ||
        manifest_files(manifest, arena, &all, err) < 0)
        return -1;
    for (size_t i = 0; own.n && i < all.n; i++)
        if (strcmp(all.at[i].path, own.at[0].path) == 0)
            *ret = strmap_merge(&all.at[i].env, &service->env, arena);
    return 0;
}

int see_variables(const Operation *operation, Arena *arena, SeenVariables *ret, Err *err) {
    const Config *config = operation->config;
    const EnvironmentEntry *entry = &operation->entry;
    const char *name = operation->ask.service;
    const Service *service = name ? config_service(config, name) : NULL;
    bool local = entry->compute && str_same(entry->compute->type, "local");
    *ret = (SeenVariables){.path = local ? entry_root(entry) : ""};
    if (name && !service)
        return no_service(config, name, arena, err);
    if (service && replicas_is_group(config, service))
        return err_set(err, ERR_NOT_FOUND,
                       "of %.100s each replica has variables of its own: %.100s-0, …", name, name);
    if (!name) {
        ret->map = hook_variables(config, entry, NULL, arena);
    } else {
        const Manifest *manifest = operation_manifest(operation, arena, err);
        const ManifestService *own = manifest ? service_of(manifest, name) : NULL;
        if (!manifest || (own && file_variables(manifest, own, arena, &ret->map, err) < 0))
            return -1;
    }
    mark_secrets(entry, service, arena, ret);
    return 0;
}

/* ---- infrastructure ---- */

static const char *state_of(const ComputeLook *look, const char *name) {
    for (size_t i = 0; i < look->service_n; i++)
        if (strcmp(look->services[i].name, name) == 0)
            return look->services[i].state;
    return "unknown";
}

static void list_services(const Operation *operation, const ComputeLook *look, const char *state,
                          Arena *arena, SeenInfrastructure *ret) {
    __auto_type services = &operation->config->infrastructure.services;
    ret->at = arena_alloc(arena, (services->n + 1) * sizeof(*ret->at));
    for (size_t i = 0; i < services->n; i++) {
        const InfraService *service = &services->at[i];
        int64_t port = entry_port(&operation->entry, service->name);
        ret->at[ret->n++] = (SeenInfra){.name = service->name,
                                        .state = state ? state : state_of(look, service->name),
                                        .port = service->port ? port : 0};
    }
}

void see_infrastructure(const Operation *operation, const ComputeLook *known, Arena *arena,
                        SeenInfrastructure *ret) {
    ComputeAsk ask = operation_compute_ask(operation, arena);
    const Compute *compute = compute_of(operation->entry.compute);
    ComputeLook look = known ? *known : (ComputeLook){0};
    Err err;
    *ret = (SeenInfrastructure){0};
    if (!ask.compose_file)
        return;
    if (compute == &compute_local && access(ask.compose_file, F_OK) < 0) { /* nor was it started */
        list_services(operation, &look, "stopped", arena, ret);
    } else if (!known && compute_running(compute, &ask, arena, &look, &err) < 0) {
        ret->error = arena_strdup(arena, err.msg);
        list_services(operation, &look, "unknown", arena, ret);
    } else {
        ret->running = look.stands;
        ret->error = look.why;
        list_services(operation, &look, NULL, arena, ret);
    }
}
