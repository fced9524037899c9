/* SPDX-License-Identifier: Apache-2.0 */
/* query FILE SQL: the least that reading rows from a database costs: opens FILE, reads every column
 * of every row as text, and prints "<rows> <bytes>". */
#include "bench.h"

#include <sqlite3.h>

static void must(sqlite3 *db, int r, int want, const char *what) {
    if (r == want)
        return;
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
    exit(1);
}

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc != 3)
        die("usage: query FILE SQL");
    sqlite3 *db;
    sqlite3_stmt *rows;
    must(NULL, sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK, argv[1]);
    must(db, sqlite3_prepare_v2(db, argv[2], -1, &rows, NULL), SQLITE_OK, argv[2]);
    long n = 0, bytes = 0;
    int r;
    for (; (r = sqlite3_step(rows)) == SQLITE_ROW; n++)
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            const unsigned char *text = sqlite3_column_text(rows, i);
            bytes += text ? (long)strlen((const char *)text) : 0;
        }
    must(db, r, SQLITE_DONE, argv[2]);
    sqlite3_finalize(rows);
    sqlite3_close(db);
    printf("%ld %ld\n", n, bytes);
    return 0;
}
