/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/logs/log_source.h"

#include <stdlib.h>
#include <string.h>

#include "backend/log_reader.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "engine/logs/log_lines.h"
#include "engine/targets/run_files.h"

enum { PIECE_MOST = 64 * 1024, QUEUE_MOST = 1024 * 1024, LOOK_BACK = 64 * 1024 };
enum { REFILLS_AT_ONCE = 16 }; /* then others get their turn, though no line was found */

typedef enum Phase {
    PHASE_NEW,  /* nothing was looked at yet */
    PHASE_DISK, /* more of the run may be on disk */
    PHASE_LIVE, /* the run is alive and all it wrote until `at` was heard; the tail tells of more */
    PHASE_REST, /* all that there is was heard; a new run may come */
    PHASE_OVER,
} Phase;

typedef struct Queued { /* a piece in a queue; its bytes (or the words of a gap) follow */
    uint64_t at;
    int64_t time_us;
    uint32_t size;
    int32_t stream;
} Queued;

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

/* ---- queues of pieces ---- */

static void enqueue(Buf *queue, const LogPiece *piece, uint64_t at, size_t size) {
    bool gap = piece->stream == 0;
    Queued head = {at, piece->time_us, (uint32_t)(gap ? strlen(piece->gap) + 1 : size),
                   piece->stream};
    buf_put(queue, &head, sizeof head);
    buf_put(queue, gap ? piece->gap : piece->data, head.size);
}

/* The next piece of the queue. */
static bool dequeue(LogSource *source) {
    Queued head;
    if (source->queue_at == source->queue.n)
        return false;
    memcpy(&head, source->queue.p + source->queue_at, sizeof head);
    const char *bytes = source->queue.p + source->queue_at + sizeof head;
    source->queue_at += sizeof head + head.size;
    source->piece = (LogPiece){.at = head.at,
                               .time_us = head.time_us,
                               .stream = head.stream,
                               .data = head.stream ? bytes : NULL,
                               .size = head.size,
                               .gap = head.stream ? NULL : bytes};
    source->piece_at = 0;
    source->has_piece = true;
    return true;
}

static void empty(Buf *queue) {
    size_t max = queue->max;
    buf_deinit(queue);
    buf_init(queue, max);
}

/* ---- runs ---- */

static LogReader *open_run(const LogSource *source, uint32_t run) {
    AUTO_FREE char *dir = run_files_dir(source->ask.dir, source->ask.target, run);
    return log_reader_new(dir);
}

static bool run_lives(const LogSource *source) {
    return source->run == source->newest && source->alive && source->ended < source->run;
}

static uint32_t run_after(const LogSource *source) {
    if (source->ask.ask->run || source->run >= source->newest)
        return 0;
    return source->run + 1;
}

static void begin_run(LogSource *source, uint32_t run) {
    source->reader = log_reader_free(source->reader);
    log_lines_reset(&source->lines);
    source->run = run;
    source->at = 0;
    source->gaps = 0;
    source->whole = false;
    source->phase = PHASE_DISK;
}

/* What lies before `at` is wanted only as far as it is the beginning of a line that was open there:
 * LOOK_BACK bytes are searched for it. shown: a line that ends at `at` was given out, so its stream
 * has none open. */
static void begin_at(LogSource *source, uint64_t at, bool shown) {
    uint64_t base = at > LOOK_BACK ? at - LOOK_BACK : 0, first, end = 0, start[2] = {at, at};
    bool open[2] = {false, false};
    int last = 0; /* whose byte is the last before `at`; 0: there is none */
    LogPiece piece;
    Err err;
    LogReader *reader = open_run(source, source->run);
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
    LogReader *reader = open_run(source, source->run);
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

static void begin_since(LogSource *source) {
    Err err;
    LogReader *reader = open_run(source, source->run);
    if (log_reader_seek_time(reader, source->ask.ask->since_us, &err) == 0 &&
        log_reader_tell(reader) > 0)
        begin_at(source, log_reader_tell(reader), false);
    log_reader_free(reader);
}

static bool next_run(LogSource *source) {
    uint32_t run = run_after(source);
    if (run == 0)
        return false;
    begin_run(source, run);
    if (source->ask.ask->since_us && !source->since_met)
        begin_since(source);
    return true;
}

/* ---- live ---- */

static bool on_piece(void *arg, const LogPiece *piece) {
    LogSource *source = arg;
    size_t held = source->incoming.n + source->queue.n - source->queue_at;
    if (piece->stream == 0 && piece->at == source->at && source->tail_gaps++ < source->gaps)
        return true; /* given already: the tail began where it stands */
    if (piece->stream == 0 || held + piece->size > source->ask.ahead) {
        op_drop(source->tail); /* read from disk when there is room for it */
        source->tail = NULL;
        source->phase = PHASE_DISK;
    } else {
        enqueue(&source->incoming, piece, piece->at, piece->size);
        source->at = piece->at + piece->size;
        source->gaps = 0;
    }
    source->ask.more(source->ask.arg, source->ask.index);
    return true;
}

static void on_tail_end(void *arg, const void *result, const Err *err) {
    LogSource *source = arg;
    source->tail = NULL;
    source->phase = err ? PHASE_REST : PHASE_DISK;
    if (!err)
        source->ended = source->run;
    source->whole = !err; /* it has read on until there was no more */
    source->ask.more(source->ask.arg, source->ask.index);
}

static void go_live(LogSource *source) {
    StepId id = {.task = source->ask.task, .step = source->ask.target, .run = source->run};
    source->phase = PHASE_LIVE;
    source->reader = log_reader_free(source->reader);
    empty(&source->queue);
    source->queue_at = 0;
    source->tail_gaps = 0;
    source->tail =
        backend_tail_step(source->ask.backend, id, source->at, on_piece, on_tail_end, source);
}

/* ---- disk ---- */

/* A gap that stands between two bytes (what a full disk did not take has no place in the log) does
 * not move the reader on, so one that is opened again meets it again. True: it was given. */
static bool gap_again(LogSource *source, const LogPiece *piece, size_t *seen) {
    bool still = piece->stream == 0 && log_reader_tell(source->reader) == source->at;
    if (still && ++*seen <= source->gaps)
        return true;
    *seen = still ? *seen : 0;
    source->gaps = *seen;
    return false;
}

/* Reads ahead. False: there is nothing more on disk. */
static bool read_disk(LogSource *source) {
    bool keeps = source->ask.ahead >= PIECE_MOST;
    LogPiece piece;
    Err err;
    int got = 1;
    size_t seen = source->reader ? source->gaps : 0; /* such gaps, at `at` */
    bool over = !run_lives(source);
    size_t untimed = SIZE_MAX; /* a gap that takes its time from what follows it */
    if (!source->reader) {
        source->reader = open_run(source, source->run);
        log_reader_seek(source->reader, source->at);
    }
    while ((source->queue.n < source->ask.ahead || untimed != SIZE_MAX) &&
           (got = log_reader_next(source->reader, &piece, &err)) > 0) {
        if (gap_again(source, &piece, &seen))
            continue;
        size_t size = piece.size;
        if (piece.stream && !keeps && size > source->ask.ahead)
            size = source->ask.ahead;
        bool whole = piece.stream == 0 || size == piece.size;
        source->at = whole ? log_reader_tell(source->reader) : piece.at + size;
        if (untimed != SIZE_MAX)
            memcpy(source->queue.p + untimed + offsetof(Queued, time_us), &piece.time_us,
                   sizeof piece.time_us);
        untimed = piece.time_us || piece.stream ? SIZE_MAX : source->queue.n;
        enqueue(&source->queue, &piece, piece.stream ? piece.at : source->at, size);
    }
    if (got < 0) { /* said where it would have stood */
        char words[sizeof err.msg + 32];
        snprintf(words, sizeof words, "the log cannot be read: %s", err.msg);
        enqueue(&source->queue, &(LogPiece){.gap = words}, source->at, 0);
        source->phase = source->follow ? PHASE_REST : PHASE_OVER;
    }
    if (!keeps || got <= 0)
        source->reader = log_reader_free(source->reader);
    source->whole = over && got == 0 && source->told;
    return source->queue.n > 0;
}

/* Fetches pieces. False: there are none, for now. */
static bool refill(LogSource *source) {
    source->queue_at = 0;
    source->refills--;
    buf_reset(&source->queue);
    if (source->incoming.n) {
        Buf full = source->incoming;
        source->incoming = source->queue;
        source->queue = full;
        return true;
    }
    return source->phase == PHASE_DISK && !source->whole && read_disk(source);
}

/* ---- lines ---- */

static bool wanted(LogSource *source, const LogLine *line) {
    const LogAsk *ask = source->ask.ask;
    if (line->stream == LOG_END)
        return true;
    if (ask->stream && line->stream && line->stream != ask->stream)
        return false;
    if (ask->since_us && !source->since_met && line->time_us < ask->since_us) {
        source->saw_older = true;
        return false;
    }
    source->since_met = true;
    if (ask->until_us && line->time_us > ask->until_us)
        return false;
    if (source->skip == 0)
        return true;
    source->skip -= line->stream != 0;
    return false;
}

static void follow(LogSource *source) {
    go_live(source);
    source->since_met |= source->ask.since_past;
}

/* Behind all of its lines. */
static bool tell_end(LogSource *source, LogLine *ret) {
    if (!source->ask.ask->ends || source->told_end >= source->run ||
        (source->follow && !source->told))
        return false;
    source->told_end = source->run;
    *ret = (LogLine){.stream = LOG_END,
                     .text = "",
                     .offset = source->at,
                     .from = source->at,
                     .time_us = source->head.time_us};
    return true;
}

/* The end of what is on disk. True: look again. */
static bool at_end(LogSource *source, LogLine *ret, bool *ret_line) {
    bool lives = run_lives(source);
    if (lives && source->follow) {
        follow(source);
        return false;
    }
    *ret_line = log_lines_flush(&source->lines, source->at, !lives, ret);
    if (!*ret_line && !lives)
        *ret_line = tell_end(source, ret);
    if (*ret_line || next_run(source))
        return true;
    source->phase = source->follow && !source->ask.ask->run ? PHASE_REST : PHASE_OVER;
    source->since_met |= source->ask.since_past && source->follow;
    empty(&source->queue);
    empty(&source->incoming);
    source->queue_at = 0;
    return false;
}

/* One step towards a line. False: there is none, for now. */
static bool step(LogSource *source, LogLine *ret, bool *ret_line) {
    *ret_line = false;
    if (source->has_piece) {
        *ret_line = log_lines_next(&source->lines, &source->piece, &source->piece_at, ret);
        source->has_piece = *ret_line;
        return true;
    }
    if (dequeue(source) || refill(source))
        return true;
    return source->phase == PHASE_DISK && at_end(source, ret, ret_line);
}

static void begin(LogSource *source);

const LogLine *log_source_peek(LogSource *source) {
    LogLine line;
    bool is_line;
    if (source->phase == PHASE_NEW)
        begin(source);
    source->refills = REFILLS_AT_ONCE;
    while (!source->has_head && source->refills > 0 && step(source, &line, &is_line)) {
        if (!is_line || !wanted(source, &line))
            continue;
        source->head = line;
        source->head.target = source->ask.name;
        source->head.object = source->ask.object;
        source->head.run = source->run;
        source->has_head = true;
    }
    return source->has_head ? &source->head : NULL;
}

bool log_source_busy(const LogSource *source) {
    return !source->has_head && source->refills <= 0;
}

void log_source_take(LogSource *source) {
    source->has_head = false;
}

/* ---- where to begin ---- */

static void init(LogSource *source, const LogSourceAsk *ask) {
    *source = (LogSource){.ask = *ask, .alive = ask->alive, .newest = ask->newest};
    source->told = ask->newest != 0;
    log_lines_init(&source->lines);
    buf_init(&source->queue, QUEUE_MOST);
    buf_init(&source->incoming, QUEUE_MOST);
}

static void deinit(LogSource *source) {
    op_drop(source->tail);
    log_reader_free(source->reader);
    log_lines_deinit(&source->lines);
    buf_deinit(&source->queue);
    buf_deinit(&source->incoming);
}

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
    init(&probe, &ask);
    begin_run(&probe, run);
    begin_at(&probe, at, false);
    do {
        for (const LogLine *line; (line = log_source_peek(&probe)); log_source_take(&probe))
            n += line->stream != 0;
    } while (log_source_busy(&probe));
    *ret_older = probe.saw_older;
    deinit(&probe);
    return n;
}

/* Begins in the run where its last `lines` lines begin; returns how many it has, at most that. */
static size_t begin_tail_of(LogSource *source, uint32_t run, size_t lines) {
    uint64_t first = 0, end = 0, at;
    size_t n = 0;
    bool older = false;
    Err err;
    LogReader *reader = open_run(source, run);
    begin_run(source, run);
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
    begin_run(source, source->newest);
    LogReader *reader = open_run(source, source->run);
    if (log_reader_bounds(reader, &first, &end, &err) < 0)
        source->phase = PHASE_REST;
    else if (run_lives(source) && source->follow)
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

/* The oldest run there is; 0: none. What is on disk may be newer than what was told. */
static uint32_t find_runs(LogSource *source) {
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

static void begin(LogSource *source) {
    const LogAsk *ask = source->ask.ask;
    const LogCursor *cursor = cursor_of(source);
    uint32_t oldest = find_runs(source);
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
        begin_run(source, cursor->run);
        begin_behind(source, cursor);
    } else if (ask->tail >= 0 && !cursor) {
        begin_tail(source, oldest, (size_t)ask->tail);
    } else {
        begin_run(source, oldest);
        if (ask->since_us)
            begin_since(source);
    }
}

/* ---- news ---- */

/* Of one that has just begun nothing need be looked for on disk. */
static void begin_first(LogSource *source) {
    begin_run(source, find_runs(source));
    if (run_lives(source) && source->follow)
        follow(source);
}

void log_source_news(LogSource *source, uint32_t run, bool alive) {
    uint32_t only = source->ask.ask->run;
    if (only && run > only) {
        run = only;
        alive = false;
    }
    if (source->phase == PHASE_OVER || run < source->newest || (only && run != only))
        return;
    source->newest = run;
    source->alive = alive;
    source->told = true;
    if (source->phase == PHASE_REST && source->run == 0)
        begin_first(source);
    else if (source->phase == PHASE_REST)
        source->phase = PHASE_DISK; /* at its end the next run begins */
}

void log_source_close(LogSource *source) {
    source->follow = source->alive = false;
    source->closed = source->told = true;
    op_drop(source->tail);
    source->tail = NULL;
    if (source->phase == PHASE_LIVE || (source->phase == PHASE_REST && source->run))
        source->phase = PHASE_DISK;
    else if (source->phase == PHASE_REST)
        source->phase = PHASE_OVER;
}

void log_source_cut(LogSource *source) {
    log_source_close(source);
    source->reader = log_reader_free(source->reader);
    source->phase = PHASE_OVER;
}

bool log_source_over(const LogSource *source) {
    return source->phase == PHASE_OVER && !source->has_head && !source->has_piece &&
           source->queue_at == source->queue.n;
}

LogSource *log_source_new(const LogSourceAsk *ask) {
    LogSource *source = xmalloc(sizeof *source);
    init(source, ask);
    return source;
}

LogSource *log_source_free(LogSource *source) {
    if (source) {
        deinit(source);
        free(source);
    }
    return NULL;
}
