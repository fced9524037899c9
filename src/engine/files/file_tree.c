/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a tree, and what the kernel tells of it. */

#include "engine/files/files_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"

enum { ORPHANS_MAX = 4096, WD_TEXT = 16 };

/* ---- numbers of watched directories ---- */

static TreeDir *wd_first(FileWatcher *watcher, int wd) {
    char key[WD_TEXT];
    snprintf(key, sizeof(key), "%d", wd);
    return map_get(&watcher->wds, key);
}

void tree_dir_watched(TreeDir *dir, int wd) {
    FileWatcher *watcher = dir->tree->watcher;
    char key[WD_TEXT];
    dir->wd = wd;
    if (wd < 0)
        return;
    snprintf(key, sizeof(key), "%d", wd);
    dir->same_wd = map_put(&watcher->wds, key, dir);
    watcher->wd_n += dir->same_wd == NULL;
}

void tree_dir_unwatched(TreeDir *dir, bool drop) {
    FileWatcher *watcher = dir->tree->watcher;
    char key[WD_TEXT];
    if (dir->wd < 0)
        return;
    snprintf(key, sizeof(key), "%d", dir->wd);
    TreeDir *first = map_get(&watcher->wds, key);
    if (first == dir && !dir->same_wd) {
        map_remove(&watcher->wds, key);
        watcher->wd_n--;
        if (drop && watcher->inotify)
            inotify_drop(watcher->inotify, dir->wd);
    } else if (first == dir) {
        map_put(&watcher->wds, key, dir->same_wd);
    } else {
        while (first->same_wd != dir)
            first = first->same_wd;
        first->same_wd = dir->same_wd;
    }
    dir->same_wd = NULL;
    dir->wd = -1;
}

void tree_wd_left(FileWatcher *watcher, int wd) {
    if (wd >= 0)
        VEC_PUSH(watcher->left, wd);
}

static void drop_left(FileWatcher *watcher) {
    for (size_t i = 0; i < watcher->left.n; i++)
        if (watcher->inotify && !wd_first(watcher, watcher->left.at[i]))
            inotify_drop(watcher->inotify, watcher->left.at[i]);
    VEC_FREE(watcher->left);
}

/* ---- directories and files ---- */

static bool dir_wants(const TreeDir *dir, const TreeUse *use, const char *path) {
    WalkUse how = {.all = use->all};
    return walk_wants(&use->watch->selection->set, &how, &dir->at, path);
}

static bool dir_enters(const TreeDir *dir, const char *path) {
    for (size_t i = 0; i < dir->uses.n; i++) {
        const WalkSet *set = &dir->uses.at[i].watch->selection->set;
        WalkUse how = {.all = dir->uses.at[i].all};
        bool all;
        if (walk_enters(set, &how, &dir->at, path, &all))
            return true;
    }
    return false;
}

bool tree_dir_suspect(const TreeDir *dir, const char *path) {
    bool any = false;
    for (size_t i = 0; i < dir->uses.n; i++) {
        FileWatch *watch = dir->uses.at[i].watch;
        if (!watch->begun || !dir_wants(dir, &dir->uses.at[i], path))
            continue;
        any = true;
        file_watch_suspect(watch, path);
    }
    return any;
}

static char *parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return xstrndup(path, slash ? (size_t)(slash - path) : 0);
}

static TreeDir *dir_of(Tree *tree, const char *path) {
    AUTO_FREE char *parent = parent_of(path);
    return map_get(&tree->dirs, parent);
}

TreeFile *tree_file(Tree *tree, const char *path) {
    return map_get(&tree->files, path);
}

TreeFile *tree_file_new(Tree *tree, const char *path, const FileMark *mark) {
    TreeFile *file = xcalloc(1, sizeof(*file));
    TreeDir *dir = dir_of(tree, path);
    file->path = xstrdup(path);
    file->mark = *mark;
    list_init(&file->link);
    list_init(&file->unhashed);
    list_append(dir && mark->there ? &dir->files : &tree->gone, &file->link);
    map_put(&tree->files, path, file);
    return file;
}

static void file_free(Tree *tree, TreeFile *file) {
    map_remove(&tree->files, file->path);
    list_remove(&file->link);
    list_remove(&file->unhashed);
    free(file->path);
    free(file);
}

void tree_update(Tree *tree, const char *path, const FileMark *mark) {
    TreeFile *file = tree_file(tree, path);
    bool changed = file ? !file_mark_same(&file->mark, mark) : mark->there;
    if (!file && !mark->there)
        return;
    if (!file)
        file = tree_file_new(tree, path, mark);
    if (changed)
        file->seq = ++tree->seq;
    file->mark = *mark;
    list_remove(&file->unhashed);
    TreeDir *dir = mark->there ? dir_of(tree, path) : NULL;
    list_remove(&file->link);
    list_append(dir ? &dir->files : &tree->gone, &file->link);
}

void tree_tidy(Tree *tree) {
    TreeFile *file;
    LIST_FOREACH_SAFE (file, &tree->gone, link)
        file_free(tree, file);
}

TreeDir *tree_dir_make(Tree *tree, const char *path) {
    TreeDir *dir = map_get(&tree->dirs, path);
    if (dir)
        return dir;
    dir = xcalloc(1, sizeof(*dir));
    dir->tree = tree;
    dir->path = xstrdup(path);
    dir->wd = -1;
    list_init(&dir->files);
    TreeDir *outer = *path ? dir_of(tree, path) : NULL;
    dir->at.outer = outer ? &outer->at : NULL;
    map_put(&tree->dirs, path, dir);
    return dir;
}

void tree_dir_free(TreeDir *dir) {
    Tree *tree = dir->tree;
    TreeFile *file;
    LIST_FOREACH_SAFE (file, &dir->files, link) {
        list_remove(&file->link);
        list_append(&tree->gone, &file->link);
    }
    tree_dir_unwatched(dir, true);
    map_remove(&tree->dirs, dir->path);
    ignore_free(dir->at.ignore);
    VEC_FREE(dir->uses);
    free(dir->path);
    free(dir);
}

/* ---- news ---- */

typedef struct Orphan {
    int wd;
    char *name;
    bool is_dir, ended;
} Orphan;

static void lost_news(FileWatcher *watcher) {
    Tree *tree;
    log_warn("news of files were lost; looking at all of them");
    LIST_FOREACH (tree, &watcher->trees, link)
        tree_want(tree, "");
}

/* A walk has begun to watch it and is not over. */
static void keep_orphan(FileWatcher *watcher, const FileEvent *event) {
    const Tree *tree;
    bool walking = false;
    LIST_FOREACH (tree, &watcher->trees, link)
        walking |= tree->scan != NULL;
    if (!walking)
        return;
    if (watcher->orphans.n >= ORPHANS_MAX) {
        lost_news(watcher);
        return;
    }
    Orphan orphan = {event->wd, xstrdup(event->name), event->is_dir, event->ended};
    VEC_PUSH(watcher->orphans, orphan);
}

/* A link that a glob names is gone through as a directory is. */
static bool may_be_dir(const TreeDir *dir, const char *path) {
    struct stat st;
    bool named = false;
    if (map_get(&dir->tree->dirs, path))
        return true;
    for (size_t i = 0; i < dir->uses.n; i++)
        named |= glob_set_names(dir->uses.at[i].watch->selection->globs, path);
    if (!named)
        return false;
    AUTO_FREE char *full = path_join(dir->tree->root, path);
    return lstat(full, &st) == 0 && S_ISLNK(st.st_mode);
}

static void dir_event(const TreeDir *dir, const FileEvent *event) {
    AUTO_FREE char *path = *dir->path ? path_join(dir->path, event->name) : xstrdup(event->name);
    if (!*event->name)
        tree_want(dir->tree, dir->path);
    else if ((event->is_dir && (map_get(&dir->tree->dirs, path) || dir_enters(dir, path))) ||
             may_be_dir(dir, path))
        tree_want(dir->tree, path);
    if (event->is_dir || !*event->name)
        return;
    if (strcmp(event->name, ".gitignore") == 0)
        tree_want(dir->tree, "");
    tree_dir_suspect(dir, path);
}

static void wd_ended(FileWatcher *watcher, int wd) {
    for (TreeDir *dir = wd_first(watcher, wd); dir; dir = wd_first(watcher, wd)) {
        tree_dir_unwatched(dir, false);
        tree_want(dir->tree, dir->path);
    }
}

void tree_on_event(void *arg, const FileEvent *event) {
    FileWatcher *watcher = arg;
    TreeDir *dir = event->overflow ? NULL : wd_first(watcher, event->wd);
    if (event->overflow)
        lost_news(watcher);
    else if (!dir)
        keep_orphan(watcher, event);
    else if (event->ended)
        wd_ended(watcher, event->wd);
    for (; dir && !event->ended; dir = dir->same_wd)
        dir_event(dir, event);
}

void tree_replay(FileWatcher *watcher) {
    const Tree *tree;
    LIST_FOREACH (tree, &watcher->trees, link)
        if (tree->scan)
            return;
    drop_left(watcher);
    __typeof__(watcher->orphans) orphans = watcher->orphans;
    watcher->orphans.at = NULL;
    watcher->orphans.n = watcher->orphans.cap = 0;
    for (size_t i = 0; i < orphans.n; i++) {
        const Orphan *orphan = &orphans.at[i];
        FileEvent event = {.wd = orphan->wd,
                           .name = orphan->name,
                           .is_dir = orphan->is_dir,
                           .ended = orphan->ended};
        tree_on_event(watcher, &event);
        free(orphan->name);
    }
    VEC_FREE(orphans);
}

/* ---- trees ---- */

Tree *tree_of(FileWatcher *watcher, const char *root) {
    Tree *tree;
    LIST_FOREACH (tree, &watcher->trees, link)
        if (strcmp(tree->root, root) == 0)
            return tree;
    tree = xcalloc(1, sizeof(*tree));
    tree->watcher = watcher;
    tree->root = xstrdup(root);
    map_init(&tree->dirs);
    map_init(&tree->files);
    list_init(&tree->gone);
    list_init(&tree->unhashed);
    list_init(&tree->watches);
    list_append(&watcher->trees, &tree->link);
    return tree;
}

static void free_dirs(Tree *tree, bool all) {
    VEC(TreeDir *) unused = {0};
    size_t at = 0;
    const char *path;
    void *value;
    while (map_next(&tree->dirs, &at, &path, &value)) {
        TreeDir *dir = value;
        if (all || !dir->uses.n)
            VEC_PUSH(unused, dir);
    }
    for (size_t i = 0; i < unused.n; i++)
        tree_dir_free(unused.at[i]);
    VEC_FREE(unused);
}

/* A directory is entered by way of those above it, so what has no use has none below. */
void tree_forget_watch(Tree *tree, FileWatch *watch) {
    size_t at = 0;
    const char *path;
    void *value;
    scan_forget_watch(tree->scan, watch);
    scan_forget_watch(tree->merging, watch);
    while (map_next(&tree->dirs, &at, &path, &value)) {
        TreeDir *dir = value;
        size_t kept = 0;
        for (size_t i = 0; i < dir->uses.n; i++)
            if (dir->uses.at[i].watch != watch)
                dir->uses.at[kept++] = dir->uses.at[i];
        dir->uses.n = kept;
    }
    free_dirs(tree, false);
}

void tree_drop(Tree *tree) {
    scan_forget_tree(tree);
    free_dirs(tree, true);
    tree_tidy(tree);
    assert(!tree->files.n);
    map_deinit(&tree->dirs);
    map_deinit(&tree->files);
    list_remove(&tree->link);
    deferred_free(tree->soon);
    timer_free(tree->poll);
    for (size_t i = 0; i < tree->wanted.n; i++)
        free(tree->wanted.at[i]);
    VEC_FREE(tree->wanted);
    free(tree->trouble);
    free(tree->root);
    free(tree);
}
