/* SPDX-License-Identifier: Apache-2.0 */
/* BackendPool: the Backends where workflows run. One for each kind and set of options that somebody
 * uses: made when it is first asked for, loaded before it is first used, kept while it is used. */
#pragma once

#include "backend/backend.h"

typedef struct BackendPool BackendPool;
typedef struct PooledBackend PooledBackend;

typedef struct BackendWish {
    const char *name; /* NULL, "" or "auto": the first kind that is available */
    /* What the caller's environment says of each kind: {"docker": {"host": "unix:///x"}}. NULL:
     * nothing. Only that of the kind that is used counts, or is looked at */
    const Value *options;
} BackendWish;

/* `kinds`, lent: the preferred first. */
BackendPool *backend_pool_new(Loop *loop, const BackendKind *kinds, size_t n);
BackendPool *backend_pool_free(BackendPool *pool); /* stops nothing */

/* ERR_NOT_FOUND: there is no such kind; ERR_UNAVAILABLE, ERR_DENIED: why it cannot be used;
 * ERR_INVALID: an option. Counts until pooled_drop. */
MUST PooledBackend *backend_pool_take(BackendPool *pool, const BackendWish *wish, Err *err);
/* As it was when the wish was made: available or not. Of what a server before has begun. */
MUST PooledBackend *backend_pool_retake(BackendPool *pool, const BackendWish *wish, Err *err);
/* ERR_NOT_FOUND, ERR_INVALID likewise, by the look of the wish. */
MUST int backend_pool_check(const BackendPool *pool, const BackendWish *wish, Err *err);
PooledBackend *pooled_ref(PooledBackend *pooled);
/* Returns NULL, takes NULL. It goes on the next turn, if nobody has taken it by then. */
PooledBackend *pooled_drop(PooledBackend *pooled);

Backend *pooled_backend(const PooledBackend *pooled);
const StrMap *pooled_options(const PooledBackend *pooled); /* those that were given */
/* Is it this server's own, which always answers, and not an engine somewhere? */
bool pooled_is_own(const PooledBackend *pooled);
/* Done once it is loaded; it is asked again whenever that has failed. patient: as long as its
 * option `patience` says, a minute if there is none: for those who have something running there. */
Op *pooled_load(PooledBackend *pooled, bool patient, OpFn fn, void *arg);

/* An Op that is made of calls to backends: it goes with the pool, if nobody has heard of its end by
 * then. */
typedef struct PoolCall {
    OpFn fn;
    void *arg;
    OpCancelFn cancel;
    void *state;
} PoolCall;
Op *backend_pool_op(BackendPool *pool, const PoolCall *call);

/* The i-th kind; NULL: there are no more. */
const BackendKind *backend_pool_kind(const BackendPool *pool, size_t i);
/* Calls `fn` for each that somebody uses; `fn` may take and drop. */
void backend_pool_each(BackendPool *pool, void (*fn)(void *arg, PooledBackend *pooled), void *arg);
