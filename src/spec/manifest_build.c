/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest out of the config and what is known of the environment. */
#include <string.h>

#include "base/path.h"
#include "spec/env_text.h"
#include "spec/manifest.h"
#include "spec/template.h"

typedef struct Build {
    const Config *config;
    Arena *arena;
    TemplateValues values;
    /* where a template is, and what is wrong with it */
    const char *service, *variable;
    const char *problem; /* NULL: nothing yet */
} Build;

static Build begin(const Config *config, const EnvironmentEntry *entry, const PortTable *ports,
                   Arena *arena) {
    return (Build){
        .config = config,
        .arena = arena,
        .values = {.config = config, .ports = ports, .environment = entry},
    };
}

/* ---- env ---- */

static void note(void *arg, const char *message, const char *hint) {
    Build *b = arg;
    if (!b->problem)
        b->problem = arena_printf(b->arena, "services.%s.env.%s: %s%s%s", b->service, b->variable,
                                  message, hint ? "; " : "", hint ? hint : "");
}

/* known: what cannot be said yet is left out. */
static StrMap env_of(Build *b, const Service *service, bool known) {
    StrMap env = {.at = arena_alloc(b->arena, (service->env.n + 1) * sizeof(StrPair))};
    TemplateProblems problems = {.fn = note, .arg = b};
    b->values.self = b->service = service->name;
    for (size_t i = 0; i < service->env.n; i++) {
        const StrPair *pair = &service->env.at[i];
        if (config_has_env(b->config, pair))
            continue;
        b->variable = pair->name;
        if (known)
            b->problem = NULL;
        const char *text =
            template_render(pair->value, TEMPLATE_STRICT, &b->values, &problems, b->arena);
        if (!known || !b->problem)
            env.at[env.n++] = (StrPair){pair->name, text};
    }
    return env;
}

/* ---- paths ---- */

/* From one directory to another; both absolute and normal. */
static const char *relative(const char *from, const char *to, Arena *arena) {
    if (path_below(to, from)) {
        const char *rest = to + strlen(from);
        rest += strspn(rest, "/");
        return *rest ? rest : ".";
    }
    AUTO_FREE char *above = path_dir(from);
    return arena_printf(arena, "../%s", relative(above, to, arena));
}

static const char *compose_file(const Build *b, Err *err) {
    const char *file = b->config->infrastructure.compose_file;
    if (path_below(file, b->config->root))
        return relative(b->config->root, file, b->arena);
    (void)err_set(
        err, ERR_INVALID,
        "infrastructure.compose_file: %.200s is outside of the project, so no worktree of "
        "it has the file",
        file);
    return NULL;
}

/* ---- all of it ---- */

static void add_services(Build *b, Manifest *manifest) {
    const Config *config = b->config;
    manifest->services.at =
        arena_alloc(b->arena, (config->services.n + 1) * sizeof(ManifestService));
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        manifest->services.at[manifest->services.n++] = (ManifestService){
            .name = service->name,
            .path = relative(config->root, service->path, b->arena),
            .env_file = service->env_file,
            .env = env_of(b, service, false),
        };
    }
}

int manifest_build(const Config *config, const EnvironmentEntry *entry, Arena *arena, Manifest *ret,
                   Err *err) {
    PortTable ports = port_table_of(config, arena);
    Build b = begin(config, entry, &ports, arena);
    Manifest manifest = {
        .version = MANIFEST_VERSION,
        .env_name = entry->name,
        .project_name = config->name,
        .branch = entry->branch ? entry->branch : "",
        .mode = entry->mode && *entry->mode ? entry->mode : "local",
        .ports = entry->ports,
        .outputs = entry->outputs,
        .enabled_services = entry->enabled_services,
    };
    if (config->infrastructure.compose_file && !(manifest.compose_file = compose_file(&b, err)))
        return -1;
    add_services(&b, &manifest);
    if (b.problem)
        return err_set(err, ERR_INVALID, "%s", b.problem);
    *ret = manifest;
    return 0;
}

/* ---- what no file can hold ---- */

static int check_service(Build *b, const Service *service, Err *err) {
    const StrMap env = env_of(b, service, true);
    for (size_t i = 0; i < env.n; i++)
        if (env_text_check(&env.at[i], err) < 0)
            return err_in(err, "services.%s.env.%s", service->name, env.at[i].name);
    return 0;
}

int manifest_check_values(const Config *config, const EnvironmentEntry *entry, Arena *arena,
                          Err *err) {
    PortTable ports = port_table_of(config, arena);
    Build b = begin(config, entry, &ports, arena);
    for (size_t i = 0; i < config->services.n; i++)
        if (check_service(&b, &config->services.at[i], err) < 0)
            return -1;
    return 0;
}
