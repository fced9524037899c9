/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions in worktrees of environments that are no more: what they have logged, and what runs. */
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/compute/compute_inside.h"
#include "engine/environments/orphan_search.h"
#include "engine/sessions/session_environment.h"
#include "engine/sessions/stopped.h"

/* Worktrees of the project's repository, but for those that it is in: one may lie in another. */
static Worktrees list_trees(const OrphanSearch *search) {
    const ComputeAsk ask = {.project = search->root, .env = search->env};
    Worktrees list = {0};
    Err unused;
    (void)!compute_worktrees(&ask, search->arena, &list, &unused);
    size_t n = 0;
    for (size_t i = 0; i < list.n; i++)
        if (!path_below(search->root, list.at[i].path))
            list.at[n++] = list.at[i];
    list.n = n;
    return list;
}

/* In a tree of the repository, wherever that is: of what people start there themselves nothing is
 * written down of an environment. */
static bool was_environment(const OrphanSearch *search, const Worktrees *trees, const char *slug,
                            const char *dir) {
    const char *file = arena_printf(search->arena, "%s/sessions/%s/" SESSION_ENVIRONMENT_FILE,
                                    search->state_dir, slug);
    if (access(file, F_OK) < 0 || orphan_is_of_others(search, dir))
        return false;
    for (size_t i = 0; i < trees->n; i++)
        if (path_below(dir, trees->at[i].path))
            return true;
    return false;
}

/* In a worktree that there was, and of which nobody knows any more. */
static bool is_lost(const OrphanSearch *search, const Worktrees *trees, const char *slug,
                    const char *dir) {
    return (path_below(dir, search->worktrees) || was_environment(search, trees, slug, dir)) &&
           !orphan_has_tree(search, dir);
}

/* Of one whose directory is there people see what runs; of this nobody comes by. */
static void see_running(OrphanSearch *search, const Worktrees *trees) {
    for (size_t i = 0; i < search->running_n; i++) {
        const OrphanSession *session = &search->running[i];
        AUTO_FREE char *dir = path_dir(session->file);
        if (access(dir, F_OK) < 0 && is_lost(search, trees, session->slug, dir))
            orphan_found(
                search, &(EnvironmentOrphan){ORPHAN_SESSION, session->slug,
                                             arena_strdup(search->arena, dir),
                                             arena_printf(search->arena,
                                                          "it runs where no directory is any more: "
                                                          "`thole --file %s down` ends it",
                                                          session->file),
                                             false});
    }
}

void orphan_search_sessions(OrphanSearch *search) {
    const Worktrees trees = list_trees(search);
    StoppedList list;
    see_running(search, &trees);
    stopped_list(search->state_dir, search->arena, &list);
    for (size_t i = 0; i < list.n; i++) {
        AUTO_FREE char *dir = path_dir(list.at[i].file);
        if (is_lost(search, &trees, list.at[i].slug, dir))
            orphan_found(search,
                         &(EnvironmentOrphan){ORPHAN_SESSION, list.at[i].slug,
                                              arena_strdup(search->arena, dir),
                                              "logs of services of one that is no more", true});
    }
}

/* It may have come up again. */
int orphan_remove_session(const OrphanSearch *search, const EnvironmentOrphan *orphan, Err *err) {
    StoppedSession session;
    if (stopped_find(search->state_dir, orphan->name, search->arena, &session) < 0)
        return err_set(err, ERR_CONFLICT, "session %s is not down any more", orphan->name);
    return stopped_purge(search->state_dir, orphan->name, err);
}
