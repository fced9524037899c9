/* SPDX-License-Identifier: Apache-2.0 */
/* Events of watches, rendered once and shared by all who are told. */
#pragma once

#include "engine/objects.h"

typedef enum EventType { EVENT_ADDED, EVENT_MODIFIED, EVENT_DELETED } EventType;
/* HEAD: a table with its columns. */
typedef enum EventForm { FORM_OBJECT, FORM_TABLE, FORM_TABLE_HEAD } EventForm;

typedef struct Event {
    unsigned refs;
    uint64_t version;
    EventType type;
    EventForm form;
    unsigned char include; /* TableInclude */
    size_t size;
    char bytes[]; /* one line, with its newline */
} Event;

Event *event_ref(Event *event);
Event *event_unref(Event *event); /* returns NULL */
/* A line of its own, which nobody shares. */
Event *event_text(const Buf *line);

enum { EVENT_CACHE_SLOTS = 64, EVENT_CACHE_BYTES = 1 << 20 };

/* The newest ones. Bounded; the very newest stays, however large. */
typedef struct EventCache {
    Event *at[EVENT_CACHE_SLOTS];
    size_t next, bytes;
} EventCache;

typedef struct EventAsk {
    EventType type;
    EventForm form;
    unsigned char include;
    ObjectKind kind;
    const char *json; /* of the object */
    size_t json_size;
    uint64_t version; /* which no other object ever has */
} EventAsk;

/* Returns a reference. */
Event *event_get(EventCache *cache, const EventAsk *ask);
void event_cache_clear(EventCache *cache);
