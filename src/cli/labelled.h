/* SPDX-License-Identifier: Apache-2.0 */
/* -l KEY[=VALUE], where the server takes names alone. */
#pragma once

#include "cli/cli.h"

typedef struct Labelled {
    const char *slug;
    bool stopped; /* the session is down: nothing of it carries labels any more */
    const TextList *labels;
} Labelled;

/* The error that nothing carries the labels; `where` is "" or " in session shop". Returns -1. */
int labelled_none(const char *where, const TextList *labels, Err *err);

/* The names of the command, and those of the targets that carry all the labels now; without labels
 * the names as they are. They live in cli->arena. */
MUST int labelled_names(Cli *cli, const Labelled *what, TextList *ret, Err *err);
