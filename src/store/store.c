/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <assert.h>

Store *store_free(Store *store) {
    if (store)
        store->ops->close(store);
    return NULL;
}

int store_leases(Store *store, Arena *arena, Leases *ret, Err *err) {
    return store->ops->leases(store, arena, ret, err);
}

int store_lease(Store *store, const Leases *leases, Err *err) {
    assert(leases->n > 0);
    return store->ops->lease(store, leases, err);
}

int store_release(Store *store, const LeaseOwner *owner, Err *err) {
    return store->ops->release(store, owner, err);
}

int store_forget(Store *store, const LeaseOwner *owner, Err *err) {
    return store->ops->forget(store, owner, err);
}
