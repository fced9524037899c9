/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/xalloc.h"

int file_read_fd(int fd, const char *name, size_t max, char **ret, size_t *ret_size, Err *err) {
    struct stat st;
    size_t cap = fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size < max ? (size_t)st.st_size + 1 : 4096;
    AUTO_FREE char *bytes = xmalloc(cap + 1);
    size_t n = 0;
    for (;;) {
        ssize_t got = sys_read(fd, bytes + n, cap - n);
        if (got < 0)
            return err_sys(err, errno, "read %s", name);
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max)
            return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", name, max);
        if (n == cap) {
            cap *= 2;
            bytes = xrealloc(bytes, cap + 1);
        }
    }
    bytes[n] = '\0';
    *ret = TAKE(bytes);
    if (ret_size)
        *ret_size = n;
    return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_size, Err *err) {
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, errno, "open %s", path);
    return file_read_fd(fd, path, max, ret, ret_size, err);
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

static int fill(const char *path, const void *bytes, size_t size, mode_t mode, bool sync, Err *err) {
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return err_sys(err, errno, "create %s", path);
    if (write_all(fd, path, bytes, size, err) < 0)
        return -1;
    if (sync && sys_fsync(fd) < 0)
        return err_sys(err, errno, "sync %s", path);
    return 0;
}

int file_write_atomic(const char *path, const void *bytes, size_t size, mode_t mode, bool sync, Err *err) {
    AUTO_FREE char *temporary = xasprintf("%s.tmp", path);
    if (fill(temporary, bytes, size, mode, sync, err) < 0) {
        sys_unlinkat(AT_FDCWD, temporary, 0);
        return -1;
    }
    sys_point("rename");
    if (sys_renameat(AT_FDCWD, temporary, AT_FDCWD, path) < 0) {
        err_sys(err, errno, "rename %s into place", temporary);
        sys_unlinkat(AT_FDCWD, temporary, 0);
        return -1;
    }
    return 0;
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
