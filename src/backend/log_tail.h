/* SPDX-License-Identifier: Apache-2.0 */
/* LogTails: those who follow the log of one run, as it lies in its directory. A tail reads until it
 * is held back or at the end; there it waits to be woken. */
#pragma once

#include "backend/backend.h"
#include "base/list.h"

typedef struct LogTail LogTail;

/* Of the backend's kind of run; `run` is the one given to log_tails_init. */
typedef struct LogTailOwner {
    /* Is all written that ever will be? */
    bool (*at_rest)(const void *run);
    /* All was read up to `seen`: now it is worth to hear of more. NULL: it is heard anyway. */
    void (*waits)(void *run, uint64_t seen);
    /* A tail has gone: the run may go with the last one. */
    void (*left)(void *run);
} LogTailOwner;

typedef struct LogTails {
    List all; /* LogTail.link */
    Loop *loop;
    const LogTailOwner *owner;
    void *run;
} LogTails;

/* `owner` and `run` are lent. */
void log_tails_init(LogTails *tails, Loop *loop, const LogTailOwner *owner, void *run);
/* Abandons them: nobody is called any more. */
void log_tails_free(LogTails *tails);
bool log_tails_empty(const LogTails *tails);
/* There is more, or the run is at rest. */
void log_tails_wake(LogTails *tails);

/* Follows from the offset `from` on. Begins with log_tail_begin, which gives it its Op: made with
 * log_tail_cancel and the tail as its state. */
LogTail *log_tail_new(LogTails *tails, const char *run_dir, uint64_t from, LogFn fn, void *arg);
void log_tail_begin(LogTail *tail, Op *op);
void log_tail_cancel(Op *op, void *tail);
void log_tail_resume(LogTail *tail);
