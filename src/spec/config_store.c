/* SPDX-License-Identifier: Apache-2.0 */
/* A resolved Config as JSON and back. */
#include "base/map.h"
#include "spec/config.h"
#include "spec/resolve.h"

enum { STORED_FORMAT = 1 };

/* Defaults of keys that would be refused if they were written stay away, so that what is printed is
 * a config file that means the same. */
static bool applies(const Type *type, const Field *field, const void *object) {
    static const char *const of_jobs[] = {"success_exit_codes", "timeout"};
    static const char *const of_processes[] = {"stop", "linger", "shell", "tty", "stdin"};
    const Service *service = object;
    if (type != &type_service || schema_has(type, object, field->name))
        return true;
    bool job = service_has_job(service), server = service_has_server(service);
    for (size_t i = 0; i < COUNT(of_jobs); i++)
        if (strcmp(field->name, of_jobs[i]) == 0)
            return job;
    for (size_t i = 0; i < COUNT(of_processes); i++)
        if (strcmp(field->name, of_processes[i]) == 0)
            return job || server;
    return server || strcmp(field->name, "restart") != 0; /* jobs run again only if it is written */
}

/* A variable that one service calls a secret is one wherever it is shown. */
static void collect_secrets(const Config *config, Map *names) {
    for (size_t i = 0; i < config->services.n; i++) {
        const StrList *secrets = &config->services.at[i].secrets;
        for (size_t k = 0; k < secrets->n; k++)
            (void)map_put(names, secrets->at[k], names);
    }
}

static StrMap masked_env(const StrMap *env, const Map *secrets, Arena *arena) {
    StrMap copy = {.at = arena_alloc(arena, (env->n + 1) * sizeof(StrPair)), .n = env->n};
    for (size_t i = 0; i < env->n; i++) {
        copy.at[i] = env->at[i];
        if (map_get(secrets, env->at[i].name))
            copy.at[i].value = SCHEMA_MASKED;
    }
    return copy;
}

/* What is needed, and what is waited for where the file leaves it to us; a group has no condition
 * of its own. */
static void name_conditions(const Config *config, Service *service, Arena *arena) {
    size_t n = service->depends_on.n, more = service->needs.n;
    DependsOn *deps = arena_alloc(arena, (n + more + 1) * sizeof(*deps));
    for (size_t i = 0; i < n; i++) {
        deps[i] = service->depends_on.at[i];
        const Service *other = config_service(config, deps[i].name);
        bool server = service_has_server(other);
        if (deps[i].condition != DEP_DEFAULT || (!server && !service_has_job(other)))
            continue;
        deps[i].condition = server ? DEP_READY : DEP_COMPLETED;
        schema_mark(&type_dependency, &deps[i], "condition");
    }
    for (size_t i = 0; i < more; i++)
        deps[n + i] = (DependsOn){.name = service->needs.at[i]};
    service->depends_on.at = deps;
    service->depends_on.n = n + more;
}

/* For people: with the conditions that are meant, without the values of secrets. */
static Config shown_copy(const Config *config, Arena *arena) {
    Config copy = *config;
    Map secrets;
    map_init(&secrets);
    collect_secrets(config, &secrets);
    copy.env = masked_env(&config->env, &secrets, arena);
    copy.services.at = arena_alloc(arena, (config->services.n + 1) * sizeof(Service));
    for (size_t i = 0; i < config->services.n; i++) {
        copy.services.at[i] = config->services.at[i];
        copy.services.at[i].env = masked_env(&config->services.at[i].env, &secrets, arena);
        name_conditions(config, &copy.services.at[i], arena);
    }
    map_deinit(&secrets);
    return copy;
}

void config_encode(const Config *config, bool mask, JsonWriter *out) {
    if (!mask) {
        Config stored = *config;
        stored.format = STORED_FORMAT;
        schema_encode(&type_config, &stored, &(EncodeOptions){.internal = true}, out);
        return;
    }
    Arena arena;
    arena_init(&arena);
    Config copy = shown_copy(config, &arena);
    schema_encode(&type_config, &copy, &(EncodeOptions){.mask = true, .applies = applies}, out);
    arena_deinit(&arena);
}

const Config *config_decode(const char *json, size_t size, Arena *arena, Err *err) {
    const Value *v;
    if (json_parse(json, size, arena, &v, err) < 0)
        return NULL;
    if (value_check_format(v, STORED_FORMAT, err) < 0)
        return NULL;
    Report report;
    report_init(&report, arena);
    Decoder d = {.arena = arena,
                 .report = &report,
                 .file = "stored config",
                 .unknown = UNKNOWN_SILENT,
                 .internal = true};
    Config *config = arena_alloc(arena, sizeof(*config));
    if (schema_decode(&d, &type_config, v, config) < 0) {
        err_set(err, ERR_INVALID, "%s", report_line(&report.at[0], arena));
        return NULL;
    }
    if (!config->mode)
        config->mode = "";
    config->format = 0; /* as one that was read: they are compared */
    for (size_t i = 0; i < config->services.n; i++)
        resolve_service(&config->services.at[i], arena);
    return config;
}
