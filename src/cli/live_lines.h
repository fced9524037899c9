/* SPDX-License-Identifier: Apache-2.0 */
/* Lines at the foot of a terminal that are drawn again and again, and what is printed for good
 * above them. A frame is one write that overwrites the one before, so that nothing flickers. Pure:
 * no I/O. */
#pragma once

#include <stddef.h>

#include "base/buf.h"

enum { LIVE_LINES_MOST = 64 };

typedef struct LiveLine {
    const char *text; /* may have colours; no longer than the terminal is wide */
    size_t columns;   /* that it takes */
} LiveLine;

typedef struct LiveLines {
    size_t n; /* on the screen now */
    size_t columns[LIVE_LINES_MOST];
} LiveLines;

typedef struct LiveFrame {
    const char *above; /* whole lines, which stay; may be "" */
    const LiveLine *at;
    size_t n;     /* of LIVE_LINES_MOST */
    size_t width; /* of the terminal as it is now: lines of before may take several rows by it */
} LiveFrame;

void live_lines_frame(LiveLines *live, const LiveFrame *frame, Buf *out);
