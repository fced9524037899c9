/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of environments that are no more, or whose time has passed: of one project, and only
 * what thole has made for it. Found in two steps, so that nothing is taken for an orphan that came
 * to be meanwhile: first what there is (files, git, docker), then who owns it (the store). */
#pragma once

#include "engine/environments/environment.h"

typedef struct EnvironmentOrphan {
    OrphanKind kind;
    const char *name, *path; /* path "": it has none */
    const char *why;
    bool removable; /* else `why` says what keeps it */
} EnvironmentOrphan;

typedef struct EnvironmentOrphans {
    EnvironmentOrphan *at; /* by kind, then name */
    size_t n;
} EnvironmentOrphans;

/* Right after environments_refresh(). What there is that may be one; the result is an
 * EnvironmentOrphans. */
Op *environment_orphans_find(Engine *engine, const char *project, OpFn fn, void *arg);
/* Those of them that are, and blocks of ports; likewise. */
Op *environment_orphans_judge(Engine *engine, const char *project, const EnvironmentOrphans *found,
                              OpFn fn, void *arg);
/* Of the first five kinds. The others are removed by the operation delete. ERR_CONFLICT: it is an
 * environment's by now. No result. */
Op *environment_orphan_remove(Engine *engine, const char *project, const EnvironmentOrphan *orphan,
                              OpFn fn, void *arg);
