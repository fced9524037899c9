/* SPDX-License-Identifier: Apache-2.0 */
/* Worktrees that people have kept when their environment was deleted: a note in what git keeps of
 * each says so, and goes with it. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* Of none that is a linked worktree nothing is noted. */
MUST int worktree_keep(const char *path, Arena *arena, Err *err);
bool worktree_is_kept(const char *path, Arena *arena);
