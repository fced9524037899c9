/* SPDX-License-Identifier: Apache-2.0 */
/* Workflows as the server shows them: found, followed, printed. */
#pragma once

#include "cli/cli.h"

/* The object that a task's uuid (or the name made from it) stands for. NULL: err. */
const Value *workflow_look(Cli *cli, const char *task, Err *err);
const char *workflow_name(const Value *workflow); /* of the object */

typedef struct WorkflowFollow {
    const char *name;    /* of the object */
    bool told;           /* each step's new state is printed */
    bool owner;          /* an interrupt cancels it; again: at once */
    int64_t deadline_ms; /* monotonic; 0: none */
} WorkflowFollow;

/* Until it is over, whichever server tells of it: the exit code of its result. The last state goes
 * to *ret, in the arena of the call. -1: err. */
MUST int workflow_follow(Cli *cli, const WorkflowFollow *ask, const Value **ret, Err *err);

void workflow_print(const Cli *cli, const Value *workflow); /* and its steps */
void workflow_print_list(const Cli *cli, const Value *items);
