/* SPDX-License-Identifier: Apache-2.0 */
/* What `thole ci` tells when it is over, besides its exit code: the last words of the culprit, the
 * summary, a JUnit file, what GitHub Actions understands. */
#pragma once

#include "cli/cli.h"
#include "cli/github.h"

typedef struct CiReport {
    const char *junit; /* FILE, or NULL */
    bool summary;
    Github github;
} CiReport;

/* Before anything begins. */
MUST int ci_report_begin(CiReport *report, Err *err);
/* The log of the programs follows on stdout; it is over: for FollowAsk. */
void ci_report_log(CiReport *report, const char *slug);
void ci_report_logged(void *report);
/* It came to its end with this exit code, which is returned, or 3 if the report cannot be
 * written. */
int ci_report_end(CiReport *report, Cli *cli, const char *slug, int code);
/* It never began. */
void ci_report_failed(const CiReport *report, const Err *err);
