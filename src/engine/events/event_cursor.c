/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/events/event_cursor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "engine/events/events.h"

struct EventCursor {
    char *dir;
    int fd;        /* of the file at hand; -1: none yet */
    bool newest;   /* it is the file that is written */
    int64_t seq;   /* of the last event that was given */
    size_t n, at;  /* of `text`: filled, and done with */
    bool skipping; /* a line that is too long */
    char text[MAX_EVENT_LINE];
};

EventCursor *event_cursor_new(const char *dir, int64_t after) {
    EventCursor *cursor = xmalloc(sizeof(*cursor));
    cursor->dir = xstrdup(dir);
    cursor->fd = -1;
    cursor->newest = cursor->skipping = false;
    cursor->seq = after;
    cursor->n = cursor->at = 0;
    return cursor;
}

EventCursor *event_cursor_free(EventCursor *cursor) {
    if (!cursor)
        return NULL;
    if (cursor->fd >= 0)
        close(cursor->fd);
    free(cursor->dir);
    free(cursor);
    return NULL;
}

/* ---- which file ---- */

static void turn_to(EventCursor *cursor, const char *name) {
    AUTO_FREE char *path = path_join(cursor->dir, name);
    if (cursor->fd >= 0)
        close(cursor->fd);
    cursor->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    cursor->n = cursor->at = 0;
    cursor->skipping = false;
}

/* The file at hand still goes by its name. */
static bool is_there(const EventCursor *cursor) {
    AUTO_FREE char *path = path_join(cursor->dir, cursor->newest ? EVENTS_FILE : EVENTS_OLDER);
    struct stat own, there;
    return fstat(cursor->fd, &own) == 0 && stat(path, &there) == 0 && own.st_dev == there.st_dev &&
           own.st_ino == there.st_ino;
}

/* At the end of a file: false when there is nothing to go on with. What comes twice is known by its
 * number. */
static bool turn_page(EventCursor *cursor) {
    bool there = cursor->fd >= 0 && is_there(cursor);
    if (there && cursor->newest)
        return false;
    cursor->newest = there;
    turn_to(cursor, there ? EVENTS_FILE : EVENTS_OLDER);
    if (cursor->fd < 0 && !there) {
        cursor->newest = true;
        turn_to(cursor, EVENTS_FILE);
    }
    return cursor->fd >= 0;
}

/* ---- lines ---- */

/* More of the file at hand; false: its end. */
static bool fill(EventCursor *cursor) {
    if (cursor->fd < 0)
        return false;
    memmove(cursor->text, cursor->text + cursor->at, cursor->n - cursor->at);
    cursor->n -= cursor->at;
    cursor->at = 0;
    if (cursor->n == sizeof(cursor->text)) {
        cursor->skipping = true;
        cursor->n = 0;
    }
    ssize_t got = read(cursor->fd, cursor->text + cursor->n, sizeof(cursor->text) - cursor->n);
    cursor->n += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* A whole line, without its newline; NULL: none for now. */
static const char *next_line(EventCursor *cursor, size_t *ret_size) {
    for (;;) {
        const char *line = cursor->text + cursor->at;
        const char *end = memchr(line, '\n', cursor->n - cursor->at);
        if (end) {
            bool skip = cursor->skipping;
            cursor->skipping = false;
            cursor->at += (size_t)(end - line) + 1;
            *ret_size = (size_t)(end - line);
            if (!skip)
                return line;
        } else if (!fill(cursor) && !turn_page(cursor)) {
            return NULL;
        }
    }
}

bool event_cursor_next(EventCursor *cursor, Arena *arena, EventLine *ret) {
    for (;;) {
        const Value *v;
        arena_reset(arena);
        ret->json = next_line(cursor, &ret->size);
        if (!ret->json)
            return false;
        if (json_parse(ret->json, ret->size, arena, &v, NULL) < 0 ||
            event_decode(v, &ret->event) < 0 || ret->event.seq <= cursor->seq)
            continue;
        cursor->seq = ret->event.seq;
        return true;
    }
}

static Event copy(const Event *event, Arena *arena) {
    Event own = *event;
    own.target = event->target ? arena_strdup(arena, event->target) : NULL;
    own.reason = arena_strdup(arena, event->reason);
    own.message = arena_strdup(arena, event->message);
    own.cause.target = event->cause.target ? arena_strdup(arena, event->cause.target) : NULL;
    return own;
}

EventList events_read(const char *dir, Arena *arena) {
    EventCursor *cursor = event_cursor_new(dir, 0);
    EventLine line;
    Arena lines;
    Event *at = NULL;
    size_t n = 0, cap = 0;
    arena_init(&lines);
    while (event_cursor_next(cursor, &lines, &line)) {
        at = arena_grow(arena, at, n, &cap, sizeof(*at));
        at[n++] = copy(&line.event, arena);
    }
    arena_deinit(&lines);
    event_cursor_free(cursor);
    return (EventList){at, n};
}
