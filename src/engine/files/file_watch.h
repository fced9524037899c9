/* SPDX-License-Identifier: Apache-2.0 */
/* Watching files: who watches names globs of a tree and is told when what they mean has other
 * content than before.
 *
 * One FileWatcher serves all. Those who watch the same tree share the walk through it, one inotify
 * watch per directory that can hold a match, and what is known of the files. Reading, hashing and
 * walking is done on a thread. What the first walk finds is the first state; a file that is written
 * with the bytes it had, saved by another name and renamed, or removed and made again in time, has
 * not changed. News are collected until it was quiet for `debounce_ms`, ten times as long at most.
 *
 * Where inotify cannot (its limits, a root that is gone) a tree is looked at every two seconds, and
 * who watches is told so. */
#pragma once

#include "base/err.h"
#include "data/schema.h"
#include "loop/loop.h"

typedef struct FileWatcher FileWatcher;
typedef struct FileWatch FileWatch;

typedef struct FileChange {
    const char *path; /* relative to the root */
    int64_t at_ms;    /* when the last news of it came, monotonic */
    /* when it was written or renamed, as the file system has it (to a few ms, never later than it
     * was); 0: it is gone */
    int64_t written_us;
} FileChange;

typedef struct FileChanges {
    const FileChange *at; /* in the order in which they were first heard of */
    size_t n;
    size_t total; /* there may be more than are named */
} FileChanges;

typedef struct FileWatchEvents {
    void (*begun)(void *arg); /* once: from now on nothing is missed */
    void (*changed)(void *arg, const FileChanges *changes);
    void (*troubled)(void *arg, const char *why); /* NULL: not any more. May be NULL */
} FileWatchEvents;

typedef struct FileWatchAsk {
    const char *root;      /* absolute */
    const StrList *globs;  /* see base/glob.h */
    const StrList *ignore; /* lines as of a .gitignore in the root; NULL: none */
    int64_t debounce_ms;
    bool all; /* .gitignore files do not count */
} FileWatchAsk;

FileWatcher *file_watcher_new(Loop *loop);
FileWatcher *file_watcher_free(FileWatcher *watcher); /* all watches have been freed */

/* Nothing is called from inside. `events` outlives the watch. -1: one of the globs is none. */
MUST FileWatch *file_watch_new(FileWatcher *watcher, const FileWatchAsk *ask,
                               const FileWatchEvents *events, void *arg, Err *err);
FileWatch *file_watch_free(FileWatch *watch);
const char *file_watch_trouble(const FileWatch *watch); /* or NULL */
size_t file_watcher_dirs(const FileWatcher *watcher);   /* that the kernel watches for us */
