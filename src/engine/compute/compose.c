/* SPDX-License-Identifier: Apache-2.0 */
/* Infrastructure: the user's own `docker compose`, or docker-compose if that is what there is. */
#include <string.h>

#include "base/str.h"
#include "engine/compute/compute_inside.h"
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

int compose_command(const ComputeAsk *ask, const char *const *words, Arena *arena,
                    ComputeCommand *ret, Err *err) {
    Composer c;
    if (!ask->compose_file) {
        *ret = (ComputeCommand){.cwd = "/", .env = *ask->env};
        return 0;
    }
    if (find(ask, arena, &c, err) < 0)
        return -1;
    *ret = (ComputeCommand){
        .argv = compute_words(words_of(&c, words, arena), arena), .cwd = "/", .env = c.env};
    return 0;
}

/* ---- does it run? ---- */

/* The lines of what it says. */
static int lines_of(const Composer *c, const char *const *argv, Arena *arena, StrList *ret,
                    Err *err) {
    ToolDone done;
    size_t cap = 0;
    char *rest;
    if (tool_run(&(ToolAsk){argv, &c->env, "/"}, arena, &done, err) < 0)
        return -1;
    if (done.code != 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", argv[0],
                       done.error[0] ? done.error : "it failed and does not say why");
    *ret = (StrList){0};
    char *text = arena_strdup(arena, done.out);
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        ret->at = arena_grow(arena, ret->at, ret->n, &cap, sizeof(*ret->at));
        ret->at[ret->n++] = line;
    }
    return 0;
}

static bool has(const StrList *list, const char *name) {
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i], name) == 0)
            return true;
    return false;
}

/* Services that have done their work and ended well: a migration, a set-up. */
static int ended_well(const ComputeAsk *ask, const Composer *c, Arena *arena, StrList *ret,
                      Err *err) {
    const char *argv[] = {
        "docker",
        "ps",
        "--all",
        "--filter",
        arena_printf(arena, "label=com.docker.compose.project=%s", ask->compose_project),
        "--filter",
        "exited=0",
        "--format",
        "{{.Label \"com.docker.compose.service\"}}",
        NULL};
    if (!tool_find("docker", ask->env, arena))
        return 0;
    return lines_of(c, argv, arena, ret, err);
}

static const char *missing(const StrList *all, const StrList *running, const StrList *ended,
                           Arena *arena) {
    const char *text = NULL;
    for (size_t i = 0; i < all->n; i++)
        if (!has(running, all->at[i]) && !has(ended, all->at[i]))
            text = text ? arena_printf(arena, "%s, %s", text, all->at[i]) : all->at[i];
    return text ? arena_printf(arena, "not running: %s", text) : NULL;
}

static void list_services(const StrList *all, const StrList *running, const StrList *ended,
                          Arena *arena, ComputeLook *ret) {
    ret->services = arena_alloc(arena, (all->n + 1) * sizeof(*ret->services));
    for (size_t i = 0; i < all->n; i++) {
        const char *name = all->at[i];
        ret->services[ret->service_n++] = (ComputeService){name, has(running, name) ? "running"
                                                                 : has(ended, name) ? "done"
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
    ret->why = missing(&all, &running, &ended, arena);
    /* Where nothing runs it was stopped: what took that well has ended well, too. */
    if (ret->why && running.n > 0 && ended_well(ask, &c, arena, &ended, err) < 0)
        return -1;
    ret->why = missing(&all, &running, &ended, arena);
    ret->stands = !ret->why;
    list_services(&all, &running, &ended, arena, ret);
    return 0;
}
