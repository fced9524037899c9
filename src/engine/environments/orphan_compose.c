/* SPDX-License-Identifier: Apache-2.0 */
/* Compose projects of environments that are no more. Ours are those that were started in a worktree
 * of ours, under a name as we give them; of others nothing is said, and nothing is touched. */
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/environments/orphan_search.h"
#include "engine/compute/tool.h"
#include "spec/environment_name.h"

#define PROJECT_LABEL "com.docker.compose.project"

static int docker(const OrphanSearch *search, const char *const *argv, StrList *ret, Err *err) {
    ToolDone done;
    size_t cap = 0;
    char *rest;
    *ret = (StrList){0};
    if (tool_run(&(ToolAsk){argv, search->env, "/"}, search->arena, &done, err) < 0)
        return -1;
    if (done.code != 0)
        return err_set(err, ERR_UNAVAILABLE, "docker %s: %s", argv[1],
                       done.error[0] ? done.error : "it failed and does not say why");
    char *text = arena_strdup(search->arena, done.out);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        ret->at = arena_grow(search->arena, ret->at, ret->n, &cap, sizeof(*ret->at));
        ret->at[ret->n++] = line;
    }
    return 0;
}

/* What the names of all of this project begin with: "shop-". */
static const char *prefix_of(const OrphanSearch *search) {
    const char *name = environment_compose_project(search->config_name, "x", search->arena);
    return arena_strndup(search->arena, name, strlen(name) - 1);
}

static bool is_seen(const OrphanSearch *search, const char *name) {
    for (size_t i = 0; i < search->found.n; i++)
        if (search->found.at[i].kind == ORPHAN_COMPOSE &&
            strcmp(search->found.at[i].name, name) == 0)
            return true;
    return false;
}

/* `line`: "project<TAB>directory of its compose file" of a container. */
static void see_container(OrphanSearch *search, const char *prefix, const char *line) {
    const char *tab = strchr(line, '\t'), *dir = tab ? tab + 1 : "";
    const char *name = tab ? arena_strndup(search->arena, line, (size_t)(tab - line)) : "";
    if (!str_starts(name, prefix) || !path_below(dir, search->worktrees) || is_seen(search, name) ||
        orphan_has_tree(search, dir))
        return;
    orphan_found(search, &(EnvironmentOrphan){ORPHAN_COMPOSE, name, dir,
                                              "its containers are of no environment", true});
}

/* Where docker does not answer there is nothing to be seen. */
void orphan_search_compose(OrphanSearch *search) {
    static const char *const argv[] = {"docker",
                                       "ps",
                                       "--all",
                                       "--filter",
                                       "label=" PROJECT_LABEL,
                                       "--format",
                                       "{{.Label \"" PROJECT_LABEL "\"}}\t"
                                       "{{.Label \"" PROJECT_LABEL ".working_dir\"}}",
                                       NULL};
    StrList lines;
    Err err;
    if (!search->config_name || !tool_find("docker", search->env, search->arena) ||
        docker(search, argv, &lines, &err) < 0)
        return;
    for (size_t i = 0; i < lines.n; i++)
        see_container(search, prefix_of(search), lines.at[i]);
}

/* ---- removing ---- */

/* All of a kind ("container", "volume", …) that carry the project's label. */
static int remove_all(const OrphanSearch *search, const char *kind, const char *name, Err *err) {
    const char *label = arena_printf(search->arena, "label=" PROJECT_LABEL "=%s", name);
    bool containers = strcmp(kind, "container") == 0;
    const char *list[] = {"docker", kind, "ls", "-q", "--filter", label, containers ? "-a" : NULL,
                          NULL};
    StrList ids, unused;
    if (docker(search, list, &ids, err) < 0)
        return -1;
    if (ids.n == 0)
        return 0;
    const char **argv = arena_alloc(search->arena, (ids.n + 6) * sizeof(*argv));
    size_t n = 0;
    argv[n++] = "docker";
    argv[n++] = kind;
    argv[n++] = "rm";
    if (containers)
        argv[n++] = "-fv";
    for (size_t i = 0; i < ids.n; i++)
        argv[n++] = ids.at[i];
    argv[n] = NULL;
    return docker(search, argv, &unused, err);
}

int orphan_remove_compose(const OrphanSearch *search, const char *name, Err *err) {
    static const char *const kinds[] = {"container", "network", "volume"};
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (remove_all(search, kinds[i], name, err) < 0)
            return -1;
    return 0;
}
