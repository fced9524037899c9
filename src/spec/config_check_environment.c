/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of environments: that names exist, and that files are where they may be. */
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/path.h"
#include "base/str.h"
#include "spec/config_check.h"
#include "spec/env_text.h"
#include "spec/environment_name.h"
#include "spec/port_wish.h"

typedef struct Check {
    const Config *config;
    const Source *source;
} Check;

/* ---- hooks ---- */

/* The file that a command begins with, if that is written as a path; NULL: it is none, or what the
 * shell makes of it is not known. */
static const char *script_of(const char *command, Arena *arena) {
    command += strspn(command, " \t\r\n");
    size_t n = strcspn(command, " \t\r\n;&|<>()");
    const char *word = arena_strndup(arena, command, n);
    bool path = str_starts(word, "./") || str_starts(word, "../") || word[0] == '/';
    return path && !strpbrk(word, "$`\"'\\*?[{~") ? word : NULL;
}

/* Hooks begin in the project's directory. */
static void check_hook(const Check *c, const char *key, const EnvironmentHook *hook) {
    const Source *source = c->source;
    const char *script = hook_given(hook) ? script_of(hook->command, source->arena) : NULL;
    if (!script || !source->review)
        return;
    AUTO_FREE char *path = path_join(c->config->root, script);
    if (access(path, F_OK) < 0)
        source_problem(source, key, "paths are relative to the project",
                       "there is no script \"%s\"", script);
}

static void check_outputs(const Check *c, const char *key, const StrList *outputs) {
    for (size_t i = 0; i < outputs->n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(outputs->at[i], outputs->at[k]) == 0) {
                source_problem(c->source, arena_printf(c->source->arena, "%s.outputs[%zu]", key, i),
                               "remove one of them", "\"%s\" is listed twice", outputs->at[i]);
                break;
            }
}

static void check_compute(const Check *c, const ComputeConfig *compute) {
    check_hook(c, "provisioner.compute.create", &compute->create);
    check_hook(c, "provisioner.compute.destroy", &compute->destroy);
    check_outputs(c, "provisioner.compute", &compute->outputs);
    if (compute->outputs.n > 0 && !schema_has(&type_compute, compute, "create"))
        source_problem(c->source, "provisioner.compute.outputs",
                       "add the hook that prints them, or remove this key",
                       "`outputs` is given, but there is no `create` that could print them");
}

static void check_hooks(const Check *c) {
    const ProvisionerConfig *p = &c->config->provisioner;
    const RunnerConfig *r = &c->config->runner;
    check_hook(c, "provisioner.before", &p->before);
    check_hook(c, "provisioner.after", &p->after);
    check_compute(c, &p->compute);
    for (size_t i = 0; i < p->services.n; i++) {
        const ProvisionedService *s = &p->services.at[i];
        const char *path = arena_printf(c->source->arena, "provisioner.services.%s", s->name);
#define KEY(member) arena_printf(c->source->arena, "%s." member, path)
        if (s->outputs.n == 0)
            source_problem(c->source, path, "name what its `seed` prints",
                           "\"outputs\" is missing: each provisioner service has at least one");
        check_outputs(c, path, &s->outputs);
        check_hook(c, KEY("init"), &s->init);
        check_hook(c, KEY("seed"), &s->seed);
        check_hook(c, KEY("reset"), &s->reset);
        check_hook(c, KEY("destroy"), &s->destroy);
#undef KEY
    }
    check_hook(c, "runner.before", &r->before);
    check_hook(c, "runner.build", &r->build);
    check_hook(c, "runner.deploy", &r->deploy);
    check_hook(c, "runner.after", &r->after);
    check_hook(c, "runner.destroy", &r->destroy);
}

/* ---- names ---- */

static void check_service_named(const Check *c, const char *path, const char *name) {
    const Config *config = c->config;
    if (!name || config_service(config, name))
        return;
    const char **names = arena_alloc(c->source->arena, (config->services.n + 1) * sizeof(*names));
    for (size_t i = 0; i < config->services.n; i++)
        names[i] = config->services.at[i].name;
    const char *near = str_suggest(name, names, config->services.n);
    source_problem(c->source, path,
                   near ? arena_printf(c->source->arena, "did you mean %s?", near) : NULL,
                   "there is no service \"%s\"", name);
}

static const char *whose(const PortWish *wish, Arena *arena) {
    return wish->infra ? arena_printf(arena, "the infrastructure service %s", wish->name)
                       : wish->key;
}

/* Hooks are told of each port by a variable made of its name. Whoever is of the compose file may be
 * named as a service: they share the port. */
static void check_variables(const Check *c) {
    Arena *arena = c->source->arena;
    PortWishes wishes = port_wishes_of(c->config, arena);
    Map owners;
    map_init(&owners);
    if (wishes.n > PORT_WISHES_MOST)
        source_problem(c->source, "services", "use fewer of them, or of their `ports`",
                       "%zu ports are needed, but an environment has room for %d", wishes.n,
                       PORT_WISHES_MOST);
    for (size_t i = 0; i < wishes.n; i++) {
        PortWish *wish = &wishes.at[i];
        const char *variable = environment_variable(wish->name, arena);
        const PortWish *other = map_put(&owners, variable, wish);
        bool shared = other && wish->infra && config_service(c->config, wish->name) &&
                      strcmp(other->name, wish->name) == 0;
        if (other && !shared)
            source_problem(c->source, wish->infra ? other->key : wish->key, "rename one of them",
                           "the port of %s and that of %s have one variable, THOLE_PORT_%s",
                           whose(other, arena), whose(wish, arena), variable);
    }
    map_deinit(&owners);
}

/* ---- services ---- */

/* Does `path`, relative to `from` (both without links), lead out of `root`? */
static bool leaves(const char *root, const char *from, const char *path) {
    size_t depth = 0;
    for (const char *p = from + strlen(root); *p; p++)
        depth += *p == '/' && p[1] && p[1] != '/';
    while (*path) {
        size_t n = strcspn(path, "/");
        bool up = n == 2 && path[0] == '.' && path[1] == '.';
        if (up && depth == 0)
            return true;
        if (up)
            depth--;
        else if (n > 0 && !(n == 1 && path[0] == '.'))
            depth++;
        path += n + (path[n] == '/');
    }
    return false;
}

static void check_env_file(const Check *c, const Service *service) {
    const char *file = service->env_file;
    if (file[0] == '/')
        PROBLEM(c->source, service, "env_file", "it is relative to the service's `path`",
                "\"%s\" is an absolute path", file);
    else if (service->path[0] == '/' && leaves(c->config->root, service->path, file))
        PROBLEM(c->source, service, "env_file", "use a file inside the project",
                "\"%s\" leads out of the project", file);
    else if (!*path_base(file) || strcmp(path_base(file), ".") == 0)
        PROBLEM(c->source, service, "env_file", NULL, "\"%s\" is a directory", file);
}

/* What two services write under one name into one file: the later one's stays. Replicas have what
 * is written once. */
static void check_shared(const Check *c, const Service *first, const Service *second,
                         const StrPair *pair) {
    Arena *arena = c->source->arena;
    const char *key = arena_printf(arena, "env.%s", pair->name);
    const char *path = service_key_path(c->source, second, key), *text = pair->value;
    bool same = strcmp(strmap_get(&first->env, pair->name), text) == 0 && !strstr(text, "{{self.");
    Place before, here;
    if (!same && source_find(c->source, service_key_path(c->source, first, key), &before) &&
        source_find(c->source, path, &here) &&
        (before.line != here.line || before.column != here.column))
        source_warning(c->source, path, "give one of them another `env_file`",
                       "%s of %s (%s:%u:%u) is written into the same %s: there this value stays",
                       pair->name, first->name, path_base(before.file), before.line, before.column,
                       second->env_file);
}

static void check_env_files(const Check *c) {
    const Config *config = c->config;
    Map writers; /* the last service, by file and variable */
    map_init(&writers);
    for (size_t i = 0; i < config->services.n; i++) {
        Service *service = &config->services.at[i];
        for (size_t k = 0; k < service->env.n; k++) {
            const StrPair *pair = &service->env.at[k];
            const Service *other = map_put(&writers,
                                           arena_printf(c->source->arena, "%s/%s=%s", service->path,
                                                        service->env_file, pair->name),
                                           service);
            if (other)
                check_shared(c, other, service, pair);
        }
    }
    map_deinit(&writers);
}

static void check_service(const Check *c, const Service *service) {
    check_env_file(c, service);
    for (size_t i = 0; i < service->proxy.n; i++)
        check_service_named(
            c,
            service_key_path(c->source, service,
                             arena_printf(c->source->arena, "proxy[%zu].to.service", i)),
            service->proxy.at[i].to.service);
}

/* With something for what nobody knows yet: that is looked at when it is told (manifest.h). */
void config_check_env_files(const Config *config, const Source *source) {
    TemplateValues values = template_values_of(config, source->arena);
    for (size_t i = 0; source->environment && i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        values.self = service->name;
        for (size_t k = 0; k < service->env.n; k++) {
            Err err;
            StrPair pair = service->env.at[k];
            const char *key = arena_printf(source->arena, "env.%s", pair.name);
            bool written = config_has_environments(config) && !config_has_env(config, &pair);
            pair.value = template_render(pair.value, TEMPLATE_STRICT, &values, NULL, source->arena);
            if (written && env_text_check(&pair, &err) < 0)
                PROBLEM(source, service, key, NULL, "%s", err.msg);
        }
    }
}

void config_check_environment(const Config *config, const Source *source) {
    Check c = {config, source};
    const StrList *autostart = &config->runner.compose.autostart;
    check_hooks(&c);
    if (config_has_environments(config))
        check_variables(&c);
    for (size_t i = 0; i < autostart->n; i++)
        check_service_named(&c, arena_printf(source->arena, "runner.compose.autostart[%zu]", i),
                            autostart->at[i]);
    for (size_t i = 0; i < config->services.n; i++)
        check_service(&c, &config->services.at[i]);
    if (source->review && config_has_environments(config))
        check_env_files(&c);
}
