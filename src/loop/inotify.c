/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/inotify.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/xalloc.h"

enum { READ_BYTES = 64 << 10 };

static const uint32_t news = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

struct Inotify {
    int fd;
    Poll *poll;
    InotifyFn fn; /* NULL: freed inside of its own callback */
    void *arg;
    bool calling;
    char buffer[READ_BYTES] __attribute__((aligned(8)));
};

static void tell(Inotify *inotify, const struct inotify_event *event) {
    FileEvent told = {
        .wd = event->wd,
        .name = event->len ? event->name : "",
        .is_dir = event->mask & IN_ISDIR,
        .ended = event->mask & IN_IGNORED,
        .overflow = event->mask & IN_Q_OVERFLOW,
    };
    inotify->fn(inotify->arg, &told);
}

static void on_poll(void *arg, int events) {
    Inotify *inotify = arg;
    ssize_t n = sys_read(inotify->fd, inotify->buffer, sizeof(inotify->buffer));
    inotify->calling = true;
    for (const char *at = inotify->buffer; n > 0 && at < inotify->buffer + n && inotify->fn;) {
        const struct inotify_event *event = (const void *)at;
        at += sizeof(*event) + event->len;
        tell(inotify, event);
    }
    inotify->calling = false;
    if (!inotify->fn)
        free(inotify);
}

Inotify *inotify_new(Loop *loop, InotifyFn fn, void *arg, Err *err) {
    int fd = sys_inotify_init(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        err_set(err, ERR_LIMIT, "no more inotify instances (fs.inotify.max_user_instances)");
        return NULL;
    }
    if (fd < 0) {
        err_sys(err, errno, "make an inotify instance");
        return NULL;
    }
    Inotify *inotify = xcalloc(1, sizeof(*inotify));
    inotify->fd = fd;
    inotify->fn = fn;
    inotify->arg = arg;
    inotify->poll = poll_new(loop, fd, POLL_READ, on_poll, inotify);
    return inotify;
}

Inotify *inotify_free(Inotify *inotify) {
    if (!inotify)
        return NULL;
    inotify->poll = poll_free(inotify->poll);
    close(inotify->fd);
    inotify->fn = NULL;
    if (!inotify->calling)
        free(inotify);
    return NULL;
}

int inotify_add(const Inotify *inotify, const char *path, int *ret_wd, Err *err) {
    int wd = sys_inotify_add_watch(inotify->fd, path, news);
    if (wd < 0 && errno == ENOSPC)
        return err_set(err, ERR_LIMIT, "no more inotify watches (fs.inotify.max_user_watches)");
    if (wd < 0)
        return err_sys(err, errno, "watch %s", path);
    *ret_wd = wd;
    return 0;
}

void inotify_drop(Inotify *inotify, int wd) {
    inotify_rm_watch(inotify->fd, wd);
}
