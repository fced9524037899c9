/* SPDX-License-Identifier: Apache-2.0 */
/* `thole ci` within GitHub Actions: the log folds, failures are annotations of the config file, and
 * the summary of the step has a table. Nothing that programs write is taken for a command to the
 * runner. */
#pragma once

#include <stdio.h>

#include "cli/cases.h"

typedef struct Github {
    FILE *to;       /* where commands to the runner go: it reads both streams */
    bool on;        /* GITHUB_ACTIONS is "true" */
    bool folded;    /* a group is open */
    char token[37]; /* ends the time in which nothing is a command */
} Github;

void github_init(Github *github, FILE *to);
/* What programs write follows there, until github_unfold(): folded away, and without meaning
 * for the runner. */
void github_fold(Github *github, const char *title);
void github_unfold(Github *github);
/* What a program wrote follows there, in the open; nothing of it is a command. */
void github_quote(Github *github);
void github_unquote(Github *github);
/* Something called `title` failed. */
void github_error(const Github *github, const char *title, const char *message);
/* It never began. */
void github_report_problem(const Github *github, const char *problem);
/* Annotations, and the summary of the step. */
void github_report(const Github *github, Cli *cli, const Cases *cases, const char *problem);
