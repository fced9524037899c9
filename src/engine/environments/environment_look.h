/* SPDX-License-Identifier: Apache-2.0 */
/* What is, and what would be done, without doing it: nothing is changed, and no lease is needed. */
#pragma once

#include "engine/environments/environment.h"
#include "plan/lifecycle.h"

typedef struct SeenStep {
    const LifecycleStep *step;
    const Checkpoint *record; /* NULL: it was never begun */
    StepVerdict verdict;      /* what would become of it now */
    bool meant;               /* by what is asked: others are only looked at */
    bool invalidates;         /* VERDICT_RUN: what needs it is done again, too */
    bool stale;               /* it was done, but what it did does not count any more */
    const char *why;          /* VERDICT_RUN of one that was done once: why again; NULL */
    size_t running;           /* processes that its command has left */
} SeenStep;

/* A file that a step writes. */
typedef struct SeenFile {
    const char *path; /* relative to the root of the environment */
    const char *text; /* as it is to be */
    const char *now;  /* as it is; NULL: it is not there */
} SeenFile;

typedef struct SeenVariables {
    StrMap map;
    bool *secret;     /* of each of them: people see it only if they say so */
    const char *path; /* where commands run that have these; "": not on this machine */
} SeenVariables;

/* A service of the compose file. */
typedef struct SeenInfra {
    const char *name, *state; /* "running", "done" (it has ended well), "stopped", "unknown" */
    int64_t port;             /* 0: it has none */
} SeenInfra;

typedef struct SeenInfrastructure {
    bool running; /* there is some, and all of it runs */
    SeenInfra *at;
    size_t n;
    const char *error; /* why nothing is known, or what does not run; NULL */
} SeenInfrastructure;

typedef struct SeenEnvironment {
    const Config *config;
    const EnvironmentEntry *entry; /* whole, but for its audit log */
    SeenStep *steps;               /* LOOK_STEPS: of provision and run, in order; while it is being
                                      deleted those of that, too */
    size_t step_n;
    const LifecycleStep *step; /* LOOK_FILES: ask->step */
    SeenFile *files;           /* ... and what it writes, if it writes any */
    size_t file_n;
    StrList invalidated;               /* steps whose records count no more, by what is asked */
    SeenVariables variables;           /* LOOK_VARIABLES */
    SeenInfrastructure infrastructure; /* LOOK_INFRASTRUCTURE */
} SeenEnvironment;

typedef enum LookPart {
    LOOK_STEPS = 1,
    LOOK_FILES = 2,          /* of ask->step */
    LOOK_VARIABLES = 4,      /* of ask->service, as its env file has them; NULL: those of hooks */
    LOOK_INFRASTRUCTURE = 8, /* starts programs: it may take a second */
    LOOK_LIFE = 32,          /* LOOK_STEPS as they are recorded: nothing is looked at */
    LOOK_PLACE = 16, /* can its worktree be made, as it is asked for? Nothing is there yet */
    LOOK_BEGIN = 64, /* would it begin, as the environment is? */
} LookPart;

typedef struct LookAsk {
    const OperationAsk *ask; /* of ask->client the programs have their PATH */
    /* The environment with its steps and key-values; NULL: as it would be made. */
    const EnvironmentEntry *entry;
    unsigned parts;
    Report *report; /* of the config */
} LookAsk;

/* NULL: it is refused (ERR_INVALID, as the report says, if the config is not valid). The result is
 * a SeenEnvironment. LOOK_PLACE: fails as compute_create() does, and with ERR_CONFLICT where a tree
 * stands already that would be somebody's. LOOK_BEGIN: fails as the operation would, before its
 * first step. */
MUST Op *environment_look(Engine *engine, const LookAsk *ask, OpFn fn, void *arg, Err *err);
/* Of who has asked for what is being done to it, or has started its services; NULL: this server
 * does not know. */
const ClientSetup *environment_client(const Environment *environment);
