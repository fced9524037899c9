/* SPDX-License-Identifier: Apache-2.0 */
/* What is found out before a worktree is made. */
#pragma once

#include "engine/compute/compute_inside.h"

typedef struct WorktreeAdd {
    const ComputeAsk *ask;
    Arena *arena;
    GitTree project;
    bool again;         /* what stands at the path was half made */
    bool registered;    /* git knows the path, but nothing is there */
    const char *head;   /* what the project's branch is at; NULL: no commit yet, or it is on none */
    bool exists;        /* the branch does */
    const char *from;   /* a remote branch or a commit that a new one is made from */
    const char *remote; /* `from` is a branch of it; NULL */
    bool no_lfs;        /* pointers are to stay what they are */
} WorktreeAdd;

/* On its project. Otherwise as compute_git(). */
MUST int worktree_git(const WorktreeAdd *a, const char *const *words, int *ret_code, ToolDone *ret,
                      Err *err);

/* worktree_branch.c */
/* Is ask->branch a name that a branch can have? ERR_INVALID: it is not. */
MUST int worktree_check_branch(const WorktreeAdd *a, Err *err);
/* Whether the branch exists, and else what it is made from. ERR_CONFLICT: it is checked out in
 * another worktree; ERR_INVALID: nothing can be made from that. */
MUST int worktree_find_branch(WorktreeAdd *a, Err *err);

/* worktree_modules.c */
/* What makes the submodules of a worktree that stands which are missing, or whose clone or first
 * checkout was interrupted, also those of submodules; without any there is no command. */
MUST int worktree_modules(const WorktreeAdd *a, ComputeCommand *ret, Err *err);
