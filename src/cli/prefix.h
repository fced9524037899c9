/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines of many targets on one stream: "api:serve │ text" in a terminal, names aligned and in a
 * colour each; "api:serve | text" elsewhere. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cli/log_feed.h"

typedef struct Prefix {
    bool terminal; /* align, and keep what would spoil the screen away */
    bool color;
    size_t width;
} Prefix;

/* Makes room for a name, so that the column does not jump when it first says something. */
void prefix_widen(Prefix *prefix, const char *name);
void prefix_print(Prefix *prefix, const LogEntry *entry, FILE *to);
/* A name as it is cut in that column. */
void prefix_name(const Prefix *prefix, const char *name, char *to, size_t size);
