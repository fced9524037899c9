/* SPDX-License-Identifier: Apache-2.0 */
/* The branch that a worktree gets: its name, who has it, where it comes from. */
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/compute/worktree_add.h"

int worktree_git(const WorktreeAdd *a, const char *const *words, int *ret_code, ToolDone *ret,
                 Err *err) {
    return compute_git(&(GitAsk){a->ask->project, a->ask->env, words, ret_code}, a->arena, ret,
                       err);
}

/* ---- its name ---- */

/* Of such a name git need not be asked. */
static bool is_plain(const char *branch) {
    size_t n = strspn(branch, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return n > 0 && branch[0] != '-' &&
           (!branch[n] ? strcmp(branch, "HEAD") != 0
                       : branch[n] == '/' && is_plain(branch + n + 1));
}

/* Names that mean something else to git: a branch of that name would be mistaken for it. */
static bool is_taken(const char *branch) {
    static const char *const beginnings[] = {"refs/", "heads/", "remotes/", "tags/"};
    static const char head[] = "_HEAD";
    size_t n = strlen(branch);
    for (size_t i = 0; i < COUNT(beginnings); i++)
        if (str_starts(branch, beginnings[i]))
            return true;
    return !strchr(branch, '/') && n >= strlen(head) &&
           strcmp(branch + n - strlen(head), head) == 0;
}

int worktree_check_branch(const WorktreeAdd *a, Err *err) {
    const char *branch = a->ask->branch;
    const char *words[] = {"check-ref-format", arena_printf(a->arena, "refs/heads/%s", branch),
                           NULL};
    int code = 1;
    ToolDone done;
    if (is_taken(branch))
        return err_set(err, ERR_INVALID,
                       "%s is what git calls something else: a branch is named as `git branch` "
                       "does, without refs/, heads/ or remotes/",
                       branch);
    if (is_plain(branch))
        return 0;
    bool is_head = strcmp(branch, "HEAD") == 0 || strcmp(branch, "@") == 0;
    if (branch[0] && branch[0] != '-' && !is_head && worktree_git(a, words, &code, &done, err) < 0)
        return -1;
    if (code != 0)
        return err_set(err, ERR_INVALID, "'%s' is no name that git allows for a branch", branch);
    return 0;
}

/* ---- where it comes from ---- */

/* "refs/remotes/origin/feat/x" of the branch feat/x: "origin" */
static const char *remote_of(const WorktreeAdd *a, const char *ref) {
    const char *name = ref + strlen("refs/remotes/");
    return arena_strndup(a->arena, name, strlen(name) - strlen(a->ask->branch) - 1);
}

static int take_remote(WorktreeAdd *a, const char *ref, Err *err) {
    const char *remote = remote_of(a, ref);
    if (a->remote && strcmp(a->remote, "origin") == 0)
        return 0;
    if (a->remote && strcmp(remote, "origin") != 0)
        return err_set(err, ERR_CONFLICT,
                       "%s and %s both have a branch %s: `git branch --track %s %s/%s` chooses one",
                       a->remote, remote, a->ask->branch, a->ask->branch, remote, a->ask->branch);
    a->remote = remote;
    a->from = ref + strlen("refs/remotes/");
    return 0;
}

/* Of two names one is a directory of the other: git cannot have both. */
static bool collide(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    return n < m ? strncmp(a, b, n) == 0 && b[n] == '/' : strncmp(a, b, m) == 0 && a[m] == '/';
}

/* refs/remotes/origin/feat-x of the branch feat-x, not what is below refs/remotes/feat-x. */
static bool is_of_branch(const WorktreeAdd *a, const char *ref) {
    const char *rest = strchr(ref + strlen("refs/remotes/"), '/');
    return rest && strcmp(rest + 1, a->ask->branch) == 0;
}

/* What git says of the branch of a remote: a local one of that name would be mistaken for it. */
static int refuse_remote(const WorktreeAdd *a, Err *err) {
    const char *name = a->ask->branch;
    size_t n = strcspn(name, "/");
    return err_set(err, ERR_INVALID,
                   "%s is branch %s of the remote %.*s: `-b %s` checks that out, `--base %s` makes "
                   "a new one from it",
                   name, name + n + 1, (int)n, name, name + n + 1, name);
}

/* Where the branch is checked out: that is its place, unless it is the one that is asked for. */
static int check_free(const WorktreeAdd *a, const char *tree, Err *err) {
    AUTO_FREE char *own = path_resolve(a->ask->path), *real = tree[0] ? path_resolve(tree) : NULL;
    const char *branch = a->ask->branch;
    if (!real || strcmp(real, own) == 0)
        return 0;
    if (access(arena_printf(a->arena, "%s/.git", tree), F_OK) < 0)
        return err_set(err, ERR_CONFLICT,
                       "branch %s belongs to the worktree %s, which is gone: "
                       "`git worktree prune` makes git forget it",
                       branch, tree);
    return err_set(err, ERR_CONFLICT,
                   "branch %s is checked out at %s: choose another one (--branch), or take that "
                   "tree with `thole env attach NAME --worktree %s`",
                   branch, tree, tree);
}

typedef struct Ref {
    const char *name, *commit;
    const char *tree; /* where it is checked out; "": nowhere */
} Ref;

static int take_ref(WorktreeAdd *a, const Ref *ref, Err *err) {
    static const char heads[] = "refs/heads/", remotes[] = "refs/remotes/";
    const char *branch = a->ask->branch, *name = ref->name;
    bool local = str_starts(name, heads);
    name += strlen(local ? heads : remotes);
    if (local && strcmp(name, a->project.branch) == 0)
        a->head = ref->commit;
    if (local && strcmp(name, branch) == 0) {
        a->exists = true;
        return check_free(a, ref->tree, err);
    }
    if (local && collide(name, branch))
        return err_set(err, ERR_INVALID,
                       "there can be no branch %s beside the branch %s: choose another name",
                       branch, name);
    if (local || a->exists)
        return 0;
    return strcmp(name, branch) == 0    ? refuse_remote(a, err)
           : is_of_branch(a, ref->name) ? take_remote(a, ref->name, err)
                                        : 0;
}

/* What starts at `at` and ends with a NUL, and on to what follows; "": there is no more. */
static const char *next_field(const char **at, const char *end) {
    const char *field = *at < end ? *at : "";
    *at += strlen(field) + 1;
    return field;
}

static int take_refs(WorktreeAdd *a, const ToolDone *done, Err *err) {
    for (const char *at = done->out, *end = at + done->out_n; at < end; at++) { /* a line break */
        Ref ref = {.name = next_field(&at, end)};
        ref.commit = next_field(&at, end);
        ref.tree = next_field(&at, end);
        if (take_ref(a, &ref, err) < 0)
            return -1;
    }
    return 0;
}

/* All that git has to be asked of a repository, in one: the branch, what stands in its way, where
 * it comes from, what the project is at. `git for-each-ref` also names what is below a pattern: of
 * feat/x all of feat/. */
static int look_at_refs(WorktreeAdd *a, Err *err) {
    const char *branch = a->ask->branch, *at = a->project.branch;
    const char *words[8] = {"for-each-ref",
                            "--format=%(refname)%00%(objectname)%00%(worktreepath)%00"};
    size_t n = 2, first = strcspn(branch, "/");
    ToolDone done;
    words[n++] = arena_printf(a->arena, "refs/heads/%s", branch);
    words[n++] = arena_printf(a->arena, "refs/remotes/*/%s", branch);
    if (at[0])
        words[n++] = arena_printf(a->arena, "refs/heads/%s", at);
    if (branch[first]) {
        words[n++] = arena_printf(a->arena, "refs/heads/%.*s", (int)first, branch);
        words[n++] = arena_printf(a->arena, "refs/remotes/%s", branch);
    }
    words[n] = NULL;
    const GitAsk ask = {a->ask->project, a->ask->env, words, NULL};
    return compute_git_patient(&ask, a->arena, &done, err) < 0 ? -1 : take_refs(a, &done, err);
}

/* The commit that `name` means; "": none. */
static int find_commit(const WorktreeAdd *a, const char *name, const char **ret, Err *err) {
    const char *words[] = {"rev-parse",
                           "--verify",
                           "--quiet",
                           "--end-of-options",
                           arena_printf(a->arena, "%s^{commit}", name),
                           NULL};
    int code;
    ToolDone done;
    if (worktree_git(a, words, &code, &done, err) < 0)
        return -1;
    *ret = code == 0 ? arena_strndup(a->arena, done.out, strcspn(done.out, "\n")) : "";
    return 0;
}

static int find_base(WorktreeAdd *a, Err *err) {
    const char *base = a->ask->base, *commit = base ? NULL : a->head;
    if (a->exists || a->remote)
        return 0;
    if (!commit && find_commit(a, base ? base : "HEAD", &commit, err) < 0)
        return -1;
    if (!commit[0] && base &&
        find_commit(a, arena_printf(a->arena, "refs/remotes/origin/%s", base), &commit, err) < 0)
        return -1;
    a->from = commit;
    if (commit[0])
        return 0;
    if (base)
        return err_set(err, ERR_INVALID, "there is no commit, branch or tag %s in %s", base,
                       a->project.top);
    return err_set(err, ERR_INVALID,
                   "%s has no commit yet, so there is nothing to make an environment of: "
                   "commit something first",
                   a->project.top);
}

int worktree_find_branch(WorktreeAdd *a, Err *err) {
    return look_at_refs(a, err) < 0 ? -1 : find_base(a, err);
}
