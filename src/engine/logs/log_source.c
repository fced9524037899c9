/* SPDX-License-Identifier: Apache-2.0 */

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/xalloc.h"
#include "engine/logs/log_source_inside.h"

enum { QUEUE_MOST = 1024 * 1024 };
enum { REFILLS_AT_ONCE = 16 }; /* then others get their turn, though no line was found */

typedef struct Queued { /* a piece in a queue; its bytes (or the words of a gap) follow */
    uint64_t at;
    int64_t time_us;
    uint32_t size;
    int32_t stream;
} Queued;

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

bool log_source_lives(const LogSource *source) {
    return source->run == source->newest && source->alive && source->ended < source->run;
}

static uint32_t run_after(const LogSource *source) {
    if (source->ask.ask->run || source->run >= source->newest)
        return 0;
    return source->run + 1;
}

static bool next_run(LogSource *source) {
    uint32_t run = run_after(source);
    if (run == 0)
        return false;
    log_source_begin_run(source, run);
    if (source->ask.ask->since_us && !source->since_met)
        log_source_begin_since(source);
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
    bool over = !log_source_lives(source);
    size_t untimed = SIZE_MAX; /* a gap that takes its time from what follows it */
    if (!source->reader) {
        source->reader = log_source_open(source, source->run);
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
    bool lives = log_source_lives(source);
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

const LogLine *log_source_peek(LogSource *source) {
    LogLine line;
    bool is_line;
    if (source->phase == PHASE_NEW)
        log_source_begin(source);
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

/* ---- life ---- */

void log_source_init(LogSource *source, const LogSourceAsk *ask) {
    *source = (LogSource){.ask = *ask, .alive = ask->alive, .newest = ask->newest};
    source->told = ask->newest != 0;
    log_lines_init(&source->lines);
    buf_init(&source->queue, QUEUE_MOST);
    buf_init(&source->incoming, QUEUE_MOST);
}

void log_source_deinit(LogSource *source) {
    op_drop(source->tail);
    log_reader_free(source->reader);
    log_lines_deinit(&source->lines);
    buf_deinit(&source->queue);
    buf_deinit(&source->incoming);
}

/* ---- news ---- */

/* Of one that has just begun nothing need be looked for on disk. */
static void begin_first(LogSource *source) {
    log_source_begin_run(source, log_source_find_runs(source));
    if (log_source_lives(source) && source->follow)
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
    log_source_init(source, ask);
    return source;
}

LogSource *log_source_free(LogSource *source) {
    if (source) {
        log_source_deinit(source);
        free(source);
    }
    return NULL;
}
