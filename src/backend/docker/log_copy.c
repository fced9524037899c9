/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/log_copy.h"

#include <stdlib.h>
#include <string.h>

#include "backend/docker/demux.h"
#include "backend/docker/masker.h"
#include "backend/log_writer.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/xalloc.h"

enum {
    BLOCK = 64 * 1024, /* of a frame is masked at once */
    TIME_MAX = 48,     /* bytes of a time and the space behind it */
    SAME_US = 20000,   /* what comes so close together is one entry of the index */
    ENTRY_MAX = 64 * 1024,
    ERROR_MAX = 200,
};

struct LogCopy {
    LogWriter *writer;
    Masker *masker;
    uint64_t from;
    Demux demux;
    uint64_t skip; /* bytes that are stored already */
    /* of the frame */
    char time[TIME_MAX];
    size_t time_n;
    bool timed; /* its time was read */
    int64_t time_us;
    Buf block;
    /* of the next entry */
    Buf entry;
    int entry_stream;
    int64_t entry_us;
    Err failed;
};

/* ---- Storing ---- */

void log_copy_flush(LogCopy *copy) {
    if (copy->entry.n > 0)
        log_writer_put(copy->writer, copy->entry_stream, copy->entry_us, copy->entry.p,
                       copy->entry.n);
    buf_reset(&copy->entry);
}

static void store(LogCopy *copy, int stream, const char *bytes, size_t n) {
    bool joins = stream == copy->entry_stream && copy->time_us - copy->entry_us < SAME_US &&
                 copy->entry.n + n <= ENTRY_MAX;
    if (!joins)
        log_copy_flush(copy);
    if (copy->entry.n == 0) {
        copy->entry_stream = stream;
        copy->entry_us = copy->time_us;
    }
    buf_put(&copy->entry, bytes, n);
}

static void on_masked(void *arg, int stream, const char *bytes, size_t n) {
    LogCopy *copy = arg;
    size_t passed = copy->skip < n ? (size_t)copy->skip : n;
    copy->skip -= passed;
    if (n > passed)
        store(copy, stream, bytes + passed, n - passed);
}

/* ---- Frames: "2006-01-02T15:04:05.000000000Z text" ---- */

static void mask_block(LogCopy *copy, int stream) {
    if (copy->block.n > 0)
        masker_put(copy->masker, stream, copy->block.p, copy->block.n, false);
    buf_reset(&copy->block);
}

/* The part of the bytes that is the time. */
static size_t take_time(LogCopy *copy, const char *bytes, size_t n) {
    size_t used = 0;
    while (used < n && !copy->timed) {
        char c = bytes[used++];
        Err ignored;
        if (c == ' ') {
            copy->time[copy->time_n] = '\0';
            copy->timed = time_parse(copy->time, &copy->time_us, &ignored) == 0;
            copy->time_n = copy->timed ? copy->time_n : TIME_MAX;
        } else if (copy->time_n < TIME_MAX - 1) {
            copy->time[copy->time_n++] = c;
        } else {
            copy->time_n = TIME_MAX;
        }
        if (copy->time_n == TIME_MAX) {
            err_set(&copy->failed, ERR_UNAVAILABLE,
                    "the log of the engine has a line without time");
            return n;
        }
    }
    return used;
}

static void take_payload(LogCopy *copy, int stream, const char *bytes, size_t n) {
    while (n > 0) {
        size_t room = BLOCK - copy->block.n, used = n < room ? n : room;
        buf_put(&copy->block, bytes, used);
        if (copy->block.n == BLOCK)
            mask_block(copy, stream);
        bytes += used;
        n -= used;
    }
}

static void on_part(void *arg, const DemuxPart *part) {
    LogCopy *copy = arg;
    if (copy->failed.kind != ERR_NONE)
        return;
    if (part->stream == DEMUX_ERROR) {
        err_set(&copy->failed, ERR_UNAVAILABLE, "the engine cannot read the log: %.*s",
                (int)(part->n < ERROR_MAX ? part->n : ERROR_MAX), part->bytes);
        return;
    }
    if (part->begins) {
        copy->timed = false;
        copy->time_n = 0;
    }
    size_t used = copy->timed ? 0 : take_time(copy, part->bytes, part->n);
    if (copy->failed.kind != ERR_NONE)
        return;
    take_payload(copy, part->stream, part->bytes + used, part->n - used);
    if (part->ends)
        mask_block(copy, part->stream);
}

/* ---- Life ---- */

LogCopy *log_copy_new(const LogCopyAsk *ask, Err *err) {
    LogCopy *copy = xcalloc(1, sizeof *copy);
    buf_init(&copy->block, BLOCK);
    buf_init(&copy->entry, MAX_LOG_LINE);
    copy->from = ask->from;
    copy->masker = masker_new(ask->secrets, ask->secrets_size, on_masked, copy, err);
    copy->writer = copy->masker ? log_writer_new(ask->dir, ask->max, err) : NULL;
    return copy->writer ? copy : log_copy_free(copy);
}

LogCopy *log_copy_free(LogCopy *copy) {
    if (!copy)
        return NULL;
    log_writer_free(copy->writer);
    masker_free(copy->masker);
    buf_deinit(&copy->block);
    buf_deinit(&copy->entry);
    free(copy);
    return NULL;
}

void log_copy_say(LogCopy *copy, const char *line) {
    AUTO_FREE char *text = xasprintf("%s\n", line);
    log_writer_put(copy->writer, 2, clock_wall_us(), text, strlen(text));
    copy->from = log_writer_put_in_all(copy->writer);
}

uint64_t log_copy_from(const LogCopy *copy) {
    return copy->from;
}

void log_copy_begin(LogCopy *copy) {
    uint64_t end = log_writer_put_in_all(copy->writer);
    copy->demux = (Demux){.fn = on_part, .arg = copy};
    copy->skip = end > copy->from ? end - copy->from : 0;
    copy->failed = (Err){0};
    buf_reset(&copy->block);
    buf_reset(&copy->entry);
    masker_reset(copy->masker);
}

int log_copy_put(LogCopy *copy, const char *bytes, size_t n, Err *err) {
    int result = demux_put(&copy->demux, bytes, n, err);
    if (copy->failed.kind == ERR_NONE)
        return result;
    *err = copy->failed;
    return -1;
}

int log_copy_end(LogCopy *copy, Err *err) {
    if (demux_between(&copy->demux))
        return 0;
    return err_set(err, ERR_UNAVAILABLE, "the log of the engine ends in the middle of a line");
}

void log_copy_finish(LogCopy *copy) {
    for (int stream = 1; stream <= 2; stream++)
        masker_put(copy->masker, stream, "", 0, true);
    log_copy_flush(copy);
}

uint64_t log_copy_size(const LogCopy *copy) {
    return log_writer_end(copy->writer);
}
