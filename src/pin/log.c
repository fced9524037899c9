/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/log.h"
#include "base/sys.h"
#include "pin/wire.h"

#include <inttypes.h>

/* Opens, or without flags removes, one of the two files of a segment. */
static int segment(const Log *log, const char *prefix, uint64_t at, int flags) {
    char name[32];
    snprintf(name, sizeof(name), "%s%016" PRIx64, prefix, at);
    return flags == 0 ? sys_unlinkat(log->dir, name, 0) : sys_openat(log->dir, name, flags, 0600);
}

void log_init(Log *log, int dir, uint64_t max) {
    uint64_t segment = max == 0 ? LOG_SEGMENT_MAX : max / LOG_SEGMENTS;
    segment = segment > LOG_SEGMENT_MAX ? LOG_SEGMENT_MAX : segment;
    segment = segment < LOG_SEGMENT_MIN ? LOG_SEGMENT_MIN : segment;
    *log = (Log){.dir = dir, .data = -1, .index = -1, .max = max, .segment = segment, .oldest = 1};
}

static void drop_segment(const Log *log, uint64_t at) {
    segment(log, LOG_DATA, at, 0);
    segment(log, LOG_INDEX, at, 0);
}

static void close_files(Log *log) {
    close(log->data); /* -1 does no harm, here and below */
    close(log->index);
    log->data = log->index = -1;
}

/* Begins a segment at the logical end. If that fails the old one, if any, is used on and grows. */
static void open_segment(Log *log) {
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
    int data = segment(log, LOG_DATA, log->size, flags);
    int index = data < 0 ? -1 : segment(log, LOG_INDEX, log->size, flags);
    if (index < 0) {
        close(data);
        drop_segment(log, log->size);
        return;
    }
    close_files(log);
    log->data = data;
    log->index = index;
    log->start = log->starts[++log->newest % LOG_STARTS] = log->size;
    log->indexed = 0;
}

/* Removes oldest segments while, with `more`, more than `max` would be kept. */
static void trim(Log *log, uint64_t more) {
    while (log->max > 0 && log->first < log->start && log->size + more - log->first > log->max) {
        drop_segment(log, log->first);
        log->first = log->starts[++log->oldest % LOG_STARTS];
    }
}

/* The entry of `size` bytes just written, after the gap that is owed. */
static int write_entries(Log *log, int stream, int64_t time_us, uint32_t size) {
    uint32_t lost = log->lost > UINT32_MAX ? UINT32_MAX : (uint32_t)log->lost, count = 0;
    LogChunk entries[2];
    if (lost > 0)
        entries[count++] = (LogChunk){log->size, time_us, lost, LOG_GAP, LOG_GAP_DISK};
    if (size > 0)
        entries[count++] = (LogChunk){log->size, time_us, size, LOG_BYTES, (uint16_t)stream};
    ssize_t bytes = (ssize_t)(count * sizeof(*entries));
    if (sys_write(log->index, entries, (size_t)bytes) != bytes)
        return (void)!ftruncate(log->index, (off_t)log->indexed), -1;
    log->indexed += (uint64_t)bytes;
    log->lost -= lost;
    return 0;
}

/* The bytes come first, their entry next; bytes without an entry are taken back. A write that falls
 * short has met a full disk or a limit: the rest is lost. */
void log_put(Log *log, int stream, int64_t time_us, const struct iovec *parts, int count) {
    uint64_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    if (size > 0 && (log->data < 0 || log->size - log->start >= log->segment))
        open_segment(log);
    trim(log, size);
    ssize_t bytes = size > 0 ? sys_writev(log->data, parts, count) : 0;
    uint32_t done = bytes > 0 ? (uint32_t)bytes : 0;
    if (done > 0 && write_entries(log, stream, time_us, done) < 0) {
        (void)!ftruncate(log->data, (off_t)(log->size - log->start));
        done = 0;
    }
    log->size += done;
    log->lost += size - done;
}

void log_close(Log *log) {
    if (log->lost > 0 && log->data < 0)
        open_segment(log);
    if (log->lost > 0)
        (void)write_entries(log, 0, sys_wall_us(), 0);
    close_files(log);
}
