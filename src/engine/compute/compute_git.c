/* SPDX-License-Identifier: Apache-2.0 */
/* git and the shell, as compute asks them. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/compute/compute_inside.h"
#include "spec/inherited.h"

enum { GIT_AGAIN = 5, GIT_PAUSE_US = 20 * 1000, NOTE_BYTES = 128 };

StrMap compute_git_env(const StrMap *env, Arena *arena) {
    StrPair own[] = {{"GIT_OPTIONAL_LOCKS", "0"}, {"GIT_TERMINAL_PROMPT", "0"}};
    StrMap ours = {own, COUNT(own)}, kept = inherited_without_git(env, arena);
    return strmap_merge(&kept, &ours, arena);
}

/* git looks itself: a monitor of files may have missed what is to be lost. */
int compute_git(const GitAsk *ask, Arena *arena, ToolDone *ret, Err *err) {
    const char *const before[] = {
        "git", "-C", ask->dir, "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false"};
    const StrList words = compute_words(ask->words, arena);
    const char **argv = arena_alloc(arena, (COUNT(before) + words.n + 1) * sizeof(*argv));
    memcpy(argv, before, sizeof(before));
    memcpy(argv + COUNT(before), words.at, (words.n + 1) * sizeof(*argv)); /* with its NULL */
    StrMap env = compute_git_env(ask->env, arena);
    if (tool_run(&(ToolAsk){argv, &env, "/"}, arena, ret, err) < 0)
        return -1;
    if (ask->ret_code)
        *ask->ret_code = ret->code;
    else if (ret->code != 0)
        return err_set(err, ERR_CONFLICT, "git %s in %s: %s", ask->words[0], ask->dir,
                       ret->error[0] ? ret->error : arena_printf(arena, "exit code %d", ret->code));
    return 0;
}

int compute_git_patient(const GitAsk *ask, Arena *arena, ToolDone *ret, Err *err) {
    int r = compute_git(ask, arena, ret, err);
    for (int tries = 0; r < 0 && err->kind == ERR_CONFLICT && tries < GIT_AGAIN; tries++) {
        usleep(GIT_PAUSE_US);
        r = compute_git(ask, arena, ret, err);
    }
    return r;
}

int compute_git_files(const GitAsk *ask, const StrList *paths, Arena *arena, StrList *ret,
                      Err *err) {
    const StrList options = compute_words(ask->words, arena);
    const char **words = arena_alloc(arena, (options.n + paths->n + 5) * sizeof(*words));
    size_t n = 0, cap = 0;
    StrList files = {0};
    ToolDone done = {0};
    words[n++] = "--literal-pathspecs";
    words[n++] = "ls-files";
    words[n++] = "-z";
    for (size_t i = 0; i < options.n; i++)
        words[n++] = options.at[i];
    words[n++] = "--";
    for (size_t i = 0; i < paths->n; i++)
        words[n++] = paths->at[i];
    words[n] = NULL;
    if (paths->n > 0 &&
        compute_git(&(GitAsk){ask->dir, ask->env, words, NULL}, arena, &done, err) < 0)
        return -1;
    for (const char *at = done.out, *end = at + done.out_n; at < end; at += strlen(at) + 1) {
        files.at = arena_grow(arena, files.at, files.n, &cap, sizeof(*files.at));
        files.at[files.n++] = at;
    }
    *ret = files;
    return 0;
}

StrList compute_words(const char *const *words, Arena *arena) {
    size_t n = 0;
    while (words[n])
        n++;
    return (StrList){arena_dup(arena, words, (n + 1) * sizeof(*words)), n};
}

ComputeCommand compute_script(const char *script, const char *const *words, Arena *arena) {
    StrList after = compute_words(words, arena);
    StrList argv = {arena_alloc(arena, (after.n + 5) * sizeof(*argv.at)), after.n + 4};
    argv.at[0] = "/bin/sh";
    argv.at[1] = "-ec";
    argv.at[2] = script;
    argv.at[3] = "thole";
    for (size_t i = 0; i < after.n; i++)
        argv.at[4 + i] = after.at[i];
    return (ComputeCommand){.argv = argv, .cwd = "/"};
}

/* ---- worktrees ---- */

/* One attribute of `git worktree list --porcelain -z`. */
static void take_attribute(Worktree *tree, const char *text) {
    static const char heads[] = "branch refs/heads/";
    if (str_starts(text, heads))
        tree->branch = text + strlen(heads);
    else if (str_starts(text, "prunable"))
        tree->gone = true;
    else if (str_starts(text, "locked"))
        tree->locked = text[6] ? text + 7 : "";
}

bool compute_repository(const ComputeAsk *ask, Arena *arena, GitTree *ret) {
    GitTree own;
    if (git_tree_of(ask->project, arena, ret, NULL) == 0)
        return true;
    return git_tree_of(ask->path, arena, &own, NULL) == 0 && !own.prefix[0] &&
           git_tree_of(own.common, arena, ret, NULL) == 0;
}

static int list_worktrees(const ComputeAsk *ask, Arena *arena, ToolDone *ret, Err *err) {
    static const char *const words[] = {"worktree", "list", "--porcelain", "-z", NULL};
    GitTree repository;
    const char *dir = compute_repository(ask, arena, &repository) ? repository.top : ask->project;
    return compute_git_patient(&(GitAsk){dir, ask->env, words, NULL}, arena, ret, err);
}

int compute_worktrees(const ComputeAsk *ask, Arena *arena, Worktrees *ret, Err *err) {
    Worktrees list = {0};
    size_t cap = 0;
    ToolDone done;
    if (list_worktrees(ask, arena, &done, err) < 0)
        return -1;
    for (const char *at = done.out, *end = at + done.out_n; at < end; at += strlen(at) + 1) {
        if (str_starts(at, "worktree ")) {
            list.at = arena_grow(arena, list.at, list.n, &cap, sizeof(*list.at));
            list.at[list.n++] = (Worktree){.path = at + strlen("worktree "), .branch = ""};
        } else if (list.n > 0) {
            take_attribute(&list.at[list.n - 1], at);
        }
    }
    *ret = list;
    return 0;
}

static bool is_same(const char *path, const char *place) {
    AUTO_FREE char *real = path_resolve_above(path);
    return strcmp(real, place) == 0;
}

/* git wrote them down with links resolved. Above them there may be others by now; what is a link
 * itself is no worktree. */
const Worktree *compute_worktree_at(const Worktrees *list, const char *path) {
    AUTO_FREE char *place = path_resolve(path);
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i].path, place) == 0)
            return &list->at[i];
    for (size_t i = 0; i < list->n; i++)
        if (is_same(list->at[i].path, place))
            return &list->at[i];
    return NULL;
}

/* As the script of a removal has stat(1) say it. The number of a directory that is gone may be that
 * of another one, made later. */
static char *identity_of(const char *path) {
    struct statx now;
    struct stat st;
    if (stat(path, &st) < 0 || statx(AT_FDCWD, path, 0, STATX_BTIME, &now) < 0 ||
        !(now.stx_mask & STATX_BTIME))
        return NULL;
    return xasprintf("%llu:%llu:%lld.%09u\n", (unsigned long long)st.st_dev,
                     (unsigned long long)st.st_ino, (long long)now.stx_btime.tv_sec,
                     now.stx_btime.tv_nsec);
}

bool compute_removal_begun(const ComputeAsk *ask) {
    AUTO_FREE char *text = NULL, *own = identity_of(ask->path);
    return own && ask->removing && file_read(ask->removing, NOTE_BYTES, &text, NULL, NULL) == 0 &&
           strcmp(text, own) == 0;
}

bool compute_is_strange(const ComputeAsk *ask, Arena *arena) {
    GitTree project, tree;
    return ask->managed && git_tree_of(ask->project, arena, &project, NULL) == 0 &&
           git_tree_of(ask->path, arena, &tree, NULL) == 0 &&
           strcmp(project.common, tree.common) != 0;
}

int compute_no_worktree(const ComputeAsk *ask, Err *err) {
    return err_set(err, ERR_CONFLICT,
                   "%s is no worktree of %s any more, so it is left alone: look what it is, "
                   "remove it yourself, or delete with --keep-worktree",
                   ask->path, ask->project);
}
