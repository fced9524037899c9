/* SPDX-License-Identifier: Apache-2.0 */
/* `.worktreeinclude`: which of the files that git ignores are brought along into a new worktree,
 * one pattern a line in the syntax of .gitignore.
 *
 *     .env*                   in any directory
 *     !.env.production        but not this one: the last pattern that matches decides
 *     /config/local/          a directory of the root, with all that is in it
 *     link:node_modules       not a copy, but a link to that of the project
 *
 * As in .gitignore, what is in a directory that is brought along cannot be left out. .git and
 * .thole are never brought along, whatever the patterns. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define WORKTREE_INCLUDE ".worktreeinclude"
#define WORKTREE_LINK    "link:"

typedef struct WorktreeInclude WorktreeInclude;

/* Returns owned. */
WorktreeInclude *worktree_include_parse(const char *text, size_t size);
WorktreeInclude *worktree_include_free(WorktreeInclude *include);
/* Of a path relative to the root, as git prints them: a directory ends with '/'. False for one that
 * leaves the root. Lines that match it are used from now on, also where a later one takes it
 * back. */
bool worktree_include_matches(WorktreeInclude *include, const char *path);
/* Of one that matches: by a pattern with `link:`. */
bool worktree_include_links(const WorktreeInclude *include, const char *path);

/* A line with a pattern that brings something. Lent by the whole. */
typedef struct IncludeLine {
    size_t number;    /* from 1 */
    const char *text; /* without blanks around it */
    const struct Ignore *rule;
} IncludeLine;
/* The first one from the `*at`-th on that is not used; *at is then behind it. false: there is
 * none. */
bool worktree_include_unused(const WorktreeInclude *include, size_t *at, IncludeLine *ret);
bool worktree_include_line_matches(const IncludeLine *line, const char *path);

/* What is asked for by name (--copy): a path relative to the root, after `link:` if a link is
 * wanted. Lends the path; NULL: it leaves the root, or never goes along. */
const char *worktree_include_named(const char *text, bool *ret_link);
