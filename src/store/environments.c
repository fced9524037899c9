/* SPDX-License-Identifier: Apache-2.0 */
#include "store/environments.h"

#include <assert.h>

static const EnvironmentStoreOps *ops_of(const Store *store) {
    return store->ops->environments;
}

int store_environments(Store *store, int64_t since, Arena *arena, StoredEnvironments *ret,
                       Err *err) {
    return ops_of(store)->list(store, since, arena, ret, err);
}

int store_change(Store *store, int64_t *ret, Err *err) {
    return ops_of(store)->change(store, ret, err);
}

int store_environment(Store *store, const EnvironmentRead *read, Arena *arena,
                      StoredEnvironment *ret, Err *err) {
    return ops_of(store)->get(store, read, arena, ret, err);
}

int store_environment_write(Store *store, const EnvironmentWrite *write, int64_t *ret_version,
                            Err *err) {
    int64_t unused;
    assert(write->entry || write->version > 0);
    return ops_of(store)->write(store, write, ret_version ? ret_version : &unused, err);
}

int store_project(Store *store, const ProjectRead *read, Arena *arena, EnvironmentState *ret,
                  Err *err) {
    return ops_of(store)->project(store, read, arena, ret, err);
}

int store_environments_add(Store *store, const EnvironmentAdd *add, Err *err) {
    return add->n || add->unknown ? ops_of(store)->add(store, add, err) : 0;
}

int store_environment_remove(Store *store, EnvironmentKey key, int64_t token, Err *err) {
    return ops_of(store)->remove(store, key, token, err);
}

int store_environment_lease(Store *store, const EnvironmentLease *lease, Arena *arena,
                            EnvironmentLease *ret, Err *err) {
    assert(lease->server && lease->holder && lease->doing);
    return ops_of(store)->lease(store, lease, arena, ret, err);
}

int store_environment_renew(Store *store, const EnvironmentLease *lease, Err *err) {
    assert(lease->token > 0);
    return ops_of(store)->renew(store, lease, err);
}

int store_environment_release(Store *store, const EnvironmentLease *lease, Err *err) {
    assert(lease->token > 0);
    return ops_of(store)->release(store, lease, err);
}

int store_port_block(Store *store, const PortBlockClaim *claim, uint32_t *ret, Err *err) {
    assert(claim->wanted < claim->n);
    return ops_of(store)->port_block(store, claim, ret, err);
}

int store_port_blocks(Store *store, Arena *arena, PortBlocksTaken *ret, Err *err) {
    return ops_of(store)->port_blocks(store, arena, ret, err);
}

int store_environment_values(Store *store, const EnvironmentValues *values, Err *err) {
    return ops_of(store)->values(store, values, err);
}
