/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/events/event_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/sessions/meant.h"
#include "engine/targets/run_files.h"
#include "engine/targets/target.h"

struct EventStream {
    EventAsk ask;
    Arena arena; /* the ask's texts */
    Arena line;  /* of the event at hand */
    char *dir;
    EventCursor *cursor;
    EventReader reader;
    bool reading; /* `reader` hears of more */
    LoopFn more;
    void *arg;
};

/* ---- which events ---- */

static bool is_wanted(EventStream *stream, const Event *event) {
    const StrList *names = &stream->ask.targets;
    if (event->time_us < stream->ask.since_us)
        return false;
    if (!names->n)
        return true;
    for (size_t i = 0; i < names->n && event->target; i++)
        if (target_is_meant(names->at[i], event->target, &stream->line))
            return true;
    return false;
}

/* Behind which the last `tail` begin. */
static int64_t find_tail(EventStream *stream) {
    size_t most = (size_t)stream->ask.tail, n = 0;
    int64_t *last = xcalloc(most + 1, sizeof(*last));
    EventCursor *cursor = event_cursor_new(stream->dir, stream->ask.after);
    EventLine line;
    while (event_cursor_next(cursor, &stream->line, &line))
        if (is_wanted(stream, &line.event))
            last[n++ % (most + 1)] = line.event.seq;
    event_cursor_free(cursor);
    int64_t after = n > most ? last[n % (most + 1)] : stream->ask.after;
    free(last);
    return after;
}

/* ---- names ---- */

static bool is_known(EventStream *stream, const char *name, const StrList *all) {
    for (size_t i = 0; i < all->n; i++)
        if (target_is_meant(name, all->at[i], &stream->arena))
            return true;
    EventCursor *cursor = event_cursor_new(stream->dir, 0); /* of targets that are gone, perhaps */
    EventLine line;
    bool known = false;
    while (!known && event_cursor_next(cursor, &stream->line, &line))
        known = line.event.target && target_is_meant(name, line.event.target, &stream->line);
    event_cursor_free(cursor);
    return known;
}

static StrList all_targets(EventStream *stream, const Session *session) {
    AUTO_FREE char *runs = path_join(stream->dir, "runs");
    if (!session)
        return run_files_targets(runs, &stream->arena);
    StrList all = {.at = arena_alloc(&stream->arena, (session->graph.n + 1) * sizeof(char *))};
    for (size_t i = 0; i < session->graph.n; i++)
        all.at[all.n++] = session->graph.targets[i].name;
    return all;
}

static int check_names(EventStream *stream, const Session *session, Err *err) {
    StrList all = all_targets(stream, session);
    for (size_t i = 0; i < stream->ask.targets.n; i++) {
        const char *name = stream->ask.targets.at[i];
        if (is_known(stream, name, &all))
            continue;
        const char *like = str_suggest(name, all.at, all.n);
        err_set(err, ERR_NOT_FOUND, "session %s has no events of \"%.100s\"", stream->ask.slug,
                name);
        return err_suggest(err, like, "; `thole ps` lists what there is");
    }
    return 0;
}

/* ---- life ---- */

static void on_more(void *arg) {
    EventStream *stream = arg;
    stream->more(stream->arg);
}

static void keep_ask(EventStream *stream, const EventAsk *ask, const Session *session) {
    StrList names = ask->targets;
    if (session)
        names = names_without_groups(session, &names, &stream->arena);
    stream->ask = *ask;
    stream->ask.slug = arena_strdup(&stream->arena, ask->slug);
    stream->ask.targets.at = arena_alloc(&stream->arena, (names.n + 1) * sizeof(char *));
    stream->ask.targets.n = names.n;
    for (size_t i = 0; i < names.n; i++)
        stream->ask.targets.at[i] = arena_strdup(&stream->arena, names.at[i]);
}

EventStream *event_stream_new(Engine *engine, const EventAsk *ask, LoopFn more, void *arg,
                              Err *err) {
    Session *session = session_find(engine, ask->slug);
    EventStream *stream = xcalloc(1, sizeof(*stream));
    arena_init(&stream->arena);
    arena_init(&stream->line);
    stream->more = more;
    stream->arg = arg;
    stream->dir = xasprintf("%s/sessions/%s", engine->state_dir, ask->slug);
    keep_ask(stream, ask, session);
    if (session)
        event_log_write(session->events); /* what was recorded in this turn is told as well */
    if (check_names(stream, session, err) < 0)
        return event_stream_free(stream);
    int64_t after = ask->tail >= 0 ? find_tail(stream) : ask->after;
    stream->cursor = event_cursor_new(stream->dir, after);
    stream->reading = ask->follow && session;
    stream->reader = (EventReader){.more = on_more, .arg = stream};
    list_init(&stream->reader.link);
    if (stream->reading)
        event_reader_add(session, &stream->reader);
    return stream;
}

EventStream *event_stream_free(EventStream *stream) {
    if (!stream)
        return NULL;
    if (stream->reading)
        event_reader_remove(&stream->reader);
    event_cursor_free(stream->cursor);
    free(stream->dir);
    arena_deinit(&stream->arena);
    arena_deinit(&stream->line);
    free(stream);
    return NULL;
}

int event_stream_next(EventStream *stream, EventLine *ret) {
    while (event_cursor_next(stream->cursor, &stream->line, ret))
        if (is_wanted(stream, &ret->event))
            return 1;
    return stream->reading && !stream->reader.gone ? 0 : -1;
}
