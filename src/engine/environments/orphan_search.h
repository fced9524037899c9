/* SPDX-License-Identifier: Apache-2.0 */
/* The search for orphans (environment_orphans.h), on a worker. */
#pragma once

#include "engine/compute/compute.h"
#include "engine/environments/environment_orphans.h"
#include "store/environments.h"

/* An environment of the project. */
typedef struct OrphanOwner {
    const char *name, *slug, *path;
    bool busy; /* an operation is under way */
    bool managed;
    EnvironmentStatus status;
    const char *failed_step, *error;
    int64_t expires_ns;
    StrList brought; /* as ComputeAsk has them */
    int64_t brought_ns;
} OrphanOwner;

/* A session that is up, or is to be. */
typedef struct OrphanSession {
    const char *slug, *file; /* its config file */
} OrphanSession;

typedef struct OrphanSearch {
    Arena *arena;
    const char *project, *root; /* config file, its directory */
    const char *state_dir;
    const char *worktrees, *environments; /* where those of the project are */
    const char *shared;                   /* what all of them share has its directory here */
    const char *config_name;              /* of the project; NULL: its config is not valid */
    const StrMap *env;
    int64_t now_ns;
    OrphanOwner *own;
    size_t own_n, own_cap;
    StrList others; /* worktrees of environments of other projects */
    size_t others_cap;
    OrphanSession *running;
    size_t running_n, running_cap;
    const char *store; /* EngineOptions.store_file */
    EnvironmentOrphans found, judged;
    size_t found_cap, judged_cap;
} OrphanSearch;

/* ---- orphan_search.c: each adds to `found` what no `own` has ---- */
void orphan_search_worktrees(OrphanSearch *search);
void orphan_search_directories(OrphanSearch *search);
void orphan_search_environments(OrphanSearch *search); /* expired, leftover */
void orphan_search_judge(OrphanSearch *search);        /* of `found` to `judged` */
void orphan_search_ports(OrphanSearch *search, const PortBlocksTaken *blocks); /* to `judged` */

/* ---- orphan_own.c ---- */
StrList orphan_own_files(const ComputeAsk *ask, Arena *arena);

/* ---- orphan_sessions.c ---- */
void orphan_search_sessions(OrphanSearch *search);
MUST int orphan_remove_session(const OrphanSearch *search, const EnvironmentOrphan *orphan,
                               Err *err);

/* ---- orphan_compose.c ---- */
void orphan_search_compose(OrphanSearch *search);
MUST int orphan_remove_compose(const OrphanSearch *search, const EnvironmentOrphan *orphan,
                               Err *err);

/* ---- orphan_search.c ---- */
/* Worktrees, directories, sessions, compose projects. */
MUST int orphan_search_remove(const OrphanSearch *search, const EnvironmentOrphan *orphan,
                              Err *err);
/* The directory is in the worktree of an environment, or where that will be. */
bool orphan_has_tree(const OrphanSearch *search, const char *dir);
/* Likewise of one of another project. */
bool orphan_is_of_others(const OrphanSearch *search, const char *dir);
void orphan_add_other(OrphanSearch *search, const char *path);
void orphan_found(OrphanSearch *search, const EnvironmentOrphan *orphan);
