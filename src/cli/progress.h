/* SPDX-License-Identifier: Apache-2.0 */
/* The lines at the foot of a terminal that say what is on its way and what it waits for. */
#pragma once

#include "cli/targets.h"

enum { PROGRESS_LINES_MOST = 12 }; /* rows */

typedef struct Progress {
    bool on; /* stderr is a terminal */
    bool color;
    size_t lines; /* on the screen now */
    /* of each its columns: when the window has become narrower it takes several rows */
    size_t columns[PROGRESS_LINES_MOST + 1];
    int64_t at_ms; /* when it was drawn last */
    bool stale;
} Progress;

void progress_init(Progress *progress, bool color);
/* Takes it away, for other output. */
void progress_clear(Progress *progress);
/* One that is pending. */
typedef struct ProgressRow {
    const char *name, *word, *why; /* why may be "" */
    const char *color;             /* SGR, of the word; NULL: none */
    int64_t since_ms;              /* monotonic: so long it has been so */
} ProgressRow;

/* Is it time to draw? */
bool progress_due(const Progress *progress);
/* Draws those that there is room for; nothing if there are none. `n` of them are given, of `all`
 * there are. */
void progress_rows(Progress *progress, const ProgressRow *rows, size_t n, size_t all);
/* Draws what is chosen and pending, if it is time. */
void progress_draw(Progress *progress, const Targets *targets);
/* How long until it wants to be drawn again; -1: it does not. */
int progress_timeout(const Progress *progress);
/* Says that something changed. */
void progress_touch(Progress *progress);
