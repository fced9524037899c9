/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a LogSource share: log_source.c reads on, log_source_begin.c finds where. */
#pragma once

#include "backend/log_reader.h"
#include "engine/logs/log_lines.h"
#include "engine/logs/log_source.h"

enum { PIECE_MOST = 64 * 1024 }; /* bytes that a reader gives at once */

typedef enum Phase {
    PHASE_NEW,  /* nothing was looked at yet */
    PHASE_DISK, /* more of the run may be on disk */
    PHASE_LIVE, /* the run is alive and all it wrote until `at` was heard; the tail tells of more */
    PHASE_REST, /* all that there is was heard; a new run may come */
    PHASE_OVER,
} Phase;

struct LogSource {
    LogSourceAsk ask;
    Phase phase;
    uint32_t run;    /* that is being read; 0: none yet */
    uint32_t newest; /* that is known */
    uint32_t ended;  /* the newest run known to have ended */
    bool alive;      /* the newest run is */
    bool follow, saw_older;
    /* somebody said so of the newest run; else it was met on disk, and may be just beginning */
    bool told;
    bool closed;
    /* what comes was written after `since`, whatever the clock showed: it may have been set back */
    bool since_met;
    bool whole; /* the run had ended before its log was read to the end: no more to look for */
    uint32_t told_end; /* the run whose end was told of */
    LogReader *reader; /* NULL: opened when needed, at `at` */
    Op *tail;
    uint64_t at;      /* up to here the run's log is in the queue, or was */
    size_t gaps;      /* that do not move the reader and lie at `at`: given already */
    size_t tail_gaps; /* such gaps that the tail has met */
    Buf queue;        /* of pieces, being taken */
    size_t queue_at;
    Buf incoming;   /* what the tail brings meanwhile */
    LogPiece piece; /* its data lie in the queue */
    size_t piece_at;
    bool has_piece;
    LogLines lines;
    size_t skip; /* lines to leave out: a tail begins behind them */
    LogLine head;
    bool has_head;
    int refills; /* left before others get their turn */
};

/* ---- log_source.c ---- */
void log_source_init(LogSource *source, const LogSourceAsk *ask);
void log_source_deinit(LogSource *source);
/* Of the run that is being read: does it go on? */
bool log_source_lives(const LogSource *source);

/* ---- log_source_begin.c ---- */
LogReader *log_source_open(const LogSource *source, uint32_t run);
void log_source_begin_run(LogSource *source, uint32_t run);
void log_source_begin_since(LogSource *source);
/* The oldest run there is; 0: none. What is on disk may be newer than what was told. */
uint32_t log_source_find_runs(LogSource *source);
/* Where the ask says. */
void log_source_begin(LogSource *source);
