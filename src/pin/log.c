/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/log.h"

#include "base/sys.h"
#include "pin/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME = 32, PARTS = 64 };

void log_init(Log *log, int dir, uint64_t max) {
    uint64_t segment = max / LOG_SEGMENTS;
    if (max == 0 || segment > LOG_SEGMENT_MAX)
        segment = LOG_SEGMENT_MAX;
    if (segment < LOG_SEGMENT_MIN)
        segment = LOG_SEGMENT_MIN;
    *log = (Log){.dir = dir, .data = -1, .index = -1, .max = max, .segment = segment};
}

static const char *name(char *buffer, const char *prefix, uint64_t at) {
    snprintf(buffer, NAME, "%s%016" PRIx64, prefix, at);
    return buffer;
}

static void drop_files(const Log *log, uint64_t at) {
    char path[NAME];
    sys_unlinkat(log->dir, name(path, LOG_DATA, at), 0);
    sys_unlinkat(log->dir, name(path, LOG_INDEX, at), 0);
}

static int open_file(const Log *log, const char *prefix) {
    char path[NAME];
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
    return sys_openat(log->dir, name(path, prefix, log->size), flags, 0600);
}

static void close_files(Log *log) {
    if (log->data >= 0) {
        close(log->data);
        close(log->index);
    }
    log->data = log->index = -1;
}

/* Begins a segment at the logical end. On failure the old one, if there is one, stays in use: it may be larger. */
static int open_segment(Log *log) {
    int data = open_file(log, LOG_DATA);
    if (data < 0)
        return -1;
    int index = open_file(log, LOG_INDEX);
    if (index < 0) {
        close(data);
        drop_files(log, log->size);
        return -1;
    }
    close_files(log);
    log->data = data;
    log->index = index;
    log->start = log->size;
    log->indexed = 0;
    return 0;
}

/* Removes oldest segments while more than `max` is kept. A segment ends where the next begins. */
static void trim(Log *log) {
    while (log->max > 0 && log->first < log->start && log->size - log->first > log->max) {
        char path[NAME];
        struct stat data;
        uint64_t next = log->start;
        if (fstatat(log->dir, name(path, LOG_DATA, log->first), &data, 0) == 0 && data.st_size > 0)
            next = log->first + (uint64_t)data.st_size;
        drop_files(log, log->first);
        log->first = next < log->start ? next : log->start;
    }
}

/* Writes all parts; returns how many bytes went to disk. */
static uint64_t write_parts(int fd, const struct iovec *parts, int count) {
    struct iovec left[PARTS];
    uint64_t done = 0;
    int at = 0;
    memcpy(left, parts, sizeof(*parts) * (size_t)count);
    while (at < count) {
        ssize_t size = sys_writev(fd, left + at, count - at);
        if (size <= 0)
            return done;
        done += (uint64_t)size;
        while (at < count && (size_t)size >= left[at].iov_len)
            size -= (ssize_t)left[at++].iov_len;
        if (at < count) {
            left[at].iov_base = (char *)left[at].iov_base + size;
            left[at].iov_len -= (size_t)size;
        }
    }
    return done;
}

static int write_entry(Log *log, const LogChunk *entry) {
    ssize_t size = sys_write(log->index, entry, sizeof(*entry));
    if (size != (ssize_t)sizeof(*entry)) {
        if (size > 0)
            (void)!ftruncate(log->index, (off_t)log->indexed);
        return -1;
    }
    log->indexed += sizeof(*entry);
    return 0;
}

/* Has a segment open, and in it the gap that is owed. */
static int prepare(Log *log, int64_t time_us) {
    if ((log->data < 0 || log->size - log->start >= log->segment) && open_segment(log) < 0 &&
        log->data < 0)
        return -1;
    if (log->lost == 0)
        return 0;
    uint32_t lost = log->lost > UINT32_MAX ? UINT32_MAX : (uint32_t)log->lost;
    LogChunk gap = {log->size, time_us, lost, LOG_GAP, LOG_GAP_DISK};
    if (write_entry(log, &gap) < 0)
        return -1;
    log->lost -= lost;
    return 0;
}

/* The bytes come first, their entry next. Bytes without an entry are taken back. */
static uint64_t append(Log *log, const LogPiece *piece) {
    if (prepare(log, piece->time_us) < 0)
        return 0;
    uint64_t done = write_parts(log->data, piece->parts, piece->count);
    LogChunk entry = {log->size, piece->time_us, (uint32_t)done, LOG_BYTES, (uint16_t)piece->stream};
    if (done == 0)
        return 0;
    if (write_entry(log, &entry) < 0) {
        (void)!ftruncate(log->data, (off_t)(log->size - log->start));
        return 0;
    }
    log->size += done;
    trim(log);
    return done;
}

void log_put(Log *log, const LogPiece *piece) {
    uint64_t size = 0;
    for (int i = 0; i < piece->count; i++)
        size += piece->parts[i].iov_len;
    if (size > 0)
        log->lost += size - append(log, piece);
}

void log_close(Log *log) {
    if (log->lost > 0)
        (void)prepare(log, sys_wall_us());
    close_files(log);
}
