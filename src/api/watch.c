/* SPDX-License-Identifier: Apache-2.0 */
/* Watches. One is a cursor into the versions: it asks for the oldest object or tombstone behind the
 * cursor, tells it, and moves on. So nothing is queued: a client that is slow skips versions. Only
 * what it is being told is held. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_inside.h"
#include "api/listing.h"
#include "base/map.h"
#include "base/vec.h"
#include "spec/routes.h"

enum { BOOKMARK_MS = 60 * 1000 };

typedef struct Watch {
    Api *api;
    ListAsk ask;
    HttpStream *stream;
    Watcher watcher;
    Timer *bookmark, *timeout;
    uint64_t cursor;
    VEC(WatchEvent *) first; /* the objects there were at the start */
    size_t first_at;
    WatchEvent *event; /* being sent */
    size_t sent;
    Map seen; /* with a label selector, or `at`: space/name of what the client believes to fit;
                 values are not used */
    bool may_leave;
    bool headed;          /* a Table's columns were sent */
    bool initial_end_due; /* the bookmark behind the initial events */
    bool bookmark_due;
    bool ended; /* after what is being sent */
} Watch;

/* ---- what the client believes to fit ---- */

static char *seen_key(const char *space, const char *name) {
    return xasprintf("%s/%s", space ? space : "", name);
}

/* Notes what fits now; says whether it did before. */
static bool note_seen(Watch *watch, const char *space, const char *name, bool fits) {
    AUTO_FREE char *key = seen_key(space, name);
    return fits ? map_put(&watch->seen, key, watch) != NULL : map_remove(&watch->seen, key) != NULL;
}

/* ---- events ---- */

static WatchEvent *object_event(Watch *watch, Object *object, WatchType type) {
    WatchEventAsk ask = {.type = type,
                         .kind = object->kind,
                         .version = object->version,
                         .include = (unsigned char)watch->ask.include};
    if (watch->ask.table)
        ask.form = watch->headed ? FORM_TABLE : FORM_TABLE_HEAD;
    watch->headed = true;
    ask.json = list_ask_text(&watch->ask, object, &ask.json_size);
    return watch_event_get(&watch->api->events, &ask);
}

static WatchEvent *tombstone_event(Watch *watch, const Tombstone *tombstone) {
    WatchEventAsk ask = {.type = WATCH_DELETED,
                         .kind = tombstone->kind,
                         .version = tombstone->version,
                         .json = tombstone->json,
                         .json_size = tombstone->json_size,
                         .include = (unsigned char)watch->ask.include};
    if (watch->ask.table)
        ask.form = watch->headed ? FORM_TABLE : FORM_TABLE_HEAD;
    watch->headed = true;
    return watch_event_get(&watch->api->events, &ask);
}

static WatchEvent *bookmark_event(const Watch *watch, bool initial_end) {
    ObjectKind kind = watch->ask.kind;
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_string(&out, "type", "BOOKMARK");
    json_kv_object(&out, "object");
    json_kv_string(&out, "kind", object_kind_name(kind));
    json_key(&out, "apiVersion");
    json_stringf(&out, "%s/" API_VERSION, object_group(kind));
    json_kv_object(&out, "metadata");
    json_key(&out, "resourceVersion");
    json_stringf(&out, "%" PRIu64, watch->cursor);
    if (initial_end) {
        json_kv_object(&out, "annotations");
        json_kv_string(&out, "k8s.io/initial-events-end", "true");
        json_object_end(&out);
    }
    json_object_end(&out);
    json_object_end(&out);
    json_object_end(&out);
    buf_putc(&buf, '\n');
    WatchEvent *event = watch_event_text(&buf);
    buf_deinit(&buf);
    return event;
}

static WatchEvent *expired_event(uint64_t asked, uint64_t oldest) {
    char message[120];
    Buf buf;
    JsonWriter out;
    snprintf(message, sizeof(message), "too old resource version: %" PRIu64 " (%" PRIu64 ")", asked,
             oldest);
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_string(&out, "type", "ERROR");
    json_key(&out, "object");
    status_write(&(Status){.code = 410, .reason = "Expired", .message = message}, &out);
    json_object_end(&out);
    buf_putc(&buf, '\n');
    WatchEvent *event = watch_event_text(&buf);
    buf_deinit(&buf);
    return event;
}

/* ---- what is next ---- */

/* What this client is to hear of an object that is newer than the cursor; NULL: nothing. */
static WatchEvent *news_of_object(Watch *watch, Object *object, uint64_t cursor) {
    if (!list_ask_fits(&watch->ask, object))
        return NULL;
    if (!watch->may_leave)
        return object_event(watch, object, object->added > cursor ? WATCH_ADDED : WATCH_MODIFIED);
    bool fits = list_ask_matches(&watch->ask, object);
    bool did = note_seen(watch, object->space, object->name, fits);
    if (!fits && !did)
        return NULL;
    return object_event(watch, object, !fits ? WATCH_DELETED : did ? WATCH_MODIFIED : WATCH_ADDED);
}

static WatchEvent *news_of_tombstone(Watch *watch, const Tombstone *tombstone, uint64_t cursor) {
    if (!list_ask_fits_tombstone(&watch->ask, tombstone))
        return NULL;
    bool known = watch->may_leave ? note_seen(watch, tombstone->space, tombstone->name, false)
                                  : tombstone->added <= cursor;
    return known ? tombstone_event(watch, tombstone) : NULL; /* came and went unseen */
}

/* Moves the cursor to the next version that matters, or to the newest. `object` is the oldest newer
 * one. */
static WatchEvent *next_news(Watch *watch) {
    Objects *objects = watch->api->objects;
    Object *object = object_newer(objects, watch->cursor);
    const Tombstone *tombstone = tombstone_newer(objects, watch->cursor);
    WatchEvent *event = NULL;
    while (!event && (object || tombstone)) {
        uint64_t cursor = watch->cursor;
        if (tombstone && (!object || tombstone->version < object->version)) {
            watch->cursor = tombstone->version;
            event = news_of_tombstone(watch, tombstone, cursor);
            tombstone = tombstone_newer(objects, watch->cursor);
        } else {
            watch->cursor = object->version;
            event = news_of_object(watch, object, cursor);
            object = object_after(objects, object);
        }
    }
    return event;
}

/* Has `event` afterwards, unless there is nothing to say now. */
static void choose(Watch *watch) {
    if (watch->event || watch->ended)
        return;
    watch->sent = 0;
    if (watch->first_at < watch->first.n) {
        watch->event = TAKE(watch->first.at[watch->first_at]);
        watch->first_at++;
    } else if (watch->initial_end_due) {
        watch->initial_end_due = false;
        watch->event = bookmark_event(watch, true);
    } else if (watch->cursor < objects_oldest(watch->api->objects)) {
        watch->event = expired_event(watch->cursor, objects_oldest(watch->api->objects));
        watch->ended = true;
    } else {
        watch->event = next_news(watch);
        if (!watch->event && watch->bookmark_due) {
            watch->bookmark_due = false;
            watch->event = bookmark_event(watch, false);
        }
    }
}

/* ---- the stream ---- */

static ssize_t fill(void *arg, char *to, size_t size) {
    Watch *watch = arg;
    size_t n = 0;
    while (n < size) {
        choose(watch);
        if (!watch->event)
            break;
        size_t rest = watch->event->size - watch->sent, part = rest < size - n ? rest : size - n;
        memcpy(to + n, watch->event->bytes + watch->sent, part);
        n += part;
        watch->sent += part;
        if (watch->sent == watch->event->size)
            watch->event = watch_event_unref(watch->event);
    }
    return n == 0 && watch->ended ? STREAM_END : (ssize_t)n;
}

static void on_news(void *arg) {
    Watch *watch = arg;
    choose(watch);
    if (watch->event)
        http_stream_wake(watch->stream);
}

static void on_bookmark(void *arg) {
    Watch *watch = arg;
    watch->bookmark_due = true;
    timer_set(watch->bookmark, BOOKMARK_MS);
    on_news(watch);
}

static void on_timeout(void *arg) {
    Watch *watch = arg;
    watch->ended = true;
    http_stream_wake(watch->stream);
}

static void on_close(void *arg) {
    Watch *watch = arg;
    watcher_remove(&watch->watcher);
    watch->bookmark = timer_free(watch->bookmark);
    watch->timeout = timer_free(watch->timeout);
    for (size_t i = watch->first_at; i < watch->first.n; i++)
        watch_event_unref(watch->first.at[i]);
    VEC_FREE(watch->first);
    watch_event_unref(watch->event);
    map_deinit(&watch->seen);
    free(watch);
}

/* ---- beginning ---- */

/* All there is, as ADDED: rendered now, so that one version is shown; shared with others who begin
 * now. */
static void begin_with_all(Watch *watch) {
    Objects *objects = watch->api->objects;
    watch->cursor = objects_version(objects);
    for (Object *object = NULL;
         (object = object_next(objects, watch->ask.kind, watch->ask.space, object));) {
        if (!list_ask_fits(&watch->ask, object) || !list_ask_matches(&watch->ask, object))
            continue;
        if (watch->may_leave)
            note_seen(watch, object->space, object->name, true);
        WatchEvent *event = object_event(watch, object, WATCH_ADDED);
        VEC_PUSH(watch->first, event);
    }
}

/* The client has seen all up to a version. What it believes to fit is known of objects that did not
 * change since; of the others it is assumed, so that it hears of it when they do not fit now. */
static void begin_behind(Watch *watch) {
    watch->cursor = watch->ask.version;
    if (!watch->may_leave)
        return;
    Objects *objects = watch->api->objects;
    for (Object *object = NULL;
         (object = object_next(objects, watch->ask.kind, watch->ask.space, object));)
        if (object->added <= watch->cursor &&
            (object->version > watch->cursor || list_ask_matches(&watch->ask, object)))
            note_seen(watch, object->space, object->name, true);
}

static void begin(Watch *watch) {
    bool all = watch->ask.initial_events || watch->ask.version == 0;
    watch->initial_end_due = watch->ask.initial_events;
    if (all)
        begin_with_all(watch);
    else
        begin_behind(watch);
    /* of a server whose clock was ahead of ours */
    if (watch->cursor > objects_version(watch->api->objects)) {
        watch->event = expired_event(watch->cursor, objects_version(watch->api->objects));
        watch->ended = true;
    }
}

void serve_watch(Api *api, Request *request, const ListAsk *ask) {
    Watch *watch = xcalloc(1, sizeof(*watch));
    watch->api = api;
    watch->ask = *ask;
    watch->may_leave = ask->selector.label_n > 0 || ask->at;
    map_init(&watch->seen);
    begin(watch);
    watch->stream =
        request_stream(request, &(StreamAsk){.fill = fill, .close = on_close, .arg = watch});
    watch->watcher = (Watcher){.fn = on_news, .arg = watch};
    watcher_add(api->objects, &watch->watcher);
    if (ask->bookmarks)
        watch->bookmark = timer_new(api->options.loop, BOOKMARK_MS, on_bookmark, watch);
    if (ask->timeout_s)
        watch->timeout = timer_new(api->options.loop, ask->timeout_s * 1000, on_timeout, watch);
}
