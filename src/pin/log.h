/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a run: segments of bytes with an index beside each, as wire.h describes them. Bytes
 * that cannot be written are dropped and counted; a gap entry says so as soon as writing works
 * again. */
#pragma once

#include <stdint.h>
#include <sys/uio.h>

/* More segments than are ever kept: all but the newest have their full size. */
enum { LOG_STARTS = 16 };

typedef struct Log {
    int dir;
    int data, index; /* of the newest segment; -1: none yet */
    uint64_t first;  /* logical offset of the oldest segment */
    uint64_t start;  /* of the newest */
    uint64_t starts[LOG_STARTS];
    uint32_t oldest, newest; /* of starts, modulo LOG_STARTS; the first segment is number 1 */
    uint64_t size;           /* logical end */
    uint64_t indexed;        /* bytes in the newest index */
    uint64_t max;            /* bytes to keep, 0: all */
    uint64_t segment;        /* bytes after which a new segment begins */
    uint64_t lost;           /* bytes dropped since the last gap entry */
} Log;

/* Lends `dir`, the run directory. */
void log_init(Log *log, int dir, uint64_t max);

/* Appends the parts as one entry. Never fails: see `lost`. */
void log_put(Log *log, int stream, int64_t time_us, const struct iovec *parts, int count);

/* Writes the gap that is still owed, if it can, and closes the files. */
void log_close(Log *log);
