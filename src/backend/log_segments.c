/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/log_segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/xalloc.h"
#include "pin/wire.h"

enum { OFFSET_DIGITS = 16 };

typedef struct SegmentPath {
    char text[PATH_MAX];
} SegmentPath;

static const char *segment_path(SegmentPath *path, const char *dir, const char *prefix,
                                uint64_t at) {
    snprintf(path->text, sizeof path->text, "%s/%s%016llx", dir, prefix, (unsigned long long)at);
    return path->text;
}

/* "log.00000000000004d2" → 1234 */
static bool segment_name(const char *name, uint64_t *ret_at) {
    size_t prefix = sizeof LOG_DATA - 1;
    if (strncmp(name, LOG_DATA, prefix) != 0 || strlen(name) != prefix + OFFSET_DIGITS)
        return false;
    if (strspn(name + prefix, "0123456789abcdef") != OFFSET_DIGITS)
        return false;
    *ret_at = strtoull(name + prefix, NULL, 16);
    return true;
}

static int by_offset(const void *a, const void *b) {
    uint64_t x = ((const LogSegment *)a)->at, y = ((const LogSegment *)b)->at;
    return x < y ? -1 : x > y;
}

static int open_segment(const char *dir, const char *prefix, uint64_t at, Err *err) {
    SegmentPath path;
    int fd = sys_openat(AT_FDCWD, segment_path(&path, dir, prefix, at),
                        O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd < 0 && errno != ENOENT)
        err_sys(err, errno, "read %s", path.text);
    return fd;
}

int log_segment_stat(const char *dir, uint64_t at, LogSegment *ret, Err *err) {
    SegmentPath path;
    struct stat st;
    if (lstat(segment_path(&path, dir, LOG_DATA, at), &st) < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "read %s", path.text);
    *ret = (LogSegment){
        .at = at,
        .size = (uint64_t)st.st_size,
        .mtime_us = st.st_mtim.tv_sec * 1000000LL + st.st_mtim.tv_nsec / 1000,
    };
    return 1;
}

int log_segments_list(const char *dir, LogSegments *ret, Err *err) {
    LogSegments found = {0};
    DIR *stream = opendir(dir);
    if (!stream && errno != ENOENT)
        return err_sys(err, errno, "read the log in %s", dir);
    struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        uint64_t at;
        if (!segment_name(entry->d_name, &at))
            continue;
        if ((found.n & (found.n - 1)) == 0)
            found.at = xreallocarray(found.at, found.n ? found.n * 2 : 1, sizeof *found.at);
        found.at[found.n++] = (LogSegment){.at = at};
    }
    if (stream)
        closedir(stream);
    if (found.n) {
        qsort(found.at, found.n, sizeof *found.at, by_offset);
        if (log_segment_stat(dir, found.at[found.n - 1].at, &found.at[found.n - 1], err) < 0) {
            log_segments_deinit(&found);
            return -1;
        }
    }
    *ret = found;
    return 0;
}

void log_segments_deinit(LogSegments *segments) {
    free(segments->at);
    *segments = (LogSegments){0};
}

uint64_t log_segments_end(const LogSegments *segments) {
    const LogSegment *last = segments->n ? &segments->at[segments->n - 1] : NULL;
    return last ? last->at + last->size : 0;
}

ssize_t log_segment_read(const char *dir, const LogRead *read, Err *err) {
    int fd = open_segment(dir, read->prefix, read->segment, err);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    ssize_t n;
    do
        n = pread(fd, read->into, read->size, (off_t)read->from);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        err_sys(err, errno, "read the log in %s", dir);
    close(fd);
    return n; /* of a file, less than was asked for is its end */
}

int log_index_size(const char *dir, uint64_t segment, uint64_t *ret, Err *err) {
    SegmentPath path;
    struct stat st;
    if (lstat(segment_path(&path, dir, LOG_INDEX, segment), &st) < 0) {
        if (errno != ENOENT)
            return err_sys(err, errno, "read %s", path.text);
        st.st_size = 0;
    }
    *ret = (uint64_t)st.st_size;
    return 0;
}
