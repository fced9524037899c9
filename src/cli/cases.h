/* SPDX-License-Identifier: Apache-2.0 */
/* What became of each target of a session that is over, read once from the server, for reports. */
#pragma once

#include "cli/cli.h"

typedef struct Case {
    const char *target; /* "api:serve" */
    bool job, critical; /* critical: on the critical path */
    const char
        *state; /* as the timeline says it: "done", "ready", "failed", "skipped", "waiting", … */
    const char *message; /* or "" */
    const char *reason;  /* of a failure: "ExitCode" */
    int64_t run, ms;
    int64_t line; /* of the config file; 0: unknown */
} Case;

typedef struct Cases {
    const char *slug, *name; /* name: of the project */
    const char *file;        /* config file */
    const char *error;       /* of the session; "": it went well */
    bool late;               /* ... which is that its time was up */
    const char *culprit;     /* the target whose failure that is, or NULL */
    const char *started;     /* RFC 3339 */
    int64_t ms;              /* all of it */
    Case *at;                /* in order of their starts */
    size_t n;
    const char *path; /* the critical path, as lines of text; "": there is none */
} Cases;

/* Everything lives in cli->arena. */
MUST int cases_read(Cli *cli, const char *slug, Cases *ret, Err *err);

/* It failed, or kept the session from ending well. */
bool case_is_failure(const Case *it, const Cases *cases);
/* It took part and nothing is to be said against it. */
bool case_is_success(const Case *it);
/* Why not, in words: "exit code 3", "not ready", "never started: waiting for db". In cli->arena. */
const char *case_why(const Case *it, Arena *arena);
