/* SPDX-License-Identifier: Apache-2.0 */
/* What would be lost with a worktree: what is not committed, what git does not know, and commits
 * that no branch and no remote has. Ignored files do not count, and neither do those that we have
 * written. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/compute/beside.h"
#include "engine/compute/compute_inside.h"
#include "engine/compute/git_tree.h"

enum { NAMED = 3 }; /* files that are named; the others are counted */

typedef struct Loss {
    const ComputeAsk *ask;
    Arena *arena;
    GitTree tree;
    StrList own; /* sorted */
    ComputeLoss found;
    const char *changed, *untracked; /* names of the first ones */
} Loss;

/* What git cannot say is not taken for "nothing". */
static int git(const Loss *l, const char *const *words, ToolDone *ret, Err *err) {
    return compute_git(&(GitAsk){l->tree.top, l->ask->env, words, NULL}, l->arena, ret, err);
}

/* ---- files ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void take_own(Loss *l) {
    const StrList *own = l->ask->own;
    if (!own || own->n == 0)
        return;
    l->own = (StrList){arena_dup(l->arena, own->at, own->n * sizeof(*own->at)), own->n};
    qsort(l->own.at, l->own.n, sizeof(*l->own.at), by_text);
}

/* What sessions keep in a project: it says itself that git is not to see it, once it is whole. */
static bool is_in_state(const char *path) {
    return str_starts(path, ".thole/") || strstr(path, "/.thole/");
}

/* We have written it, or would have if we had not been killed. */
static bool is_own(const Loss *l, const char *path) {
    return beside_is_name(path_base(path)) || is_in_state(path) ||
           (l->own.n > 0 && bsearch(&path, l->own.at, l->own.n, sizeof(*l->own.at), by_text));
}

static void name(const Loss *l, const char **names, size_t n, const char *path) {
    if (n <= NAMED)
        *names = *names ? arena_printf(l->arena, "%s, %s", *names, path) : path;
    else if (n == NAMED + 1)
        *names = arena_printf(l->arena, "%s, …", *names);
}

static int look_at_files(Loss *l, Err *err) {
    static const char *const words[] = {"status",
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
        if (is_own(l, at + 3))
            continue;
        if (str_starts(at, "??"))
            name(l, &l->untracked, ++l->found.untracked, at + 3);
        else
            name(l, &l->changed, ++l->found.changed, at + 3);
    }
    return 0;
}

/* ---- commits ---- */

static size_t sum(const char *text) {
    size_t all = 0;
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        int64_t n = 0;
        char line[24];
        str_copy(line, sizeof(line), at);
        line[strcspn(line, "\n")] = '\0';
        if (number_parse(line, 0, INT32_MAX, &n) == 0)
            all += (size_t)n;
    }
    return all;
}

/* Branches stay; a detached HEAD does not. What submodules have lies in the worktree, all of it. */
static int look_at_commits(Loss *l, Err *err) {
    static const char *const detached[] = {"rev-list",   "--count",   "HEAD",   "--not",
                                           "--branches", "--remotes", "--tags", NULL};
    static const char *const modules[] = {"submodule",
                                          "--quiet",
                                          "foreach",
                                          "--recursive",
                                          "git rev-list --count HEAD --branches --not --remotes",
                                          NULL};
    ToolDone done;
    if (!l->tree.branch[0]) {
        if (git(l, detached, &done, err) < 0)
            return -1;
        l->found.commits += sum(done.out);
    }
    if (access(arena_printf(l->arena, "%s/.gitmodules", l->tree.top), F_OK) < 0)
        return 0;
    if (git(l, modules, &done, err) < 0)
        return -1;
    l->found.commits += sum(done.out);
    return 0;
}

/* ---- in words ---- */

static void say(const Loss *l, const char **text, const char *part) {
    *text = *text ? arena_printf(l->arena, "%s, %s", *text, part) : part;
}

static const char *in_words(const Loss *l) {
    const ComputeLoss *found = &l->found;
    const char *text = NULL;
    if (found->changed)
        say(l, &text,
            arena_printf(l->arena, "%zu changed file%s (%s)", found->changed,
                         found->changed == 1 ? "" : "s", l->changed));
    if (found->untracked)
        say(l, &text,
            arena_printf(l->arena, "%zu untracked file%s (%s)", found->untracked,
                         found->untracked == 1 ? "" : "s", l->untracked));
    if (found->commits)
        say(l, &text,
            arena_printf(l->arena, "%zu commit%s on no branch and no remote", found->commits,
                         found->commits == 1 ? " that is" : "s that are"));
    return text;
}

int worktree_loss(const ComputeAsk *ask, Arena *arena, ComputeLoss *ret, Err *err) {
    Loss l = {.ask = ask, .arena = arena};
    *ret = (ComputeLoss){0};
    if (access(ask->path, F_OK) < 0)
        return 0;
    if (git_tree_of(ask->path, arena, &l.tree, err) < 0)
        return -1;
    if (l.tree.half_made)
        return 0;
    take_own(&l);
    if (look_at_files(&l, err) < 0 || look_at_commits(&l, err) < 0)
        return -1;
    l.found.text = in_words(&l);
    *ret = l.found;
    return 0;
}
