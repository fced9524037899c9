/* SPDX-License-Identifier: Apache-2.0 */
/* Where to begin to read: at a run, a place, a time, or so many lines from the end. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/xalloc.h"
#include "engine/logs/log_source_inside.h"
#include "engine/targets/run_files.h"

enum { LOOK_BACK = 64 * 1024 };

LogReader *log_source_open(const LogSource *source, uint32_t run) {
    AUTO_FREE char *dir = run_files_dir(source->ask.dir, source->ask.target, run);
    return log_reader_new(dir);
}

void log_source_begin_run(LogSource *source, uint32_t run) {
    source->reader = log_reader_free(source->reader);
    log_lines_reset(&source->lines);
    source->run = run;
    source->at = 0;
    source->gaps = 0;
    source->whole = false;
    source->phase = PHASE_DISK;
}

/* ---- a place ---- */

/* What lies before `at` is wanted only as far as it is the beginning of a line that was open there:
 * LOOK_BACK bytes are searched for it. shown: a line that ends at `at` was given out, so its stream
 * has none open. */
static void begin_at(LogSource *source, uint64_t at, bool shown) {
    uint64_t base = at > LOOK_BACK ? at - LOOK_BACK : 0, first, end = 0, start[2] = {at, at};
    bool open[2] = {false, false};
    int last = 0; /* whose byte is the last before `at`; 0: there is none */
    LogPiece piece;
    Err err;
    LogReader *reader = log_source_open(source, source->run);
    if (log_reader_bounds(reader, &first, &end, &err) == 0 && first > base)
        base = first;
    log_reader_seek(reader, base);
    while (log_reader_tell(reader) < at && log_reader_next(reader, &piece, &err) > 0) {
        if (piece.stream == 0 || piece.at >= at)
            continue;
        int s = piece.stream - 1;
        size_t size = at - piece.at < piece.size ? (size_t)(at - piece.at) : piece.size;
        last = piece.at + size == at ? piece.stream : 0;
        const char *newline = memrchr(piece.data, '\n', size);
        uint64_t begin = newline ? piece.at + (uint64_t)(newline + 1 - piece.data) : piece.at;
        if (newline || !open[s])
            start[s] = begin;
        open[s] = !newline || begin < piece.at + size;
    }
    log_reader_free(reader);
    /* at the very end, an open line that was given out: so were all */
    bool flushed = last && open[last - 1] && at == end && (base == 0 || start[last - 1] > base);
    for (int s = 0; s < 2; s++) {
        bool given = shown && (last == 0 || last == s + 1 || flushed);
        source->lines.take_from[s] = open[s] && !given ? start[s] : at;
    }
    source->at = source->lines.take_from[0] < source->lines.take_from[1]
                     ? source->lines.take_from[0]
                     : source->lines.take_from[1];
    source->lines.last = at;
}

/* Who knows where the open line began knows more than a search finds. */
static void begin_behind(LogSource *source, const LogCursor *cursor) {
    LogPiece piece;
    Err err;
    if (cursor->from >= cursor->offset) {
        begin_at(source, cursor->offset, true);
        return;
    }
    LogReader *reader = log_source_open(source, source->run);
    log_reader_seek(reader, cursor->from);
    int open = 0; /* whose line it is */
    while (open == 0 && log_reader_next(reader, &piece, &err) > 0)
        open = piece.stream;
    log_reader_free(reader);
    source->at = cursor->from;
    source->lines.last = cursor->offset;
    for (int s = 1; s <= 2; s++)
        source->lines.take_from[s - 1] = open == s ? cursor->from : cursor->offset;
}

void log_source_begin_since(LogSource *source) {
    Err err;
    LogReader *reader = log_source_open(source, source->run);
    if (log_reader_seek_time(reader, source->ask.ask->since_us, &err) == 0 &&
        log_reader_tell(reader) > 0)
        begin_at(source, log_reader_tell(reader), false);
    log_reader_free(reader);
}

/* ---- the last lines ---- */

/* How many of the lines asked for lie in `run` behind `at`. */
static size_t count_lines(const LogSource *source, uint32_t run, uint64_t at, bool *ret_older) {
    LogSource probe;
    LogSourceAsk ask = source->ask;
    LogAsk one = *ask.ask;
    size_t n = 0;
    one.run = run;
    one.ends = false;
    ask.ask = &one;
    ask.ahead = PIECE_MOST;
    log_source_init(&probe, &ask);
    log_source_begin_run(&probe, run);
    begin_at(&probe, at, false);
    do {
        for (const LogLine *line; (line = log_source_peek(&probe)); log_source_take(&probe))
            n += line->stream != 0;
    } while (log_source_busy(&probe));
    *ret_older = probe.saw_older;
    log_source_deinit(&probe);
    return n;
}

/* Begins in the run where its last `lines` lines begin; returns how many it has, at most that. */
static size_t begin_tail_of(LogSource *source, uint32_t run, size_t lines) {
    uint64_t first = 0, end = 0, at;
    size_t n = 0;
    bool older = false;
    Err err;
    LogReader *reader = log_source_open(source, run);
    log_source_begin_run(source, run);
    for (size_t raw = lines;; raw *= 4) { /* more than asked for, while some of them do not count */
        if (log_reader_seek_tail(reader, raw, &err) < 0 ||
            log_reader_bounds(reader, &first, &end, &err) < 0)
            break;
        at = log_reader_tell(reader);
        n = count_lines(source, run, at, &older);
        if (n >= lines || at <= first || older) {
            begin_at(source, at, false);
            break;
        }
    }
    log_reader_free(reader);
    source->skip = n > lines ? n - lines : 0;
    return n > lines ? lines : n;
}

/* Only what comes from now on. */
static void begin_now(LogSource *source) {
    uint64_t first, end;
    Err err;
    log_source_begin_run(source, source->newest);
    LogReader *reader = log_source_open(source, source->run);
    if (log_reader_bounds(reader, &first, &end, &err) < 0)
        source->phase = PHASE_REST;
    else if (log_source_lives(source) && source->follow)
        begin_at(source, end, false);
    else
        source->at = end;
    log_reader_free(reader);
}

static void begin_tail(LogSource *source, uint32_t oldest, size_t lines) {
    if (lines == 0) {
        begin_now(source);
        return;
    }
    for (uint32_t run = source->newest;; run--) {
        lines -= begin_tail_of(source, run, lines);
        if (lines == 0 || run <= oldest)
            return;
    }
}

static const LogCursor *cursor_of(const LogSource *source) {
    const LogAsk *ask = source->ask.ask;
    for (size_t i = 0; i < ask->after_n; i++)
        if (strcmp(ask->after[i].target, source->ask.object) == 0 ||
            strcmp(ask->after[i].target, source->ask.target) == 0)
            return &ask->after[i];
    return NULL;
}

uint32_t log_source_find_runs(LogSource *source) {
    if (source->newest == 1) /* there is none before */
        return 1;
    uint32_t *runs = xcalloc(MAX_RUNS_LISTED, sizeof *runs), only = source->ask.ask->run;
    uint32_t n = run_files_list(source->ask.dir, source->ask.target, runs, MAX_RUNS_LISTED);
    uint32_t skipped = 0;
    while (skipped < n && runs[skipped] <= source->ask.after_run)
        skipped++;
    uint32_t oldest = skipped < n ? runs[skipped] : source->newest;
    if (source->newest == 0 && skipped < n)
        source->newest = runs[n - 1];
    free(runs);
    return only ? only : oldest;
}

void log_source_begin(LogSource *source) {
    const LogAsk *ask = source->ask.ask;
    const LogCursor *cursor = cursor_of(source);
    uint32_t oldest = log_source_find_runs(source);
    source->follow = ask->follow && !source->closed;
    source->phase = source->follow ? PHASE_REST : PHASE_OVER;
    source->since_met = cursor || (source->newest == 0 && source->ask.since_past);
    if (source->newest == 0 || (ask->run && ask->run > source->newest))
        return;
    if (ask->run) {
        source->alive = source->alive && ask->run == source->newest;
        source->newest = ask->run;
    }
    if (cursor && cursor->run >= oldest) {
        if (cursor->run > source->newest) {
            source->run = source->newest;
            return;
        }
        log_source_begin_run(source, cursor->run);
        begin_behind(source, cursor);
    } else if (ask->tail >= 0 && !cursor) {
        begin_tail(source, oldest, (size_t)ask->tail);
    } else {
        log_source_begin_run(source, oldest);
        if (ask->since_us)
            log_source_begin_since(source);
    }
}
