/* SPDX-License-Identifier: Apache-2.0 */
/* The members of the two tables of operations, by noun, and what they share. Private to this
 * folder. */
#pragma once

#include "store/environments.h"
#include "store/sqlite/database.h"

typedef struct SqliteStore {
    Store base;
    Database own;
    Database shared; /* no path: the own one is */
} SqliteStore;

Database *sqlite_own(Store *store);    /* for port leases */
Database *sqlite_shared(Store *store); /* for environments */

/* leases.c */
int sqlite_leases(Store *, Arena *, Leases *ret, Err *);
int sqlite_lease(Store *, const Leases *, Err *);
int sqlite_release(Store *, const LeaseOwner *, Err *);
int sqlite_forget(Store *, const LeaseOwner *, Err *);

/* environments.c */
int sqlite_environments(Store *, int64_t since, Arena *, StoredEnvironments *ret, Err *);
int sqlite_change(Store *, int64_t *ret, Err *);
int sqlite_environment(Store *, const EnvironmentRead *, Arena *, StoredEnvironment *ret, Err *);
int sqlite_project(Store *, const ProjectRead *, Arena *, EnvironmentState *ret, Err *);

typedef struct EnvironmentRow {
    int64_t id, version;
    bool there; /* false: it was removed */
} EnvironmentRow;

/* 1: found, 0: there never was one, -1. */
MUST int sqlite_row(Database *, EnvironmentKey, EnvironmentRow *ret, Err *);
/* As query_begin, with project and name as the first two parameters. */
MUST int sqlite_query_of(Query *, Database *, const char *sql, EnvironmentKey, Err *);
/* What a project has beside its environments; NULL: nothing. */
MUST int sqlite_project_unknown(Database *, const char *project, Arena *, const Value **ret, Err *);
/* What the statement gives of the one row of `counter`. */
MUST int sqlite_counter(Database *, const char *sql, int64_t *ret, Err *);

/* environments_write.c */
int sqlite_environment_write(Store *, const EnvironmentWrite *, int64_t *ret_version, Err *);
int sqlite_environments_add(Store *, const EnvironmentAdd *, Err *);
int sqlite_environment_remove(Store *, EnvironmentKey, int64_t token, Err *);
int sqlite_environment_values(Store *, const EnvironmentValues *, Err *);

/* environment_leases.c */
int sqlite_environment_lease(Store *, const EnvironmentLease *, Arena *, EnvironmentLease *ret,
                             Err *);
int sqlite_environment_renew(Store *, const EnvironmentLease *, Err *);
int sqlite_environment_release(Store *, const EnvironmentLease *, Err *);
/* It is the one under which the environment may be written. */
MUST int sqlite_token_check(Database *, EnvironmentKey, int64_t token, Err *);

/* port_blocks.c */
int sqlite_port_block(Store *, const PortBlockClaim *, uint32_t *ret, Err *);
int sqlite_port_blocks(Store *, Arena *, PortBlocksTaken *ret, Err *);
/* Unless another has it. */
MUST int sqlite_port_block_take(Database *, EnvironmentKey, uint32_t block, Err *);
MUST int sqlite_port_block_free(Database *, EnvironmentKey, Err *);
