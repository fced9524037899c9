/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of worktrees share: a directory with a repository r, with one commit on main, and an
 * environment x whose worktree is to be t. */
#pragma once

#include "engine/compute/compute_inside.h"

typedef struct TreeYard {
    Arena arena;
    const char *dir;
    StrMap env;
    StrPair vars[16];
    ComputeAsk ask;
    Err err;
} TreeYard;

TreeYard *tree_yard_new(void);
void tree_yard_free(TreeYard *y);
const char *tree_yard_at(TreeYard *y, const char *name);
/* A variable of all that is run. */
void tree_yard_set(TreeYard *y, const char *name, const char *value);
/* A shell in the yard; what it prints, without the line break at its end. */
const char *tree_yard_sh(TreeYard *y, const char *script);
/* As a pin would; its exit code. */
int tree_yard_run(TreeYard *y, const ComputeCommand *command);
void tree_yard_create(TreeYard *y);
const char *tree_yard_refusal(TreeYard *y); /* of a create */
ComputeLook tree_yard_look(TreeYard *y);
void tree_yard_destroy(TreeYard *y);
