/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/repository_work.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

enum { KNOWN_MAX = 1000, KNOWN_BYTES = 1 << 20, WORDS_MAX = 8 };

/* Its worktree may be gone, which git would look for. */
#define NO_TREE "--git-dir=.", "--work-tree=."

static int ask_git(const GitTree *tree, const StrMap *env, const char *const *words, Arena *arena,
                   ToolDone *ret, Err *err) {
    return compute_git(&(GitAsk){tree->top, env, words, NULL}, arena, ret, err);
}

/* ---- what others have given ---- */

/* Commits that a file of git begins its lines with. More than a few are not looked at: then too much
 * is taken for work, not too little. */
static void add_commits(const char *dir, const char *name, Arena *arena, StrList *list) {
    char *text;
    size_t size;
    if (file_read(arena_printf(arena, "%s/%s", dir, name), KNOWN_BYTES, &text, &size, NULL) < 0)
        return;
    char *rest, *line = strtok_r(text, "\n", &rest);
    for (; line && list->n < KNOWN_MAX; line = strtok_r(NULL, "\n", &rest)) {
        size_t n = strspn(line, "0123456789abcdef");
        if (n >= 40)
            list->at[list->n++] = arena_strndup(arena, line, n);
    }
    free(text);
}

/* Where a shallow clone ends, and what was fetched without a name for it. */
static StrList known_commits(const GitTree *tree, Arena *arena) {
    StrList list = {.at = arena_alloc(arena, KNOWN_MAX * sizeof(*list.at))};
    add_commits(tree->common, "shallow", arena, &list);
    add_commits(tree->dir, "FETCH_HEAD", arena, &list);
    return list;
}

int repository_has_remote(const GitTree *tree, const StrMap *env, Arena *arena, bool *ret,
                          Err *err) {
    static const char *const words[] = {"config", "--get-regexp", "^remote[.].*[.]url$", NULL};
    ToolDone done;
    int code;
    if (compute_git(&(GitAsk){tree->dir, env, words, &code}, arena, &done, err) < 0)
        return -1;
    *ret = code == 0;
    return 0;
}

/* ---- commits ---- */

static int count(const GitTree *tree, const StrMap *env, const StrList *what, Arena *arena,
                 size_t *ret, Err *err) {
    static const char *const no_tree[] = {NO_TREE}, *const begin[] = {"rev-list", "--count"};
    const char **words = arena_alloc(arena, (what->n + WORDS_MAX) * sizeof(*words));
    size_t n = 0;
    ToolDone done;
    int64_t number;
    for (size_t i = 0; tree->bare && i < COUNT(no_tree); i++)
        words[n++] = no_tree[i];
    for (size_t i = 0; i < COUNT(begin); i++)
        words[n++] = begin[i];
    for (size_t i = 0; i < what->n; i++)
        words[n++] = what->at[i];
    words[n++] = "--";
    words[n] = NULL;
    if (ask_git(tree, env, words, arena, &done, err) < 0)
        return -1;
    const char *text = arena_strndup(arena, done.out, strcspn(done.out, "\n"));
    if (number_parse(text, 0, INT32_MAX, &number) < 0)
        return err_set(err, ERR_CONFLICT, "git rev-list in %s: \"%.40s\"", tree->top, text);
    *ret += (size_t)number;
    return 0;
}

/* Those of `what` (NULL ends it), behind its "--not" also others, that no remote has given. */
static int count_own(const GitTree *tree, const StrMap *env, const char *const *what, Arena *arena,
                     size_t *ret, Err *err) {
    const StrList first = compute_words(what, arena), known = known_commits(tree, arena);
    StrList all = {.at = arena_alloc(arena, (first.n + known.n + 2) * sizeof(*all.at))};
    all.at[all.n++] = "--ignore-missing"; /* of what was fetched some may be gone */
    for (size_t i = 0; i < first.n; i++)
        all.at[all.n++] = first.at[i];
    all.at[all.n++] = "--remotes";
    for (size_t i = 0; i < known.n; i++)
        all.at[all.n++] = known.at[i];
    return count(tree, env, &all, arena, ret, err);
}

static int count_of_refs(const GitTree *tree, const StrMap *env, Arena *arena, size_t *ret,
                         Err *err) {
    static const char *const refs[] = {"--exclude=refs/tags/*",
                                       "--exclude=refs/remotes/*",
                                       "--exclude=refs/stash",
                                       "--glob=*",
                                       "--not",
                                       NULL};
    return count_own(tree, env, refs, arena, ret, err);
}

static int count_of_head(const GitTree *tree, const StrMap *env, Arena *arena, size_t *ret,
                         Err *err) {
    static const char *const head[] = {"HEAD", "--not", "--branches", NULL};
    static const char *const tagged[] = {"HEAD", "--not", "--branches", "--tags", NULL};
    bool tags;
    if (tree->branch[0])
        return 0;
    if (repository_has_remote(tree, env, arena, &tags, err) < 0)
        return -1;
    return count_own(tree, env, tags ? tagged : head, arena, ret, err);
}

static int count_stashes(const GitTree *tree, const StrMap *env, Arena *arena, size_t *ret,
                         Err *err) {
    const char *words[] = {"-g", "refs/stash"};
    const StrList what = {words, COUNT(words)};
    return access(arena_printf(arena, "%s/logs/refs/stash", tree->common), F_OK) == 0
               ? count(tree, env, &what, arena, ret, err)
               : 0;
}

/* ---- files ---- */

static int look_at_files(const GitTree *tree, const StrMap *env, Arena *arena, bool *ret,
                         Err *err) {
    /* of cargo, mix and pip */
    static const char *const words[] = {"status",
                                        "--porcelain=v1",
                                        "--",
                                        ":(top)",
                                        ":(exclude,top).cargo-ok",
                                        ":(exclude,top).fetch",
                                        ":(exclude,top,glob)*.egg-info/**",
                                        NULL};
    ToolDone done;
    if (tree->bare)
        return 0;
    if (ask_git(tree, env, words, arena, &done, err) < 0)
        return -1;
    *ret = done.out_n > 0;
    return 0;
}

/* ---- all of it ---- */

int repository_work(const GitTree *tree, const StrMap *env, Arena *arena, RepositoryWork *ret,
                    Err *err) {
    bool whole = strcmp(tree->dir, tree->common) == 0;
    *ret = (RepositoryWork){0};
    if (look_at_files(tree, env, arena, &ret->changed, err) < 0 ||
        count_of_head(tree, env, arena, &ret->commits, err) < 0)
        return -1;
    if (!whole)
        return 0;
    return count_of_refs(tree, env, arena, &ret->commits, err) < 0
               ? -1
               : count_stashes(tree, env, arena, &ret->stashes, err);
}
