/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/log_writer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "backend/log_segments.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "pin/wire.h"

struct LogWriter {
    int dir;
    int data, index;  /* of the newest segment; -1: none yet */
    char *path;       /* of dir */
    uint64_t start;   /* of the newest segment */
    uint64_t size;    /* logical end */
    uint64_t indexed; /* bytes in the newest index */
    uint64_t max;     /* bytes to keep, 0: all */
    uint64_t segment; /* bytes after which a new one begins */
    uint64_t lost;    /* bytes dropped since the last gap entry */
    uint64_t gaps;    /* bytes that all gap entries stand for */
};

/* ---- Segments ---- */

static int drop_file(const LogWriter *writer, const char *prefix, uint64_t at) {
    char name[32];
    snprintf(name, sizeof(name), "%s%016" PRIx64, prefix, at);
    return sys_unlinkat(writer->dir, name, 0);
}

static void close_files(LogWriter *writer) {
    if (writer->data >= 0)
        close(writer->data);
    if (writer->index >= 0)
        close(writer->index);
    writer->data = writer->index = -1;
}

static int open_file(const LogWriter *writer, const char *prefix, uint64_t at, Err *err) {
    char name[32];
    snprintf(name, sizeof(name), "%s%016" PRIx64, prefix, at);
    int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    int fd = sys_openat(writer->dir, name, flags, 0600);
    return fd < 0 ? err_sys(err, errno, "open %s", name) : fd;
}

/* Removes oldest segments while more than `max` is kept; the newest stays. */
static void trim(const LogWriter *writer) {
    LogSegments segments;
    if (writer->max == 0 || log_segments_list(writer->path, &segments, NULL) < 0)
        return;
    for (size_t i = 0; i + 1 < segments.n; i++) {
        if (writer->size - segments.at[i].at <= writer->max)
            break;
        drop_file(writer, LOG_DATA, segments.at[i].at);
        drop_file(writer, LOG_INDEX, segments.at[i].at);
    }
    log_segments_deinit(&segments);
}

/* Begins a segment at the logical end. If that fails the old one, if any, is used on and grows. */
static void open_segment(LogWriter *writer) {
    int data = open_file(writer, LOG_DATA, writer->size, NULL);
    int index = data < 0 ? -1 : open_file(writer, LOG_INDEX, writer->size, NULL);
    if (index < 0) {
        if (data >= 0)
            close(data);
        drop_file(writer, LOG_DATA, writer->size);
        return;
    }
    close_files(writer);
    writer->data = data;
    writer->index = index;
    writer->start = writer->size;
    writer->indexed = 0;
    trim(writer);
}

/* ---- What is there already ---- */

/* Entries of the newest segment whose bytes are there, and where those end. */
static int count_whole(LogWriter *writer, Err *err) {
    struct stat data, index;
    if (fstat(writer->data, &data) < 0 || fstat(writer->index, &index) < 0)
        return err_sys(err, errno, "read the log");
    uint64_t n = (uint64_t)index.st_size / sizeof(LogChunk);
    for (; n > 0; n--) {
        LogChunk chunk;
        off_t at = (off_t)((n - 1) * sizeof(chunk));
        if (pread(writer->index, &chunk, sizeof(chunk), at) < 0)
            return err_sys(err, errno, "read the index of the log");
        uint64_t end = chunk.at + (chunk.kind == LOG_BYTES ? chunk.size : 0);
        writer->size = end;
        if (chunk.at >= writer->start && end >= chunk.at &&
            end - writer->start <= (uint64_t)data.st_size)
            break;
    }
    if (n == 0)
        writer->size = writer->start;
    writer->indexed = n * sizeof(LogChunk);
    return 0;
}

static int take_up(LogWriter *writer, uint64_t newest, Err *err) {
    writer->start = newest;
    if ((writer->data = open_file(writer, LOG_DATA, newest, err)) < 0 ||
        (writer->index = open_file(writer, LOG_INDEX, newest, err)) < 0 ||
        count_whole(writer, err) < 0)
        return -1;
    if (ftruncate(writer->index, (off_t)writer->indexed) < 0 ||
        ftruncate(writer->data, (off_t)(writer->size - newest)) < 0)
        return err_sys(err, errno, "cut the log off at its last entry");
    return 0;
}

static int count_gaps(LogWriter *writer, uint64_t segment, Err *err) {
    LogChunk chunks[64];
    LogRead read = {
        .prefix = LOG_INDEX, .segment = segment, .into = chunks, .size = sizeof(chunks)};
    for (;;) {
        ssize_t got = log_segment_read(writer->path, &read, err);
        size_t n = got < 0 ? 0 : (size_t)got / sizeof(*chunks);
        for (size_t i = 0; i < n; i++)
            if (chunks[i].kind == LOG_GAP)
                writer->gaps += chunks[i].size;
        if (n < COUNT(chunks))
            return got < 0 ? -1 : 0;
        read.from += sizeof(chunks);
    }
}

static int take_log(LogWriter *writer, Err *err) {
    LogSegments segments;
    if (log_segments_list(writer->path, &segments, err) < 0)
        return -1;
    int result = segments.n ? take_up(writer, segments.at[segments.n - 1].at, err) : 0;
    for (size_t i = 0; i < segments.n && result == 0; i++)
        result = count_gaps(writer, segments.at[i].at, err);
    log_segments_deinit(&segments);
    return result;
}

LogWriter *log_writer_new(const char *run_dir, uint64_t max, Err *err) {
    LogWriter *writer = xcalloc(1, sizeof *writer);
    uint64_t part = max == 0 ? LOG_SEGMENT_MAX : max / LOG_SEGMENTS;
    part = part > LOG_SEGMENT_MAX ? LOG_SEGMENT_MAX : part;
    writer->segment = part < LOG_SEGMENT_MIN ? LOG_SEGMENT_MIN : part;
    writer->max = max;
    writer->data = writer->index = -1;
    writer->path = xstrdup(run_dir);
    writer->dir = sys_openat(AT_FDCWD, run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (writer->dir < 0)
        err_sys(err, errno, "open %s", run_dir);
    if (writer->dir >= 0 && take_log(writer, err) == 0)
        return writer;
    return log_writer_free(writer);
}

/* ---- Writing ---- */

/* The entry of `size` bytes just written, after the gap that is owed. */
static int write_entries(LogWriter *writer, int stream, int64_t time_us, uint32_t size) {
    uint32_t lost = writer->lost > UINT32_MAX ? UINT32_MAX : (uint32_t)writer->lost, count = 0;
    LogChunk entries[2];
    if (lost > 0)
        entries[count++] = (LogChunk){writer->size, time_us, lost, LOG_GAP, LOG_GAP_DISK};
    if (size > 0)
        entries[count++] = (LogChunk){writer->size, time_us, size, LOG_BYTES, (uint16_t)stream};
    ssize_t bytes = (ssize_t)(count * sizeof(*entries));
    if (sys_write(writer->index, entries, (size_t)bytes) != bytes)
        return (void)!ftruncate(writer->index, (off_t)writer->indexed), -1;
    writer->indexed += (uint64_t)bytes;
    writer->lost -= lost;
    writer->gaps += lost;
    return 0;
}

/* The bytes come first, their entry next; bytes without an entry are taken back. */
void log_writer_put(LogWriter *writer, int stream, int64_t time_us, const char *bytes, size_t n) {
    assert(n <= MAX_LOG_LINE);
    if (n == 0)
        return;
    if (writer->data < 0 || writer->size - writer->start >= writer->segment)
        open_segment(writer);
    ssize_t put = writer->data < 0 ? 0 : sys_write(writer->data, bytes, n);
    uint32_t done = put > 0 ? (uint32_t)put : 0;
    if (done > 0 && write_entries(writer, stream, time_us, done) < 0) {
        (void)!ftruncate(writer->data, (off_t)(writer->size - writer->start));
        done = 0;
    }
    writer->size += done;
    writer->lost += n - done;
}

uint64_t log_writer_end(const LogWriter *writer) {
    return writer->size;
}

uint64_t log_writer_put_in_all(const LogWriter *writer) {
    return writer->size + writer->gaps + writer->lost;
}

LogWriter *log_writer_free(LogWriter *writer) {
    if (!writer)
        return NULL;
    if (writer->dir >= 0) {
        if (writer->lost > 0 && writer->data < 0)
            open_segment(writer);
        if (writer->lost > 0 && writer->data >= 0)
            (void)write_entries(writer, 0, clock_wall_us(), 0);
        close_files(writer);
        close(writer->dir);
    }
    free(writer->path);
    free(writer);
    return NULL;
}
