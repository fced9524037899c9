/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/config_place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "spec/compose_file.h"
#include "spec/config_check.h"
#include "spec/env_file.h"
#include "spec/environment.h"
#include "spec/port.h"
#include "spec/replicas.h"

/* ---- env_file ---- */

typedef struct EnvFile {
    const char *path; /* NULL: none was read yet */
    StrMap values;
} EnvFile;

StrMap config_keep_literal(const StrMap *read, Arena *arena) {
    StrMap copy = {.at = arena_alloc(arena, (read->n + 1) * sizeof(*copy.at)), .n = read->n};
    for (size_t i = 0; i < read->n; i++)
        copy.at[i] = (StrPair){.name = arena_strdup(arena, read->at[i].name),
                               .value = template_escape(arena_strdup(arena, read->at[i].value),
                                                        TEMPLATE_STRICT, arena)};
    return copy;
}

/* -1: told. A file that is not there is one without values. */
static int read_env_file(const Config *config, const Source *source, const Service *service,
                         EnvFile *file) {
    size_t size;
    Err err;
    StrMap read;
    AUTO_FREE char *real = realpath(file->path, NULL);
    int why = real ? 0 : errno;
    /* Whether it is there cannot be known: then it is missed only by who has named it. */
    bool hidden = why == EACCES && !schema_has(&type_service, service, "env_file");
    if (why == ENOENT || why == ENOTDIR || hidden) {
        source_note(source, file->path);
        return 0;
    }
    if (real && !path_below(real, config->root))
        return PROBLEM(source, service, "env_file", "use a file inside the project",
                       "%s is outside the project: it is %s", file->path, real);
    AUTO_FREE char *text = source_read(source, file->path, &size, &err);
    if (!text)
        return PROBLEM(source, service, "env_file", NULL, "%s: %s", file->path, err.msg);
    if (env_file_parse(&(EnvText){file->path, text, size}, source->arena, source->report, &read) <
        0)
        return -1;
    file->values = config_keep_literal(&read, source->arena);
    return 0;
}

typedef struct Own {
    TemplateValues values;
    bool unknown; /* the value that is being looked at */
} Own;

static void on_unknown(void *arg, const char *message, const char *hint) {
    (void)message;
    (void)hint;
    ((Own *)arg)->unknown = true;
}

/* What a service says itself, and the environment knows: in the file may be what another one that
 * shares it has written under that name. What is in the store only the file may have (`env run`).
 */
static StrMap known_env(Own *own, const StrMap *env, Arena *arena) {
    const TemplateProblems problems = {on_unknown, own};
    StrMap known = {.at = arena_alloc(arena, (env->n + 1) * sizeof(*known.at))};
    for (size_t i = 0; i < env->n; i++) {
        own->unknown = false;
        (void)template_render(env->at[i].value, TEMPLATE_STRICT, &own->values, &problems, arena);
        if (!own->unknown)
            known.at[known.n++] = env->at[i];
    }
    return known;
}

static StrMap with_file(const Source *source, Own *own, const Service *service,
                        const EnvFile *file) {
    StrMap env = strmap_merge(&service->env, &file->values, source->arena);
    if (!source->entry)
        return env;
    own->values.self = service->name;
    const StrMap known = known_env(own, &service->env, source->arena);
    return strmap_merge(&env, &known, source->arena);
}

void config_read_env_files(Config *config, const Source *source) {
    EnvFile last = {0}; /* most services have the path of the one before */
    Own own = {.values = template_values_of(config, source->arena)};
    own.values.checking = false;
    own.values.environment = source->entry;
    for (size_t i = 0; i < config->services.n; i++) {
        Service *service = &config->services.at[i];
        if (service->path[0] != '/' || service->env_file[0] == '/')
            continue; /* told already */
        AUTO_FREE char *path = path_join(service->path, service->env_file);
        if (!last.path || strcmp(last.path, path) != 0) {
            last = (EnvFile){.path = arena_strdup(source->arena, path)};
            if (read_env_file(config, source, service, &last) < 0)
                last.values.n = 0;
        }
        if (last.values.n)
            service->env = with_file(source, &own, service, &last);
    }
}

/* Escaped: it is what a file says again. */
static StrMap shown_env(Own *own, const StrMap *env, Arena *arena) {
    const TemplateProblems problems = {on_unknown, own};
    StrMap shown = {.at = arena_dup(arena, env->at, env->n * sizeof(*env->at)), .n = env->n};
    for (size_t i = 0; i < shown.n; i++) {
        own->unknown = false;
        const char *value =
            template_render(env->at[i].value, TEMPLATE_STRICT, &own->values, &problems, arena);
        if (!own->unknown)
            shown.at[i].value = template_escape(value, TEMPLATE_STRICT, arena);
    }
    return shown;
}

void config_show_env(Config *config, const Source *source) {
    const PortTable none = {0};
    Own own = {.values = {.config = config, .ports = &none, .environment = source->entry}};
    for (size_t i = 0; i < config->services.n; i++) {
        Service *service = &config->services.at[i];
        own.values.self = service->name;
        service->env = shown_env(&own, &service->env, source->arena);
    }
}

/* ---- ports ---- */

static bool place_port(const Source *source, const char *name, Port *port) {
    int64_t number = entry_port(source->entry, name);
    if (number)
        *port = (Port){.number = number};
    return number != 0;
}

void config_place_ports(Config *config, const Source *source) {
    for (size_t i = 0; source->entry && i < config->services.n; i++) {
        Service *service = &config->services.at[i];
        if (replicas_is_group(config, service))
            continue;
        if (place_port(source, service->name, &service->port))
            schema_mark(&type_service, service, "port");
        for (size_t k = 0; k < service->ports.n; k++)
            place_port(source,
                       entry_port_name(service->name, service->ports.at[k].name, source->arena),
                       &service->ports.at[k].port);
    }
}

/* ---- values ---- */

typedef struct Placing {
    const Source *source;
    TemplateValues values;
    const Service *service;
    const char *key;
} Placing;

static void on_problem(void *arg, const char *message, const char *hint) {
    const Placing *p = arg;
    if (!p->source->entry && strncmp(p->key, "env.", 4) == 0)
        hint =
            arena_printf(p->source->arena, "make one with `thole env create NAME`, or set %s in %s",
                         p->key + 4, p->service->env_file);
    source_problem(p->source, service_key_path(p->source, p->service, p->key), hint, "%s", message);
}

static void place(Placing *p, const char *key, TemplateMode mode, const char **text) {
    TemplateProblems problems = {on_problem, p};
    Arena *arena = p->source->arena;
    if (!*text || !strstr(*text, "{{"))
        return;
    p->key = key;
    if (p->source->entry)
        *text = template_place(*text, mode, &p->values, &problems, arena);
    else
        (void)template_render(*text, mode, &p->values, &problems, arena);
}

static void place_map(Placing *p, const char *key, TemplateMode mode, StrMap *map) {
    bool any = false;
    for (size_t i = 0; i < map->n && !any; i++)
        any = strstr(map->at[i].value, "{{") != NULL;
    if (!any)
        return;
    map->at = arena_dup(p->source->arena, map->at, map->n * sizeof(*map->at));
    for (size_t i = 0; i < map->n; i++)
        place(p, arena_printf(p->source->arena, "%s.%s", key, map->at[i].name), mode,
              &map->at[i].value);
}

static void place_command(Placing *p, const char *key, Command *command) {
    size_t n = command->argv.n;
    bool any = false;
    for (size_t i = 0; i < n && !any; i++)
        any = strstr(command->argv.at[i], "{{") != NULL;
    if (!any)
        return;
    command->argv.at = arena_dup(p->source->arena, command->argv.at, n * sizeof(char *));
    for (size_t i = 0; i < n; i++)
        place(p, key, TEMPLATE_LENIENT, &command->argv.at[i]);
    if (command->script)
        command->script = command->argv.at[n - 1];
}

static void place_probe(Placing *p, const char *key, Probe *probe) {
    place_command(p, key, &probe->exec);
    place(p, key, TEMPLATE_LENIENT, &probe->http.path);
    place(p, key, TEMPLATE_LENIENT, &probe->http.port.text);
    place(p, key, TEMPLATE_LENIENT, &probe->tcp.port.text);
    place(p, key, TEMPLATE_LENIENT, &probe->log.match);
    place_map(p, key, TEMPLATE_LENIENT, &probe->http.headers);
}

void config_place_values(Config *config, const Source *source) {
    Placing p = {.source = source, .values = template_values_of(config, source->arena)};
    p.values.checking = false;
    p.values.environment = source->entry;
    for (size_t i = 0; i < config->services.n; i++) {
        Service *service = &config->services.at[i];
        p.service = service;
        p.values.self = service->name;
        if (!service_has_job(service) && !service_has_server(service))
            continue; /* nothing of it runs */
        place_map(&p, "env", TEMPLATE_STRICT, &service->env);
        place_command(&p, "build", &service->build);
        place_command(&p, "command", &service->command);
        place_command(&p, "stop.command", &service->stop.command);
        place_command(&p, "hooks.before", &service->hooks.before);
        place_command(&p, "hooks.after", &service->hooks.after);
        place_command(&p, "hooks.on_failure", &service->hooks.on_failure);
        place_probe(&p, "ready", &service->ready);
        place_probe(&p, "live", &service->live);
    }
}

/* ---- the compose file ---- */

static void check_infra_ports(const InfraServices *all, const Source *compose) {
    for (size_t i = 0; i < all->n; i++)
        for (size_t k = 0; k < i; k++)
            if (all->at[i].port && all->at[i].port == all->at[k].port) {
                source_problem(
                    compose, arena_printf(compose->arena, "services.%s.ports[0]", all->at[i].name),
                    "use another number", "port %" PRId64 " is that of %s already", all->at[i].port,
                    all->at[k].name);
                break;
            }
}

static void parse_compose(Config *config, const Source *source, const char *real) {
    Source compose = *source;
    InfraServices services = {0};
    size_t size;
    Err err;
    compose.file = real;
    compose.overlay = NULL;
    AUTO_FREE char *text = source_read(source, real, &size, &err);
    if (!text) {
        source_problem(source, "infrastructure.compose_file", NULL, "%s: %s", real, err.msg);
        return;
    }
    if (compose_file_parse(&compose, text, size, source->arena, &services) < 0)
        return;
    check_infra_ports(&services, &compose);
    config->infrastructure.services.at = services.at;
    config->infrastructure.services.n = services.n;
}

void config_read_infrastructure(Config *config, const Source *source) {
    InfrastructureConfig *infra = &config->infrastructure;
    const char *key = "infrastructure.compose_file";
    if (!infra->compose_file)
        return;
    AUTO_FREE char *path = path_join(config->root, infra->compose_file);
    AUTO_FREE char *real = realpath(path, NULL);
    int why = errno;
    infra->compose_file = arena_strdup(source->arena, real ? real : path);
    if (!source->environment || source->alone)
        return;
    Err err;
    if (!real) {
        err_sys(&err, why, "%s", path);
        source_note(source, infra->compose_file);
        source_problem(source, key, "paths are relative to the project", "cannot use %s", err.msg);
    } else if (!path_below(real, config->root)) {
        source_problem(source, key, "use a file inside the project", "%s is outside the project %s",
                       real, config->root);
    } else {
        parse_compose(config, source, infra->compose_file);
    }
}
