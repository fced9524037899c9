/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the log of one run as a pin does (segments and index of pin/wire.h), for what has no pin:
 * the server copies the logs of containers with it. One put is one entry of the index: bytes and
 * entry are both there after a crash, or neither. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

typedef struct LogWriter LogWriter;

/* Goes on behind what is there already; bytes that a killed writer left without their entry, and
 * entries whose bytes a power cut took, are cut off. `run_dir` must exist; `max`: bytes to keep, 0:
 * all. One writer per log. */
LogWriter *log_writer_new(const char *run_dir, uint64_t max, Err *err);
LogWriter *log_writer_free(LogWriter *writer);

/* At most MAX_LOG_LINE bytes. Never fails: what the disk does not take is a gap in the log. */
void log_writer_put(LogWriter *writer, int stream, int64_t time_us, const char *bytes, size_t n);
uint64_t log_writer_end(const LogWriter *writer); /* logical end of the log */
/* The end, and what is missing before it because the disk did not take it: all that was put, also
 * by those before, but for a gap that a killed writer owed or that went with the oldest
 * segments. */
uint64_t log_writer_put_in_all(const LogWriter *writer);
