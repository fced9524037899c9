/* SPDX-License-Identifier: Apache-2.0 */
#include "api/watch_event.h"

#include <stdlib.h>
#include <string.h>

#include "api/table.h"
#include "base/limits.h"
#include "base/xalloc.h"

static const char *const type_names[] = {
    [WATCH_ADDED] = "ADDED", [WATCH_MODIFIED] = "MODIFIED", [WATCH_DELETED] = "DELETED"};

WatchEvent *watch_event_ref(WatchEvent *event) {
    event->refs++;
    return event;
}

WatchEvent *watch_event_unref(WatchEvent *event) {
    if (event && --event->refs == 0)
        free(event);
    return NULL;
}

WatchEvent *watch_event_text(const Buf *line) {
    WatchEvent *event = xmalloc(sizeof(*event) + line->n);
    *event = (WatchEvent){.refs = 1, .size = line->n};
    memcpy(event->bytes, line->p, line->n);
    return event;
}

static WatchEvent *render(const WatchEventAsk *ask) {
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_string(&out, "type", type_names[ask->type]);
    json_key(&out, "object");
    if (ask->form == FORM_OBJECT) {
        json_raw(&out, ask->json, ask->json_size);
    } else {
        table_begin(&(TableHead){.kind = ask->kind,
                                 .version = ask->version,
                                 .remaining = -1,
                                 .columns = ask->form == FORM_TABLE_HEAD},
                    &out);
        table_row(ask->kind, ask->json, ask->json_size, (TableInclude)ask->include, &out);
        table_end(&out);
    }
    json_object_end(&out);
    buf_putc(&buf, '\n');
    WatchEvent *event = watch_event_text(&buf);
    buf_deinit(&buf);
    event->version = ask->version;
    event->type = ask->type;
    event->form = ask->form;
    event->include = ask->include;
    return event;
}

static void drop_slot(WatchCache *cache, size_t i) {
    if (cache->at[i])
        cache->bytes -= cache->at[i]->size;
    cache->at[i] = watch_event_unref(cache->at[i]);
}

/* Oldest first, until there is room. */
static void keep(WatchCache *cache, WatchEvent *event) {
    drop_slot(cache, cache->next);
    for (size_t i = 1; i < WATCH_CACHE_SLOTS && cache->bytes + event->size > WATCH_CACHE_BYTES; i++)
        drop_slot(cache, (cache->next + i) % WATCH_CACHE_SLOTS);
    cache->at[cache->next] = watch_event_ref(event);
    cache->bytes += event->size;
    cache->next = (cache->next + 1) % WATCH_CACHE_SLOTS;
}

WatchEvent *watch_event_get(WatchCache *cache, const WatchEventAsk *ask) {
    for (size_t i = 1; i <= WATCH_CACHE_SLOTS; i++) {
        WatchEvent *event = cache->at[(cache->next + WATCH_CACHE_SLOTS - i) % WATCH_CACHE_SLOTS];
        if (event && event->version == ask->version && event->type == ask->type &&
            event->form == ask->form && event->include == ask->include)
            return watch_event_ref(event);
    }
    WatchEvent *event = render(ask);
    keep(cache, event);
    return event;
}

void watch_cache_clear(WatchCache *cache) {
    for (size_t i = 0; i < WATCH_CACHE_SLOTS; i++)
        drop_slot(cache, i);
}
