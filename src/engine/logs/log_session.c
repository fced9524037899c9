/* SPDX-License-Identifier: Apache-2.0 */
/* The logs of a session's targets and their hooks. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "engine/logs/log_inside.h"
#include "engine/sessions/meant.h"
#include "engine/targets/run_files.h"
#include "engine/targets/target.h"

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

/* A run that was never there, or is kept no more; who follows may wait for one that is to come. */
static int check_run(const LogStream *stream, Err *err) {
    const StrList *targets = &stream->ask.targets;
    bool found = !stream->ask.run || stream->ask.follow || !targets->n;
    for (size_t i = 0; i < targets->n && !found; i++)
        found = log_stream_has_run(stream, targets->at[i]);
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

/* The name lives as long as the stream. */
static void open_source(LogStream *stream, const Opening *opening, const char *name) {
    const Session *session = opening->session;
    int64_t t = session ? graph_find(&session->graph, name) : -1;
    LogSourceAsk ask = {.backend = stream->engine->backend,
                        .task = stream->ask.slug,
                        .target = name,
                        .name = name,
                        .object = graph_object_name(name, &stream->arena),
                        .newest = t < 0 ? 0 : started_run(&session->facts[t]),
                        .alive = t >= 0 && lives(session, (size_t)t),
                        .after_run = opening->own && t >= 0 ? session->targets[t]->base_run : 0,
                        .since_past = opening->since_past,
                        .ahead = opening->ahead};
    log_stream_open(stream, &ask);
}

static void open_sources(LogStream *stream) {
    const Session *session = session_find(stream->engine, stream->ask.slug);
    const StrList *names = &stream->ask.targets;
    Opening opening = {.session = session,
                       .own = since_its_start(stream, session),
                       .since_past = stream->ask.since_us <= loop_wall_us(stream->engine->loop),
                       .ahead = log_stream_share(names->n)};
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
                       .ahead = log_stream_share(stream->n + 1)};
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
        size_t place = log_stream_place(stream, name);
        Opening opening = {.session = target->session,
                           .own = true,
                           .since_past = true,
                           .ahead = log_stream_share(stream->n + 1)};
        if (!place) {
            open_source(stream, &opening, arena_strdup(&stream->arena, name));
            place = stream->n;
        }
        log_stream_news(stream, place, run, target->hooks.running == hook);
    }
}

static void hear_target(LogStream *stream, const Target *target) {
    const TargetFacts *facts = &target->session->facts[target->index];
    hear_hooks(stream, target);
    size_t place = log_stream_place(stream, target_name(target));
    if (!started_run(facts))
        return;
    if (!place) {
        hear_new(stream, target);
        return;
    }
    log_stream_news(stream, place, facts->run, lives(target->session, target->index));
}

/* Looks at what has changed, alone. */
static void changed(LogStream *stream) {
    Objects *objects = stream->engine->objects;
    Session *session = session_find(stream->engine, stream->ask.slug);
    if (!session) {
        log_stream_close(stream);
        return;
    }
    for (Object *object = object_newer(objects, stream->seen); object;
         object = object_after(objects, object))
        if (object->kind == OBJECT_TARGET && target_of(object)->session == session)
            hear_target(stream, target_of(object));
}

static char *dir_of(const LogStream *stream) {
    return xasprintf("%s/sessions/%s", stream->engine->state_dir, stream->ask.slug);
}

static bool goes_on(const LogStream *stream) {
    return session_find(stream->engine, stream->ask.slug) != NULL;
}

static int open_all(LogStream *stream, Err *err) {
    if (list_targets(stream, &stream->asked, err) < 0 || check_run(stream, err) < 0)
        return -1;
    open_sources(stream);
    return 0;
}

const LogKind log_of_session = {dir_of, goes_on, open_all, changed};
