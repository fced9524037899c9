/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of compute: what its files share. */
#pragma once

#include "engine/compute/compute.h"
#include "engine/compute/git_tree.h"
#include "engine/compute/tool.h"

/* `env` without what would lead git elsewhere, and so that nothing asks on a terminal. */
StrMap compute_git_env(const StrMap *env, Arena *arena);
/* `git -C dir words…` (NULL ends them). -1 also if its exit code is not 0, unless `ret_code`. */
typedef struct GitAsk {
    const char *dir;
    const StrMap *env;
    const char *const *words;
    int *ret_code; /* NULL: 0 is expected, anything else is ERR_CONFLICT with what it said */
} GitAsk;
MUST int compute_git(const GitAsk *ask, Arena *arena, ToolDone *ret, Err *err);
/* Likewise where worktrees are listed: git gives up on one that another git is making, or removing,
 * at that moment, so that it is asked again some times. */
MUST int compute_git_patient(const GitAsk *ask, Arena *arena, ToolDone *ret, Err *err);
/* What `git ls-files` with these options (`words`, NULL ends them) lists of `paths` and below them,
 * relative to `dir`: of no path nothing. */
MUST int compute_git_files(const GitAsk *ask, const StrList *paths, Arena *arena, StrList *ret,
                           Err *err);

/* A worktree as `git worktree list` has it. */
typedef struct Worktree {
    const char *path, *branch; /* "": detached */
    bool gone;                 /* its directory is */
    const char *locked;        /* the reason; NULL: it is not */
} Worktree;
typedef struct Worktrees {
    Worktree *at;
    size_t n;
} Worktrees;
/* In a script, where $common is the directory that all worktrees of the repository share: from here
 * on no other script of ours changes them, for git gives up on what another git is just making. It
 * ends with the script, or its kill. Where there is no flock(1), git has to try its luck. */
#define COMPUTE_TAKE_TURN "exec 9<\"$common\"\nflock 9 2>/dev/null || :\n"
#define COMPUTE_END_TURN  "exec 9<&-\n"
/* Where git is asked about worktrees: that of the project, or, where that is gone, the one that the
 * worktree itself is of. False: there is neither. */
bool compute_repository(const ComputeAsk *ask, Arena *arena, GitTree *ret);
MUST int compute_worktrees(const ComputeAsk *ask, Arena *arena, Worktrees *ret, Err *err);
/* NULL: git knows none there. */
const Worktree *compute_worktree_at(const Worktrees *list, const char *path);
/* Its removal has begun and did not come to its end: git forgets a worktree before all of it is
 * gone, and what is left is the same directory still. */
bool compute_removal_begun(const ComputeAsk *ask);
/* Where a worktree of ours was is one of another repository by now, whatever git still lists. */
bool compute_is_strange(const ComputeAsk *ask, Arena *arena);
/* -1: git knows none where the environment's is to be, but something is there. */
int compute_no_worktree(const ComputeAsk *ask, Err *err);

/* worktree_add.c, worktree_loss.c */
MUST int worktree_add(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err);
MUST int worktree_loss(const ComputeAsk *ask, Arena *arena, const char **ret, Err *err);

/* On what compose has made: the name of its project; with ".working_dir": where its file lies. */
#define COMPOSE_LABEL "com.docker.compose.project"

/* compose.c. Containers of the project that were started from elsewhere than the environment's
 * worktree are somebody else's: `up` is refused, and nothing of them is ended. `up` and `stop` are
 * done by compose itself. Whatever the file says by then, what carries the labels of the project is
 * found; without any infrastructure there is no command. */
MUST int compose_up(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err);
MUST int compose_stop(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err);
MUST int compose_down(const ComputeAsk *ask, Arena *arena, ComputeCommand *ret, Err *err);
MUST int compose_running(const ComputeAsk *ask, Arena *arena, ComputeLook *ret, Err *err);

/* compute_files.c */
/* The directory of `path` below `root`; no link on the way leads out of it. -1: err. */
MUST int files_open_parent(const char *root, const char *path, bool make, Err *err);
/* Likewise the directory `path` itself. */
MUST int files_open_dir(const char *root, const char *path, Err *err);
MUST int files_read(const char *root, ComputeFile *file, Arena *arena, Err *err);
MUST int files_write(const char *root, const ComputeFile *file, Err *err);

/* A command of constant `script` for /bin/sh, with `words` (NULL ends them) as its "$@". */
ComputeCommand compute_script(const char *script, const char *const *words, Arena *arena);
/* A list that ends with NULL. */
StrList compute_words(const char *const *words, Arena *arena);
