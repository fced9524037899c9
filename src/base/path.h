/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, and where ours are: docs/concepts.md, at its end. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Returns owned; an absolute name stands alone. */
char *path_join(const char *dir, const char *name);
/* The last name of a path; lends. Of one that ends with a slash it is empty. */
const char *path_base(const char *path);
/* What it is in: "." without a slash, "/" at the root. Returns owned. */
char *path_dir(const char *path);
/* An absolute path made normal: links are resolved as far as it exists, and what is behind that
 * stands without "." and "..". Returns owned. */
char *path_resolve(const char *path);
/* Likewise, but for the last name: what is there may be a link itself. */
char *path_resolve_above(const char *path);
/* Is it `dir` or inside? Both absolute and normal. */
bool path_below(const char *path, const char *dir);
/* Those that are missing; existing ones stay as they are. */
MUST int path_mkdirs(const char *path, mode_t mode, Err *err);
/* Removes a file or a whole tree; follows no link, goes on after an error and names the first. What
 * is not there is fine. Directories of ours that we may not write are made writable (package caches
 * have such). */
MUST int path_remove_tree(const char *path, Err *err);

/* Both exist afterwards, 0700 and ours, or it is an error: we make them, but change nothing that
 * was there before. Returns owned. A state directory may be a link. */
/* THOLE_STATE_DIR, else $XDG_STATE_HOME/thole, else ~/.local/state/thole. */
MUST char *path_state_dir(Err *err);
/* THOLE_RUNTIME_DIR, else $XDG_RUNTIME_DIR/thole, else <tmp>/thole-<uid>. */
MUST char *path_runtime_dir(Err *err);
