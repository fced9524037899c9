/* SPDX-License-Identifier: Apache-2.0 */
/* Compute on this machine: a git worktree, and infrastructure by docker compose. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "engine/compute/compute_inside.h"
#include "engine/compute/git_tree.h"
#include "engine/compute/tree_within.h"

static const char *root_of(const ComputeAsk *ask, Arena *arena) {
    GitTree project;
    if (git_tree_of(ask->project, arena, &project, NULL) < 0 || !project.prefix[0])
        return ask->path;
    return arena_printf(arena, "%s/%s", ask->path, project.prefix);
}

/* Why it does not stand as a worktree of ours; NULL: it does. */
static const char *fault_of(const ComputeAsk *ask, const GitTree *tree, Arena *arena) {
    struct stat st;
    if (ask->managed && lstat(ask->path, &st) == 0 && S_ISLNK(st.st_mode))
        return arena_printf(arena, "%s is a link by now", ask->path);
    if (tree->prefix[0])
        return arena_printf(arena, "%s is no worktree any more", ask->path);
    if (compute_removal_begun(ask))
        return arena_printf(arena, "the removal of %s has begun", ask->path);
    if (tree->half_made)
        return arena_printf(arena, "git was interrupted when it made %s", ask->path);
    if (compute_is_strange(ask, arena))
        return arena_printf(arena, "%s is a worktree of %s", ask->path, tree->common);
    return NULL;
}

static int look(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeLook *ret,
                Err *err) {
    GitTree tree = {.branch = ""};
    Err why = {0};
    const char *fault;
    if (access(ask->path, F_OK) < 0)
        fault = arena_printf(arena, "the worktree %s is gone", ask->path);
    else if (git_tree_of(ask->path, arena, &tree, &why) < 0)
        fault = arena_strdup(arena, why.msg);
    else
        fault = fault_of(ask, &tree, arena);
    *ret = (ComputeLook){.stands = !fault,
                         .why = fault,
                         .root = root_of(ask, arena),
                         .branch = fault ? "" : tree.branch};
    return 0;
}

static int create(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                  Err *err) {
    return worktree_add(ask, arena, ret, err);
}

/* ---- the end of it ---- */

int compute_local_mounted(const ComputeAsk *ask, Arena *arena, Err *err) {
    AUTO_FREE char *top = path_resolve(ask->path);
    StrList mounts;
    if (!ask->managed)
        return 0;
    if (tree_mounts(top, arena, &mounts, err) < 0)
        return -1;
    if (mounts.n == 0)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "something is mounted in the worktree %s (%s%s), which would be emptied: "
                   "`umount` it first, or delete with --keep-worktree",
                   ask->path, mounts.at[0], mounts.n > 1 ? ", …" : "");
}

/* $1 repository or "", $2 worktree or "", $3 common, $4 where it is noted or "", $5 "again": git
 * was interrupted in it; then what ends the infrastructure, if any. Of a worktree whose repository
 * is gone there is nothing but the directory; and git forgets one of which it could not remove all,
 * but will not go on with one whose .git it has removed. */
static const char destroy_script[] =
    "repository=$1 path=$2 common=$3 note=$4 again=$5\n"
    "shift 5\n"
    "if [ $# -gt 0 ]; then \"$@\"; fi\n"
    "if [ -z \"$path\" ]; then exit 0; fi\n"
    "if [ -z \"$repository\" ]; then exec rm -rf -- \"$path\"; fi\n" COMPUTE_TAKE_TURN
    "if [ -n \"$note\" ]; then stat -c %d:%i:%.9W -- \"$path\" >\"$note\" 2>/dev/null || :; fi\n"
    "if [ \"$again\" = again ]; then rm -rf -- \"$path\" 9<&-; fi\n"
    "git -C \"$repository\" worktree remove -f -f -- \"$path\" 9<&- && exit\n"
    "code=$?\n"
    "git -C \"$repository\" worktree list --porcelain 9<&- | grep -qxF -e \"worktree $path\" &&"
    " exit $code\n"
    "exec rm -rf -- \"$path\" 9<&-\n";

/* What is to be removed. */
typedef struct Remains {
    const char *path; /* "": nothing */
    GitTree repository;
    bool again; /* git lists it still, but has removed its .git */
} Remains;

static bool git_is_gone(const ComputeAsk *ask, Arena *arena) {
    struct stat st;
    return lstat(arena_printf(arena, "%s/.git", ask->path), &st) < 0 && errno == ENOENT;
}

static int find_remains(const ComputeAsk *ask, Arena *arena, Remains *ret, Err *err) {
    Worktrees list = {0};
    bool lost = git_tree_lost(ask->path, arena);
    const Worktree *known;
    *ret = (Remains){.path = "", .repository = {.top = "", .common = ""}};
    if (!ask->managed)
        return 0;
    if (compute_is_strange(ask, arena) && !compute_removal_begun(ask))
        return compute_no_worktree(ask, err);
    if (compute_local_mounted(ask, arena, err) < 0)
        return -1;
    if (!lost && compute_repository(ask, arena, &ret->repository) &&
        compute_worktrees(ask, arena, &list, err) < 0)
        return -1;
    known = compute_worktree_at(&list, ask->path);
    if (known || lost) {
        ret->path = known ? known->path : ask->path;
        ret->again = known && compute_removal_begun(ask) && git_is_gone(ask, arena);
    } else if (compute_removal_begun(ask)) {
        *ret = (Remains){.path = ask->path, .repository = {.top = "", .common = ""}};
    } else if (access(ask->path, F_OK) == 0) {
        return compute_no_worktree(ask, err);
    }
    return 0;
}

static int destroy(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                   Err *err) {
    ComputeCommand compose;
    Remains remains;
    if (find_remains(ask, arena, &remains, err) < 0 || compose_down(ask, arena, &compose, err) < 0)
        return -1;
    const char **words = arena_alloc(arena, (compose.argv.n + 6) * sizeof(*words));
    words[0] = remains.repository.top;
    words[1] = remains.path;
    words[2] = remains.repository.common;
    words[3] = ask->removing ? ask->removing : "";
    words[4] = remains.again ? "again" : "";
    for (size_t i = 0; i < compose.argv.n; i++)
        words[5 + i] = compose.argv.at[i];
    *ret = (ComputeCommand){.cwd = "/"};
    if (remains.path[0] || compose.argv.n > 0)
        *ret = compute_script(destroy_script, words, arena);
    ret->env = compute_git_env(&compose.env, arena);
    return 0;
}

static int loss(const Compute *compute, const ComputeAsk *ask, Arena *arena, const char **ret,
                Err *err) {
    return worktree_loss(ask, arena, ret, err);
}

/* ---- infrastructure, files ---- */

static int start(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                 Err *err) {
    return compose_up(ask, arena, ret, err);
}

static int stop(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                Err *err) {
    return compose_stop(ask, arena, ret, err);
}

static int running(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeLook *ret,
                   Err *err) {
    return compose_running(ask, arena, ret, err);
}

static int read_file(const Compute *compute, const char *root, ComputeFile *file, Arena *arena,
                     Err *err) {
    return files_read(root, file, arena, err);
}

static int write_file(const Compute *compute, const char *root, const ComputeFile *file, Err *err) {
    return files_write(root, file, err);
}

static const ComputeOps ops = {.look = look,
                               .create = create,
                               .destroy = destroy,
                               .loss = loss,
                               .start = start,
                               .stop = stop,
                               .running = running,
                               .read = read_file,
                               .write = write_file};
const Compute compute_local = {&ops, "local"};

/* git names them, a line each; what it tracks it ignores nowhere. */
bool compute_local_ignored(const ComputeAsk *ask, Arena *arena) {
    const char **words = arena_alloc(arena, (ask->own->n + 3) * sizeof(*words));
    size_t n = 0, lines = 0;
    int code;
    ToolDone done;
    Err unused;
    words[n++] = "check-ignore";
    words[n++] = "--";
    for (size_t i = 0; i < ask->own->n; i++)
        words[n++] = ask->own->at[i];
    words[n] = NULL;
    if (ask->own->n == 0)
        return true;
    if (compute_git(&(GitAsk){ask->path, ask->env, words, &code}, arena, &done, &unused) < 0)
        return false;
    for (size_t i = 0; i < done.out_n; i++)
        lines += done.out[i] == '\n';
    return code == 0 && lines == ask->own->n;
}

int compute_local_exposed(const ComputeAsk *ask, Arena *arena, StrList *ret, Err *err) {
    static const char *const words[] = {"--others", "--exclude-standard", NULL};
    return compute_git_files(&(GitAsk){ask->path, ask->env, words, NULL}, ask->own, arena, ret,
                             err);
}

int compute_local_tracked(const ComputeAsk *ask, Arena *arena, StrList *ret, Err *err) {
    static const char *const words[] = {"--cached", NULL};
    return compute_git_files(&(GitAsk){ask->path, ask->env, words, NULL}, ask->own, arena, ret,
                             err);
}

const char *compute_local_shown(const ComputeAsk *ask, Arena *arena) {
    AUTO_FREE char *place = path_resolve(ask->path);
    GitTree project;
    ToolDone done;
    Err ignored; /* who makes it says so */
    int code = 0;
    if (git_tree_of(ask->project, arena, &project, NULL) < 0 || !path_below(place, project.top) ||
        strcmp(place, project.top) == 0 || path_below(place, project.common))
        return NULL;
    const char *shown = arena_printf(arena, "%s/", place + strlen(project.top) + 1);
    const char *words[] = {"check-ignore", "-q", "--", shown, NULL};
    const GitAsk git = {project.top, ask->env, words, &code};
    return compute_git(&git, arena, &done, &ignored) == 0 && code == 1 ? shown : NULL;
}

int compute_local_attach(const ComputeAsk *ask, Arena *arena, ComputeLook *ret, Err *err) {
    GitTree tree, project;
    if (access(ask->path, F_OK) < 0)
        return err_set(err, ERR_INVALID, "there is no worktree %s", ask->path);
    if (git_tree_of(ask->path, arena, &tree, err) < 0 || tree.bare) {
        if (err)
            err_set(err, ERR_INVALID, "%s is no git worktree", ask->path);
        return -1;
    }
    if (tree.prefix[0])
        return err_set(err, ERR_INVALID, "%s is inside of the worktree %s: attach that one",
                       ask->path, tree.top);
    if (!tree.branch[0])
        return err_set(err, ERR_INVALID,
                       "the worktree %s has a detached HEAD: `git -C %s switch -c NAME` makes a "
                       "branch there",
                       ask->path, ask->path);
    if (git_tree_of(ask->project, arena, &project, err) < 0)
        return -1;
    if (strcmp(project.common, tree.common) != 0)
        return err_set(err, ERR_INVALID, "%s is a worktree of the repository %s, not of that of %s",
                       ask->path, tree.common, ask->project);
    return look(NULL, ask, arena, ret, err);
}
