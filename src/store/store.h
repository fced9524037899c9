/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what outlives sessions and is shared by them. Here: port leases, who has which port,
 * and who had it last, so that the next run gets it again; environments are in environments.h.
 *
 * There are two: sqlite/ (a file, which several servers may share) and mem/ (gone with the
 * process). One suite of tests holds both to what the headers say.
 *
 * Every call blocks: it is for a Worker, the same one for all calls of a store, for it is used by
 * one thread at a time. Each is one transaction, on disk when it returns.
 * ERR_UNAVAILABLE: the store cannot be used (broken, of a newer thole, locked, no space); it is
 * left as it is, and the next call tries anew. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct Store Store;

/* Who leases: a session of a config file. */
typedef struct LeaseOwner {
    const char *file;    /* absolute path */
    const char *session; /* of `--session`; "": the first */
    const char *slug;    /* for people */
} LeaseOwner;

typedef struct Lease {
    LeaseOwner owner;
    const char *service;
    const char *name; /* of `ports`; "": `port` */
    int64_t port;
    bool automatic;
    bool held; /* false: it had it last */
} Lease;

typedef struct Leases {
    Lease *at;
    size_t n;
} Leases;

typedef struct StoreOps {
    void (*close)(Store *store);                                    /* MUST */
    int (*leases)(Store *store, Arena *arena, Leases *ret, Err *);  /* MUST */
    int (*lease)(Store *store, const Leases *leases, Err *err);     /* MUST */
    int (*release)(Store *store, const LeaseOwner *owner, Err *);   /* MUST */
    int (*forget)(Store *store, const LeaseOwner *owner, Err *err); /* MUST */
    const struct EnvironmentStoreOps *environments;                 /* MUST: environments.h */
} StoreOps;

struct Store {
    const StoreOps *ops;
    int64_t (*now_us)(void *arg); /* the wall clock; NULL: the machine's. Tests set it */
    void *now_arg;
};

/* The file that THOLE_STORE (`name`; NULL or "": not set) means for environments: an absolute path,
 * or thole.db in the state directory. Returns owned, or NULL: ERR_INVALID. */
char *store_file(const char *name, const char *state_dir, Err *err);

Store *store_free(Store *store); /* NULL is fine, returns NULL */

int64_t store_now_us(const Store *store); /* for implementations */

/* All leases, held ones and remembered ones, by port. */
MUST int store_leases(Store *store, Arena *arena, Leases *ret, Err *err);
/* Their owner, the same of all, holds exactly these from now on; what it held else is remembered.
 * At least one. ERR_CONFLICT: one of the ports is held by somebody else; nothing has changed. */
MUST int store_lease(Store *store, const Leases *leases, Err *err);
/* The owner holds nothing any more, but is remembered. */
MUST int store_release(Store *store, const LeaseOwner *owner, Err *err);
/* ... and is not even remembered. */
MUST int store_forget(Store *store, const LeaseOwner *owner, Err *err);
