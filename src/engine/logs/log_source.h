/* SPDX-License-Identifier: Apache-2.0 */
/* The log of one target as lines: its runs one after the other, from disk, then (following) as they
 * come. Reads ahead a little; whoever does not take lines costs no more than that, and while
 * nothing is to be read no descriptor is open. */
#pragma once

#include "engine/logs/log_hub.h"

typedef struct LogSource LogSource;

typedef struct LogSourceAsk {
    Backend *backend;
    const char *dir, *task;    /* session or workflow */
    const char *target;        /* as the backend knows it */
    const char *name, *object; /* as its lines say */
    const LogAsk *ask;         /* lent, as are all strings: they outlive the source */
    uint32_t newest;           /* run known to have started; 0: look on disk */
    bool alive;                /* it is alive */
    uint32_t after_run;        /* runs up to this one are not asked for */
    bool since_past; /* `since` is no time to come: what is written from now on is newer */
    size_t ahead;    /* bytes to read ahead */
    size_t index;    /* for `more` */
    void (*more)(void *arg, size_t index); /* there may be more lines */
    void *arg;
} LogSourceAsk;

LogSource *log_source_new(const LogSourceAsk *ask);
LogSource *log_source_free(LogSource *source);

/* The next line without taking it; NULL: none for now. Lent until log_source_take. */
const LogLine *log_source_peek(LogSource *source);
/* It has looked far without finding a line that is asked for: peek again, after others had their
 * turn. */
bool log_source_busy(const LogSource *source);
void log_source_take(LogSource *source);
/* The newest run there is now, and whether it is alive: a follower goes on with it. */
void log_source_news(LogSource *source, uint32_t run, bool alive);
/* Nothing comes any more: what is on disk is all. */
void log_source_close(LogSource *source);
/* Its files are gone, and others may have their names by now: what was read ahead is all. */
void log_source_cut(LogSource *source);
/* No line will come any more, whatever happens. */
bool log_source_over(const LogSource *source);
