/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done to an environment, and what can be left of one: the words for it. */
#pragma once

#include "base/err.h"

typedef enum OperationKind {
    OPERATION_CREATE,    /* provision and run; also an existing tree (`worktree`) */
    OPERATION_PROVISION, /* the first half */
    OPERATION_RUN,       /* the second, of which `manifest` says all; no store has a part in it */
    OPERATION_REFRESH,   /* the steps that make what runs, anew */
    OPERATION_STEP,      /* one step, anew */
    OPERATION_HOOK,      /* a hook of a provisioned service */
    OPERATION_START,
    OPERATION_STOP,
    OPERATION_INVALIDATE, /* nothing is done; a step's record, and those of all that need it, count
                             no more */
    OPERATION_STATUS,     /* nothing is done; it is said to be something else */
    OPERATION_DELETE,
    OPERATIONS
} OperationKind;

const char *operation_kind_name(OperationKind kind); /* "create" */
MUST int operation_kind_parse(const char *text, OperationKind *ret);

typedef enum OrphanKind {
    ORPHAN_WORKTREE,  /* below <state>/worktrees/<project>/, of no environment; or git's record */
    ORPHAN_DIRECTORY, /* <state>/environments/<project>/<name>/ likewise; and what all share */
    ORPHAN_SESSION,   /* a session of such a worktree, or of one that was given a path, that is
                         down; path: where its file was */
    ORPHAN_COMPOSE,   /* a compose project of such a worktree */
    ORPHAN_PORTS,     /* a block of ports of no environment */
    ORPHAN_EXPIRED,   /* an environment whose `expires` has passed */
    ORPHAN_LEFTOVER,  /* one whose deletion did not come to its end */
    ORPHAN_KINDS
} OrphanKind;

const char *orphan_kind_name(OrphanKind kind); /* "worktree" */
MUST int orphan_kind_parse(const char *text, OrphanKind *ret);
