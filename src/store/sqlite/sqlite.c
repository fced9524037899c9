/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/sqlite.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/xalloc.h"

enum { APPLICATION = 0x74686f6c }; /* "thol", in the head of the file */

typedef struct SqliteStore {
    Store base;
    char *path;
    int wait_ms;
    sqlite3 *db; /* NULL: not open */
} SqliteStore;

static SqliteStore *of(Store *store) {
    return container_of(store, SqliteStore, base);
}

/* ---- errors ---- */

/* What SQLite says, as a sentence with the way out. */
static int fail(const SqliteStore *s, Err *err) {
    int code = s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_UNAVAILABLE,
                       "%s is locked by another process; end what has it open, and try again",
                       s->path);
    case SQLITE_FULL:
        return err_set(err, ERR_UNAVAILABLE, "%s: no space left on its disk", s->path);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return err_set(err, ERR_UNAVAILABLE,
                       "%s is damaged (%s) and was left as it is; move it away, and ports are "
                       "drawn anew",
                       s->path, sqlite3_errmsg(s->db));
    }
    int number = s->db ? sqlite3_system_errno(s->db) : 0;
    if (number)
        return err_sys(err, number, "%s: %s", s->path, sqlite3_errstr(code));
    return err_set(err, ERR_UNAVAILABLE, "%s: %s", s->path,
                   s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code));
}

/* ---- opening ---- */

static int run(SqliteStore *s, const char *sql, Err *err) {
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, err);
}

/* The one number, or text, that the statement gives. */
static int ask(SqliteStore *s, const char *sql, int64_t *ret, Err *err) {
    sqlite3_stmt *statement = NULL;
    bool good = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_ROW;
    if (good)
        *ret = sqlite3_column_int64(statement, 0);
    else
        fail(s, err);
    sqlite3_finalize(statement);
    return good ? 0 : -1;
}

static int check_sound(SqliteStore *s, Err *err) {
    sqlite3_stmt *statement = NULL;
    int r = 0;
    if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        r = fail(s, err);
    else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0)
        r = err_set(err, ERR_UNAVAILABLE,
                    "%s is damaged (%.200s) and was left as it is; move it away, and ports are "
                    "drawn anew",
                    s->path, (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return r;
}

static int make_tables(SqliteStore *s, Err *err) {
    static const char sql[] =
        "BEGIN IMMEDIATE;"
        "CREATE TABLE lease(file TEXT NOT NULL, session TEXT NOT NULL, slug TEXT NOT NULL,"
        " service TEXT NOT NULL, name TEXT NOT NULL, port INTEGER NOT NULL,"
        " automatic INTEGER NOT NULL, held INTEGER NOT NULL, changed_us INTEGER NOT NULL,"
        " PRIMARY KEY(file, session, service, name)) WITHOUT ROWID;"
        "CREATE UNIQUE INDEX lease_held ON lease(port) WHERE held;"
        "PRAGMA application_id = 1953001324;"
        "PRAGMA user_version = 1;"
        "COMMIT;";
    _Static_assert(APPLICATION == 1953001324 && STORE_DB_FORMAT == 1, "as in the text above");
    int r = run(s, sql, err);
    if (r < 0)
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

/* Is it ours, and of a format that we know? */
static int check_format(SqliteStore *s, Err *err) {
    int64_t application, version, tables;
    if (ask(s, "PRAGMA application_id", &application, err) < 0 ||
        ask(s, "PRAGMA user_version", &version, err) < 0 ||
        ask(s, "SELECT count(*) FROM sqlite_schema", &tables, err) < 0)
        return -1;
    if (tables == 0 && application == 0 && version == 0)
        return make_tables(s, err);
    if (application != APPLICATION)
        return err_set(
            err, ERR_UNAVAILABLE,
            "%s is a database, but not one of thole, and was left as it is; move it away", s->path);
    if (version > STORE_DB_FORMAT)
        return err_set(err, ERR_UNAVAILABLE,
                       "%s has format %lld, which a newer thole has written; this one knows "
                       "format %d, and left it as it is",
                       s->path, (long long)version, STORE_DB_FORMAT);
    return check_sound(s, err);
}

static void shut(SqliteStore *s) {
    sqlite3_close(s->db);
    s->db = NULL;
}

static int open_now(SqliteStore *s, Err *err) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK)
        return fail(s, err);
    sqlite3_extended_result_codes(s->db, 0);
    sqlite3_busy_timeout(s->db, s->wait_ms);
    /* the format first: what is not ours is not even switched to a journal of ours */
    if (check_format(s, err) < 0)
        return -1;
    return run(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err);
}

/* Open, and still the file of that name. */
static int need(SqliteStore *s, Err *err) {
    int moved = 0;
    if (s->db)
        sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (s->db && !moved)
        return 0;
    shut(s);
    int r = open_now(s, err);
    if (r < 0)
        shut(s);
    return r;
}

/* ---- statements ---- */

typedef struct Query {
    SqliteStore *store;
    sqlite3_stmt *statement;
    int n; /* parameters bound */
} Query;

static int begin(Query *q, SqliteStore *s, const char *sql, Err *err) {
    *q = (Query){.store = s};
    return sqlite3_prepare_v2(s->db, sql, -1, &q->statement, NULL) == SQLITE_OK ? 0 : fail(s, err);
}

static void bind_text(Query *q, const char *text) {
    sqlite3_bind_text(q->statement, ++q->n, text, -1, SQLITE_STATIC);
}

static void bind_int(Query *q, int64_t number) {
    sqlite3_bind_int64(q->statement, ++q->n, number);
}

/* Runs it to its end. ERR_CONFLICT: a port would be held twice. */
static int finish(Query *q, Err *err) {
    int code = sqlite3_step(q->statement), r = 0;
    if (code == SQLITE_CONSTRAINT)
        r = err_set(err, ERR_CONFLICT, "the port is held by another session");
    else if (code != SQLITE_DONE && code != SQLITE_ROW)
        r = fail(q->store, err);
    sqlite3_finalize(q->statement);
    q->statement = NULL;
    return r;
}

static int of_owner(SqliteStore *s, const char *sql, const LeaseOwner *owner, Err *err) {
    Query q;
    if (begin(&q, s, sql, err) < 0)
        return -1;
    bind_text(&q, owner->file);
    bind_text(&q, owner->session);
    return finish(&q, err);
}

static int let_go(SqliteStore *s, const LeaseOwner *owner, Err *err) {
    return of_owner(s, "UPDATE lease SET held = 0 WHERE file = ? AND session = ? AND held", owner,
                    err);
}

static int put(SqliteStore *s, const Lease *lease, Err *err) {
    Query q;
    if (begin(&q, s,
              "INSERT INTO lease VALUES(?, ?, ?, ?, ?, ?, ?, 1, ?)"
              " ON CONFLICT(file, session, service, name) DO UPDATE SET slug = excluded.slug,"
              " port = excluded.port, automatic = excluded.automatic, held = 1,"
              " changed_us = excluded.changed_us",
              err) < 0)
        return -1;
    bind_text(&q, lease->owner.file);
    bind_text(&q, lease->owner.session);
    bind_text(&q, lease->owner.slug);
    bind_text(&q, lease->service);
    bind_text(&q, lease->name);
    bind_int(&q, lease->port);
    bind_int(&q, lease->automatic);
    bind_int(&q, clock_wall_us());
    if (finish(&q, err) < 0)
        return err_in(err, "port %lld", (long long)lease->port);
    return 0;
}

/* What nobody has asked for in a long time. */
static int forget_oldest(SqliteStore *s, Err *err) {
    Query q;
    if (begin(&q, s,
              "DELETE FROM lease WHERE NOT held AND changed_us <= (SELECT changed_us FROM lease"
              " WHERE NOT held ORDER BY changed_us DESC LIMIT 1 OFFSET ?)",
              err) < 0)
        return -1;
    bind_int(&q, MAX_LEASES_REMEMBERED);
    return finish(&q, err);
}

static int put_all(SqliteStore *s, const Leases *leases, Err *err) {
    if (let_go(s, &leases->at[0].owner, err) < 0)
        return -1;
    for (size_t i = 0; i < leases->n; i++)
        if (put(s, &leases->at[i], err) < 0)
            return -1;
    return forget_oldest(s, err);
}

/* ---- the calls ---- */

static int lease(Store *store, const Leases *leases, Err *err) {
    SqliteStore *s = of(store);
    if (need(s, err) < 0 || run(s, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    if (put_all(s, leases, err) == 0 && run(s, "COMMIT", err) == 0)
        return 0;
    if (!sqlite3_get_autocommit(s->db)) /* some failures have rolled back already */
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

static const char *text_at(Query *q, int column, Arena *arena) {
    const char *text = (const char *)sqlite3_column_text(q->statement, column);
    return arena_strdup(arena, text ? text : "");
}

static Lease read_row(Query *q, Arena *arena) {
    return (Lease){.owner = {.file = text_at(q, 0, arena),
                             .session = text_at(q, 1, arena),
                             .slug = text_at(q, 2, arena)},
                   .service = text_at(q, 3, arena),
                   .name = text_at(q, 4, arena),
                   .port = sqlite3_column_int64(q->statement, 5),
                   .automatic = sqlite3_column_int(q->statement, 6) != 0,
                   .held = sqlite3_column_int(q->statement, 7) != 0};
}

static int leases(Store *store, Arena *arena, Leases *ret, Err *err) {
    SqliteStore *s = of(store);
    Query q;
    Leases all = {0};
    size_t cap = 0;
    int code;
    if (need(s, err) < 0 || begin(&q, s,
                                  "SELECT file, session, slug, service, name, port, automatic, held"
                                  " FROM lease ORDER BY port, changed_us",
                                  err) < 0)
        return -1;
    while ((code = sqlite3_step(q.statement)) == SQLITE_ROW) {
        all.at = arena_grow(arena, all.at, all.n, &cap, sizeof(*all.at));
        all.at[all.n++] = read_row(&q, arena);
    }
    int r = code == SQLITE_DONE ? 0 : fail(s, err);
    sqlite3_finalize(q.statement);
    if (r == 0)
        *ret = all;
    return r;
}

/* A file that is not there holds nothing: it need not be made for that. */
static bool absent(const SqliteStore *s) {
    return !s->db && access(s->path, F_OK) < 0 && errno == ENOENT;
}

static int release(Store *store, const LeaseOwner *owner, Err *err) {
    SqliteStore *s = of(store);
    if (absent(s))
        return 0;
    return need(s, err) < 0 ? -1 : let_go(s, owner, err);
}

static int forget(Store *store, const LeaseOwner *owner, Err *err) {
    SqliteStore *s = of(store);
    if (absent(s))
        return 0;
    if (need(s, err) < 0)
        return -1;
    return of_owner(s, "DELETE FROM lease WHERE file = ? AND session = ?", owner, err);
}

static void close_store(Store *store) {
    SqliteStore *s = of(store);
    shut(s);
    free(s->path);
    free(s);
}

static const StoreOps ops = {
    .close = close_store, .leases = leases, .lease = lease, .release = release, .forget = forget};

Store *sqlite_store_new(const char *path, int wait_ms) {
    SqliteStore *s = xcalloc(1, sizeof(*s));
    s->base.ops = &ops;
    s->path = xstrdup(path);
    s->wait_ms = wait_ms;
    return &s->base;
}
