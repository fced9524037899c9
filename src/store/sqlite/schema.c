/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of format 4:
 *
 *   lease              of ports by sessions: file, session, service, name → port
 *   environment        a row for each, also for those that were removed (of which only project,
 *                      name, version and change are left, and its audit log). ports, outputs,
 *                      services and the unknown are JSON, or NULL if there are none; times are
 *                      nanoseconds since 1970
 *   step               its checkpoints, by environment.id and name
 *   audit              its audit log, by environment.id and n = 1, 2, …
 *   value              its key-values, by environment.id and name
 *   project            what an import has brought beside environments, as JSON
 *   environment_lease  who works on it: by project and name, for it need not exist
 *   port_block         block → project and name, likewise
 *   counter            one row: the last `change` and lease `token` that were drawn, and the
 *                      greatest `change` of what was forgotten. A new file counts changes from the
 *                      microseconds since 1970 on: never from what was counted in another file
 *
 * A format is never changed once it was released: what is new is the next one. */
#include "store/sqlite/schema.h"

#include <string.h>

#include "base/clock.h"
#include "store/sqlite/database.h"
#include "store/sqlite/sqlite.h"

enum {
    APPLICATION = 0x74686f6c, /* "thol", in the head of the file */
    /* Larger files are not looked through when they are opened: damage is met when it is read. */
    CHECKED_BYTES = 8 << 20,
};

static const char *const formats[STORE_DB_FORMAT] = {
    "CREATE TABLE lease(file TEXT NOT NULL, session TEXT NOT NULL, slug TEXT NOT NULL,"
    " service TEXT NOT NULL, name TEXT NOT NULL, port INTEGER NOT NULL,"
    " automatic INTEGER NOT NULL, held INTEGER NOT NULL, changed_us INTEGER NOT NULL,"
    " PRIMARY KEY(file, session, service, name)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX lease_held ON lease(port) WHERE held;"
    "PRAGMA application_id = 1953001324;"
    "PRAGMA user_version = 1",

    "CREATE TABLE environment(id INTEGER PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL,"
    " version INTEGER NOT NULL, change INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0,"
    " uid TEXT, mode TEXT, branch TEXT, base TEXT, status TEXT,"
    " created_ns INTEGER, updated_ns INTEGER, expires_ns INTEGER, failed_step TEXT, error TEXT,"
    " compute_type TEXT, compute_path TEXT, compute_host TEXT, compute_user TEXT,"
    " compute_root TEXT, compute_managed INTEGER, compute_unknown TEXT,"
    " ports TEXT, outputs TEXT, services TEXT, unknown TEXT, UNIQUE(project, name));"
    "CREATE INDEX environment_there ON environment(project, name) WHERE NOT removed;"
    "CREATE INDEX environment_change ON environment(change);"
    "CREATE TABLE step(environment INTEGER NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,"
    " started_ns INTEGER NOT NULL, finished_ns INTEGER NOT NULL, duration_ms INTEGER NOT NULL,"
    " machine TEXT, error TEXT, outputs TEXT, inputs TEXT, run INTEGER NOT NULL, unknown TEXT,"
    " PRIMARY KEY(environment, name)) WITHOUT ROWID;"
    "CREATE TABLE audit(environment INTEGER NOT NULL, n INTEGER NOT NULL,"
    " time_ns INTEGER NOT NULL, step TEXT, action TEXT, machine TEXT,"
    " duration_ms INTEGER NOT NULL, message TEXT, error TEXT, user TEXT,"
    " PRIMARY KEY(environment, n)) WITHOUT ROWID;"
    "CREATE TABLE value(environment INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY(environment, name)) WITHOUT ROWID;"
    "CREATE TABLE environment_lease(project TEXT NOT NULL, name TEXT NOT NULL,"
    " holder TEXT NOT NULL, doing TEXT NOT NULL, token INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, PRIMARY KEY(project, name)) WITHOUT ROWID;"
    "CREATE TABLE port_block(block INTEGER PRIMARY KEY, project TEXT NOT NULL,"
    " name TEXT NOT NULL, UNIQUE(project, name));"
    "CREATE TABLE counter(one INTEGER PRIMARY KEY CHECK(one = 1), change INTEGER NOT NULL,"
    " token INTEGER NOT NULL, forgotten INTEGER NOT NULL);"
    "INSERT INTO counter SELECT 1, now, 0, now FROM (SELECT"
    " CAST((julianday('now') - 2440587.5) * 86400 * 1000000 AS INTEGER) AS now);"
    "PRAGMA user_version = 2",

    "ALTER TABLE audit ADD COLUMN unknown TEXT;"
    "CREATE TABLE project(project TEXT NOT NULL PRIMARY KEY, unknown TEXT NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 3",

    "ALTER TABLE step ADD COLUMN server TEXT;"
    "ALTER TABLE step ADD COLUMN operation INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE environment_lease ADD COLUMN server TEXT;"
    "PRAGMA user_version = 4",
};
_Static_assert(APPLICATION == 1953001324 && STORE_DB_FORMAT == 4, "as in the texts above");

/* The one number that the statement gives. */
static int ask(Database *d, const char *sql, int64_t *ret, Err *err) {
    Query q;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    return query_number(&q, ret, err) > 0 ? 0 : -1;
}

typedef struct Head {
    int64_t application, version, tables, pages, page_bytes;
} Head;

/* In one transaction: another process may be about to make it. */
static int read_head(Database *d, Head *ret, Err *err) {
    if (database_run(d, "BEGIN", err) < 0)
        return -1;
    int r = ask(d, "PRAGMA application_id", &ret->application, err) < 0 ||
                    ask(d, "PRAGMA user_version", &ret->version, err) < 0 ||
                    ask(d, "SELECT count(*) FROM sqlite_schema", &ret->tables, err) < 0 ||
                    ask(d, "PRAGMA page_count", &ret->pages, err) < 0 ||
                    ask(d, "PRAGMA page_size", &ret->page_bytes, err) < 0
                ? -1
                : 0;
    return database_end(d, r, err);
}

static int check_sound(Database *d, Err *err) {
    Query q;
    if (query_begin(&q, d, "PRAGMA quick_check(1)", err) < 0)
        return -1;
    int r = query_step(&q, err);
    const char *said = r > 0 ? (const char *)sqlite3_column_text(q.statement, 0) : NULL;
    if (r > 0)
        r = said && strcmp(said, "ok") == 0 ? 0 : database_damaged(d, said ? said : "", err);
    query_end(&q);
    return r;
}

int schema_check(Database *d, Err *err) {
    Head head = {0};
    if (read_head(d, &head, err) < 0)
        return -1;
    if (head.tables == 0 && head.application == 0 && head.version == 0)
        return 0;
    if (head.application != APPLICATION)
        return err_set(
            err, ERR_UNAVAILABLE,
            "%s is a database, but not one of thole, and was left as it is; move it away", d->path);
    if (head.version > STORE_DB_FORMAT)
        return err_set(err, ERR_UNAVAILABLE,
                       "%s has format %lld, which a newer thole has written; this one knows "
                       "format %d, and left it as it is; use the newer one, or another file by "
                       "THOLE_STORE",
                       d->path, (long long)head.version, STORE_DB_FORMAT);
    return head.pages * head.page_bytes <= CHECKED_BYTES ? check_sound(d, err) : 0;
}

/* Another process may have done it meanwhile: who is late finds a greater version. */
static int step_up(Database *d, int64_t from, Err *err) {
    int64_t version;
    if (database_run(d, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    int r = ask(d, "PRAGMA user_version", &version, err);
    if (r == 0 && version == from)
        r = database_run(d, formats[from], err);
    return database_end(d, r, err);
}

int schema_migrate(Database *d, Err *err) {
    int64_t version;
    if (ask(d, "PRAGMA user_version", &version, err) < 0)
        return -1;
    for (; version < STORE_DB_FORMAT; version++)
        if (step_up(d, version, err) < 0)
            return -1;
    return 0;
}
