/* SPDX-License-Identifier: Apache-2.0 */
/* What is, and what would be done, without doing it. */
#pragma once

#include "engine/environments/environment.h"
#include "plan/lifecycle.h"

typedef struct SeenStep {
    const LifecycleStep *step;
    const Checkpoint *record; /* NULL: it was never begun */
    StepVerdict verdict;      /* what would become of it now */
    const char *why;          /* VERDICT_RUN of one that was done once: why again; NULL */
} SeenStep;

/* A file that a step writes. */
typedef struct SeenFile {
    const char *path; /* relative to the root of the environment */
    const char *text; /* as it is to be */
    const char *now;  /* as it is; NULL: it is not there */
} SeenFile;

typedef struct SeenEnvironment {
    const Config *config;
    const EnvironmentEntry *entry; /* whole, but for its audit log */
    SeenStep *steps;               /* of provision and run, in order */
    size_t step_n;
    SeenFile *files; /* of ask->step, if it writes any */
    size_t file_n;
} SeenEnvironment;

/* Looks at the environment as ask->file, ask->name, ask->mode and ask->step say it; one that is not
 * there is as it would be made. ERR_INVALID: the config is not valid, as `report` says already.
 * The result is a SeenEnvironment. */
Op *environment_look(Engine *engine, const OperationAsk *ask, Report *report, OpFn fn, void *arg);
