/* SPDX-License-Identifier: Apache-2.0 */
/* How an operation on an environment is told while it goes on: as a tree on a terminal, as plain
 * lines elsewhere ("create feat-x: seed_db ✓ 1.2s"), with groups and annotations in GitHub Actions,
 * or, with --json, as the events themselves, one a line, and what hooks write between them, on
 * stdout. All but the last two is talk, on stderr. */
#pragma once

#include "cli/env_event.h"
#include "cli/github.h"
#include "cli/prefix.h"

typedef enum ReportForm {
    REPORT_TREE,
    REPORT_PLAIN,
    REPORT_GITHUB,
    REPORT_JSON,
} ReportForm;

typedef struct EnvReport {
    Cli *cli;
    ReportForm form;
    const char *title; /* "create feat-x"; lent */
    Tree tree;
    LiveLines live;
    int64_t drawn_ms;
    bool stale;
    bool keeps_output;
    Prefix prefix;
    Github github;
} EnvReport;

void env_report_init(EnvReport *report, Cli *cli, const char *title);
void env_report_deinit(EnvReport *report);
/* Does it want the steps that there are (env_report_expect)? */
bool env_report_expects(const EnvReport *report);
void env_report_expect(EnvReport *report, const Value *steps, const char *phases);
/* json: the event as it came. */
void env_report_event(EnvReport *report, const EnvEvent *event, const char *json, size_t size);
/* The hook of a step has written a line. */
void env_report_line(EnvReport *report, const LogEntry *entry);
/* Other talk follows on stderr. */
void env_report_pause(EnvReport *report);
void env_report_draw(EnvReport *report);
/* Until it wants to draw again; -1: it does not. */
int env_report_timeout(const EnvReport *report);
/* Nothing more will come; the terminal is others' again. */
void env_report_close(EnvReport *report);
