/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/logs/log_hub.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "engine/logs/log_inside.h"
#include "engine/targets/run_files.h"

enum {
    AHEAD = 256 * 1024,
    AHEAD_ALL = 4 * 1024 * 1024,
    AHEAD_LEAST = 4 * 1024,
    LOOKS_AT_ONCE = 64
};

/* ---- the heap: by time, then by name ---- */

static bool before(LogStream *stream, size_t a, size_t b) {
    int64_t at = log_source_peek(stream->sources[a])->time_us,
            bt = log_source_peek(stream->sources[b])->time_us;
    return at != bt ? at < bt : a < b;
}

static void swap(LogStream *stream, size_t i, size_t j) {
    size_t kept = stream->heap.at[i];
    stream->heap.at[i] = stream->heap.at[j];
    stream->heap.at[j] = kept;
}

static void sift_up(LogStream *stream, size_t i) {
    for (; i > 0 && before(stream, stream->heap.at[i], stream->heap.at[(i - 1) / 2]);
         i = (i - 1) / 2)
        swap(stream, i, (i - 1) / 2);
}

static void sift_down(LogStream *stream) {
    for (size_t i = 0, child; (child = 2 * i + 1) < stream->heap.n; i = child) {
        if (child + 1 < stream->heap.n &&
            before(stream, stream->heap.at[child + 1], stream->heap.at[child]))
            child++;
        if (!before(stream, stream->heap.at[child], stream->heap.at[i]))
            return;
        swap(stream, i, child);
    }
}

/* ---- sources that may have a line ---- */

static void make_ready(LogStream *stream, size_t source) {
    if (stream->where[source] != IDLE)
        return;
    stream->where[source] = READY;
    stream->ready.at[stream->ready.n++] = source;
}

/* False: it is to be asked again. */
static bool look(LogStream *stream, size_t source) {
    if (log_source_peek(stream->sources[source])) {
        stream->where[source] = QUEUED;
        stream->heap.at[stream->heap.n++] = source;
        sift_up(stream, stream->heap.n - 1);
    } else if (log_source_busy(stream->sources[source])) {
        make_ready(stream, source);
        return false;
    } else if (log_source_over(stream->sources[source])) {
        stream->where[source] = OVER;
        stream->over++;
    }
    return true;
}

static void on_soon(void *arg) {
    LogStream *stream = arg;
    stream->soon = NULL;
    stream->more(stream->arg);
}

/* The oldest line is known only when all have been asked. False: not yet, `more` follows. */
static bool look_all(LogStream *stream) {
    bool found = true;
    for (int i = 0; i < LOOKS_AT_ONCE && found && stream->ready.n; i++) {
        size_t source = stream->ready.at[--stream->ready.n];
        stream->where[source] = IDLE;
        found = look(stream, source);
    }
    if (stream->ready.n && !stream->soon)
        stream->soon = loop_defer(stream->engine->loop, on_soon, stream);
    return stream->ready.n == 0;
}

/* The line that was handed out last belongs to the first of the heap: it is done with now. */
static void take_first(LogStream *stream) {
    size_t source = stream->heap.at[0];
    log_source_take(stream->sources[source]);
    if (!log_source_peek(stream->sources[source])) {
        stream->where[source] = IDLE;
        stream->heap.at[0] = stream->heap.at[--stream->heap.n];
        make_ready(stream, source);
    }
    sift_down(stream);
}

int log_stream_next(LogStream *stream, LogLine *ret) {
    if (stream->taken)
        take_first(stream);
    stream->taken = false;
    if (!look_all(stream))
        return 0;
    if (stream->heap.n == 0)
        return stream->over < stream->n || (stream->ask.follow && !stream->gone && !stream->ask.run)
                   ? 0
                   : -1;
    *ret = *log_source_peek(stream->sources[stream->heap.at[0]]);
    stream->taken = true;
    if (stream->kind->masked)
        log_masks_show(&stream->masks, stream->dir, ret);
    return 1;
}

/* ---- the future ---- */

static void on_source(void *arg, size_t source) {
    LogStream *stream = arg;
    make_ready(stream, source);
    stream->more(stream->arg);
}

void log_stream_close(LogStream *stream) {
    if (stream->gone)
        return;
    stream->gone = true;
    for (size_t i = 0; i < stream->n; i++) {
        log_source_close(stream->sources[i]);
        make_ready(stream, i);
    }
    stream->more(stream->arg);
}

void log_stream_cut(LogStream *stream) {
    for (size_t i = 0; i < stream->n; i++)
        log_source_cut(stream->sources[i]);
    log_stream_close(stream);
}

static void on_until(void *arg) {
    LogStream *stream = arg;
    stream->until = NULL;
    log_stream_close(stream);
}

static void make_room(LogStream *stream) {
    if (stream->n < stream->cap)
        return;
    size_t cap = stream->cap = stream->cap ? 2 * stream->cap : stream->ask.targets.n + 8;
    stream->sources = xreallocarray(stream->sources, cap, sizeof(*stream->sources));
    stream->where = xreallocarray(stream->where, cap, sizeof(*stream->where));
    stream->heap.at = xreallocarray(stream->heap.at, cap, sizeof(*stream->heap.at));
    stream->ready.at = xreallocarray(stream->ready.at, cap, sizeof(*stream->ready.at));
}

void log_stream_open(LogStream *stream, LogSourceAsk *ask) {
    make_room(stream);
    size_t i = stream->n++;
    ask->dir = stream->dir;
    ask->ask = &stream->ask;
    ask->index = i;
    ask->more = on_source;
    ask->arg = stream;
    stream->sources[i] = log_source_new(ask);
    stream->where[i] = IDLE;
    (void)map_put(&stream->places, ask->target, (void *)(uintptr_t)(i + 1));
    make_ready(stream, i);
}

size_t log_stream_place(const LogStream *stream, const char *target) {
    return (uintptr_t)map_get(&stream->places, target);
}

void log_stream_news(LogStream *stream, size_t place, uint32_t run, bool alive) {
    log_source_news(stream->sources[place - 1], run, alive);
    make_ready(stream, place - 1);
}

size_t log_stream_share(size_t n) {
    size_t share = AHEAD_ALL / (n ? n : 1);
    return share > AHEAD ? AHEAD : share < AHEAD_LEAST ? AHEAD_LEAST : share;
}

bool log_stream_has_run(const LogStream *stream, const char *target) {
    AUTO_FREE char *dir = run_files_dir(stream->dir, target, stream->ask.run);
    return access(dir, F_OK) == 0;
}

/* Looks at what has changed, alone. */
static void on_change(void *arg) {
    LogStream *stream = arg;
    stream->kind->changed(stream);
    stream->seen = objects_version(stream->engine->objects);
    if (stream->ready.n)
        stream->more(stream->arg);
}

/* What was lent by the asker and is needed later. */
static void keep_ask(LogStream *stream, const LogAsk *ask) {
    LogCursor *after = arena_alloc(&stream->arena, (ask->after_n + 1) * sizeof(*after));
    for (size_t i = 0; i < ask->after_n; i++) {
        after[i] = ask->after[i];
        after[i].target = arena_strdup(&stream->arena, ask->after[i].target);
    }
    stream->ask.after = after;
    stream->ask.slug = ask->slug ? arena_strdup(&stream->arena, ask->slug) : NULL;
    stream->ask.workflow = ask->workflow ? arena_strdup(&stream->arena, ask->workflow) : NULL;
    stream->ask.space = ask->space ? arena_strdup(&stream->arena, ask->space) : NULL;
    stream->ask.environment =
        ask->environment ? arena_strdup(&stream->arena, ask->environment) : NULL;
    stream->asked.n = ask->targets.n;
    stream->asked.at = arena_alloc(&stream->arena, (ask->targets.n + 1) * sizeof(char *));
    for (size_t i = 0; i < ask->targets.n; i++)
        stream->asked.at[i] = arena_strdup(&stream->arena, ask->targets.at[i]);
}

static void listen(LogStream *stream) {
    int64_t left_us = stream->ask.until_us - loop_wall_us(stream->engine->loop);
    if (stream->ask.until_us)
        stream->until =
            timer_new(stream->engine->loop, left_us > 0 ? left_us / 1000 + 1 : 0, on_until, stream);
    stream->seen = objects_version(stream->engine->objects);
    stream->watcher = (Watcher){.fn = on_change, .arg = stream};
    watcher_add(stream->engine->objects, &stream->watcher);
    stream->watching = true;
    if (stream->kind->listen)
        stream->kind->listen(stream);
}

LogStream *log_stream_new(Engine *engine, const LogAsk *ask, LoopFn more, void *arg, Err *err) {
    LogStream *stream = xcalloc(1, sizeof(*stream));
    *stream = (LogStream){.engine = engine, .ask = *ask, .more = more, .arg = arg};
    arena_init(&stream->arena);
    map_init(&stream->places);
    log_masks_init(&stream->masks);
    keep_ask(stream, ask);
    stream->kind = ask->workflow      ? &log_of_workflow
                   : ask->environment ? &log_of_environment
                                      : &log_of_session;
    stream->ask.follow = ask->follow && stream->kind->goes_on(stream);
    stream->dir = stream->kind->dir(stream);
    if (stream->kind->open(stream, err) < 0)
        return log_stream_free(stream);
    if (stream->ask.follow)
        listen(stream);
    return stream;
}

LogStream *log_stream_free(LogStream *stream) {
    if (!stream)
        return NULL;
    if (stream->watching)
        watcher_remove(&stream->watcher);
    if (stream->kind->leave)
        stream->kind->leave(stream);
    deferred_free(stream->soon);
    timer_free(stream->until);
    for (size_t i = 0; i < stream->n; i++)
        log_source_free(stream->sources[i]);
    free(stream->sources);
    free(stream->where);
    free(stream->ready.at);
    free(stream->heap.at);
    free(stream->dir);
    map_deinit(&stream->places);
    log_masks_deinit(&stream->masks);
    arena_deinit(&stream->arena);
    free(stream);
    return NULL;
}
