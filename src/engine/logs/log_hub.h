/* SPDX-License-Identifier: Apache-2.0 */
/* One stream out of many logs: what targets, or the steps of a workflow, wrote, in order of time,
 * from the past into the future. Everything is read from the logs on disk; nothing of it is kept in
 * memory, and a reader who is slow holds nobody up. */
#pragma once

#include "engine/engine.h"

typedef struct LogStream LogStream;

typedef struct LogCursor { /* continue after this, per target */
    const char *target;    /* its name, or its object's */
    uint32_t run;
    uint64_t offset; /* of a line; beyond the end of the run's log: nothing more of it */
    /* as that line says it; at most `offset`; 0 is the beginning, `offset` itself when it is not
     * known */
    uint64_t from;
} LogCursor;

typedef struct LogAsk {
    const char *slug;                /* session; also one that is down */
    const char *workflow;            /* name of its object, instead of a session */
    const char *space, *environment; /* namespace and name of its object, likewise */
    StrList targets; /* names of resources or targets; names or uuids of steps; empty: all */
    bool follow;
    int64_t tail;               /* last n lines of each target; -1: all */
    int64_t since_us, until_us; /* 0: no bound */
    int stream;                 /* 1, 2; 0: both */
    bool ends;                  /* also say where a run has written all it ever will */
    uint32_t run;               /* 0: all runs that are on disk (with tail: the newest ones) */
    const LogCursor *after;     /* targets without one: as the rest of the ask says */
    size_t after_n;
} LogAsk;

enum { LOG_END = 3 };

typedef struct LogLine {
    const char *target; /* "api:serve"; of a step its name */
    const char *object; /* "api.serve"; of a step its uuid */
    uint32_t run;
    uint64_t offset; /* of the byte after it, in its run: the cursor */
    uint64_t from;   /* where to begin to see all that follows whole: before `offset` when the other
                      stream's line was open there */
    int64_t time_us;
    int stream;       /* 1, 2; 0: a gap, `text` says which; LOG_END: `text` is empty */
    const char *text; /* without the newline; any bytes */
    size_t size;
    bool partial; /* no newline followed yet (the end of a run, or a line beyond the limit) */
} LogLine;

/* Says when there may be more to read. */
LogStream *log_stream_new(Engine *engine, const LogAsk *ask, LoopFn more, void *arg, Err *err);
LogStream *log_stream_free(LogStream *stream);

/* 1: a line; 0: nothing for now (`more` will be called, if it follows); -1: the end. Lent until the
 * next call. */
int log_stream_next(LogStream *stream, LogLine *ret);
