/* SPDX-License-Identifier: Apache-2.0 */
/* When is a `ci` session done, and with what. Pure.
 *
 * A target that takes part and failed ends it at once; of several failures the first in time is
 * reported, ties by name, in the words of the target. It is done without error when every job has
 * succeeded and every server is ready, and that has lasted for `soak`. Targets that are disabled,
 * were stopped or never asked for do not count. tiltfile:update always takes part, but a file with
 * no target besides is an error: nothing was checked. Otherwise a server that is not ready for
 * longer than readiness_timeout, or a session that takes longer than timeout, ends it. */
#pragma once

#include "plan/plan.h"

typedef struct ExitInput {
    const Graph *graph;
    const TargetFacts *facts;
    const unsigned char *chosen; /* targets that take part (1) */
    const TargetStatus *shown;   /* parallel to graph->targets: what the API shows */
    const CiConfig *ci;          /* the times that hold: the file's, or those of the command line */
    int64_t started_ms;          /* monotonic start of the session */
    int64_t healthy_since_ms;    /* when all was first seen well without a break; 0: it is not */
    int64_t now_ms;
} ExitInput;

enum { EXIT_TEXT = 1024 };

typedef struct ExitVerdict {
    bool done;
    bool timeout;             /* a timeout ended it: exit code 4 */
    int64_t culprit;          /* index of the target that failed or was not ready; -1: none */
    char error[EXIT_TEXT];    /* "": success */
    int64_t healthy_since_ms; /* to be kept for the next call */
    int64_t wake_ms;          /* ask again then; 0: only facts matter */
} ExitVerdict;

void exit_check(const ExitInput *input, ExitVerdict *ret);

/* Of a session that is not `ci`: it is done when a service that `ends_session` has ended for
 * good. */
void exit_check_ends(const ExitInput *input, ExitVerdict *ret);
/* Has it any service that ends its session? */
bool exit_may_end(const Config *config);
