/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the log of one run as pins (and, for containers, the server) write it: segments and index
 * of pin/wire.h. Keeps no descriptor open between calls, follows a log that is being written, and
 * prints nothing twice: offsets are stable. */
#pragma once

#include "backend/backend.h"

typedef struct LogReader LogReader;

LogReader *log_reader_new(const char *run_dir); /* the directory need not exist yet */
LogReader *log_reader_free(LogReader *reader);

/* Next piece at or after the position; 1: there is one, 0: the end for now, -1: err. The data is
 * lent until the next call; at most 64 KiB. */
MUST int log_reader_next(LogReader *reader, LogPiece *ret, Err *err);

void log_reader_seek(LogReader *reader, uint64_t offset);
/* Positions at the first piece not older than time_us. Cost: O(log n) of the index. */
MUST int log_reader_seek_time(LogReader *reader, int64_t time_us, Err *err);
/* Positions so that the last n lines (of both streams together) follow; the cost is what it
 * shows. */
MUST int log_reader_seek_tail(LogReader *reader, size_t lines, Err *err);
uint64_t log_reader_tell(const LogReader *reader);
MUST int log_reader_bounds(LogReader *reader, uint64_t *ret_first, uint64_t *ret_end, Err *err);
