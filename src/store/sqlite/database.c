/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/database.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "store/sqlite/schema.h"

/* The file grows by as much at once: so much room it has before the disk is full. */
enum { CHUNK_BYTES = 256 * 1024 };

void database_init(Database *d, const char *path, int wait_ms) {
    *d = (Database){.path = xstrdup(path), .wait_ms = wait_ms};
}

static void shut(Database *d) {
    for (size_t i = 0; i < d->kept.n; i++)
        sqlite3_finalize(d->kept.at[i].statement);
    d->kept.n = 0;
    sqlite3_close(d->db);
    d->db = NULL;
    d->doubtful = false;
}

void database_deinit(Database *d) {
    shut(d);
    VEC_FREE(d->kept);
    free(d->path);
}

/* ---- errors ---- */

static int say_system(Database *d, int code, Err *err) {
    int number = d->db ? sqlite3_system_errno(d->db) : 0;
    if (number)
        return err_sys(err, number, "%s: %s", d->path, sqlite3_errstr(code));
    return err_set(err, ERR_UNAVAILABLE, "%s: %s", d->path,
                   d->db ? sqlite3_errmsg(d->db) : sqlite3_errstr(code));
}

int database_damaged(const Database *d, const char *what, Err *err) {
    return err_set(
        err, ERR_UNAVAILABLE,
        "%s is damaged (%.150s) and was left as it is; put a sound copy in its place, or move it "
        "away: the environments in it are not known any more then",
        d->path, what);
}

/* Neither can it be opened then: what goes beside it cannot be made. */
static bool is_read_only(const Database *d) {
    AUTO_FREE char *dir = path_dir(d->path);
    return access(d->path, F_OK) == 0 && faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) < 0;
}

int database_fail(Database *d, Err *err) {
    int code = d->db ? sqlite3_errcode(d->db) & 0xff : SQLITE_NOMEM;
    if (code == SQLITE_CANTOPEN && is_read_only(d))
        code = SQLITE_READONLY;
    d->busy = code == SQLITE_BUSY || code == SQLITE_LOCKED;
    d->full = code == SQLITE_FULL;
    switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_UNAVAILABLE,
                       "%s is locked by another process; end what has it open, and try again",
                       d->path);
    case SQLITE_FULL:
        return err_set(err, ERR_UNAVAILABLE, "%s: no space left on its disk", d->path);
    case SQLITE_READONLY:
        d->doubtful = true;
        return err_set(err, ERR_UNAVAILABLE,
                       "%s cannot be written: it, its directory or its file system is read-only",
                       d->path);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT: d->doubtful = true; return database_damaged(d, sqlite3_errmsg(d->db), err);
    }
    d->doubtful = true;
    say_system(d, code, err);
    if (err && err->kind != ERR_UNAVAILABLE)
        err->kind = ERR_UNAVAILABLE; /* whatever the reason: it cannot be used now */
    return -1;
}

int database_run(Database *d, const char *sql, Err *err) {
    return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : database_fail(d, err);
}

/* ---- opening ---- */

/* Short waits that differ from one process to the next: of many that wait, all have their turn. */
static void wait_a_little(int times) {
    int ms = 1 + (int)((getpid() + times * 5) % 8);
    sys_poll(NULL, 0, ms);
}

static int on_busy(void *arg, int times) {
    Database *d = arg;
    int64_t now_ms = clock_mono_ms();
    if (times == 0)
        d->busy_since_ms = now_ms;
    if (now_ms - d->busy_since_ms >= d->wait_ms)
        return 0;
    wait_a_little(times);
    return 1;
}

static bool is_short(const Database *d) {
    struct stat st;
    return stat(d->path, &st) == 0 && st.st_size < CHUNK_BYTES;
}

static int open_once(Database *d, Err *err) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(d->path, &d->db, flags, NULL) != SQLITE_OK)
        return database_fail(d, err);
    sqlite3_extended_result_codes(d->db, 0);
    sqlite3_busy_handler(d->db, on_busy, d);
    /* what is not ours is not even switched to a journal of ours, nor tidied up */
    sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (schema_check(d, err) < 0 ||
        database_run(d, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err) < 0)
        return -1;
    sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    int chunk = CHUNK_BYTES;
    sqlite3_file_control(d->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    if (schema_migrate(d, err) < 0)
        return -1;
    if (is_short(d)) /* else it may never be: on a full disk nothing is moved into it */
        (void)sqlite3_wal_checkpoint_v2(d->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return 0;
}

/* Some locks of its beginning are not waited for by SQLite itself. */
static int open_now(Database *d, Err *err) {
    int64_t until_ms = clock_mono_ms() + d->wait_ms;
    for (int times = 0;; times++) {
        d->busy = false;
        if (open_once(d, err) == 0)
            break;
        shut(d);
        if (!d->busy || clock_mono_ms() >= until_ms)
            return -1;
        wait_a_little(times);
    }
    d->opened_and_written++;
    d->used = true;
    return 0;
}

static bool missing(const Database *d) {
    return access(d->path, F_OK) < 0 && errno == ENOENT;
}

/* What was in it may be missed: nobody is to find an empty one in its place unawares. */
static int check_place(Database *d, Err *err) {
    int moved = 0;
    if (d->db)
        sqlite3_file_control(d->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved)
        shut(d);
    if (d->used && missing(d))
        return err_set(err, ERR_UNAVAILABLE,
                       "%s was deleted while it was in use, and is not made anew; put it back, or "
                       "begin with an empty one: thole server stop",
                       d->path);
    if (moved)
        return err_set(err, ERR_UNAVAILABLE,
                       "%s was replaced while it was in use; from now on the new one is read",
                       d->path);
    return 0;
}

int database_open(Database *d, Err *err) {
    if (check_place(d, err) < 0)
        return -1;
    if (d->doubtful)
        shut(d);
    return d->db ? 0 : open_now(d, err);
}

bool database_absent(const Database *d) {
    return !d->used && missing(d);
}

int database_change(Database *d, int64_t *ret, Err *err) {
    static const char sql[] = "PRAGMA data_version";
    int64_t others = 0;
    Query q;
    if (!database_absent(d)) {
        if (database_open(d, err) < 0 || query_begin(&q, d, sql, err) < 0)
            return -1;
        if (query_number(&q, &others, err) < 0)
            return -1;
    }
    *ret = (d->opened_and_written << 32) + (others & 0xffffffff);
    return 0;
}

/* ---- transactions ---- */

static int begin(Database *d, const char *sql, Err *err) {
    Query q;
    if (database_open(d, err) < 0 || query_begin(&q, d, sql, err) < 0)
        return -1;
    return query_run(&q, err);
}

int database_read(Database *d, Err *err) {
    return begin(d, "BEGIN", err);
}

int database_write(Database *d, Err *err) {
    return begin(d, "BEGIN IMMEDIATE", err);
}

/* What is in the journal goes to its place, for which there is room (CHUNK_BYTES); then the next
 * try writes over it, and needs none. */
static void reuse_journal(Database *d) {
    d->full = false;
    (void)sqlite3_wal_checkpoint_v2(d->db, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
}

int database_end(Database *d, int r, Err *err) {
    bool writes = sqlite3_txn_state(d->db, "main") == SQLITE_TXN_WRITE;
    Query q;
    if (writes)
        sys_point("store-write");
    if (r == 0) {
        r = query_begin(&q, d, "COMMIT", err);
        if (r == 0)
            r = query_run(&q, err);
    }
    if (r == 0 && writes) {
        d->opened_and_written++;
        sys_point("store-written");
    }
    if (!sqlite3_get_autocommit(d->db)) /* some failures have rolled back already */
        sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
    if (r < 0 && writes && d->full)
        reuse_journal(d);
    return r;
}

/* ---- statements ---- */

int query_begin(Query *q, Database *d, const char *sql, Err *err) {
    *q = (Query){.database = d};
    for (size_t i = 0; i < d->kept.n; i++)
        if (d->kept.at[i].sql == sql)
            q->statement = d->kept.at[i].statement;
    if (q->statement) {
        assert(!sqlite3_stmt_busy(q->statement));
        return 0;
    }
    if (sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->statement, NULL) !=
        SQLITE_OK)
        return database_fail(d, err);
    VEC_PUSH(d->kept, (KeptStatement){sql, q->statement});
    return 0;
}

void query_end(Query *q) {
    if (!q->statement)
        return;
    sqlite3_reset(q->statement);
    sqlite3_clear_bindings(q->statement);
    q->statement = NULL;
}

void query_text(Query *q, const char *text) {
    sqlite3_bind_text(q->statement, ++q->bound, text, -1, SQLITE_STATIC);
}

void query_int(Query *q, int64_t number) {
    sqlite3_bind_int64(q->statement, ++q->bound, number);
}

int query_step(Query *q, Err *err) {
    q->column = 0;
    switch (sqlite3_step(q->statement)) {
    case SQLITE_ROW: return 1;
    case SQLITE_DONE: return 0;
    }
    return database_fail(q->database, err);
}

int query_run(Query *q, Err *err) {
    int r = query_step(q, err);
    query_end(q);
    return r < 0 ? -1 : 0;
}

int query_number(Query *q, int64_t *ret, Err *err) {
    int r = query_step(q, err);
    if (r > 0)
        *ret = query_get_int(q);
    query_end(q);
    return r;
}

int query_rows(Query *q, const RowKind *kind, Arena *arena, Rows *ret, Err *err) {
    Rows rows = {0};
    size_t cap = 0;
    int r;
    while ((r = query_step(q, err)) > 0) {
        rows.at = arena_grow(arena, rows.at, rows.n, &cap, kind->size);
        char *room = (char *)rows.at + rows.n++ * kind->size;
        memset(room, 0, kind->size);
        if ((r = kind->read(q, arena, room, err)) < 0)
            break;
    }
    query_end(q);
    if (r == 0)
        *ret = rows;
    return r;
}

const char *query_get_text(Query *q, Arena *arena) {
    const char *text = (const char *)sqlite3_column_text(q->statement, q->column);
    int size = sqlite3_column_bytes(q->statement, q->column++);
    return text ? arena_strndup(arena, text, (size_t)size) : NULL;
}

int64_t query_get_int(Query *q) {
    return sqlite3_column_int64(q->statement, q->column++);
}
