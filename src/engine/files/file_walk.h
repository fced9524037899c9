/* SPDX-License-Identifier: Apache-2.0 */
/* A walk through a tree, for several sets of globs at once: which directories can hold a match, and
 * which files do match. It blocks, and touches nothing but what it was given: it may be done on a
 * thread.
 *
 * .gitignore files count (nested ones, those above the root up to its repository's,
 * .git/info/exclude), but not against what a set names: a file that a glob names without a wildcard
 * is meant, and below an ignored directory that a glob names nothing is ignored. Version control's
 * own directories, .thole, and what editors leave behind never count, unless named.
 *
 * Links to directories are followed where a glob names them, and nowhere else. */
#pragma once

#include <sys/stat.h>

#include "base/glob.h"
#include "base/ignore.h"

typedef struct WalkSet {
    const GlobSet *globs;
    const Ignore *ignore; /* what does not count besides; NULL: nothing */
    bool all;             /* .gitignore files do not count */
} WalkSet;

/* A set that has something to look for in a directory. */
typedef struct WalkUse {
    size_t set;
    bool all; /* from here on .gitignore files do not count for it */
} WalkUse;

typedef struct WalkDir {
    const struct WalkDir *outer;
    const char *path; /* relative, "": the root */
    const char *full; /* absolute */
    IgnoreAt at;
    const WalkUse *uses;
    size_t n;
} WalkDir;

typedef struct Walk {
    const char *root; /* absolute */
    const WalkSet *sets;
    size_t n;
    /* Nothing is told but of this directory (relative) and what is below; NULL or "":
     * everything. */
    const char *only;
    /* Of each directory, before it is read; true: it keeps `dir->at.ignore`. */
    bool (*on_dir)(void *arg, const WalkDir *dir);
    /* Of each file that a set means. `st`: of what a link leads to. */
    void (*on_file)(void *arg, const WalkDir *dir, const char *path, const struct stat *st);
    void *arg;
} Walk;

/* What cannot be read is left out. -1: there is more than limits.h allows. */
MUST int file_walk(const Walk *walk, Err *err);

/* Does the set mean this file of the directory? `path` is relative to the root. */
bool walk_wants(const WalkSet *set, const WalkUse *use, const IgnoreAt *at, const char *path);
/* ... this directory in it, and how; false: there is nothing to look for. */
bool walk_enters(const WalkSet *set, const WalkUse *use, const IgnoreAt *at, const char *path,
                 bool *ret_all);
