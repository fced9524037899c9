/* SPDX-License-Identifier: Apache-2.0 */
/* Infrastructure: the user's own `docker compose`, or docker-compose if that is what there is. */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/compute/compute_inside.h"
#include "spec/compose_file.h"
#include "spec/environment_name.h"

/* The words that every command begins with. */
typedef struct Composer {
    const char *words[8]; /* argv[0] is absolute; ends with NULL */
    size_t n;
    StrMap env;
} Composer;

static StrMap env_of(const ComputeAsk *ask, Arena *arena) {
    size_t n = ask->ports ? ask->ports->n : 0;
    StrMap own = {arena_alloc(arena, (n + 1) * sizeof(*own.at)), 0};
    for (size_t i = 0; i < n; i++) {
        const EnvironmentPort *port = &ask->ports->at[i];
        own.at[own.n++] =
            (StrPair){arena_printf(arena, "%s_PORT", environment_variable(port->name, arena)),
                      arena_printf(arena, "%lld", (long long)port->port)};
    }
    own.at[own.n++] = (StrPair){"COMPOSE_PROJECT_NAME", ask->compose_project};
    strmap_sort(&own);
    return strmap_merge(ask->env, &own, arena);
}

static int find(const ComputeAsk *ask, Arena *arena, Composer *c, Err *err) {
    static const char *const version[] = {"docker", "compose", "version", NULL};
    const char *docker = tool_find("docker", ask->env, arena), *old;
    ToolDone done = {.code = 1};
    *c = (Composer){.env = env_of(ask, arena)};
    if (docker && tool_run(&(ToolAsk){version, ask->env, "/"}, arena, &done, err) < 0)
        return -1;
    if (docker && done.code == 0) {
        c->words[c->n++] = docker;
        c->words[c->n++] = "compose";
    } else if ((old = tool_find("docker-compose", ask->env, arena))) {
        c->words[c->n++] = old;
    } else {
        return err_set(err, ERR_UNAVAILABLE,
                       "infrastructure needs `docker compose` or docker-compose, and there is "
                       "neither%s: install one of them",
                       docker ? " (docker is there, its compose plugin is not)" : "");
    }
    c->words[c->n++] = "-p";
    c->words[c->n++] = ask->compose_project;
    c->words[c->n++] = "-f";
    c->words[c->n++] = ask->compose_file;
    return 0;
}

static const char **words_of(const Composer *c, const char *const *words, Arena *arena) {
    StrList more = compute_words(words, arena);
    const char **all = arena_alloc(arena, (c->n + more.n + 1) * sizeof(*all));
    memcpy(all, c->words, c->n * sizeof(*all));
    memcpy(all + c->n, more.at, (more.n + 1) * sizeof(*all));
    return all;
}

/* ---- whose it is ---- */

/* What docker has under the name of the project. Clones of one repository give the same name to
 * environments of the same name: of each container it is known where its compose file lies. */
typedef struct Containers {
    size_t own;
    const char *foreign; /* where those of somebody else were started; NULL: there are none */
} Containers;

static bool is_own(const ComputeAsk *ask, const char *dir) {
    AUTO_FREE char *own = ask->compose_file ? path_dir(ask->compose_file) : NULL;
    return path_below(dir, ask->path) || (own && strcmp(dir, own) == 0);
}

/* The words that list a label of each container of the project that `filter` lets pass;
 * NULL: of all. */
static const char *const *label_words(const ComputeAsk *ask, const char *label, const char *filter,
                                      Arena *arena) {
    const char *project = arena_printf(arena, "label=" COMPOSE_LABEL "=%s", ask->compose_project);
    const char *format = arena_printf(arena, "{{.Label \"%s\"}}", label);
    const char *words[] = {"docker", "ps",       "--all", "--format",
                           format,   "--filter", project, filter ? "--filter" : NULL,
                           filter,   NULL};
    return compute_words(words, arena).at;
}

/* ERR_UNAVAILABLE: docker does not answer, or is not there. */
static int see_containers(const ComputeAsk *ask, Arena *arena, Containers *ret, Err *err) {
    StrList dirs;
    *ret = (Containers){0};
    const char *const *words = label_words(ask, COMPOSE_LABEL ".working_dir", NULL, arena);
    if (tool_lines(&(ToolAsk){words, ask->env, "/"}, arena, &dirs, err) < 0)
        return -1;
    for (size_t i = 0; i < dirs.n; i++)
        if (is_own(ask, dirs.at[i]))
            ret->own++;
        else
            ret->foreign = dirs.at[i];
    return 0;
}

static int refuse_foreign(const ComputeAsk *ask, Arena *arena, Err *err) {
    Containers now;
    Err ignored; /* compose says it */
    if (see_containers(ask, arena, &now, &ignored) < 0 || !now.foreign)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "the compose project %s runs already, from %s, which is none of this "
                   "environment: give the environment another name",
                   ask->compose_project, now.foreign);
}

/* ---- up, stopped, gone ---- */

/* $1 the project, then the words of compose, if it can be asked. What it does not know of is found
 * by its labels: the file may have changed since, or be broken. Where docker itself does not answer
 * compose is believed. */
static const char down_script[] =
    "label=label=" COMPOSE_LABEL "=$1 code=1\n"
    "shift\n"
    "if [ $# -gt 0 ]; then code=0; \"$@\" || code=$?; fi\n"
    "command -v docker >/dev/null || exit $code\n"
    "ids=$(docker container ls -aq --filter \"$label\") || exit $code\n"
    "if [ -n \"$ids\" ]; then docker container rm -fv $ids; fi\n"
    "for kind in network volume; do\n"
    "    ids=$(docker $kind ls -q --filter \"$label\")\n"
    "    if [ -n \"$ids\" ]; then docker $kind rm $ids; fi\n"
    "done\n";
static const char stop_script[] =
    "ids=$(docker container ls -q --filter \"label=" COMPOSE_LABEL "=$1\")\n"
    "if [ -n \"$ids\" ]; then docker container stop $ids; fi\n";
static const char foreign_script[] = "echo \"$1 runs from $2: it is left as it is\"\n";

static bool has_file(const ComputeAsk *ask) {
    return ask->compose_file && access(ask->compose_file, F_OK) == 0;
}

/* `script`, with the project and `words` (NULL ends them). */
static ComputeCommand by_labels(const ComputeAsk *ask, const char *script, const char *const *words,
                                Arena *arena) {
    StrList more = compute_words(words, arena);
    const char **all = arena_alloc(arena, (more.n + 2) * sizeof(*all));
    all[0] = ask->compose_project;
    memcpy(all + 1, more.at, (more.n + 1) * sizeof(*all));
    ComputeCommand command = compute_script(script, all, arena);
    command.env = env_of(ask, arena);
    return command;
}

static int need_docker(const ComputeAsk *ask, Arena *arena, Err *err) {
    if (tool_find("docker", ask->env, arena))
        return 0;
    return err_set(err, ERR_UNAVAILABLE,
                   "the compose file of %s is gone, and there is no docker on PATH to find its "
                   "containers with",
                   ask->compose_project);
}

static int by_compose(const ComputeAsk *ask, const char *const *words, Arena *arena,
                      ComputeCommand *ret, Err *err) {
    Composer c;
    if (find(ask, arena, &c, err) < 0)
        return -1;
    *ret = (ComputeCommand){
        .argv = compute_words(words_of(&c, words, arena), arena), .cwd = "/", .env = c.env};
    return 0;
}

int compose_up(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err) {
    static const char *const up[] = {"up", "-d", NULL};
    *ret = (ComputeCommand){.cwd = "/", .env = *ask->env};
    if (!ask->compose_file)
        return 0;
    return refuse_foreign(ask, arena, err) < 0 ? -1 : by_compose(ask, up, arena, ret, err);
}

/* Is there anything of ours to be ended? Of what was never started docker is asked only if it is
 * there. 1: there is; 0: there is not, or *ret says whose it is. */
static int find_own(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err) {
    Containers now;
    *ret = (ComputeCommand){.cwd = "/", .env = *ask->env};
    if (!ask->composed && !has_file(ask))
        return 0;
    if (!tool_find("docker", ask->env, arena))
        return !ask->composed ? 0 : has_file(ask) ? 1 : need_docker(ask, arena, err);
    if (see_containers(ask, arena, &now, err) < 0)
        return !ask->composed ? 0 : err_in(err, "compose project %s is left", ask->compose_project);
    if (!now.foreign)
        return ask->composed || now.own > 0;
    const char *const dir[] = {now.foreign, NULL};
    *ret = by_labels(ask, foreign_script, dir, arena);
    return 0;
}

int compose_stop(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err) {
    static const char *const stop[] = {"stop", NULL}, *const none[] = {NULL};
    int own = find_own(ask, arena, ret, err);
    if (own <= 0)
        return own;
    if (has_file(ask))
        return by_compose(ask, stop, arena, ret, err);
    *ret = by_labels(ask, stop_script, none, arena);
    return 0;
}

int compose_down(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err) {
    static const char *const down[] = {"down", "-v", "--remove-orphans", NULL};
    ComputeCommand compose = {.argv.at = (const char *[]){NULL}};
    int own = find_own(ask, arena, ret, err);
    if (own <= 0)
        return own;
    if (has_file(ask) && by_compose(ask, down, arena, &compose, err) < 0)
        return -1;
    *ret = by_labels(ask, down_script, compose.argv.at, arena);
    return 0;
}

/* ---- does it run? ---- */

static int lines_of(const Composer *c, const char *const *argv, Arena *arena, StrList *ret,
                    Err *err) {
    return tool_lines(&(ToolAsk){argv, &c->env, "/"}, arena, ret, err);
}

static bool publishes(const InfraServices *services, const char *name) {
    for (size_t i = 0; i < services->n; i++)
        if (strcmp(services->at[i].name, name) == 0)
            return services->at[i].port || *services->at[i].env_var;
    return false;
}

/* What people ask for at a port is there to stay: it was stopped, however well it took that. A file
 * that is not understood has nothing else. */
static void drop_published(const ComputeAsk *ask, Arena *arena, StrList *ended) {
    AUTO_FREE char *text = NULL;
    InfraServices services;
    Report report;
    size_t size, n = ended->n;
    report_init(&report, arena);
    Source source = {.file = ask->compose_file, .report = &report, .arena = arena};
    bool known = file_read(ask->compose_file, MAX_CONFIG_BYTES, &text, &size, NULL) == 0 &&
                 compose_file_parse(&source, text, size, arena, &services) == 0;
    ended->n = 0;
    for (size_t i = 0; known && i < n; i++)
        if (!publishes(&services, ended->at[i]))
            ended->at[ended->n++] = ended->at[i];
}

/* Services that have done their work and ended well: a migration, a set-up. */
static int ended_well(const ComputeAsk *ask, const Composer *c, Arena *arena, StrList *ret,
                      Err *err) {
    if (!tool_find("docker", ask->env, arena))
        return 0;
    if (lines_of(c, label_words(ask, "com.docker.compose.service", "exited=0", arena), arena, ret,
                 err) < 0)
        return -1;
    drop_published(ask, arena, ret);
    return 0;
}

static const char *missing(const StrList *all, const StrList *running, const StrList *ended,
                           Arena *arena) {
    const char *text = NULL;
    for (size_t i = 0; i < all->n; i++)
        if (!strlist_has(running, all->at[i]) && !strlist_has(ended, all->at[i]))
            text = text ? arena_printf(arena, "%s, %s", text, all->at[i]) : all->at[i];
    return text ? arena_printf(arena, "not running: %s", text) : NULL;
}

static void list_services(const StrList *all, const StrList *running, const StrList *ended,
                          Arena *arena, ComputeLook *ret) {
    ret->services = arena_alloc(arena, (all->n + 1) * sizeof(*ret->services));
    for (size_t i = 0; i < all->n; i++) {
        const char *name = all->at[i];
        ret->services[ret->service_n++] =
            (ComputeService){name, strlist_has(running, name) ? "running"
                                   : strlist_has(ended, name) ? "done"
                                                              : "stopped"};
    }
}

int compose_running(const ComputeAsk *ask, Arena *arena, ComputeLook *ret, Err *err) {
    static const char *const config[] = {"config", "--services", NULL};
    static const char *const ps[] = {"ps", "--services", "--filter", "status=running", NULL};
    Composer c;
    StrList all, running, ended = {0};
    *ret = (ComputeLook){.stands = true, .root = "", .branch = ""};
    if (!ask->compose_file)
        return 0;
    if (find(ask, arena, &c, err) < 0 ||
        lines_of(&c, words_of(&c, config, arena), arena, &all, err) < 0 ||
        lines_of(&c, words_of(&c, ps, arena), arena, &running, err) < 0)
        return -1;
    if (missing(&all, &running, &ended, arena) && ended_well(ask, &c, arena, &ended, err) < 0)
        return -1;
    ret->why = missing(&all, &running, &ended, arena);
    ret->stands = !ret->why;
    list_services(&all, &running, &ended, arena, ret);
    return 0;
}
