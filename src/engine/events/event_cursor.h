/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the events in a session's directory, oldest first; also of a session that is down, and
 * while they are written. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "spec/event.h"

typedef struct EventCursor EventCursor;

/* One line as it stands in the file, lent until the next call. */
typedef struct EventLine {
    Event event; /* points into the arena that was given */
    const char *json;
    size_t size;
} EventLine;

/* Begins behind the event `after` (0: with the oldest there is). */
EventCursor *event_cursor_new(const char *dir, int64_t after);
EventCursor *event_cursor_free(EventCursor *cursor);

/* True: the next event; `arena` is made empty first. False: there is none now; what is written
 * later follows. Lines that are torn, or of a kind that a newer server knows, are passed over. */
bool event_cursor_next(EventCursor *cursor, Arena *arena, EventLine *ret);

/* All that there is, in `arena`. */
EventList events_read(const char *dir, Arena *arena);
