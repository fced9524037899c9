/* SPDX-License-Identifier: Apache-2.0 */
#include "base/report.h"

#include <stdarg.h>
#include <string.h>

#include "base/limits.h"

void report_init(Report *report, Arena *arena) {
    *report = (Report){.arena = arena};
}

static void keep(Report *report, const Problem *problem) {
    report->at =
        arena_grow(report->arena, report->at, report->n, &report->cap, sizeof(*report->at));
    report->at[report->n++] = *problem;
}

/* Problems beyond the maximum are only counted. */
PRINTF(3, 0)
static void add(Report *report, const Problem *problem, const char *format, va_list args) {
    if (problem->warning)
        report->warnings++;
    else
        report->errors++;
    if (report->n == MAX_PROBLEMS)
        return;
    Arena *arena = report->arena;
    const Place *place = &problem->place;
    Problem own = {
        .place = {.line = place->line, .column = place->column},
        .warning = problem->warning,
        .message = arena_vprintf(arena, format, args),
        .hint = problem->hint ? arena_strdup(arena, problem->hint) : NULL,
    };
    own.place.file = arena_strdup(arena, place->file ? place->file : "");
    own.place.path = arena_strdup(arena, place->path ? place->path : "");
    keep(report, &own);
}

void report_add(Report *report, const Place *place, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(report, &(Problem){.place = *place, .hint = hint}, format, args);
    va_end(args);
}

void report_warn(Report *report, const Place *place, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(report, &(Problem){.place = *place, .warning = true, .hint = hint}, format, args);
    va_end(args);
}

/* The first problem of its file. */
static size_t first_of_file(const Report *report, const char *file) {
    size_t i = 0;
    while (strcmp(report->at[i].place.file, file) != 0)
        i++;
    return i;
}

static bool goes_after(const Place *a, const Place *b) {
    return a->line != b->line ? a->line > b->line : a->column > b->column;
}

/* By insertion, which keeps what is told of one place in its order. Those before i are sorted, so
 * that those of a file among them stand together. */
void report_sort(Report *report) {
    for (size_t i = 1; i < report->n; i++) {
        Problem moved = report->at[i];
        size_t first = first_of_file(report, moved.place.file), k = i;
        while (k > first && (strcmp(report->at[k - 1].place.file, moved.place.file) != 0 ||
                             goes_after(&report->at[k - 1].place, &moved.place))) {
            report->at[k] = report->at[k - 1];
            k--;
        }
        report->at[k] = moved;
    }
}

const char *report_line(const Problem *problem, Arena *arena) {
    const Place *p = &problem->place;
    const char *at =
        p->line ? arena_printf(arena, "%s:%u:%u", p->file, p->line, p->column) : p->file;
    const char *key = p->path && p->path[0] ? arena_printf(arena, "%s: ", p->path) : "";
    const char *hint = problem->hint ? arena_printf(arena, "; %s", problem->hint) : "";
    return arena_printf(arena, "%s: %s%s%s%s", at, problem->warning ? "warning: " : "", key,
                        problem->message, hint);
}
