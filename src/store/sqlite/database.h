/* SPDX-License-Identifier: Apache-2.0 */
/* The database below the store: opened when it is first used, transactions, statements, and what
 * SQLite says as a sentence. Private to this folder.
 *
 *     if (database_write(d, err) < 0)
 *         return -1;
 *     return database_end(d, put_all(d, …, err), err); */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

typedef struct KeptStatement {
    const char *sql;
    sqlite3_stmt *statement;
} KeptStatement;

typedef struct Database {
    char *path;
    int wait_ms;
    sqlite3 *db;                /* NULL: not open */
    VEC(KeptStatement) kept;    /* prepared once for each text */
    int64_t busy_since_ms;      /* of the call that waits */
    bool busy;                  /* why the last failure was one */
    bool full;                  /* likewise: its disk is */
    bool doubtful;              /* opened anew by the next call: what failed may work then */
    bool used;                  /* it was open: it is not made anew if it is missing */
    int64_t opened_and_written; /* by us; a part of database_change */
} Database;

void database_init(Database *d, const char *path, int wait_ms);
void database_deinit(Database *d);

/* Open, and still the file of that name; made if it is missing. */
MUST int database_open(Database *d, Err *err);
/* There never was a file: it holds nothing, and need not be made for that. */
bool database_absent(const Database *d);
/* As store_change. */
MUST int database_change(Database *d, int64_t *ret, Err *err);

/* A transaction: to read, or to write, which waits for its turn. */
MUST int database_read(Database *d, Err *err);
MUST int database_write(Database *d, Err *err);
/* ... ends: written if r is 0, else undone. Returns r, or -1 if it could not be written. */
MUST int database_end(Database *d, int r, Err *err);

int database_run(Database *d, const char *sql, Err *err); /* not kept; of several statements */
int database_fail(Database *d, Err *err);                 /* what SQLite said last; -1 */
/* A column holds what it should not. -1 */
int database_damaged(const Database *d, const char *what, Err *err);

/* ---- statements ---- */

typedef struct Query {
    Database *database;
    sqlite3_stmt *statement; /* NULL: it could not be prepared */
    int bound, column;
} Query;

/* `sql`: a literal, by whose address it is kept. Whoever begins ends. */
MUST int query_begin(Query *q, Database *d, const char *sql, Err *err);
void query_end(Query *q);
/* The next parameter; texts must live until the end. NULL: NULL. */
void query_text(Query *q, const char *text);
void query_int(Query *q, int64_t number);
/* 1: a row, 0: no more, -1. */
MUST int query_step(Query *q, Err *err);
MUST int query_run(Query *q, Err *err); /* steps once, and ends */
/* Ends with the one number of its row: 1, or 0: there is no row, -1. */
MUST int query_number(Query *q, int64_t *ret, Err *err);
/* The next column of the row. */
const char *query_get_text(Query *q, Arena *arena); /* NULL: NULL */
int64_t query_get_int(Query *q);

typedef struct Rows {
    void *at;
    size_t n;
} Rows;
typedef struct RowKind {
    size_t size;
    int (*read)(Query *q, Arena *arena, void *room, Err *err); /* `room` is zeroed */
} RowKind;
/* Ends with all its rows. */
MUST int query_rows(Query *q, const RowKind *kind, Arena *arena, Rows *ret, Err *err);
