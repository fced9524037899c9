/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/engine/log_scene.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/xalloc.h"
#include "pin/wire.h"

/* ---- writing logs ---- */

Pen pen_new(const char *dir, const char *target, uint32_t run) {
    Pen pen = {.at = 0};
    Err err;
    snprintf(pen.dir, sizeof(pen.dir), "%s/runs/%s/%u", dir, target, run);
    ASSERT(path_mkdirs(pen.dir, 0700, &err) == 0);
    return pen;
}

static void append(const Pen *pen, const char *name, const void *bytes, size_t size) {
    AUTO_FREE char *path = xasprintf("%s/%s%016x", pen->dir, name, 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ASSERT(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

void pen_bytes(Pen *pen, int stream, int64_t time_us, const char *bytes, size_t size) {
    LogChunk chunk = {
        .at = pen->at, .time_us = time_us, .size = (uint32_t)size, .stream = (uint16_t)stream};
    append(pen, LOG_DATA, bytes, size);
    append(pen, LOG_INDEX, &chunk, sizeof(chunk));
    pen->at += size;
}

void pen_put(Pen *pen, int stream, int64_t time_us, const char *text) {
    pen_bytes(pen, stream, time_us, text, strlen(text));
}

void pen_gap(Pen *pen, int64_t time_us) {
    LogChunk chunk = {
        .at = pen->at, .time_us = time_us, .size = 7, .kind = LOG_GAP, .stream = LOG_GAP_DISK};
    append(pen, LOG_INDEX, &chunk, sizeof(chunk));
}

/* ---- reading ---- */

static void on_more(void *arg) {
    Ear *ear = arg;
    ear->woken++;
}

Ear *ear_new(Scene *scene, LogAsk ask) {
    Ear *ear = xcalloc(1, sizeof(*ear));
    buf_init(&ear->text, 64 << 20);
    ear->stream = log_stream_new(scene->engine, &ask, on_more, ear, &scene->err);
    return ear;
}

void ear_free(Ear *ear) {
    log_stream_free(ear->stream);
    buf_deinit(&ear->text);
    free(ear);
}

static void note(Ear *ear, const LogLine *line) {
    static const char *const streams[] = {"gap", "out", "err", [LOG_END] = "end"};
    snprintf(ear->object, sizeof(ear->object), "%s", line->object);
    ear->cursor = (LogCursor){ear->object, line->run, line->offset, line->from};
    ear->lines++;
    buf_printf(&ear->text, "%s%s/%u %s ", ear->text.n ? "|" : "", line->target, line->run,
               streams[line->stream]);
    buf_put(&ear->text, line->text, line->size);
    if (line->partial)
        buf_putc(&ear->text, '~');
}

const char *ear_hear(Scene *scene, Ear *ear, size_t most) {
    LogLine line;
    buf_reset(&ear->text);
    for (int turns = 0; most && turns < 10000;) {
        int woken = ear->woken;
        ear->last = log_stream_next(ear->stream, &line);
        if (ear->last > 0) {
            note(ear, &line);
            most--;
            continue;
        }
        loop_advance(scene->loop, 0);
        if (ear->last < 0 || ear->woken == woken)
            break;
        turns++;
    }
    return buf_cstr(&ear->text);
}

const char *ear_read(Scene *scene, LogAsk ask) {
    static char text[8192];
    Ear *ear = ear_new(scene, ask);
    ASSERT(ear->stream);
    snprintf(text, sizeof(text), "%s", ear_hear(scene, ear, SIZE_MAX));
    CHECK_EQ(ear->last, ask.follow ? 0 : -1);
    ear_free(ear);
    return text;
}
