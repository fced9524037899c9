/* SPDX-License-Identifier: Apache-2.0 */
/* What the store in memory has. Private to this folder. */
#pragma once

#include "base/vec.h"
#include "store/environments.h"

typedef struct MemLease {
    Arena arena;
    Lease lease;
    int64_t changed; /* counts */
} MemLease;

typedef struct MemEnvironment {
    Arena arena; /* of all below; another one after each write */
    StoredEnvironment stored;
    bool there; /* false: it was removed, and only its audit log is left */
} MemEnvironment;

typedef struct MemClaim {
    Arena arena;
    EnvironmentLease lease;
} MemClaim;

typedef struct MemBlock {
    Arena arena;
    EnvironmentKey key;
    uint32_t block;
} MemBlock;

typedef struct MemProject {
    Arena arena;
    const char *project;
    const Value *unknown;
} MemProject;

typedef struct MemStore {
    Store base;
    VEC(MemLease *) leases;
    VEC(MemEnvironment *) environments; /* by project, then name */
    VEC(MemClaim *) claims;             /* leases of environments */
    VEC(MemBlock *) blocks;
    VEC(MemProject *) projects;
    int64_t lease_changes;
    int64_t change, token, forgotten; /* as the columns of `counter` in sqlite/schema.c */
} MemStore;

MemStore *mem_store(Store *store);
bool mem_same_key(EnvironmentKey a, EnvironmentKey b);

/* leases.c */
int mem_leases(Store *, Arena *, Leases *ret, Err *);
int mem_lease(Store *, const Leases *, Err *);
int mem_release(Store *, const LeaseOwner *, Err *);
int mem_forget(Store *, const LeaseOwner *, Err *);

/* environments.c */
int mem_environments(Store *, int64_t since, Arena *, StoredEnvironments *ret, Err *);
int mem_change(Store *, int64_t *ret, Err *);
int mem_environment(Store *, const EnvironmentRead *, Arena *, StoredEnvironment *ret, Err *);
int mem_environment_write(Store *, const EnvironmentWrite *, int64_t *ret_version, Err *);
int mem_project(Store *, const ProjectRead *, Arena *, EnvironmentState *ret, Err *);
int mem_environments_add(Store *, const EnvironmentAdd *, Err *);
int mem_environment_remove(Store *, EnvironmentKey, int64_t token, Err *);
int mem_environment_values(Store *, const EnvironmentValues *, Err *);

/* claims.c */
int mem_environment_lease(Store *, const EnvironmentLease *, Arena *, EnvironmentLease *ret, Err *);
int mem_environment_renew(Store *, const EnvironmentLease *, Err *);
int mem_environment_release(Store *, const EnvironmentLease *, Err *);
MUST int mem_token_check(MemStore *, EnvironmentKey, int64_t token, Err *);
int mem_port_block(Store *, const PortBlockClaim *, uint32_t *ret, Err *);
int mem_port_blocks(Store *, Arena *, PortBlocksTaken *ret, Err *);
void mem_port_block_take(MemStore *, EnvironmentKey, uint32_t block); /* unless another has it */
void mem_port_block_free(MemStore *, EnvironmentKey);
