/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/events/history.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/events/event_cursor.h"
#include "engine/sessions/meant.h"
#include "engine/targets/target.h"
#include "plan/chain.h"

static EventList read_events(const Engine *engine, const Session *session, const char *slug,
                             Arena *arena) {
    AUTO_FREE char *dir = xasprintf("%s/sessions/%s", engine->state_dir, slug);
    if (session)
        event_log_write(session->events); /* what was recorded in this turn is told as well */
    return events_read(dir, arena);
}

/* ---- which target ---- */

/* What is worst off says most; of what is equal the server. */
static int trouble(const TargetStatus *status) {
    const TargetState *state = &status->state;
    bool server = status->type == TARGET_SERVER;
    switch (state->phase) {
    case PHASE_TERMINATED: return state->error ? 10 : 1;
    case PHASE_WAITING: return 6 + server;
    case PHASE_ACTIVE: return server && !state->ready ? 5 : 1 + server;
    case PHASE_DISABLED: return 4;
    case PHASE_NONE: return server;
    }
    return 0;
}

static const char *of_living(const Session *session, const char *name, Arena *arena) {
    const char *worst = NULL;
    int most = -1;
    StrList one = {.at = (const char *[]){name}, .n = 1};
    StrList names = names_without_groups(session, &one, arena);
    for (size_t t = 0; t < session->graph.n; t++)
        for (size_t i = 0; i < names.n; i++)
            if (target_is_meant(names.at[i], session->statuses[t].name, arena) &&
                trouble(&session->statuses[t]) > most) {
                worst = session->statuses[t].name;
                most = trouble(&session->statuses[t]);
            }
    return worst;
}

/* Of a session that is down: what failed last, else the server. */
static const char *of_events(EventList events, const char *name, Arena *arena) {
    const char *found = NULL;
    bool failed = false;
    for (size_t i = events.n; i-- > 0;) {
        const Event *event = &events.at[i];
        if (found && event_begins_session(event))
            break;
        if (!event->target || !target_is_meant(name, event->target, arena))
            continue;
        bool fails = event_is_failure(event);
        if (!found || (fails && !failed) || (!failed && str_ends(event->target, ":serve")))
            found = event->target;
        failed |= fails;
    }
    return found;
}

/* ---- why ---- */

static void put_line(const ChainLine *line, JsonWriter *out) {
    char time[TIME_TEXT];
    json_object_begin(out);
    if (line->target)
        json_kv_string(out, "target", line->target);
    if (line->run)
        json_kv_int(out, "run", line->run);
    if (line->time_us) {
        time_format_micro(line->time_us, time);
        json_kv_string(out, "time", time);
    }
    json_kv_string(out, "message", line->text);
    json_object_end(out);
}

static void put_chain(const Chain *chain, const ChainAsk *ask, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "target", ask->target);
    json_kv_array(out, "lines");
    for (size_t i = 0; i < chain->n; i++)
        put_line(&chain->at[i], out);
    json_array_end(out);
    if (chain->command)
        json_kv_string(out, "command", chain->command);
    json_object_end(out);
}

static int refuse_unknown(const Session *session, const char *slug, const char *name, Err *err) {
    size_t n = session ? session->graph.n : 0;
    AUTO_FREE const char **names = xcalloc(2 * n + 1, sizeof(*names));
    for (size_t i = 0; i < n; i++) {
        names[2 * i] = session->graph.targets[i].resource;
        names[2 * i + 1] = session->graph.targets[i].name;
    }
    const char *like = str_suggest(name, names, 2 * n);
    err_set(err, ERR_NOT_FOUND, "session %s has no target \"%.100s\"", slug, name);
    return err_suggest(err, like, "; `thole ps` lists what there is");
}

int history_why(Engine *engine, const char *slug, const char *name, JsonWriter *out, Err *err) {
    const Session *session = session_find(engine, slug);
    Arena arena;
    Chain chain;
    arena_init(&arena);
    EventList events = read_events(engine, session, slug, &arena);
    ChainAsk ask = {.target = session ? of_living(session, name, &arena) : NULL,
                    .events = events,
                    .statuses = session ? session->statuses : NULL,
                    .status_n = session ? session->graph.n : 0,
                    .now_us = loop_wall_us(engine->loop)};
    if (!ask.target)
        ask.target = of_events(events, name, &arena);
    if (ask.target) {
        chain_build(&ask, &arena, &chain);
        put_chain(&chain, &ask, out);
    }
    int r = ask.target ? 0 : refuse_unknown(session, slug, name, err);
    arena_deinit(&arena);
    return r;
}

/* ---- what ran when ---- */

void history_timeline(Engine *engine, const char *slug, const TimelineWish *wish, Buf *out) {
    const Session *session = session_find(engine, slug);
    Arena arena;
    Timeline timeline;
    JsonWriter json;
    arena_init(&arena);
    TimelineAsk ask = {.events = read_events(engine, session, slug, &arena),
                       .now_us = loop_wall_us(engine->loop),
                       .down = !session,
                       .since_us = wish->since_us,
                       .until_us = wish->until_us};
    timeline_build(&ask, &arena, &timeline);
    switch (wish->form) {
    case TIMELINE_JSON:
        json_writer_init(&json, out);
        timeline_encode(&timeline, &json);
        break;
    case TIMELINE_TEXT: timeline_text(&timeline, &wish->text, out); break;
    case TIMELINE_PATH: timeline_path_text(&timeline, out); break;
    case TIMELINE_SVG: timeline_svg(&timeline, slug, out); break;
    }
    arena_deinit(&arena);
}
