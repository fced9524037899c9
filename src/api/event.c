/* SPDX-License-Identifier: Apache-2.0 */
#include "api/event.h"

#include <stdlib.h>
#include <string.h>

#include "api/table.h"
#include "base/limits.h"
#include "base/xalloc.h"

static const char *const type_names[] = {
    [EVENT_ADDED] = "ADDED", [EVENT_MODIFIED] = "MODIFIED", [EVENT_DELETED] = "DELETED"};

Event *event_ref(Event *event) {
    event->refs++;
    return event;
}

Event *event_unref(Event *event) {
    if (event && --event->refs == 0)
        free(event);
    return NULL;
}

Event *event_text(const Buf *line) {
    Event *event = xmalloc(sizeof(*event) + line->n);
    *event = (Event){.refs = 1, .size = line->n};
    memcpy(event->bytes, line->p, line->n);
    return event;
}

static Event *render(const EventAsk *ask) {
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
    Event *event = event_text(&buf);
    buf_deinit(&buf);
    event->version = ask->version;
    event->type = ask->type;
    event->form = ask->form;
    event->include = ask->include;
    return event;
}

static void drop_slot(EventCache *cache, size_t i) {
    if (cache->at[i])
        cache->bytes -= cache->at[i]->size;
    cache->at[i] = event_unref(cache->at[i]);
}

/* Oldest first, until there is room. */
static void keep(EventCache *cache, Event *event) {
    drop_slot(cache, cache->next);
    for (size_t i = 1; i < EVENT_CACHE_SLOTS && cache->bytes + event->size > EVENT_CACHE_BYTES; i++)
        drop_slot(cache, (cache->next + i) % EVENT_CACHE_SLOTS);
    cache->at[cache->next] = event_ref(event);
    cache->bytes += event->size;
    cache->next = (cache->next + 1) % EVENT_CACHE_SLOTS;
}

Event *event_get(EventCache *cache, const EventAsk *ask) {
    for (size_t i = 1; i <= EVENT_CACHE_SLOTS; i++) {
        Event *event = cache->at[(cache->next + EVENT_CACHE_SLOTS - i) % EVENT_CACHE_SLOTS];
        if (event && event->version == ask->version && event->type == ask->type &&
            event->form == ask->form && event->include == ask->include)
            return event_ref(event);
    }
    Event *event = render(ask);
    keep(cache, event);
    return event;
}

void event_cache_clear(EventCache *cache) {
    for (size_t i = 0; i < EVENT_CACHE_SLOTS; i++)
        drop_slot(cache, i);
}
