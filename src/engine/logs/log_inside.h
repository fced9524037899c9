/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream of logs shares with those that know whose logs they are: sessions
 * (log_session.c), workflows (log_workflow.c), environments (log_environment.c). */
#pragma once

#include "base/map.h"
#include "engine/inside.h"
#include "engine/logs/log_hub.h"
#include "engine/logs/log_mask.h"
#include "engine/logs/log_source.h"
#include "engine/workflows/workflow_inside.h"

typedef struct LogKind {
    char *(*dir)(const LogStream *stream); /* that holds runs/. Returns owned */
    bool (*goes_on)(const LogStream *stream);
    /* Opens what is asked for. ERR_NOT_FOUND: there is no such name, or run. */
    int (*open)(LogStream *stream, Err *err);
    void (*changed)(LogStream *stream); /* objects have, since `seen` */
    void (*listen)(LogStream *stream);  /* it follows; may be NULL, as */
    void (*leave)(LogStream *stream);
    bool masked; /* stdout has outputs of hooks, which are nobody's to see */
} LogKind;

extern const LogKind log_of_session, log_of_workflow, log_of_environment;

/* What a stream knows of a step, kept in a byte. */
typedef enum LogStep {
    STEP_LEFT_OUT, /* it was not asked for */
    STEP_QUIET,    /* it has no log, yet */
    STEP_WRITES,
    STEP_WROTE,
} LogStep;

typedef struct SourceList {
    size_t *at, n;
} SourceList;

struct LogStream {
    Engine *engine;
    Arena arena; /* names, the ask */
    LogAsk ask;
    char *dir; /* of the session, the workflow */
    const LogKind *kind;
    LoopFn more;
    void *arg;
    StrList asked;  /* the names that were asked for; empty: all */
    Map places;     /* target's name → index into `sources`, plus one */
    LogMasks masks; /* of an environment */
    /* of a workflow: */
    unsigned char *steps; /* LogStep, parallel to its graph */
    WorkflowListener listener;
    VEC(uint32_t) news; /* steps of which something is to be heard; */
    bool all_news;      /* of all */
    LogSource **sources;
    size_t n, cap, over;                        /* over: of which nothing will come any more */
    SourceList heap;                            /* sources with a line, the oldest line first */
    SourceList ready;                           /* those that may have one */
    enum { IDLE, READY, QUEUED, OVER } * where; /* per source */
    Watcher watcher;
    uint64_t seen; /* version of the objects */
    bool watching;
    bool taken; /* the first line of the heap was handed out */
    bool gone;  /* the session is, the workflow is over, or the time that was asked for */
    Deferred *soon;
    Timer *until;
};

/* One more source; `ask` says whose, the rest of it is filled in. */
void log_stream_open(LogStream *stream, LogSourceAsk *ask);
/* For log_stream_news; 0: there is none. */
size_t log_stream_place(const LogStream *stream, const char *target);
/* The newest run there is now. */
void log_stream_news(LogStream *stream, size_t place, uint32_t run, bool alive);
/* Nothing comes any more. */
void log_stream_close(LogStream *stream);
/* Likewise, and there is no log any more. */
void log_stream_cut(LogStream *stream);
/* What each of `n` sources may read ahead, in bytes. */
size_t log_stream_share(size_t n);
/* Is there a directory of the run that is asked for? */
bool log_stream_has_run(const LogStream *stream, const char *target);
