/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a session or a workflow as a stream of lines that goes on where it was when the server
 * is replaced: nothing twice, nothing lost. */
#pragma once

#include "base/clock.h"
#include "base/map.h"
#include "cli/log_entry.h"
#include "cli/options.h"
#include "client/client.h"

typedef void (*LogEntryFn)(void *arg, const LogEntry *entry);

typedef struct LogAsk {
    const char *slug;      /* of a session */
    const char *workflow;  /* name of its object, instead */
    const char *of;        /* path of what has steps and a log, instead */
    const TextList *names; /* NULL: all */
    bool follow;
    bool ends;    /* also tell of the end of each run; it may be told again by another stream */
    int64_t tail; /* -1: all */
    int64_t run;  /* 0: all */
    const char *since, *until; /* RFC 3339, or NULL */
    const char *stream;        /* "out", "err", or NULL */
} LogAsk;

typedef struct LogFeed {
    Client *client;
    LogAsk ask;
    HttpLines *lines;       /* NULL: none open */
    bool ended;             /* the server said all there is */
    bool over;              /* the server ended a stream that followed: the session is gone,
                         the workflow over */
    unsigned opening;       /* how many streams there were */
    Map cursors;            /* object → Cursor */
    char newest[TIME_TEXT]; /* time of the newest line; "": none came */
    int64_t opened_us;
    Arena arena; /* of the line in hand */
    LogEntryFn fn;
    void *arg;
} LogFeed;

void log_feed_init(LogFeed *feed, Client *client, const LogAsk *ask, LogEntryFn fn, void *arg);
void log_feed_deinit(LogFeed *feed);
/* Has the stream open, behind what was heard already. ERR_NOT_FOUND: no such session, or name. */
MUST int log_feed_open(LogFeed *feed, Err *err);
int log_feed_fd(const LogFeed *feed); /* -1: not open */
/* Gives out what has come. When the stream ends it closes: `ended` if that was all there is,
 * `over` if it ended by itself although it followed. */
void log_feed_pump(LogFeed *feed);
/* What is still to come of what was written until now, without following. */
void log_feed_finish(LogFeed *feed);
