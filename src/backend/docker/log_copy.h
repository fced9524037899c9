/* SPDX-License-Identifier: Apache-2.0 */
/* LogCopy: the log of a container, as its engine streams it, into the log of its run: demuxed,
 * masked, with the engine's times.
 *
 * Each byte is stored once, whoever was killed and wherever the stream was cut: a stream always
 * begins at the beginning of the container's log, and as much of what comes of it as is stored
 * already, or is a gap because the disk was full, is passed over. What comes of it depends on its
 * frames alone, not on how they arrive. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

typedef struct LogCopy LogCopy;

typedef struct LogCopyAsk {
    const char *dir;     /* of the run */
    uint64_t max;        /* bytes to keep, 0: all */
    uint64_t from;       /* what was put into the run's log before the container's */
    const char *secrets; /* each with its NUL */
    size_t secrets_size;
} LogCopyAsk;

MUST LogCopy *log_copy_new(const LogCopyAsk *ask, Err *err);
LogCopy *log_copy_free(LogCopy *copy);
/* A line of our own, before the container's log, which then begins behind it; or at its end. */
void log_copy_say(LogCopy *copy, const char *line);
uint64_t log_copy_from(const LogCopy *copy);

/* The stream begins (again). */
void log_copy_begin(LogCopy *copy);
/* The next bytes of it: frames with times. They are stored by the next log_copy_flush at the
 * latest; what comes quickly is stored in larger pieces. -1: they are no such stream, or the engine
 * says in it that it failed. */
MUST int log_copy_put(LogCopy *copy, const char *bytes, size_t n, Err *err);
void log_copy_flush(LogCopy *copy);
/* It has ended. -1: in the middle of a frame. */
MUST int log_copy_end(LogCopy *copy, Err *err);
/* Nothing comes any more: what was held back is stored. */
void log_copy_finish(LogCopy *copy);
uint64_t log_copy_size(const LogCopy *copy); /* logical end of the run's log */
