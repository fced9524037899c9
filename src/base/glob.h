/* SPDX-License-Identifier: Apache-2.0 */
/* Globs: which files of a tree are meant. Paths and globs are relative to the tree's root, and
 * normal: "src/app.js", no leading "./", the root itself is "".
 *
 *   *  ?  [a-z] [!a]   within one name; names that begin with a dot are names as others
 *   **                 any number of directories, also none
 *   {a,b/c}            either; may be nested
 *   \x                 x as it is
 *   !glob              takes away what it matches, wherever it stands in the list
 *
 * What matches a directory matches all below it: "src" and "src/" are src and everything in it,
 * "*.js" the files (or directories) of that name in the root alone, "**" + "/" + "*.js" those
 * anywhere, "." everything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { GLOB_MAX = 4096, GLOB_WAYS_MAX = 256 }; /* bytes of one; what its braces come to */

/* Why this is no glob: empty, absolute, outside of the root, brackets or braces that are not
 * closed, … */
MUST int glob_check(const char *glob, Err *err);

typedef struct GlobSet GlobSet;

/* Returns owned; NULL with the error of glob_check for the first that is none. No globs: a set that
 * matches nothing. */
MUST GlobSet *glob_set_new(const char *const *globs, size_t n, Err *err);
GlobSet *glob_set_free(GlobSet *set);

bool glob_set_match(const GlobSet *set, const char *path);
/* Could anything below this directory match? ("": the root) */
bool glob_set_enters(const GlobSet *set, const char *dir);

/* Does one begin with this path, or is it one? Of a glob only the names count that stand at its
 * beginning without any wildcard. */
bool glob_set_names(const GlobSet *set, const char *path);

/* One name against one pattern of *, ?, [] and \; neither has a slash. The ends need not be NUL. */
bool glob_name_match(const char *pattern, const char *pattern_end, const char *name,
                     const char *name_end);
/* A whole path against a whole pattern, with **; `prefix`: or against one of its parents. */
bool glob_path_match(const char *pattern, const char *path, bool prefix);
