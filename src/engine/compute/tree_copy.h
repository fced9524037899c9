/* SPDX-License-Identifier: Apache-2.0 */
/* Brings files of one tree into another: what is there already is left alone, and nothing is
 * written beside the other tree, also over a link in it. Blocks: for a worker; it ends early if
 * that leaves. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "data/schema.h"

typedef struct TreeCopy {
    const char *from, *to;    /* roots; absolute */
    bool link;                /* a link to it instead of a copy */
    const _Atomic bool *stop; /* set by another thread: nothing more is brought; NULL: never */
    size_t files;             /* that were brought: counted on */
    int64_t since_ns;         /* for tree_copy_changed(): all was brought by then, at first */
} TreeCopy;

/* A file, or a directory with all that is in it but .git: mode and times are kept, and where the
 * file system can, the bytes are shared until one of both is changed. `path` is relative to both
 * roots. ERR_NOT_FOUND: it is not there; ERR_INVALID: it is no path below a root, or leads out of
 * `to` over a link; ERR_CANCELLED: it was stopped. */
MUST int tree_copy(TreeCopy *copy, const char *path, Err *err);
/* Nothing more will be brought. */
bool tree_copy_stopped(const TreeCopy *copy);
/* What is at `path` in `to` is what `from` has there: a copy of it, or a link to it. */
bool tree_copy_is_same(const TreeCopy *copy, const char *path);
/* Of `path`, which was brought, and of what is in it: what was touched after since_ns, is in
 * `from`, too, and is not the same there. Added to `ret`, relative to the roots; what that has is
 * of this function. */
void tree_copy_changed(const TreeCopy *copy, const char *path, Arena *arena, StrList *ret);
