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

/* -1 and NULL as glob_check says of the first that is none. No globs: a set that matches
 * nothing. */
MUST GlobSet *glob_set_new(const char *const *globs, size_t n, Err *err);
GlobSet *glob_set_free(GlobSet *set);

bool glob_set_match(const GlobSet *set, const char *path);
/* Could anything below this directory match? ("": the root) */
bool glob_set_enters(const GlobSet *set, const char *dir);

/* The globs one by one, braces resolved, without those that take away. */
size_t glob_set_count(const GlobSet *set);
bool glob_set_match_one(const GlobSet *set, size_t i, const char *path); /* and not taken away */
/* The names that stand at its beginning without any wildcard: the directory (or file) that it is
 * about. */
const char *glob_set_base(const GlobSet *set, size_t i);
/* Does one begin with this path, or is it one: is a base the same or below? */
bool glob_set_names(const GlobSet *set, const char *path);

/* One name against one pattern of *, ?, [] and \; neither has a slash. The ends need not be NUL. */
bool glob_name_match(const char *pattern, const char *pattern_end, const char *name,
                     const char *name_end);
/* A whole path against a whole pattern, with **; `prefix`: or against one of its parents. */
bool glob_path_match(const char *pattern, const char *path, bool prefix);
