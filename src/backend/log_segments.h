/* SPDX-License-Identifier: Apache-2.0 */
/* The segment files of one run's log (pin/wire.h): which there are, and bytes from them. Opens and
 * closes at each call, so that a reader who waits holds nothing and never keeps a segment that the
 * cap has removed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

typedef struct LogSegment {
    uint64_t at;   /* logical offset of its first byte */
    uint64_t size; /* bytes of data */
    int64_t mtime_us;
} LogSegment;

typedef struct LogSegments {
    LogSegment *at; /* by offset; `size` and `mtime_us` of the last alone are filled in */
    size_t n;
} LogSegments;

/* What lies in `dir`; a directory that is not there has none. */
MUST int log_segments_list(const char *dir, LogSegments *ret, Err *err);
void log_segments_deinit(LogSegments *segments);
uint64_t log_segments_end(const LogSegments *segments); /* logical end of the log */

/* One segment's size and time. 1: it is there, 0: it is not, -1: err. */
MUST int log_segment_stat(const char *dir, uint64_t at, LogSegment *ret, Err *err);

typedef struct LogRead {
    const char *prefix; /* LOG_DATA or LOG_INDEX */
    uint64_t segment;
    uint64_t from; /* byte in the file */
    void *into;
    size_t size;
} LogRead;

/* Bytes read, fewer than asked for at the end of the file; 0 too when the file is not there; -1:
 * err. */
MUST ssize_t log_segment_read(const char *dir, const LogRead *read, Err *err);
/* Bytes of the index file, 0 when it is not there. */
MUST int log_index_size(const char *dir, uint64_t segment, uint64_t *ret, Err *err);
