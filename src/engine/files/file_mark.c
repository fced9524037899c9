/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/files/file_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "spec/digest.h"

enum { READ_BYTES = 64 << 10 };

static int64_t to_ns(struct timespec t) {
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void file_mark_stat(const struct stat *st, FileMark *ret) {
    *ret = (FileMark){
        .there = true,
        .size = st->st_size,
        .mtime_ns = to_ns(st->st_mtim),
        .ctime_ns = to_ns(st->st_ctim),
        .inode = st->st_ino,
    };
}

/* -1, with errno; EFBIG: it is more than `max` bytes, and who appends may be as fast as we are. */
static int read_all(int fd, int64_t max, uint8_t ret[DIGEST_BYTES]) {
    AUTO_FREE char *bytes = xmalloc(READ_BYTES);
    Digest *digest = digest_new();
    int64_t all = 0;
    ssize_t n;
    while ((n = sys_read(fd, bytes, READ_BYTES)) > 0 && (all += n) <= max)
        digest_add(digest, bytes, (size_t)n);
    int why = n > 0 ? EFBIG : errno;
    digest_take(digest, ret);
    digest_free(digest);
    errno = why;
    return n == 0 ? 0 : -1;
}

static bool hash(int fd, uint8_t ret[MARK_HASH]) {
    uint8_t whole[DIGEST_BYTES];
    bool good = read_all(fd, MAX_HASHED_BYTES, whole) == 0;
    memcpy(ret, whole, MARK_HASH);
    return good;
}

int file_content(const char *path, uint8_t *ret, Err *err) {
    struct stat st;
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, errno, "open %s", path);
    if (read_all(fd, st.st_size > MAX_HASHED_BYTES ? st.st_size : MAX_HASHED_BYTES, ret) == 0)
        return 0;
    if (errno == EFBIG)
        return err_set(err, ERR_CONFLICT, "%s grows while it is read", path);
    return err_sys(err, errno, "read %s", path);
}

void file_mark_read(const char *path, FileMark *ret) {
    struct stat st;
    *ret = (FileMark){0};
    int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0) {
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
            file_mark_stat(&st, ret);
        return;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        file_mark_stat(&st, ret);
        if (st.st_size <= MAX_HASHED_BYTES)
            ret->hashed = hash(fd, ret->hash);
    }
    close(fd);
}

bool file_mark_untouched(const FileMark *a, const FileMark *b) {
    return a->there == b->there && a->size == b->size && a->mtime_ns == b->mtime_ns &&
           a->ctime_ns == b->ctime_ns && a->inode == b->inode;
}

bool file_mark_same(const FileMark *a, const FileMark *b) {
    if (a->there != b->there)
        return false;
    if (!a->there)
        return true;
    if (a->hashed && b->hashed)
        return memcmp(a->hash, b->hash, MARK_HASH) == 0;
    return a->size == b->size && a->mtime_ns == b->mtime_ns;
}
