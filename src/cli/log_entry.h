/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a log as the API sends it: a JSON object. Millions of them come; where one stands as
 * our server writes it, it is scanned, and read as any JSON else. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef enum LogStreamKind { LOG_GAP, LOG_OUT, LOG_ERR, LOG_END } LogStreamKind;

/* `bytes` may be anything; for a gap they say why something is missing; at an end there are none,
 * and none will come of this run. */
typedef struct LogEntry {
    const char *target, *object, *time;
    int64_t run, offset;
    int64_t from; /* where a reader must begin to see the next lines whole */
    LogStreamKind stream;
    const char *bytes;
    size_t size;
    bool partial;     /* no newline followed */
    const char *json; /* the line as it came */
    size_t json_size;
} LogEntry;

/* Lent by `json` and `arena`; of the strings `bytes` alone has no NUL behind it. False: it is no
 * such line. */
bool log_entry_read(const char *json, size_t size, Arena *arena, LogEntry *ret);
