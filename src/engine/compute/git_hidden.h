/* SPDX-License-Identifier: Apache-2.0 */
/* Files that git was told not to look at any more (update-index --skip-worktree,
 * --assume-unchanged), as people do with what is committed and theirs is to differ. */
#pragma once

#include "engine/compute/compute_inside.h"

/* Those of the worktree `top` that are there and are not as its index has them, relative to it.
 * Links are not looked at. Runs git. */
MUST int git_hidden_changes(const char *top, const StrMap *env, Arena *arena, StrList *ret,
                            Err *err);
