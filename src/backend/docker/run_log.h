/* SPDX-License-Identifier: Apache-2.0 */
/* RunLog: the log of a run, copied from its container's while that runs and read once more when it
 * has exited: engines end a log that is followed before it is whole now and then; one that is read
 * after the end ends where it ends. */
#pragma once

#include "backend/docker/engine.h"
#include "backend/docker/log_copy.h"
#include "backend/docker/patience.h"

/* What it tells, from the loop. Embedded in whoever has it. */
typedef struct RunLogOwner {
    void (*grown)(void *arg); /* there is more to be read */
    /* The stream has ended; NULL: as it should. ERR_NOT_FOUND: there is no such container; else the
     * engine did not get on with it */
    void (*ended)(void *arg, const Err *err);
} RunLogOwner;

typedef struct RunLog {
    DockerEngine *engine;
    const RunLogOwner *owner;
    void *arg;
    LogCopy *copy; /* NULL: not open */
    Op *stream;
    Timer *flush;
    bool last;    /* it is being read after the end of the container, */
    bool whole;   /* and was, to the end */
    uint64_t had; /* bytes when the stream was cut last */
    char said[160];
    Patience patience; /* of its owner; begins anew whenever it got on */
} RunLog;

void run_log_init(RunLog *log, DockerEngine *engine, const RunLogOwner *owner, void *arg);
void run_log_deinit(RunLog *log);
MUST int run_log_open(RunLog *log, const LogCopyAsk *ask, Err *err);
/* A line of our own, before those of the container or behind them; not twice in a row. */
void run_log_say(RunLog *log, const char *line);
/* Where the container's log begins in the run's. */
uint64_t run_log_from(const RunLog *log);
/* From its beginning, in place of what is being read. `exited`: nothing will come any more, and it
 * is whole when its stream ends. */
void run_log_read(RunLog *log, const char *container, bool exited);
/* What is being read is dropped. Nobody is told. */
void run_log_stop(RunLog *log);
/* Nothing comes any more: all that came is stored, and `last`, unless NULL, is said behind it. Its
 * size in bytes; 0 if it was not open. */
uint64_t run_log_close(RunLog *log, const char *last);
