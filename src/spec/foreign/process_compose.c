/* SPDX-License-Identifier: Apache-2.0 */
/* process-compose.yaml in the words of thole.yaml. What a process is (a job that is waited for, or
 * a server that may end by itself) is not written in such a file; it follows from who waits for it
 * and how. */
#include "spec/foreign/process_compose.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "spec/foreign/foreign_name.h"
#include "spec/foreign/go_template.h"
#include "spec/foreign/process_compose_service.h"
#include "spec/template.h"

/* --- what follows from the others --- */

const PcProcess *pc_process(const PcProject *project, const char *name) {
    for (size_t i = 0; i < project->processes.n; i++)
        if (strcmp(project->processes.at[i].name, name) == 0)
            return &project->processes.at[i];
    return NULL;
}

static bool awaited_as(const PcProject *project, const char *name, PcCondition a, PcCondition b) {
    for (size_t i = 0; i < project->processes.n; i++) {
        const PcProcess *process = &project->processes.at[i];
        for (size_t k = 0; k < process->depends_on.n; k++) {
            const PcDependency *dep = &process->depends_on.at[k];
            if (strcmp(dep->name, name) == 0 && (dep->condition == a || dep->condition == b))
                return true;
        }
    }
    return false;
}

static bool has(const PcProcess *process, const char *key) {
    return schema_has(&type_pc_process, process, key);
}

/* Has it anything that only a server has? */
static bool serves(const PcProcess *process) {
    return has(process, "readiness_probe") || has(process, "liveness_probe") ||
           has(process, "ready_log_line") || process->is_daemon ||
           process->availability.restart == PC_ALWAYS;
}

bool pc_is_job(const PcProject *project, const PcProcess *process) {
    if (has(process, "schedule"))
        return true;
    return !serves(process) && (process->availability.exit_on_end ||
                                awaited_as(project, process->name, PC_COMPLETED, PC_SUCCEEDED));
}

/* --- templates --- */

typedef struct Render {
    const PcFiles *files;
    const PcProcess *process;
    GoVars vars;
    Arena *arena;
    bool failed;
} Render;

static void render(Render *r, const char *key, const char **text) {
    const char *why;
    if (!*text)
        return;
    const char *done = go_template(*text, &r->vars, r->arena, &why);
    if (done) {
        *text = done;
        return;
    }
    r->failed = true;
    pc_problem(r->files, arena_printf(r->arena, "processes.%s.%s", r->process->name, key),
               "write the value itself, or `is_template_disabled: true` if it is no template", "%s",
               why);
}

static void render_probe(Render *r, const char *key, PcProbe *probe) {
    render(r, arena_printf(r->arena, "%s.exec.command", key), &probe->exec.command);
    render(r, arena_printf(r->arena, "%s.exec.working_dir", key), &probe->exec.working_dir);
    render(r, arena_printf(r->arena, "%s.http_get.host", key), &probe->http_get.host);
    render(r, arena_printf(r->arena, "%s.http_get.path", key), &probe->http_get.path);
    render(r, arena_printf(r->arena, "%s.http_get.scheme", key), &probe->http_get.scheme);
    render(r, arena_printf(r->arena, "%s.http_get.port", key), &probe->http_get.port);
}

static void render_lists(Render *r, PcProcess *process) {
    StrList words = {
        .at = arena_dup(r->arena, process->entrypoint.at, process->entrypoint.n * sizeof(char *)),
        .n = process->entrypoint.n};
    for (size_t i = 0; i < words.n; i++)
        render(r, "entrypoint", &words.at[i]);
    process->entrypoint = words;
    StrMap env = {.at = arena_dup(r->arena, process->environment.at,
                                  process->environment.n * sizeof(StrPair)),
                  .n = process->environment.n};
    for (size_t i = 0; i < env.n; i++)
        render(r, arena_printf(r->arena, "environment.%s", env.at[i].name), &env.at[i].value);
    process->environment = env;
}

/* One replica, with its templates filled in. */
static bool render_process(const PcProject *project, const PcFiles *files, PcProcess *process,
                           int64_t replica) {
    Arena *arena = files->at[0].arena;
    Render r = {.files = files, .process = process, .arena = arena};
    r.vars =
        (GoVars){&project->vars, &process->vars, arena_printf(arena, "%lld", (long long)replica)};
    if (process->is_template_disabled)
        return true;
    render(&r, "command", &process->command);
    render(&r, "working_dir", &process->working_dir);
    render(&r, "description", &process->description);
    render(&r, "log_location", &process->log_location);
    render(&r, "shutdown.command", &process->shutdown.command);
    render_probe(&r, "readiness_probe", &process->readiness_probe);
    render_probe(&r, "liveness_probe", &process->liveness_probe);
    render_lists(&r, process);
    return !r.failed;
}

/* --- the project --- */

static bool bool_text(const char *text) {
    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

/* PC_DISABLED_PROCESSES and PC_NAMESPACES: comma-separated. */
static bool listed(const char *list, const char *word) {
    size_t n = strlen(word);
    for (const char *at = list; at && *at; at += strcspn(at, ",") + (strchr(at, ',') != NULL)) {
        size_t size = strcspn(at, ",");
        if (size == n && strncmp(at, word, n) == 0)
            return true;
    }
    return false;
}

static bool in_namespace(const PcProcess *process, const char *wanted) {
    if (!wanted || !*wanted)
        return true;
    for (size_t i = 0; i < process->namespace.n; i++)
        if (listed(wanted, process->namespace.at[i]))
            return true;
    return process->namespace.n == 0 && listed(wanted, "default");
}

/* Does it start with the others? */
bool pc_starts(const PcProcess *process, const StrMap *client) {
    const char *off = client ? strmap_get(client, "PC_DISABLED_PROCESSES") : NULL;
    const char *namespaces = client ? strmap_get(client, "PC_NAMESPACES") : NULL;
    return !process->disabled && !bool_text(process->is_disabled) && !process->is_foreground &&
           !listed(off, process->name) && in_namespace(process, namespaces);
}

static void put_env(const PcTranslation *t, Value *root) {
    Writing w = {.arena = t->arena};
    Value *env = writing_map(&w);
    bool shared = t->dotenv_for_all && !t->source->keep;
    if (t->dotenv_for_all && t->source->keep && t->files->dotenv.n)
        writing_text(&w, root, "env_from", ".env");
    for (size_t i = 0; shared && i < t->files->dotenv.n; i++) {
        const StrPair *pair = &t->files->dotenv.at[i];
        if (!t->source->client || !strmap_get(t->source->client, pair->name))
            writing_over(&w, env, pair->name,
                         template_escape(pair->value, TEMPLATE_STRICT, t->arena));
    }
    for (size_t i = 0; i < t->project->environment.n; i++) {
        const StrPair *pair = &t->project->environment.at[i];
        Place place = pc_place(t->files, arena_printf(t->arena, "environment.%s", pair->name));
        Writing here = {t->arena, place.line, place.column};
        writing_over(&here, env, pair->name,
                     template_escape(pair->value, TEMPLATE_STRICT, t->arena));
    }
    if (env->map.n)
        writing_put(&w, root, "env", env);
}

/* A process of several replicas: each is a service, and its name stands for all of them. */
static void put_group(const PcTranslation *t, Value *services, const PcProcess *process,
                      const char *name) {
    Place place = pc_place(t->files, arena_printf(t->arena, "processes.%s", process->name));
    Writing w = {t->arena, place.line, place.column};
    Value *group = writing_map(&w), *members = writing_list(&w);
    for (int64_t i = 0; i < process->replicas; i++)
        writing_item(&w, members, pc_replica_name(t, name, i, process->replicas));
    writing_put(&w, group, "depends_on", members);
    if (!pc_starts(process, t->source->client))
        writing_bool(&w, group, "auto", false);
    writing_put(&w, services, name, group);
}

static int put_process(PcTranslation *t, Value *services, const PcProcess *process) {
    const char *name = foreign_name(t->names, process->name);
    if (!name)
        return pc_problem(t->files, arena_printf(t->arena, "processes.%s", process->name),
                          "rename one of them",
                          "\"%s\" is the name of another process here, where names are lower case",
                          process->name);
    bool many = process->replicas > 1;
    for (int64_t i = 0; i < (many ? process->replicas : 1); i++) {
        PcProcess own = *process;
        if (!render_process(t->project, t->files, &own, i))
            return -1;
        const Value *service = pc_service(t, &own, i);
        if (!service)
            return -1;
        Writing w = {t->arena, service->line, service->column};
        writing_put(&w, services, many ? pc_replica_name(t, name, i, process->replicas) : name,
                    arena_dup(t->arena, service, sizeof(*service)));
    }
    if (many)
        put_group(t, services, process, name);
    return 0;
}

static int check_dependencies(const PcTranslation *t, const PcProcess *process) {
    int r = 0;
    for (size_t i = 0; i < process->depends_on.n; i++) {
        const PcDependency *dep = &process->depends_on.at[i];
        const char *path =
            arena_printf(t->arena, "processes.%s.depends_on.%s", process->name, dep->name);
        const PcProcess *on = pc_process(t->project, dep->name);
        if (!on)
            r = pc_problem(t->files, path, NULL, "there is no process \"%s\"", dep->name);
        else if (dep->condition == PC_HEALTHY && !has(on, "readiness_probe") &&
                 !has(on, "liveness_probe"))
            r = pc_problem(t->files, path, "give it a `readiness_probe`, or use process_started",
                           "%s has no probe that could make it healthy", dep->name);
        else if (dep->condition == PC_LOG_READY && !on->ready_log_line)
            r = pc_problem(t->files, path, "give it a `ready_log_line`, or use process_started",
                           "%s has no line that could make it ready", dep->name);
    }
    return r;
}

static bool any_without_dotenv(const PcProject *project) {
    for (size_t i = 0; i < project->processes.n; i++)
        if (project->processes.at[i].is_dotenv_disabled)
            return true;
    return false;
}

const Value *pc_translate(const PcProject *project, const PcFiles *files, const Source *source) {
    Arena *arena = source->arena;
    Names names;
    PcTranslation t = {.project = project,
                       .files = files,
                       .source = source,
                       .arena = arena,
                       .names = &names,
                       .dotenv_for_all = !any_without_dotenv(project)};
    Writing w = {.arena = arena, .line = 1, .column = 1};
    Value *root = writing_map(&w), *services = writing_map(&w);
    int r = 0;
    foreign_names_init(&names, arena);
    writing_int(&w, root, "version", 1);
    if (project->name && *project->name)
        writing_text(&w, root, "name", project->name);
    put_env(&t, root);
    for (size_t i = 0; i < project->processes.n; i++)
        if (check_dependencies(&t, &project->processes.at[i]) < 0 ||
            put_process(&t, services, &project->processes.at[i]) < 0)
            r = -1;
    foreign_names_tell(&names, source);
    writing_put(&w, root, "services", services);
    foreign_names_deinit(&names);
    return r == 0 ? root : NULL;
}
