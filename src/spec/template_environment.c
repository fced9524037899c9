/* SPDX-License-Identifier: Apache-2.0 */
/* References to what only an environment knows: infrastructure, provisioner, store, proxy, env. */
#include <inttypes.h>
#include <string.h>

#include "spec/environment.h"
#include "spec/environment_name.h"
#include "spec/template_inside.h"

/* Long enough for a secret, and a port. */
#define SOME_VALUE "20000"

const char *template_nowhere(const Render *r, const Reference *ref) {
    if (r->values->checking)
        return SOME_VALUE;
    return template_problem(r, ref, "make one with `thole env create NAME`",
                            "only an environment has this");
}

static const char *no_infrastructure(const Render *r, const Reference *ref) {
    const InfrastructureConfig *infra = &r->values->config->infrastructure;
    if (!infra->compose_file)
        return template_problem(r, ref, "name its file under `infrastructure: {compose_file: …}`",
                                "there is no infrastructure");
    const char **names = arena_alloc(r->arena, (infra->services.n + 1) * sizeof(*names));
    for (size_t i = 0; i < infra->services.n; i++)
        names[i] = infra->services.at[i].name;
    return template_problem(r, ref, template_hint(r, ref->part[1], names, infra->services.n),
                            "there is no infrastructure service \"%s\"", ref->part[1]);
}

const char *template_infrastructure(const Render *r, const Reference *ref) {
    const Config *config = r->values->config;
    const EnvironmentEntry *entry = r->values->environment;
    if (ref->n != 3 || strcmp(ref->part[2], "port") != 0)
        return template_problem(r, ref, NULL, "expected infrastructure.<name>.port");
    /* The compose file is read for environments only: otherwise any name may be one of it. */
    bool known = config->infrastructure.compose_file && !config->infrastructure.services.at;
    for (size_t i = 0; i < config->infrastructure.services.n && !known; i++)
        known = strcmp(config->infrastructure.services.at[i].name, ref->part[1]) == 0;
    int64_t port = entry && known ? entry_port(entry, ref->part[1]) : 0;
    if (!known)
        return no_infrastructure(r, ref);
    if (port)
        return arena_printf(r->arena, "%" PRId64, port);
    if (!entry)
        return template_nowhere(r, ref);
    return template_problem(r, ref, "run its step allocate_ports again",
                            "the environment %s has no port for it", entry->name);
}

static const char *no_provisioner(const Render *r, const Reference *ref) {
    const ProvisionerConfig *p = &r->values->config->provisioner;
    const char **names = arena_alloc(r->arena, (p->services.n + 1) * sizeof(*names));
    for (size_t i = 0; i < p->services.n; i++)
        names[i] = p->services.at[i].name;
    return template_problem(r, ref, template_hint(r, ref->part[1], names, p->services.n),
                            "there is no provisioner service \"%s\"", ref->part[1]);
}

static bool has_output(const ProvisionedService *service, const char *name) {
    for (size_t i = 0; i < service->outputs.n; i++)
        if (strcmp(service->outputs.at[i], name) == 0)
            return true;
    return false;
}

/* What `env hook … seed` prints is kept by nobody: its step is. */
static const char *not_provisioned(const Render *r, const Reference *ref,
                                   const ProvisionedService *service) {
    const char *env = r->values->environment->name;
    const char *hint =
        hook_given(&service->seed)
            ? arena_printf(r->arena, "`thole env create %s` does its step seed_%s", env,
                           service->name)
            : arena_printf(r->arena, "run `thole env hook %s reset %s`", service->name, env);
    return template_problem(r, ref, hint, "%s was not provisioned yet in the environment %s",
                            service->name, env);
}

const char *template_provisioner(const Render *r, const Reference *ref) {
    const ProvisionerConfig *p = &r->values->config->provisioner;
    const EnvironmentEntry *entry = r->values->environment;
    const ProvisionedService *service = NULL;
    if (ref->n != 3)
        return template_problem(r, ref, NULL, "expected provisioner.<service>.<OUTPUT>");
    for (size_t i = 0; i < p->services.n && !service; i++)
        if (strcmp(p->services.at[i].name, ref->part[1]) == 0)
            service = &p->services.at[i];
    if (!service)
        return no_provisioner(r, ref);
    if (!has_output(service, ref->part[2])) {
        const char *hint = template_hint(r, ref->part[2], service->outputs.at, service->outputs.n);
        return template_problem(r, ref, hint ? hint : "list it in its `outputs`",
                                "provisioner service \"%s\" has no output \"%s\"", ref->part[1],
                                ref->part[2]);
    }
    if (!entry)
        return template_nowhere(r, ref);
    const StrMap *outputs = entry_outputs(entry, ref->part[1]);
    const char *value = outputs ? strmap_get(outputs, ref->part[2]) : NULL;
    return value ? value : not_provisioned(r, ref, service);
}

const char *template_store(const Render *r, const Reference *ref) {
    const EnvironmentEntry *entry = r->values->environment;
    if (ref->n != 2 || !*ref->part[1])
        return template_problem(r, ref, NULL, "expected store.<KEY>");
    if (!entry)
        return template_nowhere(r, ref);
    const char *value = strmap_get(&entry->values, ref->part[1]);
    if (value || r->values->checking)
        return value ? value : SOME_VALUE;
    return template_problem(r, ref,
                            arena_printf(r->arena, "set it with `thole env store set %s %s=VALUE`",
                                         entry->name, ref->part[1]),
                            "the environment %s has no value \"%s\"", entry->name, ref->part[1]);
}

const char *template_proxy(const Render *r, const Reference *ref) {
    const Config *config = r->values->config;
    const EnvironmentEntry *entry = r->values->environment;
    const char *domain = config->runner.compose.proxy.domain;
    bool url = ref->n == 3 && strcmp(ref->part[1], "url") == 0;
    if (!url && (ref->n != 2 || strcmp(ref->part[1], "domain") != 0))
        return template_problem(r, ref, NULL, "expected proxy.domain or proxy.url.<service>");
    if (url && !config_service(config, ref->part[2]))
        return template_problem(r, ref, NULL, "there is no service \"%s\"", ref->part[2]);
    if (!domain)
        return template_problem(r, ref, "set it: `runner: {compose: {proxy: {domain: …}}}`",
                                "there is no domain");
    if (!url)
        return domain;
    if (!entry)
        return template_nowhere(r, ref);
    return arena_printf(r->arena, "https://%s--%s.%s", environment_slug(entry->name, r->arena),
                        ref->part[2], domain);
}

const char *template_env_name(const Render *r, const Reference *ref) {
    if (ref->n != 2 || strcmp(ref->part[1], "name") != 0)
        return template_problem(r, ref, "an environment variable is written $NAME, in a command",
                                "expected env.name");
    return r->values->environment ? r->values->environment->name : template_nowhere(r, ref);
}
