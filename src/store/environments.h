/* SPDX-License-Identifier: Apache-2.0 */
/* Environments in the store: entries with their checkpoints, audit log and key-values; the port
 * blocks they have; the lease of whoever works on one. Several servers, on several machines, may
 * share a store: every call is one transaction, and nobody overwrites what he has not read.
 *
 * Every call blocks: it is for a Worker. Errors as in store.h. */
#pragma once

#include "spec/environment.h"
#include "store/store.h"

/* Projects are told apart by the absolute path of their config file. */
typedef struct EnvironmentKey {
    const char *project;
    const char *name;
} EnvironmentKey;

typedef struct StoredEnvironment {
    const char *project;
    EnvironmentEntry entry;
    /* Of the entry: 1, 2, …; drawn anew by each write. One that is removed and made once more goes
     * on from there, as long as its removal is remembered (MAX_ENVIRONMENTS_REMOVED). */
    int64_t version;
    int64_t change;     /* of the whole store: greater with everything that changes in it */
    const char *server; /* entry_server() of it whole */
} StoredEnvironment;

typedef struct StoredEnvironments {
    StoredEnvironment *at; /* by project, then name */
    size_t n;
    /* Those that were removed since, if `since` was given. */
    struct {
        EnvironmentKey *at;
        size_t n;
    } removed;
    int64_t change; /* up to which this is all */
    bool whole;     /* `since` was too long ago (or 0): what is not listed is not there any more */
} StoredEnvironments;

/* Entries without steps, audit and key-values, that have changed since `since` (0: all). */
MUST int store_environments(Store *store, int64_t since, Arena *arena, StoredEnvironments *ret,
                            Err *err);
/* A number that is another one whenever something may have changed: cheap, no transaction. */
MUST int store_change(Store *store, int64_t *ret, Err *err);

typedef enum EnvironmentParts {
    ENVIRONMENT_STEPS = 1,
    ENVIRONMENT_AUDIT = 2,
    ENVIRONMENT_VALUES = 4,
    ENVIRONMENT_ALL_PARTS = ENVIRONMENT_STEPS | ENVIRONMENT_AUDIT | ENVIRONMENT_VALUES,
} EnvironmentParts;

typedef struct EnvironmentRead {
    EnvironmentKey key;
    unsigned parts; /* of EnvironmentParts */
} EnvironmentRead;

/* ERR_NOT_FOUND: `environment 'x' not found`. */
MUST int store_environment(Store *store, const EnvironmentRead *read, Arena *arena,
                           StoredEnvironment *ret, Err *err);

typedef struct EnvironmentWrite {
    EnvironmentKey key;
    int64_t version; /* that was read; 0: it must not be there */
    /* Of the lease under which this is written; 0: none is needed. One that has expired, but was
     * taken by nobody else, will do. */
    int64_t token;
    /* The entry as it is to be; its checkpoints, audit log and key-values do not count. NULL: it
     * stays as it is, but for what follows */
    const EnvironmentEntry *entry;
    const Checkpoint *steps; /* put in the place of those of the same names */
    size_t step_n;
    const AuditEntry *audit; /* appended */
    size_t audit_n;
    const StrMap *values; /* key-values that are set; NULL: none */
} EnvironmentWrite;

/* All of it or nothing; `ret_version` may be NULL. ERR_CONFLICT: somebody has written since or
 * removed it (or, version 0, it is there), or the lease is another's by now; the message says
 * which. */
MUST int store_environment_write(Store *store, const EnvironmentWrite *write, int64_t *ret_version,
                                 Err *err);

/* ---- all environments of a project ---- */

typedef struct ProjectRead {
    const char *project;
    unsigned parts; /* of EnvironmentParts */
} ProjectRead;

/* As they are at one moment, with what EnvironmentAdd has brought of the project itself. */
MUST int store_project(Store *store, const ProjectRead *read, Arena *arena, EnvironmentState *ret,
                       Err *err);

/* Whole entries with all that is theirs, none of which is there yet, in one transaction: all of
 * them or none. ERR_CONFLICT names the first that is there, or stands in it twice. */
typedef struct EnvironmentAdd {
    const char *project;
    const EnvironmentEntry *at;
    size_t n;
    /* Of each the block that its ports are of: its own from now on, unless another has it; -1: of
     * none. NULL: all of none */
    const int64_t *blocks;
    /* What the project has beside its environments, that we do not know: a map that is laid over
     * what was there; NULL */
    const Value *unknown;
} EnvironmentAdd;
MUST int store_environments_add(Store *store, const EnvironmentAdd *add, Err *err);

/* With its checkpoints, key-values and port block; its audit log stays, for the next of its name
 * (of the MAX_ENVIRONMENTS_REMOVED that were removed last). Unknown is fine. ERR_CONFLICT: the
 * lease is another's. */
MUST int store_environment_remove(Store *store, EnvironmentKey key, int64_t token, Err *err);

/* ---- leases ---- */
enum { ENVIRONMENT_LEASE_MS = 30 * 1000 };

typedef struct EnvironmentLease {
    EnvironmentKey key;
    const char *server; /* the id of a state directory: the next server of it has the same */
    const char *holder; /* where that is, and */
    const char *doing;  /* "create": for those who wait */
    int64_t token;      /* greater than that of every lease before; drawn by the store */
    int64_t expires_ms; /* wall clock; set by the store: ENVIRONMENT_LEASE_MS from now */
} EnvironmentLease;

/* Takes it if it is free, expired, or this server's own already (with a new token either way), else
 * ERR_CONFLICT, and `ret` says whose it is. The environment need not exist. One that expires later
 * than twice ENVIRONMENT_LEASE_MS from now is of a clock that was set back since: expired too. */
MUST int store_environment_lease(Store *store, const EnvironmentLease *lease, Arena *arena,
                                 EnvironmentLease *ret, Err *err);
/* By its token. ERR_CONFLICT: it is another's. To release what nobody has is fine. */
MUST int store_environment_renew(Store *store, const EnvironmentLease *lease, Err *err);
MUST int store_environment_release(Store *store, const EnvironmentLease *lease, Err *err);

/* ---- port blocks ---- */
typedef struct PortBlockClaim {
    EnvironmentKey key; /* it need not exist */
    uint32_t wanted;
    uint32_t n;    /* so many there are: 0 to n - 1 */
    int64_t token; /* as that of EnvironmentWrite */
} PortBlockClaim;

/* The block of the environment from now on: the one it has; else the wanted or the first free one
 * after it, round about. ERR_LIMIT: all n are taken; ERR_CONFLICT: the lease is another's. */
MUST int store_port_block(Store *store, const PortBlockClaim *claim, uint32_t *ret, Err *err);

typedef struct PortBlock {
    EnvironmentKey key;
    uint32_t block;
} PortBlock;
typedef struct PortBlocksTaken {
    PortBlock *at; /* by block */
    size_t n;
} PortBlocksTaken;
MUST int store_port_blocks(Store *store, Arena *arena, PortBlocksTaken *ret, Err *err);

/* ---- key-values of an environment, set by people and hooks ---- */
typedef struct EnvironmentValues {
    EnvironmentKey key;
    const StrMap *set;       /* NULL: none */
    const StrList *unset;    /* NULL: none */
    const AuditEntry *audit; /* one for all of them; NULL */
} EnvironmentValues;
/* ERR_NOT_FOUND: there is no such environment. Never a conflict: the entry's version stays. What is
 * both set and unset is unset. */
MUST int store_environment_values(Store *store, const EnvironmentValues *values, Err *err);

/* What an implementation has for these. */
typedef struct EnvironmentStoreOps {
    int (*list)(Store *, int64_t since, Arena *, StoredEnvironments *ret, Err *);
    int (*change)(Store *, int64_t *ret, Err *);
    int (*get)(Store *, const EnvironmentRead *, Arena *, StoredEnvironment *ret, Err *);
    int (*write)(Store *, const EnvironmentWrite *, int64_t *ret_version, Err *);
    int (*project)(Store *, const ProjectRead *, Arena *, EnvironmentState *ret, Err *);
    int (*add)(Store *, const EnvironmentAdd *, Err *);
    int (*remove)(Store *, EnvironmentKey, int64_t token, Err *);
    int (*lease)(Store *, const EnvironmentLease *, Arena *, EnvironmentLease *ret, Err *);
    int (*renew)(Store *, const EnvironmentLease *, Err *);
    int (*release)(Store *, const EnvironmentLease *, Err *);
    int (*port_block)(Store *, const PortBlockClaim *, uint32_t *ret, Err *);
    int (*port_blocks)(Store *, Arena *, PortBlocksTaken *ret, Err *);
    int (*values)(Store *, const EnvironmentValues *, Err *);
} EnvironmentStoreOps;
