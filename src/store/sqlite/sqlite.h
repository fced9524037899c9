/* SPDX-License-Identifier: Apache-2.0 */
/* The store in a file of SQLite. It is opened when it is first used; one that is broken, somebody
 * else's, or of a newer thole is refused and left as it is. So is one that was deleted (until it is
 * there again) or replaced (once) while it was in use. Several servers may share a file, of which
 * each must be on the same machine. */
#pragma once

#include "store/store.h"

enum { STORE_DB_FORMAT = 2 };

/* Nothing is opened yet. Another process may keep the file locked for so long before a call
 * fails. */
Store *sqlite_store_new(const char *path, int wait_ms);
