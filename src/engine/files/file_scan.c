/* SPDX-License-Identifier: Apache-2.0 */
/* Walks through a tree, on the thread, and what is made of what they find. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/files/files_inside.h"

enum { POLL_MS = 2000, HASH_AT_ONCE = 256, WANTED_MAX = 32 };

/* ---- what a walk finds, on the thread ---- */

typedef struct FoundDir {
    char *path;
    Ignore *rules;
    int wd;
    WalkUse *uses;
    size_t n;
} FoundDir;

typedef struct FoundFile {
    char *path;
    size_t dir; /* the last of its parents that was found */
    FileMark mark;
} FoundFile;

struct Scan {
    Tree *tree; /* NULL: gone meanwhile */
    FileWatcher *watcher;
    const Inotify *inotify;
    char *root;
    VEC(char *) only;
    VEC(Selection *) selections;
    VEC(FileWatch *) watches; /* parallel; NULL: gone meanwhile */
    VEC(WalkSet) sets;        /* parallel */
    VEC(FoundDir) dirs;
    VEC(FoundFile) files;
    Map place; /* of a directory, as index + 1 */
    bool unwatched;
    Err err; /* of the first directory that could not be watched */
};

Selection *selection_unref(Selection *selection) {
    if (!selection || --selection->refs > 0)
        return NULL;
    glob_set_free(selection->globs);
    ignore_free(selection->ignore);
    free(selection);
    return NULL;
}

static int watch_dir(Scan *scan, const char *path) {
    int wd = -1;
    Err err;
    if (!scan->inotify)
        scan->unwatched = true;
    else if (inotify_add(scan->inotify, path, &wd, &err) < 0 && err.kind == ERR_LIMIT) {
        if (!scan->unwatched)
            scan->err = err;
        scan->unwatched = true;
    }
    return wd;
}

static bool on_dir(void *arg, const WalkDir *dir) {
    Scan *scan = arg;
    if (map_get(&scan->place, dir->path)) /* two of `only` overlap */
        return false;
    FoundDir found = {.path = xstrdup(dir->path), .rules = dir->at.ignore, .n = dir->n};
    found.uses = xcalloc(dir->n, sizeof(*found.uses));
    memcpy(found.uses, dir->uses, dir->n * sizeof(*found.uses));
    found.wd = watch_dir(scan, dir->full); /* before it is read: what comes later is heard of */
    VEC_PUSH(scan->dirs, found);
    map_put(&scan->place, dir->path, (void *)(uintptr_t)scan->dirs.n);
    return true;
}

static void on_file(void *arg, const WalkDir *dir, const char *path, const struct stat *st) {
    Scan *scan = arg;
    FoundFile found = {.dir = (size_t)(uintptr_t)map_get(&scan->place, dir->path) - 1};
    found.path = xstrdup(path);
    file_mark_stat(st, &found.mark);
    VEC_PUSH(scan->files, found);
}

static void scan_work(void *arg) {
    Scan *scan = arg;
    for (size_t i = 0; i < scan->only.n; i++) {
        Walk walk = {.root = scan->root,
                     .sets = scan->sets.at,
                     .n = scan->sets.n,
                     .only = scan->only.at[i],
                     .on_dir = on_dir,
                     .on_file = on_file,
                     .arg = scan};
        if (file_walk(&walk, &scan->err) < 0)
            scan->unwatched = true;
    }
}

static void scan_free(Scan *scan) {
    for (size_t i = 0; i < scan->only.n; i++)
        free(scan->only.at[i]);
    for (size_t i = 0; i < scan->selections.n; i++)
        selection_unref(scan->selections.at[i]);
    for (size_t i = 0; i < scan->dirs.n; i++) {
        free(scan->dirs.at[i].path);
        free(scan->dirs.at[i].uses);
        ignore_free(scan->dirs.at[i].rules);
    }
    for (size_t i = 0; i < scan->files.n; i++)
        free(scan->files.at[i].path);
    VEC_FREE(scan->only);
    VEC_FREE(scan->selections);
    VEC_FREE(scan->watches);
    VEC_FREE(scan->sets);
    VEC_FREE(scan->dirs);
    VEC_FREE(scan->files);
    map_deinit(&scan->place);
    free(scan->root);
    free(scan);
}

/* ---- merging what a walk has found ---- */

static void merge_dir(Tree *tree, const Scan *scan, FoundDir *found) {
    TreeDir *dir = tree_dir_make(tree, found->path);
    dir->serial = tree->serial;
    ignore_free(dir->at.ignore);
    dir->at.ignore = found->rules;
    found->rules = NULL;
    dir->uses.n = 0;
    for (size_t i = 0; i < found->n; i++) {
        TreeUse use = {scan->watches.at[found->uses[i].set], found->uses[i].all};
        if (use.watch)
            VEC_PUSH(dir->uses, use);
    }
    if (dir->wd == found->wd)
        return;
    tree_dir_unwatched(dir, true);
    tree_dir_watched(dir, found->wd);
}

static void merge_file(Tree *tree, const Scan *scan, const FoundFile *found) {
    TreeFile *file = tree_file(tree, found->path);
    const TreeDir *dir = map_get(&tree->dirs, scan->dirs.at[found->dir].path);
    if (file && file->mark.there) {
        file->serial = tree->serial;
        if (!file_mark_untouched(&file->mark, &found->mark))
            tree_dir_suspect(dir, found->path);
    } else if (!tree_dir_suspect(dir, found->path)) { /* a first state */
        if (file)
            tree_update(tree, found->path, &found->mark);
        else
            file = tree_file_new(tree, found->path, &found->mark);
        file->serial = tree->serial;
        list_append(&tree->unhashed, &file->unhashed);
    }
}

static bool was_walked(const Scan *scan, const char *path) {
    for (size_t i = 0; i < scan->only.n; i++)
        if (!*scan->only.at[i] || path_below(path, scan->only.at[i]))
            return true;
    return false;
}

static void suspect_gone(const TreeDir *dir, uint64_t serial) {
    const TreeFile *file;
    LIST_FOREACH (file, &dir->files, link)
        if (file->serial != serial)
            tree_dir_suspect(dir, file->path);
}

/* What should have been seen and was not is gone. */
static void merge_gone(Tree *tree, const Scan *scan) {
    VEC(TreeDir *) lost = {0};
    size_t at = 0;
    const char *path;
    void *value;
    while (map_next(&tree->dirs, &at, &path, &value)) {
        TreeDir *dir = value;
        if (!was_walked(scan, path))
            continue;
        suspect_gone(dir, tree->serial);
        if (dir->serial != tree->serial)
            VEC_PUSH(lost, dir);
    }
    for (size_t i = 0; i < lost.n; i++)
        tree_dir_free(lost.at[i]);
    VEC_FREE(lost);
}

static void set_trouble(Tree *tree, const char *why) {
    FileWatch *watch;
    if (str_same(tree->trouble, why))
        return;
    free(tree->trouble);
    tree->trouble = why ? xstrdup(why) : NULL;
    if (why)
        log_warn("%s: %s", tree->root, why);
    else
        log_info("%s: is watched again", tree->root);
    LIST_FOREACH (watch, &tree->watches, link)
        if (watch->events->troubled)
            watch->events->troubled(watch->arg, why);
}

static void on_poll(void *arg) {
    tree_want(arg, "");
}

static void judge(Tree *tree, const Scan *scan) {
    char why[sizeof(scan->err.msg) + 64];
    const TreeDir *root = map_get(&tree->dirs, "");
    if (!root)
        snprintf(why, sizeof(why), "%s is gone; looking for it every %d s", tree->root,
                 POLL_MS / 1000);
    else if (scan->unwatched)
        snprintf(why, sizeof(why), "files are looked at every %d s: %s", POLL_MS / 1000,
                 scan->err.msg);
    else if (tree->poll && scan->only.n && *scan->only.at[0])
        return; /* not all was walked through */
    bool well = root && !scan->unwatched;
    set_trouble(tree, well ? NULL : why);
    if (well)
        tree->poll = timer_free(tree->poll);
    else if (!tree->poll)
        tree->poll = timer_new(tree->watcher->loop, POLL_MS, on_poll, tree);
    else
        timer_set(tree->poll, POLL_MS);
}

static void begin_soon(Tree *tree);
static void hash_soon(Tree *tree);

static void scan_done(void *arg) {
    Scan *scan = arg;
    Tree *tree = scan->tree;
    if (!tree) {
        for (size_t i = 0; i < scan->dirs.n; i++)
            tree_wd_left(scan->watcher, scan->dirs.at[i].wd);
        tree_replay(scan->watcher);
    } else {
        tree->scan = NULL;
        tree->merging = scan;
        tree->serial++;
        for (size_t i = 0; i < scan->dirs.n; i++)
            merge_dir(tree, scan, &scan->dirs.at[i]);
        for (size_t i = 0; i < scan->files.n; i++)
            merge_file(tree, scan, &scan->files.at[i]);
        merge_gone(tree, scan);
        judge(tree, scan);
        hash_soon(tree);
        tree_replay(tree->watcher);
        if (tree->wanted.n)
            begin_soon(tree);
        for (size_t i = 0; i < scan->watches.n; i++) /* may free others, and the tree */
            if (scan->watches.at[i])
                file_watch_merged(scan->watches.at[i]);
        if (scan->tree)
            tree->merging = NULL;
    }
    scan_free(scan);
}

/* ---- the first content of files ---- */

struct HashJob {
    Tree *tree; /* NULL: gone meanwhile */
    char *root;
    size_t n;
    char *paths[HASH_AT_ONCE];
    FileMark marks[HASH_AT_ONCE];
};

static void hash_work(void *arg) {
    HashJob *job = arg;
    for (size_t i = 0; i < job->n; i++) {
        AUTO_FREE char *full = path_join(job->root, job->paths[i]);
        file_mark_read(full, &job->marks[i]);
    }
}

/* Unless somebody has touched it since: then who watches has heard, or will hear, of it. */
static void hash_take(Tree *tree, const char *path, const FileMark *mark) {
    TreeFile *file = tree_file(tree, path);
    if (file && !file->mark.hashed && file_mark_untouched(&file->mark, mark))
        file->mark = *mark;
}

static void hash_done(void *arg) {
    HashJob *job = arg;
    for (size_t i = 0; i < job->n; i++) {
        if (job->tree)
            hash_take(job->tree, job->paths[i], &job->marks[i]);
        free(job->paths[i]);
    }
    if (job->tree) {
        job->tree->hashing = NULL;
        hash_soon(job->tree);
    }
    free(job->root);
    free(job);
}

/* In small pieces, so that who waits for a look at his files comes in between. */
static void hash_soon(Tree *tree) {
    Err err;
    if (tree->hashing || list_empty(&tree->unhashed))
        return;
    HashJob *job = xcalloc(1, sizeof(*job));
    job->tree = tree;
    job->root = xstrdup(tree->root);
    for (; job->n < HASH_AT_ONCE && !list_empty(&tree->unhashed); job->n++) {
        TreeFile *file = container_of(tree->unhashed.next, TreeFile, unhashed);
        list_remove(&file->unhashed);
        job->paths[job->n] = xstrdup(file->path);
    }
    tree->hashing = job;
    if (worker_run(tree->watcher->worker, hash_work, hash_done, job, &err) < 0) {
        log_warn("%s: %s", tree->root, err.msg);
        job->tree = NULL;
        tree->hashing = NULL;
        hash_done(job);
    }
}

/* ---- when ---- */

static void add_watches(const Tree *tree, Scan *scan) {
    FileWatch *watch;
    LIST_FOREACH (watch, &tree->watches, link) {
        Selection *selection = watch->selection;
        selection->refs++;
        VEC_PUSH(scan->selections, selection);
        VEC_PUSH(scan->watches, watch);
        VEC_PUSH(scan->sets, selection->set);
    }
}

/* All of it, when that was asked for, or so much that it comes to the same. */
static void take_wanted(Tree *tree, Scan *scan) {
    bool all = tree->wanted.n > WANTED_MAX;
    for (size_t i = 0; i < tree->wanted.n; i++)
        all |= !*tree->wanted.at[i];
    if (all)
        VEC_PUSH(scan->only, xstrdup(""));
    for (size_t i = 0; i < tree->wanted.n; i++) {
        if (all)
            free(tree->wanted.at[i]);
        else
            VEC_PUSH(scan->only, tree->wanted.at[i]);
    }
    tree->wanted.n = 0;
}

static void begin(void *arg) {
    Tree *tree = arg;
    FileWatcher *watcher = tree->watcher;
    Scan *scan = xcalloc(1, sizeof(*scan));
    tree->soon = NULL;
    if (!watcher->inotify)
        watcher->inotify = inotify_new(watcher->loop, tree_on_event, watcher, &scan->err);
    scan->tree = tree;
    scan->watcher = watcher;
    scan->inotify = watcher->inotify;
    scan->root = xstrdup(tree->root);
    map_init(&scan->place);
    add_watches(tree, scan);
    take_wanted(tree, scan);
    tree->scan = scan;
    Err err;
    if (worker_run(watcher->worker, scan_work, scan_done, scan, &err) < 0) {
        snprintf(scan->err.msg, sizeof(scan->err.msg), "%s", err.msg);
        scan->unwatched = true;
        tree->scan = NULL;
        judge(tree, scan); /* tries again */
        scan_free(scan);
    }
}

static void begin_soon(Tree *tree) {
    if (!tree->soon && !tree->scan)
        tree->soon = loop_defer(tree->watcher->loop, begin, tree);
}

void tree_want(Tree *tree, const char *dir) {
    for (size_t i = 0; i < tree->wanted.n; i++)
        if (strcmp(tree->wanted.at[i], dir) == 0)
            return;
    if (tree->wanted.n <= WANTED_MAX)
        VEC_PUSH(tree->wanted, xstrdup(dir));
    begin_soon(tree);
}

void scan_forget_watch(Scan *scan, const FileWatch *watch) {
    for (size_t i = 0; scan && i < scan->watches.n; i++)
        if (scan->watches.at[i] == watch)
            scan->watches.at[i] = NULL;
}

void scan_forget_tree(Tree *tree) {
    if (tree->scan)
        tree->scan->tree = NULL;
    if (tree->merging)
        tree->merging->tree = NULL;
    if (tree->hashing)
        tree->hashing->tree = NULL;
}
