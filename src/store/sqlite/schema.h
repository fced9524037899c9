/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, and how those of older releases become today's. Private to this folder. */
#pragma once

#include "base/err.h"

typedef struct Database Database;

/* Is it a new file, or one of ours, whole and of a format that we know? What is refused
 * (ERR_UNAVAILABLE) was only read. */
MUST int schema_check(Database *d, Err *err);
/* Format by format, each in a transaction of its own. */
MUST int schema_migrate(Database *d, Err *err);
