/* SPDX-License-Identifier: Apache-2.0 */
/* Which environment has which block of ports. */
#include "store/environment_rules.h"
#include "store/sqlite/sqlite_store.h"

/* 1: it has one, 0: none, -1. */
static int block_of(Database *d, EnvironmentKey key, uint32_t n, uint32_t *ret, Err *err) {
    static const char sql[] =
        "SELECT block FROM port_block WHERE project = ? AND name = ? AND block < ?";
    int64_t block;
    Query q;
    if (sqlite_query_of(&q, d, sql, key, err) < 0)
        return -1;
    query_int(&q, n);
    int r = query_number(&q, &block, err);
    if (r > 0)
        *ret = (uint32_t)block;
    return r;
}

static int is_taken(Database *d, uint32_t block, Err *err) {
    int64_t taken;
    Query q;
    if (query_begin(&q, d, "SELECT 1 FROM port_block WHERE block = ?", err) < 0)
        return -1;
    query_int(&q, block);
    return query_number(&q, &taken, err);
}

static int take(Database *d, EnvironmentKey key, uint32_t block, Err *err) {
    static const char sql[] = "REPLACE INTO port_block(project, name, block) VALUES(?, ?, ?)";
    Query q;
    if (sqlite_query_of(&q, d, sql, key, err) < 0)
        return -1;
    query_int(&q, block);
    return query_run(&q, err);
}

static int draw(Database *d, const PortBlockClaim *claim, uint32_t *ret, Err *err) {
    if (sqlite_token_check(d, claim->key, claim->token, err) < 0)
        return -1;
    int r = block_of(d, claim->key, claim->n, ret, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    for (uint32_t i = 0; i < claim->n; i++) {
        *ret = (claim->wanted + i) % claim->n;
        r = is_taken(d, *ret, err);
        if (r <= 0)
            return r < 0 ? -1 : take(d, claim->key, *ret, err);
    }
    return port_blocks_full(claim->n, err);
}

int sqlite_port_block(Store *store, const PortBlockClaim *claim, uint32_t *ret, Err *err) {
    Database *d = sqlite_shared(store);
    uint32_t block = 0;
    if (database_write(d, err) < 0)
        return -1;
    if (database_end(d, draw(d, claim, &block, err), err) < 0)
        return -1;
    *ret = block;
    return 0;
}

static int read_block(Query *q, Arena *arena, void *room, Err *err) {
    PortBlock *ret = room;
    ret->block = (uint32_t)query_get_int(q);
    ret->key.project = query_get_text(q, arena);
    ret->key.name = query_get_text(q, arena);
    return 0;
}

static int read_blocks(Database *d, Arena *arena, PortBlocksTaken *ret, Err *err) {
    static const RowKind kind = {sizeof(*ret->at), read_block};
    static const char sql[] = "SELECT block, project, name FROM port_block ORDER BY block";
    Query q;
    Rows rows;
    if (query_begin(&q, d, sql, err) < 0 || query_rows(&q, &kind, arena, &rows, err) < 0)
        return -1;
    *ret = (PortBlocksTaken){rows.at, rows.n};
    return 0;
}

int sqlite_port_blocks(Store *store, Arena *arena, PortBlocksTaken *ret, Err *err) {
    Database *d = sqlite_shared(store);
    PortBlocksTaken blocks = {0};
    if (!database_absent(d)) {
        if (database_read(d, err) < 0 ||
            database_end(d, read_blocks(d, arena, &blocks, err), err) < 0)
            return -1;
    }
    *ret = blocks;
    return 0;
}

int sqlite_port_block_take(Database *d, EnvironmentKey key, uint32_t block, Err *err) {
    int r = is_taken(d, block, err);
    return r == 0 ? take(d, key, block, err) : r < 0 ? -1 : 0;
}

int sqlite_port_block_free(Database *d, EnvironmentKey key, Err *err) {
    static const char sql[] = "DELETE FROM port_block WHERE project = ? AND name = ?";
    Query q;
    return sqlite_query_of(&q, d, sql, key, err) < 0 ? -1 : query_run(&q, err);
}
