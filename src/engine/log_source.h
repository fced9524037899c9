/* SPDX-License-Identifier: Apache-2.0 */
/* The log of one target as lines: its runs one after the other, from disk, then (following) as they come. */
#pragma once

#include "engine/log_hub.h"

typedef struct LogSource LogSource;

typedef struct LogSourceAsk {
    Backend *backend;
    const char *session_dir, *slug;
    const char *target, *object;
    const LogAsk *ask; /* lent */
    bool alive;        /* its newest run is */
    LoopFn more;       /* there may be more lines */
    void *arg;
} LogSourceAsk;

LogSource *log_source_new(const LogSourceAsk *ask);
LogSource *log_source_free(LogSource *source);

/* The next line without taking it; NULL: none for now. Lent until log_source_take. */
const LogLine *log_source_peek(LogSource *source);
void log_source_take(LogSource *source);
/* The newest run there is now, and whether it is alive: a follower goes on with it. */
void log_source_newest(LogSource *source, uint32_t run, bool alive);
