/* SPDX-License-Identifier: Apache-2.0 */
/* Many problems at once: what is wrong with a file, each with its place. Warnings do not stop,
 * errors do. */
#pragma once

#include "base/arena.h"

typedef struct Place {
    const char *file;
    uint32_t line, column; /* from 1; 0: unknown */
    const char *path; /* of the key: "services.api.ready.http.port"; NULL or "": the file itself */
} Place;

typedef struct Problem {
    Place place;
    bool warning;
    const char *message; /* lower case, no full stop */
    const char *hint;    /* the way out; NULL: none */
} Problem;

typedef struct Report {
    Arena *arena; /* where problems live */
    Problem *at;  /* in the order found, until sorted; at most MAX_PROBLEMS */
    size_t n, cap;
    size_t errors, warnings; /* all that were found */
} Report;

void report_init(Report *report, Arena *arena);
void report_add(Report *report, const Place *place, const char *hint, const char *format, ...)
    PRINTF(4, 5);
void report_warn(Report *report, const Place *place, const char *hint, const char *format, ...)
    PRINTF(4, 5);
/* By file, in the order in which each was first found wrong, and by position in it. */
void report_sort(Report *report);
/* "thole.yaml:3:5: services.api.port: 99999 is outside 1..65535 (hint)" without a newline. */
const char *report_line(const Problem *problem, Arena *arena);
