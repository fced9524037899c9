/* SPDX-License-Identifier: Apache-2.0 */
/* The line that says that all of a session is ready, for who looks on: once, and again when that
 * had ended for a reason that was worth a word: a file that was taken up, or a failure. */
#pragma once

#include "cli/targets.h"

typedef struct ReadyLine {
    bool said;
    bool lost; /* not all was ready since */
    bool news; /* ... and something was worth a word */
} ReadyLine;

/* As TargetFn. */
void ready_line_note(ReadyLine *line, const Seen *seen, const char *before);
/* Of what is chosen. True: it is to be said now, and counts as said, of the runs that there are. */
bool ready_line_due(ReadyLine *line, const Targets *targets, const Outcome *outcome);
/* "3 servers, 1 job done; web 3000, api 8080". Returns owned. */
char *ready_line_text(const Targets *targets);
