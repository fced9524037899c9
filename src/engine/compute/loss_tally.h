/* SPDX-License-Identifier: Apache-2.0 */
/* What would be lost with a worktree, counted, and told in a line: "2 changed files (a.c, b.c), 1
 * commit that is on no branch and no remote". */
#pragma once

#include "base/arena.h"

/* In the order in which they are told. */
typedef enum LossKind {
    LOSS_CHANGED,
    LOSS_UNTRACKED,
    LOSS_BROUGHT,      /* files that git does not have, and are not as they were brought */
    LOSS_WITHIN,       /* worktrees of the repository, or of environments, that lie in it */
    LOSS_REPOSITORIES, /* others */
    LOSS_CLOSED,       /* ... that are another user's, so that git says nothing of them */
    LOSS_PUT_ASIDE,
    LOSS_COMMITS,
    LOSS_MODULE_COMMITS,
    LOSS_MODULE_STASHES,
    LOSS_KINDS
} LossKind;

typedef struct LossCount {
    size_t n, named;
    const char *names; /* of the first ones */
} LossCount;

typedef struct LossTally {
    Arena *arena;
    LossCount of[LOSS_KINDS];
} LossTally;

/* `n` of them, at `where` (lent as long as the tally is); NULL names nothing. */
void loss_add(LossTally *tally, LossKind kind, size_t n, const char *where);
const char *loss_words(const LossTally *tally); /* in its arena; NULL: nothing would be lost */
