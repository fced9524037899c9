/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of environments that are no more, or whose time has passed: of one project, and only
 * what thole has made for it. Found in two steps, so that nothing is taken for an orphan that came
 * to be meanwhile: first what there is (files, git, docker), then who owns it (the store). */
#pragma once

#include "engine/environments/environment.h"

typedef enum OrphanKind {
    ORPHAN_WORKTREE,  /* below <state>/worktrees/<project>/, of no environment; or git's record */
    ORPHAN_DIRECTORY, /* <state>/environments/<project>/<name>/ likewise; and what all share */
    ORPHAN_SESSION,   /* a session of such a worktree, or of one that was given a path, that is
                         down; path: where its file was */
    ORPHAN_COMPOSE,   /* a compose project of such a worktree */
    ORPHAN_PORTS,     /* a block of ports of no environment */
    ORPHAN_EXPIRED,   /* an environment whose `expires` has passed */
    ORPHAN_LEFTOVER,  /* one whose deletion did not come to its end */
    ORPHAN_KINDS
} OrphanKind;

const char *orphan_kind_name(OrphanKind kind); /* "worktree" */
MUST int orphan_kind_parse(const char *text, OrphanKind *ret);

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
