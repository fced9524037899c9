/* SPDX-License-Identifier: Apache-2.0 */
/* What nobody wants to hear of: .gitignore files by git's own rules (nested, negated, anchored, for
 * directories alone), and what editors and version control leave behind.
 *
 * Paths are relative to the root of the tree that is looked at. A file of rules holds below its own
 * directory; of the rules that match, the last one of the innermost file decides. What is below an
 * ignored directory is ignored; that is for the caller, who does not enter it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Ignore Ignore;

/* The rules of one file (or list). */
typedef struct IgnoreFrom {
    Ignore *outer;   /* taken: those of files that lie further up; NULL: none */
    const char *dir; /* where the file lies, relative to the root ("": in it) */
    const char
        *above; /* of a file above the root: the path from its directory to the root; dir is "" */
} IgnoreFrom;
/* Returns owned. What is no rule is passed over, as git does. */
Ignore *ignore_parse(const char *text, size_t size, const IgnoreFrom *from);
Ignore *ignore_free(Ignore *ignore); /* and what is outer */

typedef enum Ignored { IGNORED_NO_RULE, IGNORED, IGNORED_KEPT } Ignored;
/* What the rules say of a path: ignored, expressly not, or nothing. Its parents are not looked
 * at. */
Ignored ignore_look(const Ignore *ignore, const char *path, bool is_dir);

/* The rules that hold in a directory: its own, if it has any, and those of the directories
 * above. */
typedef struct IgnoreAt {
    const struct IgnoreAt *outer;
    Ignore *ignore; /* NULL: none of its own */
} IgnoreAt;
bool ignore_says(const IgnoreAt *at, const char *path, bool is_dir);

/* .git, .thole and their like: never entered. */
bool ignore_always(const char *name);
/* What editors write beside a file: swap files, backups, locks, test files. */
bool ignore_dropping(const char *name);
