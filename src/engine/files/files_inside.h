/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of file watching: the trees that are watched, their directories, and what is known of
 * their files (file_tree.c). file_scan.c walks, on the thread, and merges what was found;
 * file_watch.c has who watches. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "engine/files/file_mark.h"
#include "engine/files/file_walk.h"
#include "engine/files/file_watch.h"
#include "loop/inotify.h"
#include "loop/worker.h"

typedef struct Tree Tree;
typedef struct TreeDir TreeDir;

/* Globs and ignored paths, which a walk on the thread may still need when their watch is gone. */
typedef struct Selection {
    int refs;
    GlobSet *globs;
    Ignore *ignore;
    WalkSet set; /* of these */
} Selection;
Selection *selection_unref(Selection *selection);

typedef struct TreeUse {
    FileWatch *watch;
    bool all; /* as WalkUse */
} TreeUse;

struct TreeDir {
    Tree *tree;
    IgnoreAt at;
    char *path;
    int wd;           /* -1: none */
    TreeDir *same_wd; /* the next of the same number */
    VEC(TreeUse) uses;
    List files;      /* TreeFile.link */
    uint64_t serial; /* of the walk that saw it last */
};

/* What is known of a file that somebody watches. */
typedef struct TreeFile {
    List link;     /* TreeDir.files, or Tree.gone */
    List unhashed; /* Tree.unhashed */
    char *path;
    FileMark mark;
    uint64_t seq;    /* when it changed last, counted by Tree.seq */
    uint64_t serial; /* of the walk that saw it last */
} TreeFile;

typedef struct Scan Scan;
typedef struct HashJob HashJob;

struct Tree {
    List link; /* FileWatcher.trees */
    FileWatcher *watcher;
    char *root;
    Map dirs, files; /* by relative path */
    List gone; /* TreeFile.link: files that are no more, remembered for those who have not looked
                  yet */
    List unhashed; /* TreeFile.unhashed: their content is still to be read */
    List watches;  /* FileWatch.link */
    uint64_t seq, serial;
    Deferred *soon;     /* a walk begins */
    VEC(char *) wanted; /* directories to walk through; one of them "": all */
    Scan *scan;         /* in flight */
    Scan *merging;      /* over, and being merged */
    HashJob *hashing;   /* in flight */
    Timer *poll;
    char *trouble; /* NULL: none */
};

/* A watch of a tree. */
struct FileWatch {
    List link; /* Tree.watches */
    Tree *tree;
    Selection *selection;
    int64_t debounce_ms;
    const FileWatchEvents *events;
    void *arg;
    bool begun;
    Map suspects; /* by path: struct Suspect */
    VEC(struct Suspect *) order;
    int64_t first_ms; /* of the suspects; 0: there are none */
    Timer *quiet;
    bool due; /* it was quiet, but a walk or a check was under way */
    struct Check *check;
};

struct FileWatcher {
    Loop *loop;
    Worker *worker;
    Inotify *inotify; /* NULL: none yet, or none is to be had */
    Map wds;          /* "<wd>": TreeDir, and others of the same number behind it */
    size_t wd_n;
    List trees;                 /* Tree.link */
    VEC(struct Orphan) orphans; /* news of directories that a walk under way has begun to watch */
    VEC(int) left; /* watched by walks for trees that are gone: dropped when none is under way */
};

/* ---- file_tree.c ---- */
TreeDir *tree_dir_make(Tree *tree, const char *path); /* found if it is there */
/* Its files go with it: who watches them finds out. */
void tree_dir_free(TreeDir *dir);
void tree_dir_watched(TreeDir *dir, int wd);
/* `drop`: if nobody else wants to hear of it, the kernel need not tell. */
void tree_dir_unwatched(TreeDir *dir, bool drop);
/* All who watch this file of the directory have a look at it. True: somebody does who has begun. */
bool tree_dir_suspect(const TreeDir *dir, const char *path);
TreeFile *tree_file_new(Tree *tree, const char *path, const FileMark *mark);
/* A walk has begun to watch a directory for nobody: it is dropped, unless others watch it. */
void tree_wd_left(FileWatcher *watcher, int wd);
/* What had to wait for the walks under way: news, and what they left. */
void tree_replay(FileWatcher *watcher);
Tree *tree_of(FileWatcher *watcher, const char *root); /* made if missing */
void tree_drop(Tree *tree);
void tree_forget_watch(Tree *tree, FileWatch *watch);
void tree_on_event(void *watcher, const FileEvent *event);
TreeFile *tree_file(Tree *tree, const char *path); /* or NULL */
/* What a look at a file has found: known from now on. */
void tree_update(Tree *tree, const char *path, const FileMark *mark);
/* What is gone and was noticed by all is forgotten. */
void tree_tidy(Tree *tree);

/* ---- file_scan.c ---- */
/* The directory (relative; "": all) is to be walked through, soon. */
void tree_want(Tree *tree, const char *dir);
void scan_forget_watch(Scan *scan, const FileWatch *watch);
void scan_forget_tree(Tree *tree);

/* ---- file_watch.c ---- */
/* Something may have happened to a file that it watches. */
void file_watch_suspect(FileWatch *watch, const char *path);
void file_watch_merged(FileWatch *watch); /* a walk is over */
