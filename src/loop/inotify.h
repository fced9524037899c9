/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's news about directories: what was written and closed, made, moved and removed in
 * them. Reading a file, its times and modes, and writing that is not finished are no news. One
 * Inotify serves all who watch; nothing wakes it while nothing happens. */
#pragma once

#include "base/err.h"
#include "loop/loop.h"

typedef struct Inotify Inotify;

typedef struct FileEvent {
    int wd;           /* of which directory; -1: `overflow` */
    const char *name; /* in it; "": the directory itself was moved or removed */
    bool is_dir;      /* what `name` is */
    bool ended;       /* the watch is no more: its directory is gone, or it was dropped */
    bool overflow;    /* news were lost: anything may have happened anywhere */
} FileEvent;
typedef void (*InotifyFn)(void *arg, const FileEvent *event);

/* ERR_LIMIT: the user has too many instances, or no descriptor is left. */
MUST Inotify *inotify_new(Loop *loop, InotifyFn fn, void *arg, Err *err);
Inotify *inotify_free(Inotify *inotify);

/* Watches a directory; a link to one is followed. The same directory has the same number, whatever
 * its path. ERR_LIMIT: no more can be watched. May be called from any thread. */
MUST int inotify_add(const Inotify *inotify, const char *path, int *ret_wd, Err *err);
void inotify_drop(Inotify *inotify, int wd);
