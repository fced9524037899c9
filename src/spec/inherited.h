/* SPDX-License-Identifier: Apache-2.0 */
/* What is inherited of the environment of the client that asked for it. */
#pragma once

#include "data/schema.h"

#define INHERITED_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* By a local step of a workflow: what a program needs to work at all, and nothing that is
 * somebody's own. PATH, the language (LANG, LANGUAGE, LC_*), TZ, TMPDIR, who it is (USER, LOGNAME),
 * proxies, and certificates to trust. Of `env`, in `arena`, its strings shared. PATH is always
 * there: INHERITED_PATH. */
StrMap inherited_environment(const StrMap *env, Arena *arena);
/* `env` without git's own (git_variables.h). In `arena`, its strings shared. */
StrMap inherited_without_git(const StrMap *env, Arena *arena);
/* By what is done for an environment: likewise, and without what another environment's commands are
 * told (asked from such a one: `thole env exec`), which is there under two names, THOLE_… and
 * PREVIEWCTL_…; of its ports and key-values also what is there under one. THOLE_OPERATIONS stays:
 * who waits for a hook waits for what it runs so, too. `env` is sorted. */
StrMap inherited_by_environment(const StrMap *env, Arena *arena);
