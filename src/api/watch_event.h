/* SPDX-License-Identifier: Apache-2.0 */
/* Events of watches, rendered once and shared by all who are told. */
#pragma once

#include "engine/objects.h"

typedef enum WatchType { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED } WatchType;
/* HEAD: a table with its columns. */
typedef enum WatchForm { FORM_OBJECT, FORM_TABLE, FORM_TABLE_HEAD } WatchForm;

typedef struct WatchEvent {
    unsigned refs;
    uint64_t version;
    WatchType type;
    WatchForm form;
    unsigned char include; /* TableInclude */
    size_t size;
    char bytes[]; /* one line, with its newline */
} WatchEvent;

WatchEvent *watch_event_ref(WatchEvent *event);
WatchEvent *watch_event_unref(WatchEvent *event); /* returns NULL */
/* A line of its own, which nobody shares. */
WatchEvent *watch_event_text(const Buf *line);

enum { WATCH_CACHE_SLOTS = 64, WATCH_CACHE_BYTES = 1 << 20 };

/* The newest ones. Bounded; the very newest stays, however large. */
typedef struct WatchCache {
    WatchEvent *at[WATCH_CACHE_SLOTS];
    size_t next, bytes;
} WatchCache;

typedef struct WatchEventAsk {
    WatchType type;
    WatchForm form;
    unsigned char include;
    ObjectKind kind;
    const char *json; /* of the object */
    size_t json_size;
    uint64_t version; /* which no other object ever has */
} WatchEventAsk;

/* Returns a reference. */
WatchEvent *watch_event_get(WatchCache *cache, const WatchEventAsk *ask);
void watch_cache_clear(WatchCache *cache);
