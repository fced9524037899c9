/* SPDX-License-Identifier: Apache-2.0 */
/* What a local step of a workflow inherits of the environment of the client that asked for it: what
 * a program needs to work at all, and nothing that is somebody's own. PATH, the language (LANG,
 * LANGUAGE, LC_*), TZ, TMPDIR, who it is (USER, LOGNAME), proxies, and certificates to trust. */
#pragma once

#include "data/schema.h"

#define INHERITED_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Of `env`, in `arena`, its strings shared. PATH is always there: INHERITED_PATH. */
StrMap inherited_environment(const StrMap *env, Arena *arena);
