/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `thole workflow`, a file each where they are not short. */
#pragma once

#include "cli/log_print.h"
#include "cli/workflow_rows.h"

#define WORKFLOWS THOLE_API "/workflows"

typedef struct WorkflowOptions {
    const char *backend, *task;
    int64_t timeout_ms, step_timeout_ms, grace_ms; /* grace: -1, as is usual */
    bool detach, cleanup, keep, no_wait;
    TextList env, secrets; /* "K=V", "NAME[=V]" */
    LogOptions log;
} WorkflowOptions;

/* Exit code; -1: err. The words behind the verb are cli->names from 1. */
int workflow_run(Cli *cli, const WorkflowOptions *ask, Err *err);
int workflow_logs(Cli *cli, const WorkflowOptions *ask, Err *err);
int workflow_events(Cli *cli, const WorkflowOptions *ask, Err *err);
int workflow_graph(Cli *cli, const WorkflowOptions *ask, Err *err);
int workflow_delete(Cli *cli, const WorkflowOptions *ask, Err *err);

/* Of a verb, "text|json"; NULL: there is no such verb. */
const char *workflow_outputs(const char *verb);

/* ---- workflow_find.c ---- */
/* The words behind the verb: the task (NULL: there is none), and steps of it. */
const char *workflow_given(const Cli *cli);
TextList workflow_given_steps(const Cli *cli);
/* The object that a task's uuid, the name made from it, or the beginning of one alone stands for;
 * of NULL the newest. NULL: err. */
const WorkflowRow *workflow_look(Cli *cli, const char *task, Err *err);
const Value *workflow_whole(Cli *cli, const char *task, Err *err); /* likewise, with its steps */
const char *workflow_name(const Value *workflow);                  /* of the object */
const char *workflow_task(const Value *workflow);
