/* SPDX-License-Identifier: Apache-2.0 */
/* The lines at the foot of a terminal that say what is on its way and what it waits for. */
#pragma once

#include "cli/targets.h"

enum { PROGRESS_LINES_MOST = 12 };

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
/* Draws what is chosen and pending; nothing if there is nothing. */
void progress_draw(Progress *progress, const Targets *targets);
/* How long until it wants to be drawn again; -1: it does not. */
int progress_timeout(const Progress *progress);
/* Says that something changed. */
void progress_touch(Progress *progress);
