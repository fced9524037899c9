/* SPDX-License-Identifier: Apache-2.0 */
/* What would be lost with a worktree: what is not committed or was put aside, what git does not
 * know, commits that no branch and no remote has, and other worktrees and repositories in it.
 * Ignored files do not count, and neither do those that we have written, or that are as the project
 * has them; but what was brought and is not as it was does. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/compute/beside.h"
#include "engine/compute/compute_inside.h"
#include "engine/compute/git_hidden.h"
#include "engine/compute/git_tree.h"
#include "engine/compute/loss_tally.h"
#include "engine/compute/repository_work.h"
#include "engine/compute/tree_copy.h"
#include "engine/compute/tree_within.h"
#include "spec/manifest_names.h"

typedef struct Loss {
    const ComputeAsk *ask;
    Arena *arena;
    GitTree tree;
    bool begun;           /* its removal has, and came to no end */
    TreeCopy copy;        /* from the project; `from` NULL: that is gone, or is this very tree */
    StrList own, brought; /* sorted; `brought`: that have changed since */
    LossTally lost;
} Loss;

/* What git cannot say is not taken for "nothing". */
static int git(const Loss *l, const char *const *words, ToolDone *ret, Err *err) {
    return compute_git(&(GitAsk){l->tree.top, l->ask->env, words, NULL}, l->arena, ret, err);
}

/* ---- files ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static StrList sorted(const Loss *l, const StrList *list) {
    if (!list || list->n == 0)
        return (StrList){0};
    StrList copy = {arena_dup(l->arena, list->at, list->n * sizeof(*list->at)), list->n};
    qsort(copy.at, copy.n, sizeof(*copy.at), by_text);
    return copy;
}

static bool has(const StrList *list, const char *path) {
    return list->n > 0 && bsearch(&path, list->at, list->n, sizeof(*list->at), by_text);
}

static bool is_link(const Loss *l, const char *path) {
    struct stat st;
    return lstat(arena_printf(l->arena, "%s/%s", l->tree.top, path), &st) == 0 &&
           S_ISLNK(st.st_mode);
}

/* What sessions keep in a project (store/state_file.h): it says itself that git is not to see it,
 * once it is whole. */
static bool is_in_state(const Loss *l, const char *path) {
    const char *name = path_base(path);
    bool within = str_starts(path, ".thole/") || strstr(path, "/.thole/");
    return within &&
           (strcmp(name, ".gitignore") == 0 || strcmp(name, "state.lock") == 0 ||
            str_starts(name, "state.json") || (strcmp(name, "logs") == 0 && is_link(l, path)));
}

/* We have written it, or would have if we had not been killed. */
static bool is_own(const Loss *l, const char *path) {
    const char *name = path_base(path);
    return beside_is_name(name) || strcmp(name, MANIFEST_STEPS) == 0 || is_in_state(l, path) ||
           has(&l->own, path);
}

/* The project has it, too. */
static bool is_copy(const Loss *l, const char *path) {
    return l->copy.from && tree_copy_is_same(&l->copy, path);
}

static int look_at_files(Loss *l, Err *err) {
    static const char *const words[] = {"-c", /* heard by submodules, too */
                                        "status.showUntrackedFiles=all",
                                        "status",
                                        "--porcelain=v1",
                                        "-z",
                                        "--no-renames",
                                        "--untracked-files=all",
                                        "--ignore-submodules=none",
                                        NULL};
    ToolDone done;
    if (git(l, words, &done, err) < 0)
        return -1;
    const char *end = done.out + done.out_n;
    for (const char *at = done.out; at + 3 < end; at += strlen(at) + 1) {
        bool untracked = str_starts(at, "??"); /* what git tracks is nobody's alone */
        if (l->begun && str_starts(at, " D"))
            continue; /* we have removed it */
        if (untracked && (is_own(l, at + 3) || has(&l->brought, at + 3) || is_copy(l, at + 3)))
            continue;
        loss_add(&l->lost, untracked ? LOSS_UNTRACKED : LOSS_CHANGED, 1, at + 3);
    }
    return 0;
}

/* `dir`: that of a submodule, and a slash; "": the worktree itself. */
static int look_at_hidden(Loss *l, const char *dir, Err *err) {
    const char *top = arena_printf(l->arena, "%s/%s", l->tree.top, dir);
    StrList changed;
    if (git_hidden_changes(top, l->ask->env, l->arena, &changed, err) < 0)
        return -1;
    for (size_t i = 0; i < changed.n; i++)
        loss_add(&l->lost, LOSS_CHANGED, 1, arena_printf(l->arena, "%s%s", dir, changed.at[i]));
    return 0;
}

/* ---- what was brought ---- */

/* What git has by now is no matter of ours. */
static int look_at_brought(Loss *l, Err *err) {
    static const char *const cached[] = {"--cached", NULL};
    const ComputeAsk *ask = l->ask;
    StrList changed = {0}, tracked;
    for (size_t i = 0; l->copy.from && i < ask->brought.n; i++)
        tree_copy_changed(&l->copy, ask->brought.at[i], l->arena, &changed);
    if (changed.n == 0)
        return 0;
    if (compute_git_files(&(GitAsk){l->tree.top, ask->env, cached, NULL}, &ask->brought, l->arena,
                          &tracked, err) < 0)
        return -1;
    tracked = sorted(l, &tracked);
    changed = sorted(l, &changed);
    l->brought.at = arena_alloc(l->arena, changed.n * sizeof(*changed.at));
    for (size_t i = 0; i < changed.n; i++)
        if (!has(&tracked, changed.at[i])) {
            l->brought.at[l->brought.n++] = changed.at[i];
            loss_add(&l->lost, LOSS_BROUGHT, 1, changed.at[i]);
        }
    return 0;
}

/* ---- commits ---- */

static size_t number_of(const ToolDone *done, Arena *arena) {
    const char *text = arena_strndup(arena, done->out, strcspn(done->out, "\n"));
    int64_t n;
    return number_parse(text, 0, INT32_MAX, &n) == 0 ? (size_t)n : 0;
}

static bool has_git_file(const Loss *l, const char *name) {
    return access(arena_printf(l->arena, "%s/%s", l->tree.dir, name), F_OK) == 0;
}

/* Branches stay; a detached HEAD does not, nor the refs of the worktree alone. */
static int look_at_commits(Loss *l, Err *err) {
    static const char *const own[] = {"rev-list", "--count",    "HEAD",      "--glob=refs/worktree",
                                      "--not",    "--branches", "--remotes", "--tags",
                                      "--",       NULL};
    ToolDone done;
    if (l->tree.branch[0] && !has_git_file(l, "refs/worktree"))
        return 0;
    if (git(l, own, &done, err) < 0)
        return -1;
    loss_add(&l->lost, LOSS_COMMITS, number_of(&done, l->arena), NULL);
    return 0;
}

static int look_at_module(Loss *l, const char *module, Err *err) {
    const char *dir = arena_printf(l->arena, "%s/modules/%s", l->tree.dir, module);
    GitTree tree;
    RepositoryWork work;
    if (git_tree_of(dir, l->arena, &tree, err) < 0 ||
        repository_work(&tree, l->ask->env, l->arena, &work, err) < 0)
        return -1;
    loss_add(&l->lost, LOSS_MODULE_COMMITS, work.commits, module);
    loss_add(&l->lost, LOSS_MODULE_STASHES, work.stashes, module);
    loss_add(&l->lost, LOSS_PUT_ASIDE, work.changed,
             NULL); /* its files are those of the worktree */
    return 0;
}

/* What submodules have lies in the directory that git has for the worktree, all of it: also that of
 * one that is not checked out any more. */
static int look_at_modules(Loss *l, Err *err) {
    StrList list;
    if (tree_modules(&l->tree, l->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.n; i++)
        if (look_at_module(l, list.at[i], err) < 0)
            return -1;
    return 0;
}

/* ---- what lies in it ---- */

static bool is_within(const Loss *l, const char *path) {
    return strcmp(path, l->tree.top) != 0 && path_below(path, l->tree.top);
}

static void name_within(Loss *l, const char *path) {
    loss_add(&l->lost, LOSS_WITHIN, 1, arena_strdup(l->arena, path + strlen(l->tree.top) + 1));
}

/* Others lie in a directory of this one that is ignored, as `.worktrees/` often is. */
static int look_at_worktrees(Loss *l, Err *err) {
    Worktrees list;
    if (compute_worktrees(l->ask, l->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.n; i++)
        if (!list.at[i].gone && is_within(l, list.at[i].path))
            name_within(l, list.at[i].path);
    for (size_t i = 0; i < l->ask->others.n; i++) {
        AUTO_FREE char *path = path_resolve(l->ask->others.at[i]);
        if (is_within(l, path) && access(path, F_OK) == 0 && !compute_worktree_at(&list, path))
            name_within(l, path);
    }
    return 0;
}

/* Package managers clone what somebody else has, and mirror it in bare repositories: only what is
 * nowhere else counts. What git does not want to say is named as such. */
static int look_at_repository(Loss *l, const char *path, const char *shown, Err *err) {
    RepositoryWork work = {0};
    GitTree tree;
    bool mirrors = false;
    if (git_tree_of(path, l->arena, &tree, NULL) < 0)
        return 0;
    int r = tree.bare ? repository_has_remote(&tree, l->ask->env, l->arena, &mirrors, err) : 0;
    if (r == 0 && !mirrors)
        r = repository_work(&tree, l->ask->env, l->arena, &work, err);
    if (r < 0 && err->kind != ERR_CONFLICT)
        return -1;
    if (r < 0)
        loss_add(&l->lost, LOSS_CLOSED, 1, shown);
    else if (work.commits || work.stashes || work.changed)
        loss_add(&l->lost, LOSS_REPOSITORIES, 1, shown);
    return 0;
}

/* Then it is named as such. */
static bool is_environment(const Loss *l, const char *path) {
    for (size_t i = 0; i < l->ask->others.n; i++) {
        AUTO_FREE char *other = path_resolve(l->ask->others.at[i]);
        if (strcmp(other, path) == 0)
            return true;
    }
    return false;
}

static int look_at_repositories(Loss *l, Err *err) {
    StrList list, modules;
    if (tree_repositories(&l->tree, l->arena, &list, &modules, err) < 0)
        return -1;
    for (size_t i = 0; i < modules.n; i++)
        if (look_at_hidden(l, arena_printf(l->arena, "%s/", modules.at[i]), err) < 0)
            return -1;
    for (size_t i = 0; i < list.n; i++) {
        const char *path = arena_printf(l->arena, "%s/%s", l->tree.top, list.at[i]);
        if (!is_environment(l, path) && look_at_repository(l, path, list.at[i], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- all of it ---- */

static void take_project(Loss *l) {
    GitTree project;
    if (git_tree_of(l->ask->project, l->arena, &project, NULL) < 0 ||
        strcmp(project.top, l->tree.top) == 0)
        return;
    l->copy = (TreeCopy){.from = project.top, .to = l->tree.top, .since_ns = l->ask->brought_ns};
}

/* What is there may not be what was made. Whoever has locked it wants it to stay, also while its
 * directory is away. */
static int look_at_list(const ComputeAsk *ask, Arena *arena, Err *err) {
    Worktrees list;
    Err ignored; /* git that does not answer is heard of by those who ask for what is lost */
    if (compute_worktrees(ask, arena, &list, &ignored) < 0)
        return 0;
    const Worktree *tree = compute_worktree_at(&list, ask->path);
    if (!tree && ask->managed && access(ask->path, F_OK) == 0 && !git_tree_lost(ask->path, arena))
        return compute_no_worktree(ask, err);
    if (!tree || !tree->locked || strcmp(tree->locked, GIT_HALF_MADE) == 0)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "somebody has locked the worktree %s%s%s: `git worktree unlock` gives it free, "
                   "or delete with --force",
                   ask->path, tree->locked[0] ? ", saying " : "", tree->locked);
}

/* Of a removal that has taken away what made it a worktree: it was looked at before that. */
static bool is_remainder(const Loss *l) {
    return l->begun && access(arena_printf(l->arena, "%s/.git", l->ask->path), F_OK) < 0;
}

/* Repositories and submodules in it may be half gone: they were looked at before. */
static int look_again(Loss *l, Err *err) {
    l->own = sorted(l, l->ask->own);
    if (look_at_files(l, err) < 0 || look_at_commits(l, err) < 0)
        return -1;
    return 0;
}

static int look_at_all(Loss *l, Err *err) {
    take_project(l);
    l->own = sorted(l, l->ask->own);
    loss_add(&l->lost, LOSS_PUT_ASIDE, repository_has_autostash(&l->tree, l->arena), NULL);
    if (look_at_brought(l, err) < 0 || look_at_files(l, err) < 0 ||
        look_at_hidden(l, "", err) < 0 || look_at_worktrees(l, err) < 0 ||
        look_at_repositories(l, err) < 0 || look_at_commits(l, err) < 0 ||
        look_at_modules(l, err) < 0)
        return -1;
    return 0;
}

int worktree_loss(const ComputeAsk *ask, Arena *arena, const char **ret, Err *err) {
    Loss l = {
        .ask = ask, .arena = arena, .lost = {.arena = arena}, .begun = compute_removal_begun(ask)};
    *ret = NULL;
    if (compute_local_mounted(ask, arena, err) < 0)
        return -1;
    if (is_remainder(&l))
        return 0;
    if (look_at_list(ask, arena, err) < 0)
        return -1;
    if (access(ask->path, F_OK) < 0)
        return 0;
    if (git_tree_lost(ask->path, arena))
        return err_set(err, ERR_CONFLICT,
                       "the repository of the worktree %s is gone, so nobody can say what would be "
                       "lost with it: if it was moved, `git worktree repair` there mends that; "
                       "else delete with --force",
                       ask->path);
    if (git_tree_of(ask->path, arena, &l.tree, err) < 0)
        return ask->managed ? compute_no_worktree(ask, err) : -1;
    if (compute_is_strange(ask, arena))
        return compute_no_worktree(ask, err);
    if (!l.tree.half_made && (l.begun ? look_again(&l, err) : look_at_all(&l, err)) < 0)
        return -1;
    *ret = loss_words(&l.lost);
    return 0;
}
