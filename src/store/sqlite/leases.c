/* SPDX-License-Identifier: Apache-2.0 */
/* Port leases of sessions. */
#include "base/limits.h"
#include "store/sqlite/sqlite_store.h"

static int of_owner(Database *d, const char *sql, const LeaseOwner *owner, Err *err) {
    Query q;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_text(&q, owner->file);
    query_text(&q, owner->session);
    return query_run(&q, err);
}

static int let_go(Database *d, const LeaseOwner *owner, Err *err) {
    return of_owner(d, "UPDATE lease SET held = 0 WHERE file = ? AND session = ? AND held", owner,
                    err);
}

static int check_free(Database *d, const Lease *lease, Err *err) {
    int64_t held;
    Query q;
    if (query_begin(&q, d, "SELECT 1 FROM lease WHERE port = ? AND held", err) < 0)
        return -1;
    query_int(&q, lease->port);
    int r = query_number(&q, &held, err);
    return r <= 0 ? r
                  : err_set(err, ERR_CONFLICT, "port %lld: the port is held by another session",
                            (long long)lease->port);
}

static int put(Database *d, const Lease *lease, int64_t now_us, Err *err) {
    Query q;
    if (check_free(d, lease, err) < 0 ||
        query_begin(&q, d,
                    "INSERT INTO lease VALUES(?, ?, ?, ?, ?, ?, ?, 1, ?)"
                    " ON CONFLICT(file, session, service, name) DO UPDATE SET slug = excluded.slug,"
                    " port = excluded.port, automatic = excluded.automatic, held = 1,"
                    " changed_us = excluded.changed_us",
                    err) < 0)
        return -1;
    query_text(&q, lease->owner.file);
    query_text(&q, lease->owner.session);
    query_text(&q, lease->owner.slug);
    query_text(&q, lease->service);
    query_text(&q, lease->name);
    query_int(&q, lease->port);
    query_int(&q, lease->automatic);
    query_int(&q, now_us);
    return query_run(&q, err);
}

/* What nobody has asked for in a long time. */
static int forget_oldest(Database *d, Err *err) {
    Query q;
    if (query_begin(&q, d,
                    "DELETE FROM lease WHERE NOT held AND changed_us <= (SELECT changed_us"
                    " FROM lease WHERE NOT held ORDER BY changed_us DESC LIMIT 1 OFFSET ?)",
                    err) < 0)
        return -1;
    query_int(&q, MAX_LEASES_REMEMBERED);
    return query_run(&q, err);
}

static int put_all(Database *d, const Leases *leases, int64_t now_us, Err *err) {
    if (let_go(d, &leases->at[0].owner, err) < 0)
        return -1;
    for (size_t i = 0; i < leases->n; i++)
        if (put(d, &leases->at[i], now_us, err) < 0)
            return -1;
    return forget_oldest(d, err);
}

int sqlite_lease(Store *store, const Leases *leases, Err *err) {
    Database *d = sqlite_own(store);
    if (database_write(d, err) < 0)
        return -1;
    return database_end(d, put_all(d, leases, store_now_us(store), err), err);
}

static int read_row(Query *q, Arena *arena, void *room, Err *err) {
    Lease *ret = room;
    ret->owner.file = query_get_text(q, arena);
    ret->owner.session = query_get_text(q, arena);
    ret->owner.slug = query_get_text(q, arena);
    ret->service = query_get_text(q, arena);
    ret->name = query_get_text(q, arena);
    ret->port = query_get_int(q);
    ret->automatic = query_get_int(q) != 0;
    ret->held = query_get_int(q) != 0;
    return 0;
}

int sqlite_leases(Store *store, Arena *arena, Leases *ret, Err *err) {
    static const RowKind kind = {sizeof(*ret->at), read_row};
    static const char sql[] = "SELECT file, session, slug, service, name, port, automatic, held"
                              " FROM lease ORDER BY port, changed_us";
    Database *d = sqlite_own(store);
    Query q;
    Rows rows;
    if (database_open(d, err) < 0 || query_begin(&q, d, sql, err) < 0 ||
        query_rows(&q, &kind, arena, &rows, err) < 0)
        return -1;
    *ret = (Leases){rows.at, rows.n};
    return 0;
}

int sqlite_release(Store *store, const LeaseOwner *owner, Err *err) {
    Database *d = sqlite_own(store);
    if (database_absent(d))
        return 0;
    if (database_write(d, err) < 0)
        return -1;
    return database_end(d, let_go(d, owner, err), err);
}

int sqlite_forget(Store *store, const LeaseOwner *owner, Err *err) {
    Database *d = sqlite_own(store);
    if (database_absent(d))
        return 0;
    if (database_write(d, err) < 0)
        return -1;
    return database_end(
        d, of_owner(d, "DELETE FROM lease WHERE file = ? AND session = ?", owner, err), err);
}
