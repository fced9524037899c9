/* SPDX-License-Identifier: Apache-2.0 */
/* Looking on at a workflow until it is over, whichever server tells of it: what its steps write on
 * stdout, what becomes of them on stderr. Each line is printed once, and all of them before the
 * last word. */
#pragma once

#include "cli/workflow.h"

typedef struct WorkflowFollow {
    const char *name;    /* of the object */
    const char *task;    /* what people call it */
    const Value *steps;  /* those of its status, for the width of the column of names; or NULL */
    bool shown;          /* logs, and what becomes of each step */
    bool owner;          /* INT and TERM cancel it; again: at once. HUP leaves it alone */
    int64_t deadline_ms; /* monotonic; 0: none */
} WorkflowFollow;

/* The exit code of its result. The last state goes to *ret, in the arena of the call (NULL: it was
 * deleted, which is said). -1: err. */
MUST int workflow_follow(Cli *cli, const WorkflowFollow *ask, const Value **ret, Err *err);
