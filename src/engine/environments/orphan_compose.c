/* SPDX-License-Identifier: Apache-2.0 */
/* Compose projects of environments that are no more. Ours are those that were started in a worktree
 * of ours, under a name as we give them; of others nothing is said, and nothing is touched. */
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/compute/compute_inside.h"
#include "engine/environments/orphan_search.h"
#include "spec/environment_name.h"

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
                                       "label=" COMPOSE_LABEL,
                                       "--format",
                                       "{{.Label \"" COMPOSE_LABEL "\"}}\t"
                                       "{{.Label \"" COMPOSE_LABEL ".working_dir\"}}",
                                       NULL};
    StrList lines;
    Err err;
    if (!search->config_name || !tool_find("docker", search->env, search->arena) ||
        tool_lines(&(ToolAsk){argv, search->env, "/"}, search->arena, &lines, &err) < 0)
        return;
    for (size_t i = 0; i < lines.n; i++)
        see_container(search, prefix_of(search), lines.at[i]);
}

/* ---- removing ---- */

int orphan_remove_compose(const OrphanSearch *search, const EnvironmentOrphan *orphan, Err *err) {
    const ComputeAsk ask = {.path = orphan->path,
                            .composed = true,
                            .compose_project = orphan->name,
                            .env = search->env};
    ComputeCommand command;
    StrList unused;
    if (compose_down(&ask, search->arena, &command, err) < 0)
        return -1;
    const ToolAsk run = {command.argv.at, &command.env, command.cwd};
    return tool_lines(&run, search->arena, &unused, err);
}
