/* SPDX-License-Identifier: Apache-2.0 */
/* What git keeps of a worktree, read from its files as gitrepository-layout(5) has them: no program
 * is started, so it costs nothing to look each time. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct GitTree {
    const char *top;    /* the directory that has .git; of a bare repository itself */
    const char *prefix; /* from there to where was asked: "" or "apps/shop" */
    const char *dir;    /* its own: "/r/.git", "/r/.git/worktrees/x" */
    const char *common; /* of all worktrees of the repository: "/r/.git" */
    const char *branch; /* "": a detached HEAD */
    bool bare;
    bool half_made; /* `git worktree add` was interrupted in it */
} GitTree;

/* Why git has locked a worktree that it has not made to the end. */
#define GIT_HALF_MADE "initializing"

/* The one that `path` is in; links are resolved. ERR_NOT_FOUND: it does not exist, or is in none;
 * ERR_INVALID: what it has as .git leads nowhere. */
MUST int git_tree_of(const char *path, Arena *arena, GitTree *ret, Err *err);
/* `top` was a worktree: the repository that it names is gone, or has been moved. */
bool git_tree_lost(const char *top, Arena *arena);
/* git knows a worktree at `path`, of the repository whose worktrees share `common`, whether it is
 * there or not. `ret_locked`: why it is locked; NULL: it is not. */
bool git_tree_noted(const char *common, const char *path, Arena *arena, const char **ret_locked);
