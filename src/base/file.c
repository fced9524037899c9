/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/sys.h"
#include "base/xalloc.h"

/* All there is; its size, or -1 with errno. EFBIG: it is more than `max` bytes. */
static ssize_t read_all(int fd, size_t max, char **ret) {
    struct stat st;
    size_t cap = fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size < max
                     ? (size_t)st.st_size + 1
                     : 4096;
    AUTO_FREE char *bytes = xmalloc(cap + 1);
    size_t n = 0;
    for (ssize_t got; (got = sys_read(fd, bytes + n, cap - n)) != 0;) {
        if (got < 0)
            return -1;
        n += (size_t)got;
        if (n > max)
            return errno = EFBIG, -1;
        if (n == cap) {
            cap *= 2;
            bytes = xrealloc(bytes, cap + 1);
        }
    }
    bytes[n] = '\0';
    *ret = TAKE(bytes);
    return (ssize_t)n;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_size, Err *err) {
    struct stat st;
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, errno, "open %s", path);
    if (fstat(fd, &st) < 0)
        return err_sys(err, errno, "look at %s", path);
    if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is a pipe or socket, not a file", path);
    ssize_t n = read_all(fd, max, ret);
    if (n < 0 && errno == EFBIG)
        return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, max);
    if (n < 0)
        return err_sys(err, errno, "read %s", path);
    if (ret_size)
        *ret_size = (size_t)n;
    return 0;
}

static int write_all(int fd, const char *name, const char *bytes, size_t size, Err *err) {
    while (size) {
        ssize_t done = sys_write(fd, bytes, size);
        if (done < 0)
            return err_sys(err, errno, "write %s", name);
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

int file_write(const char *path, const void *bytes, size_t size, mode_t mode, Err *err) {
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return err_sys(err, errno, "create %s", path);
    return write_all(fd, path, bytes, size, err);
}

int file_write_new(const char *path, const void *bytes, size_t size, mode_t mode, Err *err) {
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT, "%s is there already", path);
    if (fd < 0)
        return err_sys(err, errno, "create %s", path);
    if (write_all(fd, path, bytes, size, err) == 0)
        return 0;
    sys_unlinkat(AT_FDCWD, path, 0);
    return -1;
}

int file_append(const char *path, const void *bytes, size_t size, mode_t mode, Err *err) {
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, mode);
    if (fd < 0)
        return err_sys(err, errno, "open %s", path);
    off_t before = lseek(fd, 0, SEEK_END);
    if (write_all(fd, path, bytes, size, err) == 0)
        return 0;
    if (before >= 0)
        (void)!ftruncate(fd, before);
    return -1;
}

/* What a writer that was killed left there goes, and so does a link that somebody put there. */
static int create_new(const char *path, mode_t mode) {
    enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC };
    int fd = sys_openat(AT_FDCWD, path, FLAGS, mode);
    if (fd < 0 && errno == EEXIST && sys_unlinkat(AT_FDCWD, path, 0) == 0)
        fd = sys_openat(AT_FDCWD, path, FLAGS, mode);
    return fd;
}

static int sync_directory_of(const char *path, Err *err) {
    AUTO_FREE char *parent = path_dir(path);
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    return fd < 0 || sys_fsync(fd) < 0 ? err_sys(err, errno, "sync the directory of %s", path) : 0;
}

int file_write_atomic(const char *path, const void *bytes, size_t size, mode_t mode, bool sync,
                      Err *err) {
    AUTO_FREE char *temporary = xasprintf("%s.tmp", path);
    AUTO_CLOSE int fd = create_new(temporary, mode);
    if (fd < 0)
        return err_sys(err, errno, "create %s", temporary);
    int r = write_all(fd, temporary, bytes, size, err);
    if (r == 0 && sync && sys_fsync(fd) < 0)
        r = err_sys(err, errno, "sync %s", temporary);
    sys_point("rename");
    if (r == 0 && sys_renameat(AT_FDCWD, temporary, AT_FDCWD, path) < 0)
        r = err_sys(err, errno, "rename %s into place", temporary);
    if (r < 0)
        sys_unlinkat(AT_FDCWD, temporary, 0);
    else if (sync)
        r = sync_directory_of(path, err);
    return r;
}

int file_lock(const char *path, bool wait, int *ret_fd, Err *err) {
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, errno, "open %s", path);
    while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
        if (errno == EWOULDBLOCK)
            return err_set(err, ERR_CONFLICT, "%s is locked by another process", path);
        if (errno != EINTR)
            return err_sys(err, errno, "lock %s", path);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int file_write_buf(const char *path, const Buf *buf, mode_t mode, Err *err) {
    if (buf->failed)
        return err_set(err, ERR_LIMIT, "%s would be too large", path);
    return file_write_atomic(path, buf->p, buf->n, mode, false, err);
}
