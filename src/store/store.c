/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"

char *store_file(const char *name, const char *state_dir, Err *err) {
    if (!name || !*name)
        return path_join(state_dir, "thole.db");
    if (name[0] == '/')
        return xstrdup(name);
    if (str_starts(name, "postgres://") || str_starts(name, "postgresql://"))
        err_set(err, ERR_INVALID,
                "THOLE_STORE names a PostgreSQL database, which comes later; name a file of SQLite "
                "by its absolute path, or unset it");
    else
        err_set(err, ERR_INVALID,
                "THOLE_STORE: %s is not an absolute path; name a file of SQLite by its absolute "
                "path, or unset it",
                name);
    return NULL;
}

int64_t store_now_us(const Store *store) {
    return store->now_us ? store->now_us(store->now_arg) : clock_wall_us();
}

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
