/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/log_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/log_segments.h"
#include "base/xalloc.h"
#include "pin/wire.h"

enum { PIECE_MAX = 64 * 1024, CHUNKS_MAX = 512 };

/* What was read ahead; given back whenever the end is reached. */
typedef struct Window {
    uint64_t data_at; /* logical */
    size_t data_n;
    uint64_t entry; /* number of chunks[0] in the index */
    size_t chunk_n;
    LogChunk chunks[CHUNKS_MAX];
    char data[PIECE_MAX];
} Window;

struct LogReader {
    char *dir;
    uint64_t at; /* the position: logical offset of the next byte */
    bool placed; /* the members below say where the position lies on disk */
    bool closed; /* the segment will not grow: another follows it, or the run has ended */
    bool over;   /* the run has ended and no segment follows this one */
    uint64_t segment;
    uint64_t entry; /* next entry of its index */
    Window *window;
    char gap[96];
};

LogReader *log_reader_new(const char *run_dir) {
    LogReader *reader = xcalloc(1, sizeof *reader);
    reader->dir = xstrdup(run_dir);
    return reader;
}

LogReader *log_reader_free(LogReader *reader) {
    if (reader) {
        free(reader->window);
        free(reader->dir);
        free(reader);
    }
    return NULL;
}

uint64_t log_reader_tell(const LogReader *reader) {
    return reader->at;
}

void log_reader_seek(LogReader *reader, uint64_t offset) {
    reader->at = offset;
    reader->placed = false;
}

/* ---- Chunks ---- */

static Window *window(LogReader *reader) {
    if (!reader->window) {
        reader->window = xmalloc(sizeof *reader->window);
        reader->window->data_at = reader->window->entry = 0;
        reader->window->data_n = reader->window->chunk_n = 0;
    }
    return reader->window;
}

static void window_drop(LogReader *reader) {
    free(reader->window);
    reader->window = NULL;
}

/* The index entry the position has come to. 1: there is one, 0: none yet (a torn last one is none),
 * -1: err. */
static int chunk_peek(LogReader *reader, LogChunk *ret, Err *err) {
    Window *w = window(reader);
    if (reader->entry < w->entry || reader->entry >= w->entry + w->chunk_n) {
        ssize_t n = log_segment_read(reader->dir,
                                     &(LogRead){.prefix = LOG_INDEX,
                                                .segment = reader->segment,
                                                .from = reader->entry * sizeof(LogChunk),
                                                .into = w->chunks,
                                                .size = sizeof w->chunks},
                                     err);
        if (n < 0)
            return -1;
        w->entry = reader->entry;
        w->chunk_n = (size_t)n / sizeof(LogChunk);
        if (w->chunk_n == 0)
            return 0;
    }
    *ret = w->chunks[reader->entry - w->entry];
    return 1;
}

/* Lies the chunk, or any of it, at or after the offset? */
static bool chunk_reaches(const LogChunk *chunk, uint64_t offset) {
    return chunk->kind == LOG_GAP ? chunk->at >= offset : chunk->at + chunk->size > offset;
}

typedef struct Sought {
    uint64_t segment;
    bool (*reaches)(const LogChunk *chunk, uint64_t value);
    uint64_t value;
} Sought;

/* The first entry of the segment's index for which `reaches` is true; they are true from some entry
 * on. */
static int entry_find(LogReader *reader, const Sought *sought, uint64_t *ret, Err *err) {
    uint64_t size, low = 0;
    if (log_index_size(reader->dir, sought->segment, &size, err) < 0)
        return -1;
    uint64_t high = size / sizeof(LogChunk);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        LogChunk chunk;
        LogRead read = {
            .prefix = LOG_INDEX, .segment = sought->segment, .from = middle * sizeof chunk};
        read.into = &chunk;
        read.size = sizeof chunk;
        ssize_t n = log_segment_read(reader->dir, &read, err);
        if (n < 0)
            return -1;
        /* a power cut left zeros at the end */
        bool blank = n < (ssize_t)sizeof chunk || chunk.time_us == 0;
        if (blank || sought->reaches(&chunk, sought->value))
            high = middle;
        else
            low = middle + 1;
    }
    *ret = low;
    return 0;
}

/* ---- Pieces ---- */

static int give_gap(LogReader *reader, uint64_t size, const char *why, LogPiece *ret) {
    if (size)
        snprintf(reader->gap, sizeof reader->gap, "%llu bytes %s", (unsigned long long)size, why);
    else
        snprintf(reader->gap, sizeof reader->gap, "bytes %s", why);
    *ret = (LogPiece){.at = reader->at, .size = (size_t)size, .gap = reader->gap};
    return 1;
}

/* Up to `end`, as far as the data file goes. 0: it does not hold the byte at the position. */
static int give_bytes(LogReader *reader, uint64_t end, LogPiece *ret, Err *err) {
    Window *w = window(reader);
    uint64_t at = reader->at, want = end - at < PIECE_MAX ? end - at : PIECE_MAX;
    if (at < w->data_at || at + want > w->data_at + w->data_n) {
        ssize_t n = log_segment_read(reader->dir,
                                     &(LogRead){.prefix = LOG_DATA,
                                                .segment = reader->segment,
                                                .from = at - reader->segment,
                                                .into = w->data,
                                                .size = sizeof w->data},
                                     err);
        if (n < 0)
            return -1;
        w->data_at = at;
        w->data_n = (size_t)n;
        if (want > w->data_n)
            want = w->data_n;
        if (want == 0)
            return 0;
    }
    ret->at = at;
    ret->data = w->data + (at - w->data_at);
    ret->size = (size_t)want;
    reader->at = at + want;
    return 1;
}

static const char *gap_reason(const LogChunk *chunk) {
    if (chunk->stream == LOG_GAP_DISK)
        return "were lost: the disk did not take them";
    if (chunk->stream == LOG_GAP_PIN)
        return "may be missing here: its pin was killed";
    return "are missing";
}

/* What the chunk still has at or after the position; 0: nothing (the caller goes on to the next),
 * or its data is not there. */
static int give_chunk(LogReader *reader, const LogChunk *chunk, LogPiece *ret, Err *err) {
    *ret = (LogPiece){.time_us = chunk->time_us, .stream = 1};
    /* bytes that no entry speaks of: a pin that died between two writes */
    if (chunk->at > reader->at)
        return give_bytes(reader, chunk->at, ret, err);
    if (chunk->kind == LOG_GAP) {
        reader->entry++;
        give_gap(reader, chunk->size, gap_reason(chunk), ret);
        ret->time_us = chunk->time_us;
        return 1;
    }
    ret->stream = chunk->stream;
    return give_bytes(reader, chunk->at + chunk->size, ret, err);
}

/* ---- Segments ---- */

/* The position is in the segment, at its entry. */
static void settle(LogReader *reader, uint64_t segment, uint64_t entry) {
    reader->segment = segment;
    reader->entry = entry;
    reader->closed = reader->over = false;
    reader->placed = true;
    window_drop(reader);
}

/* Finds the position on disk. 1: done, or a gap was given (ret->gap); 0: there is no log yet. */
static int place(LogReader *reader, LogPiece *ret, Err *err) {
    LogSegments found;
    LogSegment first;
    int begins = log_segment_stat(reader->dir, reader->at, &first, err);
    if (begins > 0) /* most logs are read from their beginning, and have one segment */
        settle(reader, reader->at, 0);
    if (begins != 0)
        return begins;
    if (log_segments_list(reader->dir, &found, err) < 0)
        return -1;
    int result = 0;
    ret->gap = NULL;
    if (found.n && reader->at < found.at[0].at) {
        result = give_gap(reader, found.at[0].at - reader->at, "were dropped by the cap", ret);
        reader->at = found.at[0].at;
    } else if (found.n) {
        size_t i = found.n - 1;
        while (found.at[i].at > reader->at)
            i--;
        uint64_t entry;
        result =
            entry_find(reader, &(Sought){found.at[i].at, chunk_reaches, reader->at}, &entry, err);
        if (result == 0)
            settle(reader, found.at[i].at, entry);
        reader->closed = i + 1 < found.n;
        result = result == 0 ? 1 : -1;
    }
    log_segments_deinit(&found);
    return result;
}

static bool ended(const LogReader *reader) {
    AUTO_FREE char *path = xasprintf("%s/" EXIT_RECORD, reader->dir);
    return access(path, F_OK) == 0;
}

/* The first segment after this one. 1: found, 0: none. While a run writes it can but begin where
 * this one ends; what a power cut has left may lie anywhere. */
static int segment_after(LogReader *reader, const LogSegment *segment, bool past, uint64_t *ret,
                         Err *err) {
    LogSegments found;
    LogSegment next;
    *ret = segment->at + segment->size;
    if (!past && !reader->closed)
        return segment->size ? log_segment_stat(reader->dir, *ret, &next, err) : 0;
    if (log_segments_list(reader->dir, &found, err) < 0)
        return -1;
    size_t i = 0;
    while (i < found.n && found.at[i].at <= reader->segment)
        i++;
    bool there = i < found.n;
    if (there)
        *ret = found.at[i].at;
    log_segments_deinit(&found);
    return there;
}

/* The index is used up, for now. 1: look again (or a piece was given: ret->size), 0: the end, -1:
 * err. */
static int beyond_index(LogReader *reader, LogPiece *ret, Err *err) {
    LogSegment segment;
    uint64_t next;
    int there = log_segment_stat(reader->dir, reader->segment, &segment, err);
    if (there < 0)
        return -1;
    if (!there) { /* the cap has overtaken us */
        LogSegments found;
        if (log_segments_list(reader->dir, &found, err) < 0)
            return -1;
        bool more = found.n > 0 && found.at[found.n - 1].at > reader->segment;
        log_segments_deinit(&found);
        reader->placed = !more;
        return more;
    }
    bool past = reader->over || ended(reader); /* before the look at what follows */
    int follows = reader->over ? 0 : segment_after(reader, &segment, past, &next, err);
    if (follows < 0)
        return -1;
    if (!reader->closed && (follows || past)) { /* only from now on the index is complete */
        reader->closed = true;
        reader->over = past && !follows;
        return 1;
    }
    if (reader->closed && segment.at + segment.size > reader->at) {
        *ret = (LogPiece){.time_us = segment.mtime_us, .stream = 1};
        return give_bytes(reader, segment.at + segment.size, ret, err);
    }
    if (!follows)
        return 0;
    if (next > reader->at) {
        give_gap(reader, next - reader->at, "are missing on the disk", ret);
        reader->at = next;
    }
    settle(reader, next, 0);
    return 1;
}

/* The data ends before the chunk does: the disk has lost it (a power cut), or the cap is removing
 * the segment right now. */
static int data_short(LogReader *reader, const LogChunk *chunk, LogPiece *ret, Err *err) {
    LogSegment segment;
    int there = log_segment_stat(reader->dir, reader->segment, &segment, err);
    if (there < 0)
        return -1;
    uint64_t end =
        chunk->kind == LOG_GAP || chunk->at > reader->at ? chunk->at : chunk->at + chunk->size;
    if (there && segment.at + segment.size > reader->at)
        return 1; /* it was there a moment later */
    if (!there) {
        reader->placed = false;
        ret->gap = NULL;
        return 1;
    }
    give_gap(reader, end - reader->at, "are missing on the disk", ret);
    reader->at = end;
    return 1;
}

int log_reader_next(LogReader *reader, LogPiece *ret, Err *err) {
    for (;;) {
        *ret = (LogPiece){0};
        if (!reader->placed) {
            int placed = place(reader, ret, err);
            if (placed <= 0 || ret->gap)
                return placed;
        }
        LogChunk chunk;
        int got = chunk_peek(reader, &chunk, err);
        if (got > 0 && !chunk_reaches(&chunk, reader->at)) {
            reader->entry++;
            continue;
        }
        if (got > 0) {
            got = give_chunk(reader, &chunk, ret, err);
            if (got == 0)
                got = data_short(reader, &chunk, ret, err);
        } else if (got == 0) {
            got = beyond_index(reader, ret, err);
        }
        if (got <= 0)
            window_drop(reader);
        if (got <= 0 || ret->gap || ret->data)
            return got;
    }
}

/* ---- Seeking ---- */

static bool chunk_not_older(const LogChunk *chunk, uint64_t time_us) {
    return chunk->time_us >= (int64_t)time_us;
}

/* When the segment's first byte was read; of one without an index: when it was last written. */
static int segment_time(LogReader *reader, uint64_t segment, int64_t *ret, Err *err) {
    LogChunk chunk;
    LogRead read = {.prefix = LOG_INDEX, .segment = segment, .into = &chunk, .size = sizeof chunk};
    ssize_t n = log_segment_read(reader->dir, &read, err);
    LogSegment stat = {0};
    if (n < 0 ||
        (n < (ssize_t)sizeof chunk && log_segment_stat(reader->dir, segment, &stat, err) < 0))
        return -1;
    *ret = n == (ssize_t)sizeof chunk ? chunk.time_us : stat.mtime_us;
    return 0;
}

/* Positions at the entry, or behind the segment's last byte that is in its index. */
static int seek_entry(LogReader *reader, uint64_t segment, uint64_t entry, Err *err) {
    LogChunk chunk;
    bool beyond = false;
    LogRead read = {.prefix = LOG_INDEX, .segment = segment, .into = &chunk, .size = sizeof chunk};
    read.from = entry * sizeof chunk;
    ssize_t n = log_segment_read(reader->dir, &read, err);
    if (n >= 0 && n < (ssize_t)sizeof chunk && entry > 0) {
        beyond = true;
        read.from = (entry - 1) * sizeof chunk;
        n = log_segment_read(reader->dir, &read, err);
    }
    if (n < 0)
        return -1;
    uint64_t at = n == (ssize_t)sizeof chunk ? chunk.at : segment;
    if (beyond && n == (ssize_t)sizeof chunk && chunk.kind == LOG_BYTES)
        at += chunk.size;
    log_reader_seek(reader, at);
    return 0;
}

int log_reader_seek_time(LogReader *reader, int64_t time_us, Err *err) {
    LogSegments found;
    if (log_segments_list(reader->dir, &found, err) < 0)
        return -1;
    int result = 0;
    int64_t begins;
    size_t i = found.n;
    /* The last segment that begins before the time holds the piece, or ends right before it. */
    while (i > 0) {
        result = segment_time(reader, found.at[--i].at, &begins, err);
        if (result < 0 || begins < time_us)
            break;
    }
    uint64_t entry;
    if (result == 0 && found.n)
        result = entry_find(reader, &(Sought){found.at[i].at, chunk_not_older, (uint64_t)time_us},
                            &entry, err);
    if (result == 0 && found.n)
        result = seek_entry(reader, found.at[i].at, entry, err);
    else if (result == 0)
        log_reader_seek(reader, 0);
    log_segments_deinit(&found);
    return result;
}

/* The offset behind the n-th newline from `end` backwards, not before the segment; `lines` counts
 * down. */
static int back_over_lines(LogReader *reader, uint64_t segment, uint64_t *end, size_t *lines,
                           Err *err) {
    Window *w = window(reader);
    w->data_n = 0;
    while (*end > segment) {
        uint64_t from = *end - segment > PIECE_MAX ? *end - PIECE_MAX : segment;
        LogRead read = {
            .prefix = LOG_DATA, .segment = segment, .from = from - segment, .into = w->data};
        read.size = (size_t)(*end - from);
        ssize_t n = log_segment_read(reader->dir, &read, err);
        if (n < 0)
            return -1;
        const char *newline = w->data + n;
        while ((newline = memrchr(w->data, '\n', (size_t)(newline - w->data)))) {
            if (--*lines == 0) {
                *end = from + (uint64_t)(newline - w->data) + 1;
                return 0;
            }
        }
        *end = from;
    }
    return 0;
}

int log_reader_seek_tail(LogReader *reader, size_t lines, Err *err) {
    LogSegments found;
    if (log_segments_list(reader->dir, &found, err) < 0)
        return -1;
    uint64_t end = log_segments_end(&found);
    int result = 0;
    if (lines && found.n && end > found.at[0].at) {
        const LogSegment *last = &found.at[found.n - 1];
        char byte = 0;
        size_t left = lines;
        if (last->size) {
            LogRead read = {.prefix = LOG_DATA, .segment = last->at, .into = &byte, .size = 1};
            read.from = last->size - 1;
            result = log_segment_read(reader->dir, &read, err) < 0 ? -1 : 0;
        }
        if (byte == '\n') /* it ends the last line, and begins none */
            left++;
        for (size_t i = found.n; result == 0 && left > 0 && i > 0; i--)
            result = back_over_lines(reader, found.at[i - 1].at, &end, &left, err);
    }
    log_segments_deinit(&found);
    window_drop(reader);
    if (result == 0)
        log_reader_seek(reader, end);
    return result;
}

int log_reader_bounds(LogReader *reader, uint64_t *ret_first, uint64_t *ret_end, Err *err) {
    LogSegments found;
    if (log_segments_list(reader->dir, &found, err) < 0)
        return -1;
    *ret_first = found.n ? found.at[0].at : 0;
    *ret_end = log_segments_end(&found);
    log_segments_deinit(&found);
    return 0;
}
