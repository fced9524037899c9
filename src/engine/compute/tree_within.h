/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in a worktree and is none of it: file systems that are mounted there, and repositories
 * of other people. For a Worker: all of the tree is walked through. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "data/schema.h"
#include "engine/compute/git_tree.h"

/* Where something is mounted below `top` (absolute, links resolved), relative to it. To remove the
 * tree would empty that. */
MUST int tree_mounts(const char *top, Arena *arena, StrList *ret, Err *err);
/* The repositories of submodules that git keeps in the directory of the tree, relative to `modules`
 * there; those of submodules of one lie in its own `modules`. */
MUST int tree_modules(const GitTree *tree, Arena *arena, StrList *ret, Err *err);
/* What has a `.git` that leads to another repository than that of the tree, neither a worktree of
 * it nor a submodule, and bare repositories; and submodules that are checked out, also those of
 * one. Relative to the top. */
MUST int tree_repositories(const GitTree *tree, Arena *arena, StrList *ret, StrList *ret_modules,
                           Err *err);
