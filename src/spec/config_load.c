/* SPDX-License-Identifier: Apache-2.0 */
/* From a file to a Config: read, parse, decode, check, resolve. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "data/yaml.h"
#include "spec/config.h"
#include "spec/config_check.h"
#include "spec/config_modes.h"
#include "spec/config_overlay.h"
#include "spec/config_place.h"
#include "spec/env_file.h"
#include "spec/replicas.h"
#include "spec/foreign/foreign.h"
#include "spec/resolve.h"
#include "spec/template.h"

enum { CONFIG_VERSION = 1 };

const Service *config_service(const Config *config, const char *name) {
    size_t low = 0, high = config->services.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(config->services.at[middle].name, name);
        if (order == 0)
            return &config->services.at[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool config_of_previewctl(const char *file) {
    return str_starts(path_base(file), "previewctl.");
}

bool config_has_environments(const Config *config) {
    return schema_has(&type_config, config, "provisioner") ||
           schema_has(&type_config, config, "infrastructure") ||
           schema_has(&type_config, config, "runner") ||
           (config->file && config_of_previewctl(config->file));
}

bool config_has_env(const Config *config, const StrPair *pair) {
    const char *value = strmap_get(&config->env, pair->name);
    return value && strcmp(value, pair->value) == 0;
}

bool service_has_job(const Service *service) {
    return service->build.argv.n > 0 ||
           (service->type == SERVICE_JOB && service->command.argv.n > 0);
}

bool service_has_server(const Service *service) {
    return service->type == SERVICE_SERVER && service->command.argv.n > 0;
}

/* --- environment --- */

/* Overlays `env` with the files, in their order. `key` is the path of env_from. */
static void overlay_files(const Source *source, const Config *config, const char *key,
                          const StrList *files, StrMap *env) {
    for (size_t i = 0; i < files->n; i++) {
        AUTO_FREE char *path = path_join(config->root, files->at[i]);
        size_t size;
        Err err;
        AUTO_FREE char *text = source_read(source, path, &size, &err);
        if (!text) {
            source_problem(source, arena_printf(source->arena, "%s[%zu]", key, i),
                           "paths are relative to the project", "%s: %s", path, err.msg);
            continue;
        }
        StrMap more;
        if (env_file_parse(&(EnvText){path, text, size}, source->arena, source->report, &more) < 0)
            continue;
        StrMap kept = config_keep_literal(&more, source->arena);
        *env = strmap_merge(env, &kept, source->arena);
    }
}

static void resolve_env(Config *config, const Source *source) {
    StrMap project = {0};
    overlay_files(source, config, "env_from", &config->env_from, &project);
    config->env = strmap_merge(&project, &config->env, source->arena);
    for (size_t i = 0; i < config->services.n; i++) {
        Service *service = &config->services.at[i];
        StrMap env = config->env;
        const char *key = arena_printf(source->arena, "services.%s.env_from", service->name);
        overlay_files(source, config, key, &service->env_from, &env);
        service->env = strmap_merge(&env, &service->env, source->arena);
    }
}

/* --- paths --- */

static void resolve_path(const Config *config, const Source *source, Service *service) {
    const char *key = arena_printf(source->arena, "services.%s.path", service->name);
    AUTO_FREE char *joined = path_join(config->root, service->path);
    AUTO_FREE char *real = realpath(joined, NULL);
    struct stat st;
    if (!real) {
        Err err;
        err_sys(&err, errno, "%s", joined);
        source_problem(source, key, "paths are relative to the project", "cannot use %s", err.msg);
        return;
    }
    if (stat(real, &st) < 0 || !S_ISDIR(st.st_mode)) {
        source_problem(source, key, NULL, "%s is not a directory", real);
        return;
    }
    if (!path_below(real, config->root)) {
        source_problem(source, key, "use a directory inside the project, or `cd` in the command",
                       "%s is outside the project %s", real, config->root);
        return;
    }
    service->path = arena_strdup(source->arena, real);
}

/* --- what follows from what is written --- */

static void resolve_command(Command *command, const StrList *shell, Arena *arena) {
    if (!command->script)
        return;
    StrList argv = {.at = arena_alloc(arena, (shell->n + 2) * sizeof(char *))};
    for (size_t i = 0; i < shell->n; i++)
        argv.at[argv.n++] = shell->at[i];
    argv.at[argv.n++] = command->script;
    command->argv = argv;
}

static ProbeKind kind_of(const Probe *probe) {
    static const struct {
        const char *key;
        ProbeKind kind;
    } kinds[] = {{"http", PROBE_KIND_HTTP},
                 {"tcp", PROBE_KIND_TCP},
                 {"exec", PROBE_KIND_EXEC},
                 {"log", PROBE_KIND_LOG}};
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (schema_has(&type_probe, probe, kinds[i].key))
            return kinds[i].kind;
    return PROBE_NONE;
}

static void resolve_probe(Probe *probe, const Service *service, Arena *arena) {
    resolve_command(&probe->exec, &service->shell, arena);
    probe->kind = kind_of(probe);
}

void resolve_service(Service *service, Arena *arena) {
    resolve_command(&service->build, &service->shell, arena);
    resolve_command(&service->command, &service->shell, arena);
    resolve_command(&service->stop.command, &service->shell, arena);
    resolve_command(&service->hooks.before, &service->shell, arena);
    resolve_command(&service->hooks.after, &service->shell, arena);
    resolve_command(&service->hooks.on_failure, &service->shell, arena);
    resolve_probe(&service->ready, service, arena);
    resolve_probe(&service->live, service, arena);
    service->restart_written = schema_has(&type_service, service, "restart");
}

/* A longer first delay than the default maximum is meant as it is. */
static void widen_delay(Service *service) {
    Restart *restart = &service->restart;
    if (restart->delay_ms > restart->max_delay_ms &&
        !schema_has(&type_restart, restart, "max_delay"))
        restart->max_delay_ms = restart->delay_ms;
}

static void keep_warnings(Config *config, const Report *report, Arena *arena) {
    config->warnings.at = arena_alloc(arena, (report->n + 1) * sizeof(char *));
    for (size_t i = 0; i < report->n; i++)
        if (report->at[i].warning)
            config->warnings.at[config->warnings.n++] = report_line(&report->at[i], arena);
}

/* They are what an environment makes, and what a session is given. */
static bool reads_env_files(const Source *source) {
    bool session = !source->environment || (source->review && !source->mode);
    return session && !source->foreign && !source->alone;
}

static void resolve(Config *config, const Source *source) {
    const char *given = NULL, *resolved = NULL; /* most services have the path of the one before */
    for (size_t i = 0; i < config->services.n; i++) {
        Service *service = &config->services.at[i];
        resolve_service(service, source->arena);
        if (given && strcmp(service->path, given) == 0 && resolved != given) {
            service->path = resolved;
            continue;
        }
        given = service->path;
        resolve_path(config, source, service);
        resolved = service->path; /* a path that cannot be used stays as it is, and is told again */
    }
    config_check_environment(config, source);
    resolve_env(config, source);
    config_check_env_files(config, source);
    if (reads_env_files(source))
        config_read_env_files(config, source);
    config_check_secrets(config, source);
    config->slug = config_slug(config->name, config->file, source->arena);
    keep_warnings(config, source->report, source->arena);
}

/* --- the pipeline --- */

/* A file of another version may mean anything: nothing more is said about it. */
static int check_version(const Source *source) {
    const Value *version = value_get(source->value, "version");
    if (!version || version->kind == VALUE_STRING)
        return source_problem(
            source, version ? "version" : "",
            version ? "write `version: 1`, without quotes" : "begin the file with `version: 1`",
            version ? "it is a text, not a number" : "the key `version` is missing");
    if (!value_is(version, VALUE_INT) || version->integer == CONFIG_VERSION)
        return 0;
    return source_problem(
        source, "version",
        version->integer > CONFIG_VERSION ? "a newer thole may know it" : "write `version: 1`",
        "version %s is unknown; this thole reads version %d", version->text, CONFIG_VERSION);
}

static void name_project(Config *config, const char *file, Arena *arena) {
    config->file = arena_strdup(arena, file);
    AUTO_FREE char *root = path_dir(file);
    config->root = arena_strdup(arena, root);
    if (!config->name) {
        const char *base = path_base(config->root);
        config->name = *base ? base : config->root;
    }
}

/* What cannot be read is told, and goes on as if it were not written. */
static void decode(Source *source, Config *config) {
    Decoder d = {.arena = source->arena,
                 .report = source->report,
                 .file = source->file,
                 .overlay = source->overlay,
                 .unknown = source->previewctl ? UNKNOWN_WARN : UNKNOWN_ERROR};
    (void)!schema_decode(&d, &type_config, source->value, config);
    source->misread = source->report->n;
    config->mode = source->mode ? arena_strdup(source->arena, source->mode) : "";
    name_project(config, source->file, source->arena);
    config_read_infrastructure(config, source);
    config_check_graph(config, source);
}

/* The file as a tree of our language, into the source. */
static int read_tree(Source *source, const char *text, size_t size) {
    Language language = foreign_language(source->file, text, size);
    source->foreign = language != LANGUAGE_THOLE;
    if (source->foreign)
        return foreign_read(source, language, text, size);
    source->previewctl = config_of_previewctl(source->file);
    if (yaml_parse(&(YamlText){source->file, text, size}, source->arena, source->report,
                   &source->value) < 0)
        return -1;
    if (source->value->kind != VALUE_MAP)
        return source_problem(source, "", "begin with `version: 1` and `services:`",
                              "the file is %s",
                              source->value->kind == VALUE_NULL ? "empty" : "no map of keys");
    if (source->previewctl)
        source->value = config_adapt_previewctl(&type_config, source->value, false, source->arena);
    return config_overlay(source) < 0 ? -1 : check_version(source);
}

static const Config *parse(Source *source, const char *text, size_t size) {
    size_t errors = source->report->errors;
    if (read_tree(source, text, size) < 0)
        return NULL;
    Config *config = arena_alloc(source->arena, sizeof(*config));
    decode(source, config);
    for (size_t i = 0; i < config->services.n; i++)
        widen_delay(&config->services.at[i]);
    config_split_dependencies(config, source->arena);
    config_check_services(config, source);
    replicas_expand(config, source);
    config_place_ports(config, source);
    config_check_ports(config, source);
    config_check_templates(config, source);
    resolve(config, source);
    if (!source->environment && source->report->errors == errors)
        config_place_values(config, source);
    if (source->review && source->entry)
        config_show_env(config, source);
    if (source->files)
        config->files = *source->files;
    if (source->digests)
        config->digests = *source->digests;
    return source->report->errors == errors ? config : NULL;
}

const Config *config_parse(const char *file, const char *text, size_t size, Arena *arena,
                           Report *report) {
    Source source = {
        .file = file, .report = report, .arena = arena, .environment = true, .alone = true};
    return parse(&source, text, size);
}

/* The text of the file, whose real name the source gets. Returns owned; NULL: reported. */
static char *open_source(Source *source, const char *file, size_t *ret_size) {
    AUTO_FREE char *real = realpath(file, NULL);
    Place place = {.file = file};
    Report *report = source->report;
    Err err;
    char *text = NULL;
    if (!real)
        err_sys(&err, errno, "it cannot be read");
    else
        text = source_read(source, real, ret_size, &err);
    if (!text) {
        report_add(report, &place, NULL, "%s", err.msg);
        return NULL;
    }
    source->file = arena_strdup(source->arena, real);
    return text;
}

/* What is wrong in the file itself may be so because of what is laid over it. */
static const char *as_laid(const Problem *p, const char *overlay, Arena *arena) {
    bool own = !overlay || p->warning || !p->place.file || strcmp(p->place.file, overlay) == 0;
    return own ? p->message
               : arena_printf(arena, "%s (with %s laid over it)", p->message, path_base(overlay));
}

static const Config *load(Source *source, const char *file) {
    size_t size, before = source->report->n;
    AUTO_FREE char *text = open_source(source, file, &size);
    const Config *config = text ? parse(source, text, size) : NULL;
    for (size_t i = before; !source->review && i < source->report->n; i++) {
        Problem *p = &source->report->at[i];
        p->message = as_laid(p, source->overlay, source->arena);
    }
    report_sort(source->report);
    return config;
}

static Source source_of(const ConfigAsk *ask, Arena *arena, Report *report) {
    return (Source){.report = report,
                    .arena = arena,
                    .client = ask->client,
                    .mode = ask->mode,
                    .environment = ask->environment,
                    .entry = ask->entry};
}

const Config *config_load(const ConfigAsk *ask, Arena *arena, Report *report) {
    StrList files = {0}, digests = {0};
    Source source = source_of(ask, arena, report);
    source.files = &files;
    source.digests = &digests;
    return load(&source, ask->file);
}

/* What was not said of the file alone. */
static void add_new(Report *report, const Report *more, const char *overlay) {
    size_t before = report->n;
    for (size_t i = 0; i < more->n; i++) {
        const Problem *p = &more->at[i];
        bool told = false;
        for (size_t k = 0; k < before && !told; k++)
            told = strcmp(report->at[k].message, p->message) == 0 &&
                   report->at[k].place.line == p->place.line &&
                   report->at[k].place.column == p->place.column &&
                   str_same(report->at[k].place.file, p->place.file);
        if (!told)
            (p->warning ? report_warn : report_add)(report, &p->place, p->hint, "%s",
                                                    as_laid(p, overlay, more->arena));
    }
}

static Source review_of(const ConfigAsk *ask, const char *mode, Arena *arena, Report *report) {
    const ConfigAsk alone = {.file = ask->file, .client = ask->client, .mode = mode};
    Source source = source_of(&alone, arena, report);
    report_init(report, arena);
    source.review = source.environment = true;
    return source;
}

/* As a session of the environment has it. */
static const Config *review_here(const ConfigAsk *ask, Arena *arena, Report *report) {
    Report more;
    Source source = source_of(ask, arena, &more);
    report_init(&more, arena);
    source.review = true;
    const Config *config = load(&source, ask->file);
    add_new(report, &more, source.overlay);
    return config;
}

const Config *config_review(const ConfigAsk *ask, Arena *arena, Report *report) {
    Source source = review_of(ask, NULL, arena, report);
    const Config *config = load(&source, ask->file);
    StrList modes = {0};
    if (source.file && !source.foreign)
        modes = config_modes(source.file, arena);
    for (size_t i = 0; i < modes.n; i++) {
        Report more;
        Source again = review_of(ask, modes.at[i], arena, &more);
        (void)load(&again, ask->file);
        add_new(report, &more, again.overlay);
    }
    if (ask->entry)
        config = review_here(ask, arena, report);
    report_sort(report);
    return config;
}

const Value *config_translate(const char *file, const StrMap *client, bool keep, Arena *arena,
                              Report *report) {
    Source source = {.report = report, .arena = arena, .client = client, .keep = keep};
    size_t size;
    AUTO_FREE char *text = open_source(&source, file, &size);
    if (!text || foreign_language(source.file, text, size) == LANGUAGE_THOLE)
        return NULL;
    return read_tree(&source, text, size) == 0 ? source.value : NULL;
}
