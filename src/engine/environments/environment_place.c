/* SPDX-License-Identifier: Apache-2.0 */
/* Where an environment is to be, before anything is begun: what is asked for fits what there is, or
 * it is refused. Reads what the mirror knows, files of git, and where a path leads. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/compute/compute.h"
#include "engine/compute/git_tree.h"
#include "engine/environments/environments_inside.h"

/* An old entry may have a path as somebody has typed it, or a link in it may be another now. */
static bool same_place(const char *entry_path, const char *real) {
    if (strcmp(entry_path, real) == 0)
        return true;
    AUTO_FREE char *own = path_resolve(entry_path);
    return strcmp(own, real) == 0;
}

/* Worktrees and the sessions in them are told apart by their path: this one is the only one. */
static const char *real_of(const char *path, Arena *arena) {
    AUTO_FREE char *real = path ? path_resolve(path) : NULL;
    return real ? arena_strdup(arena, real) : NULL;
}

/* No two write their files into one tree. */
static int check_others(const Environment *environment, const char *path, Err *err) {
    const Environment *other;
    LIST_FOREACH (other, &environment->engine->environments, link)
        if (other != environment && !other->apart && *entry_path(&other->entry) &&
            same_place(entry_path(&other->entry), path))
            return err_set(err, ERR_CONFLICT,
                           "%s is the worktree of environment '%s' already: choose another path",
                           path, other->entry.name);
    return 0;
}

/* Git has a branch in one tree only. One that people have switched elsewhere has it no more. */
static int check_branch(const Environment *environment, const char *branch, Arena *arena,
                        Err *err) {
    const Environment *other;
    GitTree tree;
    LIST_FOREACH (other, &environment->engine->environments, link)
        if (other != environment && !other->apart && str_same(other->entry.branch, branch) &&
            strcmp(other->project, environment->project) == 0 && *entry_path(&other->entry) &&
            git_tree_of(entry_path(&other->entry), arena, &tree, NULL) == 0 && !tree.prefix[0] &&
            strcmp(tree.branch, branch) == 0)
            return err_set(err, ERR_CONFLICT,
                           "branch %s is checked out in environment '%s', at %s: choose another "
                           "one (--branch), or use that environment",
                           branch, other->entry.name, entry_path(&other->entry));
    return 0;
}

/* ---- one that there is already ---- */

static int differs(const Environment *environment, const char *what, const char *now,
                   const char *asked, Err *err) {
    if (!asked || !now || strcmp(now, asked) == 0)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "environment '%s' has %s %s, not %s: delete it first, or choose another name",
                   environment->entry.name, what, *now ? now : "local", asked);
}

/* What it began at, if not at HEAD, is said once: when it is made. */
static int check_base(const Environment *environment, const char *asked, Err *err) {
    const EnvironmentEntry *entry = &environment->entry;
    if (entry->base || !asked)
        return differs(environment, "base", entry->base, asked, err);
    return err_set(err, ERR_CONFLICT,
                   "environment '%s' is there, and was made without --base: delete it first, or "
                   "choose another name",
                   entry->name);
}

static int check_path(const Environment *environment, const OperationAsk *ask, Err *err) {
    const EnvironmentEntry *entry = &environment->entry;
    const char *now = entry_path(entry), *name = entry->name;
    bool attached = entry->compute && !entry->compute->managed;
    bool remote = entry->compute && strcmp(entry->compute->type, "local") != 0;
    if (ask->worktree && remote)
        return err_set(err, ERR_CONFLICT,
                       "environment '%s' is on another machine, %s: delete it first, or choose "
                       "another name",
                       name, entry->compute->host ? entry->compute->host : "?");
    if (ask->worktree && *now && !attached)
        return err_set(err, ERR_CONFLICT,
                       "environment '%s' has a worktree of its own, %s: delete it first, or choose "
                       "another name",
                       name, now);
    if (ask->worktree && *now && !same_place(now, ask->worktree))
        return err_set(err, ERR_CONFLICT,
                       "environment '%s' is attached to %s: delete it first, or choose another "
                       "name",
                       name, now);
    if (ask->kind == OPERATION_CREATE && !ask->worktree && attached && *now &&
        access(now, F_OK) == 0) /* else the operation itself says what is the matter */
        return err_set(err, ERR_CONFLICT,
                       "environment '%s' is attached to %s: `thole env attach %s --worktree %s` "
                       "goes on with it; or choose another name",
                       name, now, name, now);
    if (ask->path && *now && !same_place(now, ask->path))
        return err_set(err, ERR_CONFLICT,
                       "environment '%s' is at %s, not at %s: delete it first, or choose another "
                       "name",
                       name, now, ask->path);
    return 0;
}

static int check_known(const Environment *environment, const OperationAsk *ask, Err *err) {
    const EnvironmentEntry *entry = &environment->entry;
    if (ask->worktree && environment_phase(environment) == ENVIRONMENT_RUNNING)
        return err_set(err, ERR_CONFLICT,
                       "environment '%s' is already running: `thole env refresh %s` does its steps "
                       "again; else delete it first, or choose another name",
                       entry->name, entry->name);
    if (check_path(environment, ask, err) < 0 ||
        differs(environment, "mode", entry->mode, ask->mode, err) < 0 ||
        differs(environment, "branch", ask->worktree ? NULL : entry->branch, ask->branch, err) < 0)
        return -1;
    return check_base(environment, ask->base, err);
}

/* ---- one that is new ---- */

char *environment_other_store(const char *dir, const char *own) {
    AUTO_FREE char *path = path_join(dir, ENVIRONMENT_STORE), *text = NULL;
    if (!own || file_read(path, PATH_MAX, &text, NULL, NULL) < 0 || strcmp(text, own) == 0 ||
        access(text, F_OK) < 0)
        return NULL;
    return xstrdup(text);
}

/* Its worktree, its services and its directory here are those of the other one. */
static int check_store(const Environment *environment, const char *name, Err *err) {
    AUTO_FREE char *store =
        environment_other_store(environment->dir, environment->engine->options.store_file);
    return !store ? 0
                  : err_set(err, ERR_CONFLICT,
                            "environment '%s' of this project is in another store, %s: use that "
                            "one (THOLE_STORE), or choose another name",
                            name, store);
}

/* Where git would fail half way. Rights, and what /proc or a file system that is only read allow,
 * are known by making the first directory that is missing, which goes again at once. */
static int check_can_be_made(const char *path, Err *err) {
    AUTO_FREE char *at = xstrdup(path);
    for (char *slash = strchr(at + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (access(at, F_OK) < 0)
            break;
        *slash = '/';
    }
    if (access(at, F_OK) == 0 || (mkdir(at, 0700) == 0 && rmdir(at) == 0) || errno == EEXIST)
        return 0;
    return err_set(err, ERR_INVALID, "no worktree can be made at %s (--path): %s", path,
                   strerror(errno));
}

/* ---- a tree that is given ---- */

static int check_worktree(const OperationAsk *ask, Arena *arena, OperationAsk *ret, Err *err) {
    static const StrMap none;
    AUTO_FREE char *project = path_dir(ask->file);
    const ComputeAsk about = {.project = project, .path = ask->worktree, .env = &none};
    ComputeLook look = {0};
    if (ask->path)
        return err_set(err, ERR_INVALID,
                       "--path says where a worktree is made, --worktree which one is taken: "
                       "not both");
    if (compute_local_attach(&about, arena, &look, err) < 0)
        return -1;
    if (ask->branch && strcmp(ask->branch, look.branch) != 0)
        return err_set(err, ERR_CONFLICT, "the worktree %s is on branch %s, not %s", ask->worktree,
                       look.branch, ask->branch);
    ret->branch = look.branch;
    return 0;
}

int environment_place(const Environment *environment, const OperationAsk *ask, Arena *arena,
                      OperationAsk *ret, Err *err) {
    *ret = *ask;
    ret->path = real_of(ask->path, arena);
    ret->worktree = real_of(ask->worktree, arena);
    if (ask->kind != OPERATION_CREATE && ask->kind != OPERATION_PROVISION)
        return 0;
    if (ask->worktree && check_worktree(ret, arena, ret, err) < 0)
        return -1;
    if (environment->version ? check_known(environment, ret, err) < 0
                             : check_store(environment, ask->name, err) < 0)
        return -1;
    if (!environment->version && !ask->worktree &&
        check_branch(environment, ask->branch ? ask->branch : ask->name, arena, err) < 0)
        return -1;
    if (!environment->version && !ask->worktree && ret->path &&
        check_can_be_made(ret->path, err) < 0)
        return -1;
    const char *path = ret->worktree ? ret->worktree : ret->path;
    return path ? check_others(environment, path, err) : 0;
}
