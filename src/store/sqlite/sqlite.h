/* SPDX-License-Identifier: Apache-2.0 */
/* The store in a file of SQLite: <state directory>/thole.db. It is opened when it is first used,
 * and again when it was replaced; a file that is broken, somebody else's, or of a newer thole is
 * refused and left as it is. */
#pragma once

#include "store/store.h"

enum { STORE_DB_FORMAT = 1 };

/* Nothing is opened yet. Another process may keep the file locked for so long before a call
 * fails. */
Store *sqlite_store_new(const char *path, int wait_ms);
