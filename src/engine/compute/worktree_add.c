/* SPDX-License-Identifier: Apache-2.0 */
/* How a worktree is made, or healed: which branch it is on, where that comes from, and what is said
 * where it cannot be. Looks at the repository; the command that comes out of it changes it. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "engine/compute/compute_inside.h"
#include "engine/compute/git_tree.h"

/* $1 project, $2 path, $3 common, $4 the exit code of a hook that failed, $5 "again": git was
 * interrupted there; then what git is told. Where the post-checkout hook fails, git has made the
 * worktree all the same; whatever else fails, it removes it again, or leaves it locked. */
static const char add_script[] =
    "project=$1 path=$2 common=$3 hooked=$4 again=$5 hook=\n"
    "shift 5\n" COMPUTE_TAKE_TURN "if [ \"$again\" = again ]; then\n"
    "    git -C \"$project\" worktree remove -f -f -- \"$path\" 9<&-\n"
    "fi\n"
    "git -C \"$project\" \"$@\" 9<&- || {\n"
    "    code=$?\n"
    "    [ -e \"$path/.git\" ] || exit $code\n"
    "    [ ! -e \"$(git -C \"$path\" rev-parse --git-dir 9<&-)/locked\" ] || exit $code\n"
    "    hook=failed\n"
    "}\n" COMPUTE_END_TURN "if [ -e \"$path/.gitmodules\" ]; then\n"
    "    git -C \"$path\" submodule ${hook:+-q} update --init --recursive || exit 1\n"
    "fi\n"
    "[ -z \"$hook\" ] || exit $hooked\n";
/* $1 path, then submodules. */
static const char modules_script[] =
    "path=$1\n"
    "shift\n"
    "git -C \"$path\" submodule update --init --recursive -- \"$@\"\n";

typedef struct Add {
    const ComputeAsk *ask;
    Arena *arena;
    GitTree project;
    bool again;         /* what stands at the path was half made */
    bool registered;    /* git knows the path, but nothing is there */
    const char *head;   /* what the project is at; "": no commit yet; NULL: git does not list it */
    bool exists;        /* the branch does */
    const char *from;   /* a remote branch or a commit that a new one is made from */
    const char *remote; /* `from` is a branch of it; NULL */
    bool no_lfs;        /* pointers are to stay what they are */
} Add;

static int git(const Add *a, const char *const *words, int *ret_code, ToolDone *ret, Err *err) {
    return compute_git(&(GitAsk){a->ask->project, a->ask->env, words, ret_code}, a->arena, ret,
                       err);
}

/* ---- the repository, the name of the branch ---- */

static int look_at_project(Add *a, Err *err) {
    const char *project = a->ask->project;
    if (git_tree_of(project, a->arena, &a->project, err) < 0) {
        if (err && err->kind == ERR_NOT_FOUND)
            err_set(err, ERR_INVALID,
                    "%s is in no git repository: an environment is a worktree of one; "
                    "`git init` and a first commit make it one",
                    project);
        return -1;
    }
    if (a->project.bare)
        return err_set(err, ERR_INVALID,
                       "%s is a bare repository, which has no files: ask from one of its worktrees",
                       project);
    return 0;
}

/* Of such a name git need not be asked. */
static bool is_plain(const char *branch) {
    size_t n = strspn(branch, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return n > 0 && branch[0] != '-' &&
           (!branch[n] ? strcmp(branch, "HEAD") != 0
                       : branch[n] == '/' && is_plain(branch + n + 1));
}

static int check_branch(const Add *a, Err *err) {
    const char *branch = a->ask->branch;
    const char *words[] = {"check-ref-format", arena_printf(a->arena, "refs/heads/%s", branch),
                           NULL};
    int code = 1;
    ToolDone done;
    if (is_plain(branch))
        return 0;
    bool is_head = strcmp(branch, "HEAD") == 0 || strcmp(branch, "@") == 0;
    if (branch[0] && branch[0] != '-' && !is_head && git(a, words, &code, &done, err) < 0)
        return -1;
    if (code != 0)
        return err_set(err, ERR_INVALID, "'%s' is no name that git allows for a branch", branch);
    return 0;
}

/* ---- what is at the path ---- */

static bool is_empty_dir(const char *path) {
    DIR *dir = opendir(path);
    size_t n = 0;
    while (dir && n <= 2 && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return dir && n <= 2; /* "." and ".." */
}

/* True: it stands as asked. */
static int look_at_path(Add *a, bool *ret_stands, Err *err) {
    const char *path = a->ask->path, *branch = a->ask->branch;
    struct stat st;
    GitTree tree;
    *ret_stands = false;
    if (lstat(path, &st) < 0)
        return 0;
    bool is_tree = git_tree_of(path, a->arena, &tree, NULL) == 0 && tree.prefix[0] == '\0' &&
                   strcmp(tree.common, a->project.common) == 0;
    if (!is_tree && is_empty_dir(path))
        return 0;
    if (!is_tree && compute_removal_begun(a->ask))
        return err_set(err, ERR_CONFLICT,
                       "%s is what a removal has left that did not come to its end: "
                       "`thole env delete` goes on with it",
                       path);
    if (!is_tree && git_tree_lost(path, a->arena))
        return err_set(
            err, ERR_CONFLICT,
            "%s was a worktree, but what its .git names is not there, as after a move or "
            "a power cut: `git worktree repair` there mends it after a move; else remove "
            "it (of an environment `thole env delete --force` does) and create it again",
            path);
    if (!is_tree)
        return err_set(err, ERR_CONFLICT,
                       "%s is there already and is no worktree of %s: remove it, or choose another "
                       "path (--path)",
                       path, a->project.top);
    if (tree.half_made) {
        a->again = true;
        return 0;
    }
    if (strcmp(tree.branch, branch) != 0)
        return err_set(err, ERR_CONFLICT,
                       "the worktree %s is on %s%s, not on branch %s: `git -C %s switch %s` brings "
                       "it back",
                       path, tree.branch[0] ? "branch " : "a detached HEAD", tree.branch, branch,
                       path, branch);
    *ret_stands = true;
    return 0;
}

static int look_at_worktrees(Add *a, Err *err) {
    Worktrees list;
    if (compute_worktrees(a->ask, a->arena, &list, err) < 0)
        return -1;
    const Worktree *own = compute_worktree_at(&list, a->ask->path);
    const Worktree *project = compute_worktree_at(&list, a->project.top);
    a->head = project ? project->head : NULL;
    for (size_t i = 0; i < list.n; i++) {
        const Worktree *tree = &list.at[i];
        if (tree == own || strcmp(tree->branch, a->ask->branch) != 0)
            continue;
        if (tree->gone)
            return err_set(err, ERR_CONFLICT,
                           "branch %s belongs to the worktree %s, which is gone: "
                           "`git worktree prune` makes git forget it",
                           tree->branch, tree->path);
        return err_set(
            err, ERR_CONFLICT,
            "branch %s is checked out at %s: choose another one (--branch), or take that "
            "tree with `thole env attach NAME --worktree %s`",
            tree->branch, tree->path, tree->path);
    }
    if (own && own->locked && strcmp(own->locked, "initializing") != 0 && !a->again)
        return err_set(err, ERR_CONFLICT,
                       "the worktree %s is gone, but somebody has locked it%s%s: "
                       "`git worktree unlock` gives it free",
                       own->path, own->locked[0] ? ", saying " : "", own->locked);
    a->registered = own && !a->again;
    return 0;
}

/* ---- where the branch comes from ---- */

/* "refs/remotes/origin/feat/x" of the branch feat/x: "origin" */
static const char *remote_of(const Add *a, const char *ref) {
    const char *name = ref + strlen("refs/remotes/");
    return arena_strndup(a->arena, name, strlen(name) - strlen(a->ask->branch) - 1);
}

static int take_remote(Add *a, const char *ref, Err *err) {
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
static bool is_of_branch(const Add *a, const char *ref) {
    const char *rest = strchr(ref + strlen("refs/remotes/"), '/');
    return rest && strcmp(rest + 1, a->ask->branch) == 0;
}

/* What git says of the branch of a remote: a local one of that name would be mistaken for it. */
static int refuse_remote(const Add *a, Err *err) {
    const char *name = a->ask->branch;
    size_t n = strcspn(name, "/");
    return err_set(err, ERR_INVALID,
                   "%s is branch %s of the remote %.*s: `-b %s` checks that out, `--base %s` makes "
                   "a new one from it",
                   name, name + n + 1, (int)n, name, name + n + 1, name);
}

static int take_ref(Add *a, const char *ref, const char *head, Err *err) {
    if (strcmp(ref, head) == 0)
        a->exists = true;
    else if (collide(ref, head))
        return err_set(err, ERR_INVALID,
                       "there can be no branch %s beside the branch %s: choose another name",
                       a->ask->branch, ref + strlen("refs/heads/"));
    else if (!a->exists && str_starts(ref, "refs/remotes/") &&
             strcmp(ref + strlen("refs/remotes/"), a->ask->branch) == 0)
        return refuse_remote(a, err);
    else if (!a->exists && str_starts(ref, "refs/remotes/") && is_of_branch(a, ref))
        return take_remote(a, ref, err);
    return 0;
}

/* `git for-each-ref` also names what is below a pattern: of feat/x all of feat/. */
static int look_at_refs(Add *a, Err *err) {
    const char *branch = a->ask->branch;
    const char *head = arena_printf(a->arena, "refs/heads/%s", branch);
    size_t first = strcspn(branch, "/");
    const char *words[] = {"for-each-ref",
                           "--format=%(refname)",
                           head,
                           arena_printf(a->arena, "refs/heads/%.*s", (int)first, branch),
                           arena_printf(a->arena, "refs/remotes/*/%s", branch),
                           branch[first] ? arena_printf(a->arena, "refs/remotes/%s", branch) : NULL,
                           NULL};
    ToolDone done;
    char *rest;
    if (git(a, words, NULL, &done, err) < 0)
        return -1;
    char *text = arena_strdup(a->arena, done.out);
    for (char *ref = strtok_r(text, "\n", &rest); ref; ref = strtok_r(NULL, "\n", &rest))
        if (take_ref(a, ref, head, err) < 0)
            return -1;
    return 0;
}

/* The commit that `name` means; "": none. */
static int find_commit(const Add *a, const char *name, const char **ret, Err *err) {
    const char *words[] = {"rev-parse",
                           "--verify",
                           "--quiet",
                           "--end-of-options",
                           arena_printf(a->arena, "%s^{commit}", name),
                           NULL};
    int code;
    ToolDone done;
    if (git(a, words, &code, &done, err) < 0)
        return -1;
    *ret = code == 0 ? arena_strndup(a->arena, done.out, strcspn(done.out, "\n")) : "";
    return 0;
}

static int find_base(Add *a, Err *err) {
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

/* ---- large files ---- */

static bool wants_pointers(const StrMap *env) {
    const char *skip = strmap_get(env, "GIT_LFS_SKIP_SMUDGE");
    return skip && (strcmp(skip, "1") == 0 || strcmp(skip, "true") == 0);
}

/* Without git-lfs git would leave pointers where the files should be, or stop half way. What has it
 * on its PATH is asked nothing: that takes as long as all the rest. */
static int look_at_lfs(Add *a, Err *err) {
    if (tool_find("git-lfs", a->ask->env, a->arena))
        return 0;
    const char *commit = a->exists   ? arena_printf(a->arena, "refs/heads/%s", a->ask->branch)
                         : a->remote ? arena_printf(a->arena, "refs/remotes/%s", a->from)
                                     : a->from;
    const char *has[] = {
        "grep", "-q", "-e", "filter=lfs", commit, "--", ":(top,glob)**/.gitattributes", NULL};
    static const char *const version[] = {"lfs", "version", NULL};
    int code;
    ToolDone done;
    if (git(a, has, &code, &done, err) < 0)
        return -1;
    if (code != 0)
        return 0;
    if (git(a, version, &code, &done, err) < 0)
        return -1;
    if (code == 0)
        return 0;
    a->no_lfs = wants_pointers(a->ask->env);
    if (a->no_lfs)
        return 0;
    return err_set(err, ERR_UNAVAILABLE,
                   "%s keeps files with Git LFS, and git-lfs is not installed: install it, or set "
                   "GIT_LFS_SKIP_SMUDGE=1 to have pointers in their place",
                   a->project.top);
}

/* ---- the command ---- */

static ComputeCommand command_of(const Add *a) {
    const char *words[24];
    const ComputeAsk *ask = a->ask;
    size_t n = 0;
    words[n++] = ask->project;
    words[n++] = ask->path;
    words[n++] = a->project.common;
    words[n++] = arena_printf(a->arena, "%d", COMPUTE_HOOK_FAILED);
    words[n++] = a->again ? "again" : "";
    if (a->no_lfs) {
        static const char *const off[] = {"-c", "filter.lfs.smudge=cat",
                                          "-c", "filter.lfs.process=",
                                          "-c", "filter.lfs.required=false"};
        for (size_t i = 0; i < COUNT(off); i++)
            words[n++] = off[i];
    }
    words[n++] = "worktree";
    words[n++] = "add";
    words[n++] = "-q";   /* else how many files it has written, again and again, on one line */
    if (a->registered) { /* once: it is gone; twice: git had locked it to make it */
        words[n++] = "-f";
        words[n++] = "-f";
    }
    if (!a->exists) {
        words[n++] = a->remote ? "--track" : "--no-track";
        words[n++] = "-b";
        words[n++] = ask->branch;
    }
    words[n++] = "--";
    words[n++] = ask->path;
    words[n++] = a->exists ? ask->branch : a->from;
    words[n] = NULL;
    return compute_script(add_script, words, a->arena);
}

/* Of a worktree that stands: only submodules that are missing. In the others people may have gone
 * on, and an update would take them back to the commit that is recorded. */
static int modules_command(const Add *a, ComputeCommand *ret, Err *err) {
    static const char *const status[] = {"submodule", "status", NULL};
    const char *path = a->ask->path;
    ToolDone done;
    *ret = (ComputeCommand){.cwd = "/"};
    if (access(arena_printf(a->arena, "%s/.gitmodules", path), F_OK) < 0)
        return 0;
    const GitAsk ask = {path, a->ask->env, status, NULL};
    if (compute_git(&ask, a->arena, &done, err) < 0)
        return -1;
    const char **words = arena_alloc(a->arena, (done.out_n + 2) * sizeof(*words));
    char *rest, *text = arena_strdup(a->arena, done.out);
    size_t n = 0;
    words[n++] = path;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (*line == '-') /* then its commit, a blank, its path */
            words[n++] = line + strcspn(line, " ") + 1;
    words[n] = NULL;
    if (n > 1)
        *ret = compute_script(modules_script, words, a->arena);
    return 0;
}

int worktree_add(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err) {
    Add a = {.ask = ask, .arena = arena};
    bool stands;
    if (look_at_project(&a, err) < 0 || check_branch(&a, err) < 0 ||
        look_at_path(&a, &stands, err) < 0)
        return -1;
    if (!stands && (look_at_worktrees(&a, err) < 0 || look_at_refs(&a, err) < 0 ||
                    find_base(&a, err) < 0 || look_at_lfs(&a, err) < 0))
        return -1;
    if (!stands)
        *ret = command_of(&a);
    else if (modules_command(&a, ret, err) < 0)
        return -1;
    ret->env = compute_git_env(ask->env, arena);
    return 0;
}
