/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/log_source.h"
#include "engine/run_files.h"
#include "engine/session.h"

struct LogStream {
    Engine *engine;
    Arena arena; /* names, the ask */
    LogAsk ask;
    char *dir; /* of the session */
    LoopFn more;
    void *arg;
    LogSource **sources; /* in order of name */
    size_t n;
    struct {
        size_t *at, n;
    } heap;       /* of sources with a line, the oldest line first */
    bool *queued; /* per source: it is in the heap */
    Watcher watcher;
    bool watching;
    bool taken; /* the first line of the heap was handed out */
    bool stale; /* something happened: look at all sources again */
    bool gone;  /* the session is */
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

/* A source may have come to have a line. */
static void offer(LogStream *stream, size_t source) {
    if (stream->queued[source] || !log_source_peek(stream->sources[source]))
        return;
    stream->queued[source] = true;
    stream->heap.at[stream->heap.n++] = source;
    sift_up(stream, stream->heap.n - 1);
}

/* The line that was handed out last belongs to the first of the heap: it is done with now. */
static void take_first(LogStream *stream) {
    size_t source = stream->heap.at[0];
    log_source_take(stream->sources[source]);
    if (!log_source_peek(stream->sources[source])) {
        stream->queued[source] = false;
        stream->heap.at[0] = stream->heap.at[--stream->heap.n];
    }
    sift_down(stream);
}

/* ---- the future ---- */

/* Runs that began since. False: the session is gone. */
static bool renew(LogStream *stream) {
    Session *session = session_find(stream->engine, stream->ask.slug);
    if (!session)
        return false;
    for (size_t i = 0; i < stream->n; i++) {
        int64_t t = graph_find(&session->graph, stream->ask.targets.at[i]);
        const TargetFacts *facts = t < 0 ? NULL : &session->facts[t];
        if (facts && facts->started_ms)
            log_source_newest(stream->sources[i], facts->run, facts_alive(facts));
    }
    return true;
}

static void on_news(void *arg) {
    LogStream *stream = arg;
    stream->stale = true;
    stream->more(stream->arg);
}

static void look_again(LogStream *stream) {
    stream->stale = false;
    stream->gone = stream->ask.follow && !renew(stream);
    for (size_t i = 0; i < stream->n; i++)
        offer(stream, i);
}

int log_stream_next(LogStream *stream, LogLine *ret) {
    if (stream->taken)
        take_first(stream);
    stream->taken = false;
    if (stream->stale)
        look_again(stream);
    if (stream->heap.n == 0)
        return stream->ask.follow && !stream->gone ? 0 : -1;
    *ret = *log_source_peek(stream->sources[stream->heap.at[0]]);
    stream->taken = true;
    return 1;
}

/* ---- which logs ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "api" stands for "api:update" and "api:serve". */
static bool is_asked(const StrList *names, const char *target) {
    size_t n = strcspn(target, ":");
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->at[i], target) == 0 ||
            (strlen(names->at[i]) == n && strncmp(names->at[i], target, n) == 0))
            return true;
    return names->n == 0;
}

static int list_targets(LogStream *stream, const StrList *names, Err *err) {
    AUTO_FREE char *runs = path_join(stream->dir, "runs");
    StrList all = {0};
    Session *session = session_find(stream->engine, stream->ask.slug);
    if (session) {
        all.at = arena_alloc(&stream->arena, (session->graph.n + 1) * sizeof(*all.at));
        for (size_t i = 0; i < session->graph.n; i++)
            if (i != session->graph.tiltfile)
                all.at[all.n++] = session->graph.targets[i].name;
    } else {
        all = run_files_targets(runs, &stream->arena);
    }
    qsort(all.at, all.n, sizeof(*all.at), by_name);
    StrList *chosen = &stream->ask.targets;
    *chosen = (StrList){.at = arena_alloc(&stream->arena, (all.n + 1) * sizeof(*chosen->at))};
    for (size_t i = 0; i < all.n; i++)
        if (is_asked(names, all.at[i]))
            chosen->at[chosen->n++] = arena_strdup(&stream->arena, all.at[i]);
    for (size_t i = 0; i < names->n; i++) {
        StrList one = {.at = &names->at[i], .n = 1};
        size_t hits = 0;
        for (size_t t = 0; t < all.n; t++)
            hits += is_asked(&one, all.at[t]);
        if (hits == 0) {
            const char *like = str_suggest(names->at[i], all.at, all.n);
            return err_set(err, ERR_NOT_FOUND, "session %s has no log of \"%.100s\"%s%s%s",
                           stream->ask.slug, names->at[i], like ? "; did you mean " : "",
                           like ? like : "", like ? "?" : "");
        }
    }
    return 0;
}

static void open_sources(LogStream *stream) {
    Session *session = session_find(stream->engine, stream->ask.slug);
    stream->n = stream->ask.targets.n;
    stream->sources = xcalloc(stream->n, sizeof(*stream->sources));
    stream->queued = xcalloc(stream->n, sizeof(*stream->queued));
    stream->heap.at = xcalloc(stream->n, sizeof(*stream->heap.at));
    for (size_t i = 0; i < stream->n; i++) {
        const char *name = stream->ask.targets.at[i];
        int64_t t = session ? graph_find(&session->graph, name) : -1;
        LogSourceAsk ask = {.backend = stream->engine->backend,
                            .session_dir = stream->dir,
                            .slug = stream->ask.slug,
                            .target = name,
                            .object = t < 0 ? name : session->graph.targets[t].object,
                            .ask = &stream->ask,
                            .alive = t >= 0 && facts_alive(&session->facts[t]),
                            .more = on_news,
                            .arg = stream};
        stream->sources[i] = log_source_new(&ask);
    }
}

LogStream *log_stream_new(Engine *engine, const LogAsk *ask, LoopFn more, void *arg, Err *err) {
    LogStream *stream = xcalloc(1, sizeof(*stream));
    *stream = (LogStream){.engine = engine, .ask = *ask, .more = more, .arg = arg, .stale = true};
    arena_init(&stream->arena);
    stream->ask.slug = arena_strdup(&stream->arena, ask->slug);
    stream->dir = xasprintf("%s/sessions/%s", engine->state_dir, ask->slug);
    if (list_targets(stream, &ask->targets, err) < 0)
        return log_stream_free(stream);
    open_sources(stream);
    stream->ask.after = NULL; /* was the caller's */
    stream->ask.after_n = 0;
    if (ask->follow) {
        stream->watcher = (Watcher){.fn = on_news, .arg = stream};
        watcher_add(engine->objects, &stream->watcher);
        stream->watching = true;
    }
    return stream;
}

LogStream *log_stream_free(LogStream *stream) {
    if (!stream)
        return NULL;
    if (stream->watching)
        watcher_remove(&stream->watcher);
    for (size_t i = 0; i < stream->n; i++)
        log_source_free(stream->sources[i]);
    free(stream->sources);
    free(stream->queued);
    free(stream->heap.at);
    free(stream->dir);
    arena_deinit(&stream->arena);
    free(stream);
    return NULL;
}
