/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/logs/log_hub.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/logs/log_source.h"
#include "engine/sessions/meant.h"
#include "engine/targets/run_files.h"
#include "engine/targets/target.h"

enum {
    AHEAD = 256 * 1024,
    AHEAD_ALL = 4 * 1024 * 1024,
    AHEAD_LEAST = 4 * 1024,
    LOOKS_AT_ONCE = 64
};

typedef struct SourceList {
    size_t *at, n;
} SourceList;

struct LogStream {
    Engine *engine;
    Arena arena; /* names, the ask */
    LogAsk ask;
    char *dir; /* of the session */
    LoopFn more;
    void *arg;
    StrList asked; /* the names that were asked for; empty: all */
    Map places;    /* target's name → index into `sources`, plus one */
    LogSource **sources;
    size_t n, cap, over;                        /* over: of which nothing will come any more */
    SourceList heap;                            /* sources with a line, the oldest line first */
    SourceList ready;                           /* those that may have one */
    enum { IDLE, READY, QUEUED, OVER } * where; /* per source */
    Watcher watcher;
    uint64_t seen; /* version of the objects */
    bool watching;
    bool taken; /* the first line of the heap was handed out */
    bool gone;  /* the session is, or the time that was asked for */
    Deferred *soon;
    Timer *until;
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
    return 1;
}

/* ---- the future ---- */

static void on_source(void *arg, size_t source) {
    LogStream *stream = arg;
    make_ready(stream, source);
    stream->more(stream->arg);
}

static void close_all(LogStream *stream) {
    if (stream->gone)
        return;
    stream->gone = true;
    for (size_t i = 0; i < stream->n; i++) {
        log_source_close(stream->sources[i]);
        make_ready(stream, i);
    }
    stream->more(stream->arg);
}

static void on_until(void *arg) {
    LogStream *stream = arg;
    stream->until = NULL;
    close_all(stream);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ---- which logs ---- */

/* All that the session has, and, but for those who want to know of its time alone, what else has a
 * directory: of services that the file has no more. By name. */
static StrList all_targets(LogStream *stream, const Session *session) {
    AUTO_FREE char *runs = path_join(stream->dir, "runs");
    bool own = session && stream->ask.since_us == session->started_us;
    StrList found = own ? (StrList){0} : run_files_targets(runs, &stream->arena);
    size_t own_n = session ? session->graph.n : 0;
    StrList all = {.at = arena_alloc(&stream->arena, (found.n + own_n + 1) * sizeof(*all.at))};
    for (size_t i = 0; i < own_n; i++)
        if (i != session->graph.tiltfile)
            all.at[all.n++] = session->graph.targets[i].name;
    for (size_t i = 0; i < found.n; i++)
        if (!session || graph_find(&session->graph, found.at[i]) < 0)
            all.at[all.n++] = found.at[i];
    qsort(all.at, all.n, sizeof(*all.at), by_name);
    return all;
}

static int refuse_unknown(const LogStream *stream, const char *name, const StrList *all, Err *err) {
    const char *like = str_suggest(name, all->at, all->n);
    err_set(err, ERR_NOT_FOUND, "session %s has no log of \"%.100s\"", stream->ask.slug, name);
    return err_suggest(err, like, "; `thole ps` lists what there is");
}

/* Marks the targets that the names mean. */
static int mark(LogStream *stream, const StrList *names, const StrList *all, bool *marks,
                Err *err) {
    for (size_t i = 0; i < names->n; i++) {
        size_t hits = 0;
        for (size_t t = 0; t < all->n; t++) {
            if (!target_is_meant(names->at[i], all->at[t], &stream->arena))
                continue;
            marks[t] = true;
            hits++;
        }
        if (hits == 0)
            return refuse_unknown(stream, names->at[i], all, err);
    }
    return 0;
}

static int list_targets(LogStream *stream, const StrList *asked, Err *err) {
    const Session *session = session_find(stream->engine, stream->ask.slug);
    Arena *arena = &stream->arena;
    StrList all = all_targets(stream, session), names = *asked;
    bool *marks = arena_alloc(arena, all.n * sizeof(*marks));
    if (session)
        names = names_without_groups(session, asked, arena);
    if (mark(stream, &names, &all, marks, err) < 0)
        return -1;
    StrList *chosen = &stream->ask.targets;
    *chosen = (StrList){.at = arena_alloc(arena, (all.n + 1) * sizeof(*chosen->at))};
    for (size_t t = 0; t < all.n; t++)
        if (names.n == 0 || marks[t])
            chosen->at[chosen->n++] = arena_strdup(arena, all.at[t]);
    return 0;
}

static bool has_run(const LogStream *stream, const char *target) {
    AUTO_FREE char *dir = run_files_dir(stream->dir, target, stream->ask.run);
    return access(dir, F_OK) == 0;
}

/* A run that was never there, or is kept no more; who follows may wait for one that is to come. */
static int check_run(const LogStream *stream, Err *err) {
    const StrList *targets = &stream->ask.targets;
    bool found = !stream->ask.run || stream->ask.follow || !targets->n;
    for (size_t i = 0; i < targets->n && !found; i++)
        found = has_run(stream, targets->at[i]);
    if (found)
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "there is no log of run %u of %s%s; `thole ps` shows the newest runs",
                   (unsigned)stream->ask.run, targets->at[0],
                   targets->n > 1 ? " or of any other target that was asked for" : "");
}

/* Since the session began: that is told by its runs, not by a clock that may have been set. */
static bool since_its_start(LogStream *stream, const Session *session) {
    if (!session || stream->ask.since_us != session->started_us)
        return false;
    stream->ask.since_us = 0;
    return true;
}

static uint32_t started_run(const TargetFacts *facts) {
    return facts->started_ms ? facts->run : 0;
}

/* As far as is known: a run that is being started or looked up may well be. */
static bool lives(const Session *session, size_t t) {
    const Target *target = session->targets[t];
    return facts_alive(&session->facts[t]) || target->start || target->resume;
}

/* What all sources of a stream are opened with. */
typedef struct Opening {
    const Session *session; /* NULL: it is down */
    bool own;               /* since it began */
    bool since_past;
    size_t ahead; /* bytes */
} Opening;

static void make_room(LogStream *stream) {
    if (stream->n < stream->cap)
        return;
    size_t cap = stream->cap = stream->cap ? 2 * stream->cap : stream->ask.targets.n + 8;
    stream->sources = xreallocarray(stream->sources, cap, sizeof(*stream->sources));
    stream->where = xreallocarray(stream->where, cap, sizeof(*stream->where));
    stream->heap.at = xreallocarray(stream->heap.at, cap, sizeof(*stream->heap.at));
    stream->ready.at = xreallocarray(stream->ready.at, cap, sizeof(*stream->ready.at));
}

/* The name lives as long as the stream. */
static void open_source(LogStream *stream, const Opening *opening, const char *name) {
    const Session *session = opening->session;
    int64_t t = session ? graph_find(&session->graph, name) : -1;
    make_room(stream);
    size_t i = stream->n++;
    LogSourceAsk ask = {.backend = stream->engine->backend,
                        .session_dir = stream->dir,
                        .slug = stream->ask.slug,
                        .target = name,
                        .object = graph_object_name(name, &stream->arena),
                        .ask = &stream->ask,
                        .newest = t < 0 ? 0 : started_run(&session->facts[t]),
                        .alive = t >= 0 && lives(session, (size_t)t),
                        .after_run = opening->own && t >= 0 ? session->targets[t]->base_run : 0,
                        .since_past = opening->since_past,
                        .ahead = opening->ahead,
                        .index = i,
                        .more = on_source,
                        .arg = stream};
    stream->sources[i] = log_source_new(&ask);
    stream->where[i] = IDLE;
    (void)map_put(&stream->places, name, (void *)(uintptr_t)(i + 1));
    make_ready(stream, i);
}

static size_t share_of_each(size_t n) {
    size_t share = AHEAD_ALL / (n ? n : 1);
    return share > AHEAD ? AHEAD : share < AHEAD_LEAST ? AHEAD_LEAST : share;
}

static void open_sources(LogStream *stream) {
    const Session *session = session_find(stream->engine, stream->ask.slug);
    const StrList *names = &stream->ask.targets;
    Opening opening = {.session = session,
                       .own = since_its_start(stream, session),
                       .since_past = stream->ask.since_us <= loop_wall_us(stream->engine->loop),
                       .ahead = share_of_each(names->n)};
    for (size_t i = 0; i < names->n; i++)
        open_source(stream, &opening, names->at[i]);
}

/* ---- what changes while it is followed ---- */

static bool is_asked(LogStream *stream, const Target *target) {
    const char *name = target_name(target);
    const StrList *groups = &target->session->groups[target->index];
    for (size_t i = 0; i < stream->asked.n; i++) {
        if (target_is_meant(stream->asked.at[i], name, &stream->arena))
            return true;
        for (size_t g = 0; g < groups->n; g++)
            if (strcmp(groups->at[g], stream->asked.at[i]) == 0)
                return true;
    }
    return !stream->asked.n;
}

/* The config file has got another service: all that it writes is new. */
static void hear_new(LogStream *stream, const Target *target) {
    Opening opening = {.session = target->session,
                       .own = true,
                       .since_past = true,
                       .ahead = share_of_each(stream->n + 1)};
    if (is_asked(stream, target))
        open_source(stream, &opening, arena_strdup(&stream->arena, target_name(target)));
}

/* Its hooks have logs of their own. */
static void hear_hooks(LogStream *stream, const Target *target) {
    for (Hook hook = HOOK_BEFORE; hook < HOOKS; hook++) {
        uint32_t run = target->hooks.newest[hook];
        AUTO_FREE char *name = run ? hooks_name(target, hook) : NULL;
        if (!run || !is_asked(stream, target))
            continue;
        size_t place = (uintptr_t)map_get(&stream->places, name);
        Opening opening = {.session = target->session,
                           .own = true,
                           .since_past = true,
                           .ahead = share_of_each(stream->n + 1)};
        if (!place) {
            open_source(stream, &opening, arena_strdup(&stream->arena, name));
            place = stream->n;
        }
        log_source_news(stream->sources[place - 1], run, target->hooks.running == hook);
        make_ready(stream, place - 1);
    }
}

static void hear_target(LogStream *stream, const Target *target) {
    const TargetFacts *facts = &target->session->facts[target->index];
    hear_hooks(stream, target);
    size_t place = (uintptr_t)map_get(&stream->places, target_name(target));
    if (!started_run(facts))
        return;
    if (!place) {
        hear_new(stream, target);
        return;
    }
    log_source_news(stream->sources[place - 1], facts->run, lives(target->session, target->index));
    make_ready(stream, place - 1);
}

/* Looks at what has changed, alone. */
static void on_change(void *arg) {
    LogStream *stream = arg;
    Objects *objects = stream->engine->objects;
    Session *session = session_find(stream->engine, stream->ask.slug);
    if (!session) {
        close_all(stream);
        return;
    }
    for (Object *object = object_newer(objects, stream->seen); object;
         object = object_after(objects, object))
        if (object->kind == OBJECT_TARGET && target_of(object)->session == session)
            hear_target(stream, target_of(object));
    stream->seen = objects_version(objects);
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
    stream->ask.slug = arena_strdup(&stream->arena, ask->slug);
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
}

LogStream *log_stream_new(Engine *engine, const LogAsk *ask, LoopFn more, void *arg, Err *err) {
    LogStream *stream = xcalloc(1, sizeof(*stream));
    *stream = (LogStream){.engine = engine, .ask = *ask, .more = more, .arg = arg};
    arena_init(&stream->arena);
    map_init(&stream->places);
    keep_ask(stream, ask);
    stream->ask.follow = ask->follow && session_find(engine, ask->slug);
    stream->dir = xasprintf("%s/sessions/%s", engine->state_dir, ask->slug);
    if (list_targets(stream, &ask->targets, err) < 0 || check_run(stream, err) < 0)
        return log_stream_free(stream);
    open_sources(stream);
    if (stream->ask.follow)
        listen(stream);
    return stream;
}

LogStream *log_stream_free(LogStream *stream) {
    if (!stream)
        return NULL;
    if (stream->watching)
        watcher_remove(&stream->watcher);
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
    arena_deinit(&stream->arena);
    free(stream);
    return NULL;
}
