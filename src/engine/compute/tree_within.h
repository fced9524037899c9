/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in a worktree and is none of it: file systems that are mounted there, and repositories
 * of other people. For a Worker: all of the tree is walked through. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "data/schema.h"
#include "engine/compute/git_tree.h"

/* Both below `top` (absolute, links resolved), and relative to it. */

/* Where something is mounted. To remove the tree would empty that. */
MUST int tree_mounts(const char *top, Arena *arena, StrList *ret, Err *err);
/* What has a `.git` that leads to another repository than that of the tree: neither a worktree of
 * it nor a submodule. */
MUST int tree_repositories(const GitTree *tree, Arena *arena, StrList *ret, Err *err);
