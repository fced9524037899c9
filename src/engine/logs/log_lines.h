/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of the pieces of one run's log. Two streams are mixed there, so a line of one may be
 * open while lines of the other end. A line is given where it ends; who goes on behind it later
 * must begin at its `from`, where the other's open line began. */
#pragma once

#include "backend/backend.h"
#include "base/buf.h"
#include "engine/logs/log_hub.h"

typedef struct LogLines {
    struct {
        Buf text; /* of a line that has no end yet */
        uint64_t at, end;
        int64_t time_us;
    } open[2];             /* stream 1, 2 */
    uint64_t take_from[2]; /* what lies before was shown already, or was not asked for */
    uint64_t last;         /* offset of the last line */
    int spent;             /* the stream whose open line was given out; 0: none */
} LogLines;

void log_lines_init(LogLines *lines);
void log_lines_deinit(LogLines *lines);
/* Begins anew, with another run. */
void log_lines_reset(LogLines *lines);

/* Goes on in the piece at *at (0 at first) and moves it; true: a line, lent until the next call and
 * as long as the piece; false: the piece is used up. The offset of a gap's piece is that of what
 * follows it. */
bool log_lines_next(LogLines *lines, const LogPiece *piece, size_t *at, LogLine *ret);
/* The log ends at `end`; over: for ever. What has no newline is a line all the same: one per call,
 * false: none is left. The one that other lines have passed already gets the offset behind the end,
 * if it is over. */
bool log_lines_flush(LogLines *lines, uint64_t end, bool over, LogLine *ret);
