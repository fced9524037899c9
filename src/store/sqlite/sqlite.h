/* SPDX-License-Identifier: Apache-2.0 */
/* The store in files of SQLite. One is opened when it is first used; one that is broken, somebody
 * else's, or of a newer thole is refused and left as it is. So is one that was deleted (until it is
 * there again) or replaced (once) while it was in use. Servers of one machine may share a file. */
#pragma once

#include "store/store.h"

enum { STORE_DB_FORMAT = 4 };

typedef struct SqliteFiles {
    const char *own;    /* port leases: ports are of a machine, and their sessions of one server */
    const char *shared; /* environments, of all servers that name it; NULL: in the same file */
} SqliteFiles;

/* Nothing is opened yet. Another process may keep a file locked for so long before a call fails. */
Store *sqlite_store_new(const SqliteFiles *files, int wait_ms);
