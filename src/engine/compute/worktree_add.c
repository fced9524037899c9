/* SPDX-License-Identifier: Apache-2.0 */
/* How a worktree is made, or healed, and what is said where it cannot be. Looks at the repository;
 * the command that comes out of it changes it. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "engine/compute/git_tree.h"
#include "engine/compute/worktree_add.h"

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

/* ---- the repository ---- */

static int look_at_project(WorktreeAdd *a, Err *err) {
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
static int look_at_path(WorktreeAdd *a, bool *ret_stands, Err *err) {
    const char *path = a->ask->path, *branch = a->ask->branch;
    struct stat st;
    GitTree tree;
    *ret_stands = false;
    if (lstat(path, &st) < 0)
        return 0;
    if (compute_removal_begun(a->ask))
        return err_set(err, ERR_CONFLICT,
                       "%s is what a removal has left that did not come to its end: "
                       "`thole env delete` goes on with it",
                       path);
    bool is_tree = git_tree_of(path, a->arena, &tree, NULL) == 0 && tree.prefix[0] == '\0' &&
                   strcmp(tree.common, a->project.common) == 0;
    if (!is_tree && is_empty_dir(path))
        return 0;
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

/* Something that is gone: git would make it anew there, unless people have said no. */
static int look_at_note(WorktreeAdd *a, Err *err) {
    const char *locked;
    a->registered = !a->again && git_tree_noted(a->project.common, a->ask->path, a->arena, &locked);
    if (!a->registered || !locked || strcmp(locked, GIT_HALF_MADE) == 0)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "the worktree %s is gone, but somebody has locked it%s%s: "
                   "`git worktree unlock` gives it free",
                   a->ask->path, locked[0] ? ", saying " : "", locked);
}

/* ---- large files ---- */

static bool wants_pointers(const StrMap *env) {
    const char *skip = strmap_get(env, "GIT_LFS_SKIP_SMUDGE");
    return skip && (strcmp(skip, "1") == 0 || strcmp(skip, "true") == 0);
}

/* Without git-lfs git would leave pointers where the files should be, or stop half way. What has it
 * on its PATH is asked nothing: that takes as long as all the rest. */
static int look_at_lfs(WorktreeAdd *a, Err *err) {
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
    if (worktree_git(a, has, &code, &done, err) < 0)
        return -1;
    if (code != 0)
        return 0;
    if (worktree_git(a, version, &code, &done, err) < 0)
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

static ComputeCommand command_of(const WorktreeAdd *a) {
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

int worktree_add(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err) {
    WorktreeAdd a = {.ask = ask, .arena = arena};
    bool stands;
    if (look_at_project(&a, err) < 0 || worktree_check_branch(&a, err) < 0 ||
        look_at_path(&a, &stands, err) < 0)
        return -1;
    if (!stands && (look_at_note(&a, err) < 0 || worktree_find_branch(&a, err) < 0 ||
                    look_at_lfs(&a, err) < 0))
        return -1;
    if (!stands)
        *ret = command_of(&a);
    else if (worktree_modules(&a, ret, err) < 0)
        return -1;
    ret->env = compute_git_env(ask->env, arena);
    return 0;
}
