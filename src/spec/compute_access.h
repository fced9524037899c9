/* SPDX-License-Identifier: Apache-2.0 */
/* Where an environment is, as somebody else says it, a file or a hook: it ends up in commands. */
#pragma once

#include "spec/environment.h"

/* ERR_INVALID names the member of the state: "path: \"x\" is no absolute path". */
MUST int compute_access_check(const ComputeAccess *access, Err *err);
/* The worktree of one that is managed is removed with all that is in it. ERR_INVALID, with the
 * member: the project is in it, or what lies in the directory `state_dir`. */
MUST int compute_tree_check(const ComputeAccess *access, const char *project_file,
                            const char *state_dir, Err *err);
/* Its host and user, by any name: no option of ssh, nothing that ends a word or a line. NULL is
 * fine. */
MUST int compute_word_check(const char *name, const char *value, Err *err);
MUST int compute_path_check(const char *name, const char *path, Err *err); /* absolute, and one that
                                                                              can be */
