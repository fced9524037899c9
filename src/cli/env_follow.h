/* SPDX-License-Identifier: Apache-2.0 */
/* Looking on at an operation on an environment until it is over, whichever server tells of it:
 * nothing is told twice, and nothing is left out. */
#pragma once

#include "cli/env.h"
#include "cli/env_report.h"

typedef struct EnvFollow {
    Cli *cli;
    const EnvTarget *env;
    EnvReport *report;
    int64_t number; /* of the operation */
    int signals;    /* follow_catch_signals(): INT and TERM end the operation, again: leave it */
} EnvFollow;

typedef VEC(char *) TextLines; /* owned */

typedef struct EnvOutcome {
    EnvHappening end;            /* ENV_COMPLETED, ENV_FAILED, ENV_CANCELED; ENV_OTHER: see below */
    bool gone;                   /* the environment is there no more */
    bool left;                   /* it goes on without us */
    int interrupted;             /* the signal by which; 0: none */
    char *error, *resume, *step; /* owned; of ENV_FAILED; NULL: not known */
    int64_t run;                 /* of the step's hook; 0: it has none */
    ErrKind kind;                /* of `error`; ERR_NONE: not known */
    TextLines notes;             /* what people are to know of how it went */
} EnvOutcome;

/* -1: err; the outcome is to be freed all the same. */
MUST int env_follow(const EnvFollow *ask, EnvOutcome *ret, Err *err);
void env_outcome_free(EnvOutcome *outcome);
