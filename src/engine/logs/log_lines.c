/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/logs/log_lines.h"

#include <string.h>

#include "base/limits.h"

enum { KEPT_MOST = 64 * 1024 }; /* of an emptied buffer */

void log_lines_init(LogLines *lines) {
    *lines = (LogLines){0};
    for (size_t i = 0; i < 2; i++)
        buf_init(&lines->open[i].text, MAX_LOG_LINE);
}

void log_lines_deinit(LogLines *lines) {
    for (size_t i = 0; i < 2; i++)
        buf_deinit(&lines->open[i].text);
}

void log_lines_reset(LogLines *lines) {
    log_lines_deinit(lines);
    log_lines_init(lines);
}

static void drop_spent(LogLines *lines) {
    Buf *text = lines->spent ? &lines->open[lines->spent - 1].text : NULL;
    lines->spent = 0;
    if (text && text->cap > KEPT_MOST) {
        buf_deinit(text);
        buf_init(text, MAX_LOG_LINE);
    } else if (text) {
        buf_reset(text);
    }
}

static bool is_open(const LogLines *lines, int stream) {
    return lines->open[stream - 1].text.n > 0 && lines->spent != stream;
}

/* The open line of the stream ends here. */
static void give_open(LogLines *lines, int stream, uint64_t offset, LogLine *ret) {
    const Buf *text = &lines->open[stream - 1].text;
    int other = 3 - stream;
    uint64_t other_at = lines->open[other - 1].at;
    *ret = (LogLine){.offset = offset,
                     .from = is_open(lines, other) && other_at < offset ? other_at : offset,
                     .time_us = lines->open[stream - 1].time_us,
                     .stream = stream,
                     .text = buf_cstr(text),
                     .size = text->n};
    lines->spent = stream;
    lines->last = offset;
}

/* A line that lies whole in the piece is not copied. */
static void give(LogLines *lines, const LogPiece *piece, const char *stop, uint64_t offset,
                 LogLine *ret) {
    int stream = piece->stream;
    const char *begin = piece->data + (lines->open[stream - 1].at - piece->at);
    bool whole = !is_open(lines, stream);
    if (!whole)
        begin = stop;
    give_open(lines, stream, offset, ret);
    if (whole) {
        ret->text = begin;
        ret->size = (size_t)(stop - begin);
    }
}

static bool next_line(LogLines *lines, const LogPiece *piece, size_t *at, LogLine *ret) {
    int stream = piece->stream;
    Buf *open = &lines->open[stream - 1].text;
    const char *begin = piece->data + *at, *end = piece->data + piece->size;
    const char *newline = memchr(begin, '\n', (size_t)(end - begin));
    const char *stop = newline ? newline : end;
    size_t room = MAX_LOG_LINE - open->n;
    bool beyond = (size_t)(stop - begin) > room;
    if (beyond)
        stop = begin + room;
    if (open->n == 0)
        lines->open[stream - 1].at = piece->at + *at;
    if (open->n > 0 || (!newline && !beyond))
        buf_put(open, begin, (size_t)(stop - begin));
    *at = (size_t)(stop - piece->data) + (newline && !beyond);
    lines->open[stream - 1].end = piece->at + *at;
    lines->open[stream - 1].time_us = piece->time_us;
    if (!newline && !beyond)
        return false;
    give(lines, piece, stop, piece->at + *at, ret);
    ret->partial = beyond;
    return true;
}

/* What was open before bytes went missing is not joined with what comes behind them. */
static bool next_gap(LogLines *lines, const LogPiece *piece, size_t *at, LogLine *ret) {
    uint64_t seen =
        lines->take_from[0] > lines->take_from[1] ? lines->take_from[0] : lines->take_from[1];
    if (*at > 0 || piece->at < seen)
        return false;
    int first = lines->open[0].end <= lines->open[1].end ? 1 : 2;
    for (int i = 0, stream = first; i < 2; i++, stream = 3 - stream)
        if (is_open(lines, stream) && lines->open[stream - 1].end > lines->last) {
            give_open(lines, stream, lines->open[stream - 1].end, ret);
            ret->partial = true;
            return true;
        }
    *at = 1;
    *ret = (LogLine){.offset = piece->at,
                     .from = piece->at,
                     .time_us = piece->time_us,
                     .text = piece->gap,
                     .size = strlen(piece->gap)};
    for (int stream = 1; stream <= 2; stream++)
        if (is_open(lines, stream) && lines->open[stream - 1].at < ret->from)
            ret->from = lines->open[stream - 1].at;
    lines->last = piece->at;
    return true;
}

bool log_lines_next(LogLines *lines, const LogPiece *piece, size_t *at, LogLine *ret) {
    drop_spent(lines);
    if (piece->stream == 0)
        return next_gap(lines, piece, at, ret);
    uint64_t from = lines->take_from[piece->stream - 1];
    if (piece->at + *at < from)
        *at = from - piece->at < piece->size ? (size_t)(from - piece->at) : piece->size;
    return *at < piece->size && next_line(lines, piece, at, ret);
}

bool log_lines_flush(LogLines *lines, uint64_t end, bool over, LogLine *ret) {
    drop_spent(lines);
    int first = lines->open[0].end <= lines->open[1].end ? 1 : 2;
    for (int passed = 0; passed < 2; passed++)
        for (int i = 0, stream = first; i < 2; i++, stream = 3 - stream) {
            uint64_t own = lines->open[stream - 1].end;
            if (!is_open(lines, stream) || (own > lines->last) == (passed == 1))
                continue;
            give_open(lines, stream, passed ? end + over : own, ret);
            if (passed && !over)
                ret->from = lines->open[stream - 1].at; /* it is shown again, with what follows */
            ret->partial = true;
            return true;
        }
    return false;
}
