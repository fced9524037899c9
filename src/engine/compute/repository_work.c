/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/repository_work.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "engine/compute/git_hidden.h"

enum { KNOWN_MAX = 1000, KNOWN_BYTES = 1 << 20, WORDS_MAX = 8 };

/* Its worktree may be gone, which git would look for. */
#define NO_TREE "--git-dir=.", "--work-tree=."

typedef struct Work {
    const GitTree *tree;
    const StrMap *env;
    Arena *arena;
    RepositoryWork found;
} Work;

static int ask_git(const Work *w, const char *const *words, ToolDone *ret, Err *err) {
    return compute_git(&(GitAsk){w->tree->top, w->env, words, NULL}, w->arena, ret, err);
}

/* ---- what others have given ---- */

/* "78f2fb… TAB not-for-merge TAB branch 'topic' of ." of FETCH_HEAD, after `git pull . topic`. */
static bool is_from_itself(const char *line) {
    size_t n = strlen(line);
    return n > 2 && line[n - 1] == '.' && (line[n - 2] == ' ' || line[n - 2] == '\t');
}

/* Commits that the lines of a file of git begin with. Without those above KNOWN_MAX too much is
 * taken for work, not too little. */
static void add_commits(const char *dir, const char *name, Arena *arena, StrList *list) {
    AUTO_FREE char *text = NULL;
    size_t size;
    if (file_read(arena_printf(arena, "%s/%s", dir, name), KNOWN_BYTES, &text, &size, NULL) < 0)
        return;
    char *rest, *line = strtok_r(text, "\n", &rest);
    for (; line && list->n < KNOWN_MAX; line = strtok_r(NULL, "\n", &rest)) {
        size_t n = strspn(line, "0123456789abcdef");
        if (n >= 40 && !is_from_itself(line))
            list->at[list->n++] = arena_strndup(arena, line, n);
    }
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
    *ret = code == 0; /* if it cannot say: then more is looked at, and less is known */
    return 0;
}

/* ---- commits ---- */

static int add_count(const Work *w, const StrList *what, size_t *sum, Err *err) {
    static const char *const no_tree[] = {NO_TREE}, *const begin[] = {"rev-list", "--count"};
    const char **words = arena_alloc(w->arena, (what->n + WORDS_MAX) * sizeof(*words));
    size_t n = 0;
    ToolDone done;
    int64_t number;
    for (size_t i = 0; w->tree->bare && i < COUNT(no_tree); i++)
        words[n++] = no_tree[i];
    for (size_t i = 0; i < COUNT(begin); i++)
        words[n++] = begin[i];
    for (size_t i = 0; i < what->n; i++)
        words[n++] = what->at[i];
    words[n++] = "--";
    words[n] = NULL;
    if (ask_git(w, words, &done, err) < 0)
        return -1;
    const char *text = arena_strndup(w->arena, done.out, strcspn(done.out, "\n"));
    if (number_parse(text, 0, INT32_MAX, &number) < 0)
        return err_set(err, ERR_CONFLICT, "git rev-list in %s: \"%.40s\"", w->tree->top, text);
    *sum += (size_t)number;
    return 0;
}

/* Those of `what` (NULL ends it), behind its "--not" also others, that no remote has given. */
static int add_own(Work *w, const char *const *what, Err *err) {
    const StrList first = compute_words(what, w->arena), known = known_commits(w->tree, w->arena);
    StrList all = {.at = arena_alloc(w->arena, (first.n + known.n + 2) * sizeof(*all.at))};
    all.at[all.n++] = "--ignore-missing"; /* of what was fetched some may be gone */
    for (size_t i = 0; i < first.n; i++)
        all.at[all.n++] = first.at[i];
    all.at[all.n++] = "--remotes";
    for (size_t i = 0; i < known.n; i++)
        all.at[all.n++] = known.at[i];
    return add_count(w, &all, &w->found.commits, err);
}

static int look_at_refs(Work *w, Err *err) {
    static const char *const refs[] = {"--exclude=refs/tags/*",
                                       "--exclude=refs/remotes/*",
                                       "--exclude=refs/stash",
                                       "--glob=*",
                                       "--not",
                                       NULL};
    return add_own(w, refs, err);
}

static int look_at_head(Work *w, Err *err) {
    static const char *const head[] = {"HEAD", "--not", "--branches", NULL};
    static const char *const tagged[] = {"HEAD", "--not", "--branches", "--tags", NULL};
    bool tags;
    if (w->tree->branch[0])
        return 0;
    if (repository_has_remote(w->tree, w->env, w->arena, &tags, err) < 0)
        return -1;
    return add_own(w, tags ? tagged : head, err);
}

static bool has_git_file(const Work *w, const char *dir, const char *name) {
    return access(arena_printf(w->arena, "%s/%s", dir, name), F_OK) == 0;
}

static int look_at_stashes(Work *w, Err *err) {
    const char *words[] = {"-g", "refs/stash"};
    const StrList what = {words, COUNT(words)};
    return has_git_file(w, w->tree->common, "logs/refs/stash")
               ? add_count(w, &what, &w->found.stashes, err)
               : 0;
}

/* ---- files ---- */

bool repository_has_autostash(const GitTree *tree, Arena *arena) {
    static const char *const names[] = {"rebase-merge/autostash", "rebase-apply/autostash",
                                        "MERGE_AUTOSTASH"};
    const Work w = {.tree = tree, .arena = arena};
    bool any = false;
    for (size_t i = 0; i < COUNT(names); i++)
        any = any || has_git_file(&w, tree->dir, names[i]);
    return any;
}

static int look_at_files(Work *w, Err *err) {
    /* of cargo, mix and pip */
    static const char *const words[] = {"status",
                                        "--porcelain=v1",
                                        "--untracked-files=all",
                                        "--",
                                        ":(top)",
                                        ":(exclude,top).cargo-ok",
                                        ":(exclude,top).fetch",
                                        ":(exclude,top,glob)*.egg-info/**",
                                        NULL};
    ToolDone done;
    StrList hidden = {0};
    w->found.changed = repository_has_autostash(w->tree, w->arena);
    if (w->tree->bare || w->found.changed)
        return 0;
    if (ask_git(w, words, &done, err) < 0 ||
        git_hidden_changes(w->tree->top, w->env, w->arena, &hidden, err) < 0)
        return -1;
    w->found.changed = done.out_n > 0 || hidden.n > 0;
    return 0;
}

/* ---- all of it ---- */

int repository_work(const GitTree *tree, const StrMap *env, Arena *arena, RepositoryWork *ret,
                    Err *err) {
    Work w = {tree, env, arena, {0}};
    bool whole = strcmp(tree->dir, tree->common) == 0;
    if (look_at_files(&w, err) < 0 || look_at_head(&w, err) < 0 ||
        (whole && (look_at_refs(&w, err) < 0 || look_at_stashes(&w, err) < 0)))
        return -1;
    *ret = w.found;
    return 0;
}
