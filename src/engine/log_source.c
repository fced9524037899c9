/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_source.h"

#include <stdlib.h>
#include <string.h>

#include "backend/log_reader.h"
#include "base/limits.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "engine/run_files.h"

enum { RUNS_MOST = 256, PENDING_MOST = 256 * 1024 };

typedef struct Line { /* text_at: into LogSource.text */
    size_t text_at, size;
    uint32_t run;
    uint64_t offset, from;
    int64_t time_us;
    int stream;
    bool partial;
} Line;

struct LogSource {
    Backend *backend;
    char *session_dir, *slug, *target, *object;
    int64_t since_us, until_us;
    int stream;
    bool follow;
    LoopFn more;
    void *arg;
    uint32_t runs[RUNS_MOST], run_n, run_at; /* still to read; runs[run_at] is being read */
    uint32_t newest;                         /* the newest run we know of */
    bool alive;                              /* it is */
    LogReader *reader;                       /* of runs[run_at]; NULL: at its end, or live */
    Op *tail;                                /* it is followed live */
    uint64_t live_at;                        /* where the live part begins */
    bool held;                               /* the tail waits for us */
    Buf partial[2];                          /* a line that has no end yet, per stream */
    uint64_t partial_at[2];                  /* where it began */
    Buf text;                                /* of the pending lines */
    VEC(Line) lines;
    size_t line_at;
    LogLine head;
};

/* ---- lines out of pieces ---- */

/* Who goes on behind a line must begin where the other stream's open line began. */
static uint64_t resume_at(const LogSource *source, uint64_t offset) {
    for (size_t i = 0; i < 2; i++)
        if (source->partial[i].n && source->partial_at[i] < offset)
            offset = source->partial_at[i];
    return offset;
}

static void add_line(LogSource *source, const LogPiece *piece, const Line *line, const char *text) {
    Line own = *line;
    own.run = source->runs[source->run_at];
    own.time_us = piece->time_us;
    own.text_at = source->text.n;
    own.from = resume_at(source, own.offset);
    if (source->stream && own.stream && own.stream != source->stream)
        return;
    if ((source->since_us && own.time_us < source->since_us) ||
        (source->until_us && own.time_us > source->until_us))
        return;
    buf_put(&source->text, text, own.size);
    VEC_PUSH(source->lines, own);
}

static void end_line(LogSource *source, const LogPiece *piece, uint64_t offset, bool partial) {
    Buf open = source->partial[piece->stream - 1];
    Line line = {.size = open.n, .offset = offset, .stream = piece->stream, .partial = partial};
    source->partial[piece->stream - 1].n = 0; /* so that `from` does not count it */
    add_line(source, piece, &line, buf_cstr(&open));
    buf_reset(&source->partial[piece->stream - 1]);
}

static uint64_t place_of(const LogPiece *piece, const char *at) {
    return piece->at + (uint64_t)(at - piece->data);
}

static void add_bytes(LogSource *source, const LogPiece *piece) {
    Buf *open = &source->partial[piece->stream - 1];
    const char *at = piece->data, *end = at + piece->size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        size_t room = MAX_LOG_LINE - open->n;
        if (open->n == 0)
            source->partial_at[piece->stream - 1] = place_of(piece, at);
        if ((size_t)(stop - at) > room) { /* too long for one line: in pieces */
            buf_put(open, at, room);
            at += room;
            end_line(source, piece, place_of(piece, at), true);
            continue;
        }
        buf_put(open, at, (size_t)(stop - at));
        at = newline ? newline + 1 : end;
        if (newline)
            end_line(source, piece, place_of(piece, at), false);
    }
}

static void add_piece(LogSource *source, const LogPiece *piece) {
    if (piece->stream == 0) {
        Line gap = {.size = strlen(piece->gap), .offset = piece->at, .stream = 0};
        add_line(source, piece, &gap, piece->gap);
    } else {
        add_bytes(source, piece);
    }
}

/* The run is over: what has no newline is a line all the same. */
static void flush(LogSource *source, uint64_t end, int64_t time_us) {
    for (int stream = 1; stream <= 2; stream++) {
        LogPiece piece = {.stream = stream, .time_us = time_us};
        if (source->partial[stream - 1].n)
            end_line(source, &piece, end, true);
    }
}

/* ---- reading what is there ---- */

static LogReader *open_run(const LogSource *source, uint32_t run) {
    AUTO_FREE char *dir = xasprintf("%s/runs/%s/%u", source->session_dir, source->target, run);
    return log_reader_new(dir);
}

static bool pending(const LogSource *source) {
    return source->line_at < source->lines.n;
}

static StepId step_id(const LogSource *source) {
    return (StepId){
        .task = source->slug, .step = source->target, .run = source->runs[source->run_at]};
}

/* Steps on to the next run, if there is one. */
static bool next_run(LogSource *source) {
    source->reader = log_reader_free(source->reader);
    if (source->run_at + 1 == source->run_n)
        return false;
    source->run_at++;
    source->reader = open_run(source, source->runs[source->run_at]);
    return true;
}

static bool on_piece(void *arg, const LogPiece *piece) {
    LogSource *source = arg;
    add_piece(source, piece);
    source->live_at = piece->at + (piece->stream ? piece->size : 0);
    source->held = source->text.n > PENDING_MOST;
    if (pending(source))
        source->more(source->arg);
    return !source->held;
}

static void on_tail_end(void *arg, const void *result, const Err *err) {
    (void)result, (void)err;
    LogSource *source = arg;
    source->tail = NULL;
    source->alive = source->alive && source->newest != source->runs[source->run_at];
    flush(source, source->live_at,
          source->lines.n ? source->lines.at[source->lines.n - 1].time_us : 0);
    next_run(source);
    source->more(source->arg);
}

/* At the end of what is on disk of a run that is alive: the rest as it comes. */
static void go_live(LogSource *source, uint64_t from) {
    source->live_at = from;
    source->tail =
        backend_tail_step(source->backend, step_id(source), from, on_piece, on_tail_end, source);
}

static void end_of_disk(LogSource *source, int64_t time_us) {
    bool last = source->run_at + 1 == source->run_n;
    uint64_t at = log_reader_tell(source->reader);
    if (last && source->follow && source->alive && source->runs[source->run_at] == source->newest) {
        source->reader = log_reader_free(source->reader);
        go_live(source, at);
    } else {
        flush(source, at, time_us);
        next_run(source);
    }
}

static void fill(LogSource *source) {
    LogPiece piece;
    Err err;
    int64_t time_us = 0;
    while (!pending(source) && source->reader) {
        int r = log_reader_next(source->reader, &piece, &err);
        if (r > 0) {
            time_us = piece.time_us;
            add_piece(source, &piece);
        } else {
            end_of_disk(source, time_us);
        }
    }
}

const LogLine *log_source_peek(LogSource *source) {
    if (!pending(source))
        fill(source);
    if (!pending(source))
        return NULL;
    const Line *line = &source->lines.at[source->line_at];
    source->head = (LogLine){.target = source->target,
                             .object = source->object,
                             .run = line->run,
                             .offset = line->offset,
                             .from = line->from,
                             .time_us = line->time_us,
                             .stream = line->stream,
                             .text = buf_cstr(&source->text) + line->text_at,
                             .size = line->size,
                             .partial = line->partial};
    return &source->head;
}

void log_source_take(LogSource *source) {
    source->line_at++;
    if (pending(source))
        return;
    source->line_at = source->lines.n = 0;
    buf_reset(&source->text);
    if (source->held && source->tail) {
        source->held = false;
        backend_tail_resume(source->backend, source->tail);
    }
}

void log_source_newest(LogSource *source, uint32_t run, bool alive) {
    bool idle = !source->reader && !source->tail;
    source->alive = alive;
    if (run <= source->newest)
        return;
    source->newest = run;
    if (source->run_n == RUNS_MOST) { /* those that were read make room */
        memmove(source->runs, source->runs + source->run_at,
                (source->run_n - source->run_at) * sizeof(*source->runs));
        source->run_n -= source->run_at;
        source->run_at = 0;
    }
    source->runs[source->run_n++] = run;
    if (idle) {
        source->run_at = source->run_n - 1;
        source->reader = open_run(source, run);
    }
}

/* ---- where to begin ---- */

static size_t count_lines(LogReader *reader) {
    LogPiece piece;
    Err err;
    size_t n = 0;
    while (log_reader_next(reader, &piece, &err) > 0)
        for (size_t i = 0; piece.data && i < piece.size; i++)
            n += piece.data[i] == '\n';
    return n;
}

/* As many of the newest runs as hold the last `lines` lines; the reader stands where they begin. */
static void begin_tail(LogSource *source, size_t lines) {
    Err err;
    for (uint32_t at = source->run_n; at > 0; at--) {
        uint64_t first = 0, end = 0;
        LogReader *reader = open_run(source, source->runs[at - 1]);
        bool placed = log_reader_seek_tail(reader, lines, &err) == 0 &&
                      log_reader_bounds(reader, &first, &end, &err) == 0;
        uint64_t from = log_reader_tell(reader);
        source->run_at = at - 1;
        log_reader_free(source->reader);
        source->reader = reader;
        if (!placed || from > first)
            return;
        size_t n = count_lines(reader);
        log_reader_seek(reader, from);
        if (n >= lines)
            return;
        lines -= n;
    }
    /* fewer than asked for: begin with the oldest */
    if (source->run_n && source->reader) {
        log_reader_free(source->reader);
        source->run_at = 0;
        source->reader = open_run(source, source->runs[0]);
    }
}

static const LogCursor *cursor_of(const LogSource *source, const LogAsk *ask) {
    for (size_t i = 0; i < ask->after_n; i++)
        if (strcmp(ask->after[i].target, source->object) == 0 ||
            strcmp(ask->after[i].target, source->target) == 0)
            return &ask->after[i];
    return NULL;
}

static void begin(LogSource *source, const LogAsk *ask) {
    const LogCursor *cursor = cursor_of(source, ask);
    Err err;
    if (source->run_n == 0)
        return;
    if (ask->tail >= 0 && !cursor) {
        begin_tail(source, (size_t)ask->tail);
        return;
    }
    while (cursor && source->run_at + 1 < source->run_n &&
           source->runs[source->run_at] < cursor->run)
        source->run_at++;
    source->reader = open_run(source, source->runs[source->run_at]);
    if (cursor && source->runs[source->run_at] == cursor->run)
        log_reader_seek(source->reader, cursor->offset);
    else if (ask->since_us)
        (void)!log_reader_seek_time(source->reader, ask->since_us,
                                    &err); /* add_line drops what is older */
}

static void list_runs(LogSource *source, uint32_t only) {
    if (only) {
        source->runs[source->run_n++] = only;
        source->newest = UINT32_MAX; /* later ones are not asked for */
        return;
    }
    source->run_n = run_files_list(source->session_dir, source->target, source->runs, RUNS_MOST);
    source->newest = source->run_n ? source->runs[source->run_n - 1] : 0;
}

LogSource *log_source_new(const LogSourceAsk *ask) {
    LogSource *source = xcalloc(1, sizeof(*source));
    *source = (LogSource){.backend = ask->backend,
                          .session_dir = xstrdup(ask->session_dir),
                          .slug = xstrdup(ask->slug),
                          .target = xstrdup(ask->target),
                          .object = xstrdup(ask->object),
                          .since_us = ask->ask->since_us,
                          .until_us = ask->ask->until_us,
                          .stream = ask->ask->stream,
                          .follow = ask->ask->follow,
                          .alive = ask->alive,
                          .more = ask->more,
                          .arg = ask->arg};
    buf_init(&source->partial[0], MAX_LOG_LINE);
    buf_init(&source->partial[1], MAX_LOG_LINE);
    buf_init(&source->text, 4 * (size_t)MAX_LOG_LINE);
    list_runs(source, ask->ask->run);
    begin(source, ask->ask);
    return source;
}

LogSource *log_source_free(LogSource *source) {
    if (!source)
        return NULL;
    op_drop(source->tail);
    log_reader_free(source->reader);
    buf_deinit(&source->partial[0]);
    buf_deinit(&source->partial[1]);
    buf_deinit(&source->text);
    VEC_FREE(source->lines);
    free(source->session_dir);
    free(source->slug);
    free(source->target);
    free(source->object);
    free(source);
    return NULL;
}
