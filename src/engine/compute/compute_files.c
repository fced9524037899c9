/* SPDX-License-Identifier: Apache-2.0 */
/* Files below a root, and never beside it: a path has no "..", and a link that leads out of the
 * root is refused by the kernel (openat2), also if it is put there meanwhile. */
#include <limits.h>
#include <string.h>

#include <linux/openat2.h>

#include "base/path.h"
#include "base/sys.h"
#include "engine/compute/beside.h"
#include "engine/compute/compute_inside.h"

static bool is_plain(const char *path) {
    if (!path[0] || path[0] == '/')
        return false;
    for (const char *at = path;;) {
        size_t n = strcspn(at, "/");
        if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        if (!at[n])
            return true;
        at += n + 1;
    }
}

/* Without openat2 (old kernels, some sandboxes) the last name is opened in `parent`, and no link is
 * followed at all, which is stricter. */
static int open_below(int top, int parent, const char *path, int flags) {
    struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = (int)SYS_RETRY(syscall(SYS_openat2, top, path, &how, sizeof(how)));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = sys_openat(parent, path_base(path), flags | O_NOFOLLOW | O_CLOEXEC, 0);
    return fd;
}

static int told(Err *err, int number, const char *root, const char *path) {
    if (number == EXDEV || number == ELOOP)
        return err_set(err, ERR_INVALID, "%s leads out of %s over a link", path, root);
    if (number == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "there is no %s in %s", path, root);
    return err_sys(err, number, "%s in %s", path, root);
}

/* The first `n` bytes of `path`, component by component; those that are missing are made if
 * asked. */
static int open_dir(const char *root, const char *path, size_t n, bool make, Err *err) {
    AUTO_CLOSE int top = sys_openat(AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (top < 0)
        return err_sys(err, errno, "open %s", root);
    if (n >= PATH_MAX)
        return err_set(err, ERR_LIMIT, "a path below %s is too long", root);
    char so_far[PATH_MAX];
    AUTO_CLOSE int dir = -1;
    for (size_t end = 0; end < n; end++) {
        end += strcspn(path + end, "/");
        memcpy(so_far, path, end);
        so_far[end] = '\0';
        int parent = dir >= 0 ? dir : top;
        if (make && sys_mkdirat(parent, path_base(so_far), 0755) < 0 && errno != EEXIST)
            return told(err, errno, root, so_far);
        int next = open_below(top, parent, so_far, O_PATH | O_DIRECTORY);
        if (next < 0)
            return told(err, errno, root, so_far);
        if (dir >= 0)
            close(dir);
        dir = next;
    }
    return dir >= 0 ? TAKE_FD(dir) : TAKE_FD(top);
}

static int refuse(const char *root, const char *path, Err *err) {
    return err_set(err, ERR_INVALID, "%s is no path below %s", path, root);
}

int files_open_parent(const char *root, const char *path, bool make, Err *err) {
    size_t name = (size_t)(path_base(path) - path);
    return !is_plain(path) ? refuse(root, path, err)
                           : open_dir(root, path, name ? name - 1 : 0, make, err);
}

int files_open_dir(const char *root, const char *path, Err *err) {
    return !is_plain(path) ? refuse(root, path, err)
                           : open_dir(root, path, strlen(path), false, err);
}

/* ---- reading ---- */

static int read_all(int fd, size_t size, ComputeFile *file, Arena *arena) {
    char *bytes = arena_alloc(arena, size + 1);
    size_t n = 0;
    while (n < size) {
        ssize_t got = sys_read(fd, bytes + n, size - n);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    file->bytes = bytes;
    file->size = n;
    return 0;
}

int files_read(const char *root, ComputeFile *file, Arena *arena, Err *err) {
    struct stat st;
    AUTO_CLOSE int dir = files_open_parent(root, file->path, false, err);
    if (dir < 0)
        return -1;
    AUTO_CLOSE int top = sys_openat(AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    AUTO_CLOSE int fd = open_below(top, dir, file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return told(err, errno, root, file->path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s in %s is no file", file->path, root);
    if (st.st_size > COMPUTE_FILE_MAX)
        return err_set(err, ERR_LIMIT, "%s in %s is larger than %d MiB", file->path, root,
                       COMPUTE_FILE_MAX >> 20);
    file->mode = st.st_mode & 07777;
    if (read_all(fd, (size_t)st.st_size, file, arena) < 0)
        return err_sys(err, errno, "read %s in %s", file->path, root);
    return 0;
}

/* ---- writing ---- */

static int write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t n = sys_write(fd, bytes, size);
        if (n < 0)
            return -1;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

static bool is_there(int dir, const char *name, const ComputeFile *file) {
    struct stat st;
    AUTO_CLOSE int fd = sys_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
        (st.st_mode & 07777) != file->mode || (uint64_t)st.st_size != file->size)
        return false;
    Arena arena;
    ComputeFile now;
    arena_init(&arena);
    bool same = read_all(fd, file->size, &now, &arena) == 0 && now.size == file->size &&
                memcmp(now.bytes, file->bytes, file->size) == 0;
    arena_deinit(&arena);
    return same;
}

/* It is not synced: whoever looks sees what a power cut has left, and writes it anew. */
static int write_beside(int dir, const char *name, const ComputeFile *file) {
    Beside beside;
    beside_sweep(dir);
    if (beside_open(dir, &beside) < 0)
        return -1;
    bool done = write_all(beside.fd, file->bytes, file->size) == 0 &&
                fchmod(beside.fd, file->mode) == 0 &&
                sys_renameat(dir, beside.name, dir, name) == 0;
    beside_close(&beside);
    return done ? 0 : -1;
}

int files_write(const char *root, const ComputeFile *file, Err *err) {
    const char *name = path_base(file->path);
    Err why = {0};
    AUTO_CLOSE int dir = files_open_parent(root, file->path, file->bytes != NULL, &why);
    if (dir < 0) {
        if (!file->bytes && why.kind == ERR_NOT_FOUND)
            return 0;
        if (err)
            *err = why;
        return -1;
    }
    if (!file->bytes) {
        if (sys_unlinkat(dir, name, 0) < 0 && errno != ENOENT)
            return err_sys(err, errno, "remove %s in %s", file->path, root);
        return 0;
    }
    if (!is_there(dir, name, file) && write_beside(dir, name, file) < 0)
        return err_sys(err, errno, "write %s in %s", file->path, root);
    return 0;
}
