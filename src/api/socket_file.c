/* SPDX-License-Identifier: Apache-2.0 */
#include "api/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"

enum {
    BACKLOG = 1024,
    LOOK_AGAIN_MS = 30 * 1000, /* only where the kernel has no watch left for us */
    DIR_EVENTS =
        IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF,
};

struct SocketFile {
    Loop *loop;
    char *path, *dir;
    const char *name; /* behind dir */
    SocketFileFn fn;
    void *arg;
    int fd;
    dev_t dev; /* of the file we made */
    ino_t ino;
    int notify, watched; /* descriptor, and the directory it is set on */
    Poll *poll;
    Timer *again;
};

/* ---- making it ---- */

static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
}

/* May what stands at the path be replaced? */
static int check_place(const SocketFile *file, Err *err) {
    struct stat st;
    if (lstat(file->path, &st) < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "look at %s", file->path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_DENIED, "%s is in the way: it is no socket", file->path);
    if (st.st_uid != geteuid())
        return err_set(err, ERR_DENIED, "%s is a socket of user %d", file->path, (int)st.st_uid);
    int why = connect_to(file->path);
    if (why == ECONNREFUSED || why == ENOENT)
        return 0;
    return err_set(err, ERR_CONFLICT, "a server answers at %s already", file->path);
}

/* Bound and listening under a temporary name, found through the descriptor of the directory: that
 * name is short. */
static int listen_at(int dir, const char *temporary, Err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir, temporary);
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(err, errno, "make a socket");
    mode_t old = umask(0177);
    int bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
    int why = errno;
    umask(old);
    if (bound < 0)
        return err_sys(err, why, "bind a socket");
    if (listen(fd, BACKLOG) < 0) {
        why = errno;
        unlinkat(dir, temporary, 0);
        return err_sys(err, why, "listen");
    }
    return TAKE_FD(fd);
}

static int make(SocketFile *file, Err *err) {
    char temporary[64];
    struct stat st;
    snprintf(temporary, sizeof(temporary), ".%.40s.%d", file->name, (int)getpid());
    if (path_mkdirs(file->dir, 0700, err) < 0 || check_place(file, err) < 0)
        return -1;
    AUTO_CLOSE int dir = open(file->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(err, errno, "open %s", file->dir);
    unlinkat(dir, temporary, 0);
    AUTO_CLOSE int fd = listen_at(dir, temporary, err);
    if (fd < 0)
        return err_in(err, "%s", file->path);
    if (fstatat(dir, temporary, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        renameat(dir, temporary, dir, file->name) < 0) {
        int why = errno;
        unlinkat(dir, temporary, 0);
        return err_sys(err, why, "make %s", file->path);
    }
    file->dev = st.st_dev;
    file->ino = st.st_ino;
    return TAKE_FD(fd);
}

static bool is_ours(const SocketFile *file) {
    struct stat st;
    return lstat(file->path, &st) == 0 && st.st_dev == file->dev && st.st_ino == file->ino;
}

/* ---- watching over it ---- */

/* The directory, or the nearest one above it that is there: its return is seen there. */
static void watch(SocketFile *file) {
    char *path = xstrdup(file->dir);
    int watched;
    while ((watched = inotify_add_watch(file->notify, path, DIR_EVENTS | IN_ONLYDIR)) < 0 &&
           errno == ENOENT && strlen(path) > 1) {
        char *slash = strrchr(path, '/');
        slash[slash == path] = '\0';
    }
    free(path);
    if (file->watched >= 0 && file->watched != watched)
        inotify_rm_watch(file->notify, file->watched); /* gone with its directory: fine */
    file->watched = watched;
}

static void check(SocketFile *file) {
    Err err;
    if (file->fd >= 0 && is_ours(file))
        return;
    int fd = make(file, &err);
    if (file->notify >= 0)
        watch(file);
    if (fd < 0) {
        log_debug("the socket is gone and cannot be made again: %s", err.msg);
        return;
    }
    file->fn(file->arg, fd);
    if (file->fd >= 0)
        close(file->fd);
    file->fd = fd;
}

static void on_notify(void *arg, int events) {
    SocketFile *file = arg;
    char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    while (read(file->notify, bytes, sizeof(bytes)) > 0)
        continue;
    check(file);
}

static void on_again(void *arg) {
    SocketFile *file = arg;
    check(file);
    timer_set(file->again, LOOK_AGAIN_MS);
}

static void start_watching(SocketFile *file) {
    file->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (file->notify < 0) {
        file->again = timer_new(file->loop, LOOK_AGAIN_MS, on_again, file);
        return;
    }
    watch(file);
    file->poll = poll_new(file->loop, file->notify, POLL_READ, on_notify, file);
}

/* ---- life ---- */

int socket_file_fd(const SocketFile *file) {
    return file ? file->fd : -1;
}

SocketFile *socket_file_new(Loop *loop, const char *path, SocketFileFn fn, void *arg, Err *err) {
    const char *slash = strrchr(path, '/');
    if (strlen(path) > MAX_SOCKET_PATH) {
        err_set(err, ERR_INVALID,
                "the path of the socket is longer than %d bytes: %s; set THOLE_RUNTIME_DIR to a "
                "shorter one",
                MAX_SOCKET_PATH, path);
        return NULL;
    }
    if (path[0] != '/' || slash == path || !slash[1]) {
        err_set(err, ERR_INVALID,
                "the path of the socket must be absolute and inside a directory: %s", path);
        return NULL;
    }
    SocketFile *file = xcalloc(1, sizeof(*file));
    *file = (SocketFile){.loop = loop,
                         .path = xstrdup(path),
                         .dir = xstrndup(path, (size_t)(slash - path)),
                         .fn = fn,
                         .arg = arg,
                         .fd = -1,
                         .notify = -1,
                         .watched = -1};
    file->name = path_base(file->path);
    file->fd = make(file, err);
    if (file->fd < 0)
        return socket_file_free(file);
    start_watching(file);
    return file;
}

SocketFile *socket_file_free(SocketFile *file) {
    if (!file)
        return NULL;
    file->poll = poll_free(file->poll);
    file->again = timer_free(file->again);
    if (file->notify >= 0)
        close(file->notify);
    if (file->fd >= 0) {
        if (is_ours(file))
            unlink(file->path);
        close(file->fd);
    }
    free(file->path);
    free(file->dir);
    free(file);
    return NULL;
}
