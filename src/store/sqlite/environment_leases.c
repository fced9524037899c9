/* SPDX-License-Identifier: Apache-2.0 */
/* Who works on which environment. */
#include "store/environment_copy.h"
#include "store/environment_rules.h"
#include "store/sqlite/sqlite_store.h"

/* 1: somebody has it, 0: nobody, -1. */
static int read_lease(Database *d, EnvironmentKey key, Arena *arena, EnvironmentLease *ret,
                      Err *err) {
    static const char sql[] = "SELECT server, holder, doing, token, expires_ms"
                              " FROM environment_lease WHERE project = ? AND name = ?";
    Query q;
    if (sqlite_query_of(&q, d, sql, key, err) < 0)
        return -1;
    int r = query_step(&q, err);
    if (r > 0) {
        *ret = (EnvironmentLease){.key = environment_key_copy(key, arena)};
        ret->server = query_get_text(&q, arena);
        ret->holder = query_get_text(&q, arena);
        ret->doing = query_get_text(&q, arena);
        ret->token = query_get_int(&q);
        ret->expires_ms = query_get_int(&q);
    }
    query_end(&q);
    return r;
}

static int draw_token(Database *d, int64_t *ret, Err *err) {
    return sqlite_counter(d, "UPDATE counter SET token = token + 1 RETURNING token", ret, err);
}

static int put_lease(Database *d, const EnvironmentLease *lease, Err *err) {
    static const char sql[] = "REPLACE INTO environment_lease(project, name, server, holder, doing,"
                              " token, expires_ms) VALUES(?, ?, ?, ?, ?, ?, ?)";
    Query q;
    if (sqlite_query_of(&q, d, sql, lease->key, err) < 0)
        return -1;
    query_text(&q, lease->server);
    query_text(&q, lease->holder);
    query_text(&q, lease->doing);
    query_int(&q, lease->token);
    query_int(&q, lease->expires_ms);
    return query_run(&q, err);
}

/* 1: it is another's, who is in `ret`. */
static int take(Database *d, const EnvironmentLease *lease, Arena *arena, EnvironmentLease *ret,
                Err *err) {
    int64_t now_ms = ret->expires_ms;
    EnvironmentLease old;
    int r = read_lease(d, lease->key, arena, &old, err);
    if (r > 0 && environment_lease_holds(&old, lease->server, now_ms)) {
        *ret = old;
        return 1;
    }
    *ret = *lease;
    if (r < 0 || draw_token(d, &ret->token, err) < 0)
        return -1;
    ret->expires_ms = now_ms + ENVIRONMENT_LEASE_MS;
    return put_lease(d, ret, err);
}

int sqlite_environment_lease(Store *store, const EnvironmentLease *lease, Arena *arena,
                             EnvironmentLease *ret, Err *err) {
    Database *d = sqlite_shared(store);
    if (database_write(d, err) < 0)
        return -1;
    EnvironmentLease got = {.expires_ms = store_now_us(store) / 1000};
    int taken = take(d, lease, arena, &got, err);
    if (database_end(d, taken < 0 ? -1 : 0, err) < 0)
        return -1;
    *ret = got;
    return taken ? environment_lease_refuse(&got, err) : 0;
}

/* Nobody has it, or somebody else. */
static int check_mine(Database *d, EnvironmentKey key, int64_t token, Err *err) {
    EnvironmentLease now = {.key = key};
    Arena arena;
    arena_init(&arena);
    int r = read_lease(d, key, &arena, &now, err);
    if (r >= 0 && now.token != token)
        r = environment_lease_lost(&now, err);
    arena_deinit(&arena);
    return r < 0 ? -1 : 0;
}

int sqlite_token_check(Database *d, EnvironmentKey key, int64_t token, Err *err) {
    return token ? check_mine(d, key, token, err) : 0;
}

static int renew(Database *d, const EnvironmentLease *lease, int64_t expires_ms, Err *err) {
    static const char sql[] = "UPDATE environment_lease SET expires_ms = ?3"
                              " WHERE project = ?1 AND name = ?2";
    Query q;
    if (check_mine(d, lease->key, lease->token, err) < 0 ||
        sqlite_query_of(&q, d, sql, lease->key, err) < 0)
        return -1;
    query_int(&q, expires_ms);
    return query_run(&q, err);
}

int sqlite_environment_renew(Store *store, const EnvironmentLease *lease, Err *err) {
    Database *d = sqlite_shared(store);
    if (database_write(d, err) < 0)
        return -1;
    int64_t expires_ms = store_now_us(store) / 1000 + ENVIRONMENT_LEASE_MS;
    return database_end(d, renew(d, lease, expires_ms, err), err);
}

static int let_go(Database *d, const EnvironmentLease *lease, Err *err) {
    static const char sql[] = "DELETE FROM environment_lease WHERE project = ? AND name = ?";
    EnvironmentLease now = {0};
    Arena arena;
    Query q;
    arena_init(&arena);
    int r = read_lease(d, lease->key, &arena, &now, err);
    if (r > 0 && now.token != lease->token)
        r = environment_lease_lost(&now, err);
    arena_deinit(&arena);
    if (r <= 0)
        return r;
    return sqlite_query_of(&q, d, sql, lease->key, err) < 0 ? -1 : query_run(&q, err);
}

int sqlite_environment_release(Store *store, const EnvironmentLease *lease, Err *err) {
    Database *d = sqlite_shared(store);
    if (database_absent(d))
        return 0;
    if (database_write(d, err) < 0)
        return -1;
    return database_end(d, let_go(d, lease, err), err);
}
