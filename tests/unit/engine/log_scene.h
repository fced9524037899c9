/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of logs share: a Pen writes the log of a run as a pin leaves it, an Ear listens to a
 * stream of lines. */
#pragma once

#include "base/buf.h"
#include "engine/logs/log_hub.h"
#include "unit/engine/scene.h"

typedef struct Pen {
    char dir[400]; /* of the run */
    uint64_t at;
} Pen;

/* `dir` holds runs/ */
Pen pen_new(const char *dir, const char *target, uint32_t run);
void pen_put(Pen *pen, int stream, int64_t time_us, const char *text);
void pen_bytes(Pen *pen, int stream, int64_t time_us, const char *bytes, size_t size);
void pen_gap(Pen *pen, int64_t time_us);

typedef struct Ear {
    LogStream *stream; /* NULL: scene->err */
    Buf text;
    size_t lines;
    int woken, last;  /* result of the last log_stream_next */
    LogCursor cursor; /* of the last line */
    char object[64];
} Ear;

Ear *ear_new(Scene *scene, LogAsk ask);
void ear_free(Ear *ear);
/* At most `most` lines of what there is: "api:serve/1 out text" joined by '|'; a partial line ends
 * in '~'. Lent until the next call. */
const char *ear_hear(Scene *scene, Ear *ear, size_t most);
/* All that there is; -1 ends it unless it follows. Lent until the next call. */
const char *ear_read(Scene *scene, LogAsk ask);
