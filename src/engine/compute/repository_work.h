/* SPDX-License-Identifier: Apache-2.0 */
/* What a repository has that is nowhere else: it would be gone with it. Of a worktree of one that
 * lies elsewhere that is what is not committed, and a detached HEAD: branches stay. Runs git. */
#pragma once

#include "engine/compute/compute_inside.h"

typedef struct RepositoryWork {
    size_t commits; /* that no remote has given */
    size_t stashes;
    bool changed; /* files that are not committed, or were put aside */
} RepositoryWork;

/* Tags do not tell who has made them: they count where HEAD is at one, as package managers and
 * submodules leave it, and there is a remote. What package managers put into their clones is no
 * change. What git cannot say is ERR_CONFLICT. */
MUST int repository_work(const GitTree *tree, const StrMap *env, Arena *arena, RepositoryWork *ret,
                         Err *err);
/* What was not committed, and was put aside by a rebase or a merge that has not come to its end:
 * `git status` knows nothing of it. */
bool repository_has_autostash(const GitTree *tree, Arena *arena);
MUST int repository_has_remote(const GitTree *tree, const StrMap *env, Arena *arena, bool *ret,
                               Err *err);
