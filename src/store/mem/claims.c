/* SPDX-License-Identifier: Apache-2.0 */
/* What environments have beside their entries: leases and port blocks. */
#include <stdlib.h>

#include "store/environment_copy.h"
#include "store/environment_rules.h"
#include "store/mem/mem_store.h"

static MemClaim *find(MemStore *m, EnvironmentKey key) {
    for (size_t i = 0; i < m->claims.n; i++)
        if (mem_same_key(m->claims.at[i]->lease.key, key))
            return m->claims.at[i];
    return NULL;
}

static int64_t now_ms(const Store *store) {
    return store_now_us(store) / 1000;
}

int mem_environment_lease(Store *store, const EnvironmentLease *lease, Arena *arena,
                          EnvironmentLease *ret, Err *err) {
    MemStore *m = mem_store(store);
    MemClaim *claim = find(m, lease->key);
    if (claim && environment_lease_holds(&claim->lease, lease->server, now_ms(store))) {
        *ret = environment_lease_copy(&claim->lease, arena);
        return environment_lease_refuse(ret, err);
    }
    *ret = environment_lease_copy(lease, arena);
    ret->token = ++m->token;
    ret->expires_ms = now_ms(store) + ENVIRONMENT_LEASE_MS;
    if (claim) {
        arena_reset(&claim->arena);
    } else {
        claim = xcalloc(1, sizeof(*claim));
        arena_init(&claim->arena);
        VEC_PUSH(m->claims, claim);
    }
    claim->lease = environment_lease_copy(ret, &claim->arena);
    return 0;
}

int mem_token_check(MemStore *m, EnvironmentKey key, int64_t token, Err *err) {
    const MemClaim *claim = token ? find(m, key) : NULL;
    EnvironmentLease nobody = {.key = key};
    if (!token || (claim && claim->lease.token == token))
        return 0;
    return environment_lease_lost(claim ? &claim->lease : &nobody, err);
}

int mem_environment_renew(Store *store, const EnvironmentLease *lease, Err *err) {
    MemStore *m = mem_store(store);
    if (mem_token_check(m, lease->key, lease->token, err) < 0)
        return -1;
    find(m, lease->key)->lease.expires_ms = now_ms(store) + ENVIRONMENT_LEASE_MS;
    return 0;
}

int mem_environment_release(Store *store, const EnvironmentLease *lease, Err *err) {
    MemStore *m = mem_store(store);
    MemClaim *claim = find(m, lease->key);
    if (!claim)
        return 0;
    if (claim->lease.token != lease->token)
        return environment_lease_lost(&claim->lease, err);
    for (size_t i = 0; i < m->claims.n; i++)
        if (m->claims.at[i] == claim)
            m->claims.at[i] = m->claims.at[--m->claims.n];
    arena_deinit(&claim->arena);
    free(claim);
    return 0;
}

/* ---- port blocks ---- */

static bool is_taken(const MemStore *m, uint32_t block) {
    for (size_t i = 0; i < m->blocks.n; i++)
        if (m->blocks.at[i]->block == block)
            return true;
    return false;
}

void mem_port_block_free(MemStore *m, EnvironmentKey key) {
    for (size_t i = m->blocks.n; i-- > 0;) {
        MemBlock *block = m->blocks.at[i];
        if (!mem_same_key(block->key, key))
            continue;
        m->blocks.at[i] = m->blocks.at[--m->blocks.n];
        arena_deinit(&block->arena);
        free(block);
    }
}

static void take(MemStore *m, EnvironmentKey key, uint32_t number) {
    MemBlock *block = xcalloc(1, sizeof(*block));
    mem_port_block_free(m, key);
    arena_init(&block->arena);
    block->key = environment_key_copy(key, &block->arena);
    block->block = number;
    VEC_PUSH(m->blocks, block);
}

void mem_port_block_take(MemStore *m, EnvironmentKey key, uint32_t block) {
    if (!is_taken(m, block))
        take(m, key, block);
}

static int by_block(const void *a, const void *b) {
    return (int)((const PortBlock *)a)->block - (int)((const PortBlock *)b)->block;
}

int mem_port_blocks(Store *store, Arena *arena, PortBlocksTaken *ret, Err *err) {
    const MemStore *m = mem_store(store);
    *ret = (PortBlocksTaken){.at = arena_alloc(arena, (m->blocks.n + 1) * sizeof(*ret->at))};
    for (size_t i = 0; i < m->blocks.n; i++)
        ret->at[ret->n++] =
            (PortBlock){environment_key_copy(m->blocks.at[i]->key, arena), m->blocks.at[i]->block};
    qsort(ret->at, ret->n, sizeof(*ret->at), by_block);
    return 0;
}

int mem_port_block(Store *store, const PortBlockClaim *claim, uint32_t *ret, Err *err) {
    MemStore *m = mem_store(store);
    uint32_t n = claim->n;
    if (mem_token_check(m, claim->key, claim->token, err) < 0)
        return -1;
    for (size_t i = 0; i < m->blocks.n; i++)
        if (m->blocks.at[i]->block < n && mem_same_key(m->blocks.at[i]->key, claim->key)) {
            *ret = m->blocks.at[i]->block;
            return 0;
        }
    for (uint32_t i = 0; i < n; i++)
        if (!is_taken(m, (claim->wanted + i) % n)) {
            *ret = (claim->wanted + i) % n;
            take(m, claim->key, *ret);
            return 0;
        }
    return port_blocks_full(n, err);
}
