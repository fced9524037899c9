/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/events/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "engine/events/event_cursor.h"
#include "engine/targets/target.h"

enum {
    PENDING_BYTES = 64 << 10,
    PENDING_MOST = PENDING_BYTES + 2 * MAX_EVENT_LINE,
    PENDING_KEPT = 2 << 10,
    TAIL_BYTES = 4 * MAX_EVENT_LINE,
};

struct EventLog {
    Engine *engine;
    char *dir;
    int fd;      /* -1: not open */
    bool opened; /* or tried to: `fd` says whether it went well */
    bool torn;   /* the last write has left half a line behind */
    int64_t seq; /* of the last event */
    int64_t size;
    Buf pending; /* lines of this turn */
    size_t pending_n, lost;
    int lost_for; /* errno */
    List dirty;   /* Engine.event_logs */
    List readers; /* EventReader.link */
};

/* ---- the file ---- */

/* The number that the last good line has, or a file begins behind; 0: it has none. */
static int64_t last_seq(int fd, int64_t size, bool *ret_torn) {
    char *tail = xmalloc(TAIL_BYTES + 1);
    ssize_t n = pread(fd, tail, TAIL_BYTES, size > TAIL_BYTES ? (off_t)(size - TAIL_BYTES) : 0);
    int64_t last = 0;
    tail[n > 0 ? n : 0] = '\0';
    *ret_torn = n > 0 && tail[n - 1] != '\n';
    for (char *line = tail, *end; n > 0 && (end = strchr(line, '\n')); line = end + 1) {
        Arena arena;
        const Value *v;
        arena_init(&arena);
        if (json_parse(line, (size_t)(end - line), &arena, &v, NULL) == 0) {
            int64_t seq = value_get_int(v, "seq", value_get_int(v, "after", 0));
            last = seq > last ? seq : last;
        }
        arena_deinit(&arena);
    }
    free(tail);
    return last;
}

/* Of the older file: who was to follow it with another did not come to that. */
static int64_t last_seq_of_older(const EventLog *log) {
    AUTO_FREE char *path = path_join(log->dir, EVENTS_OLDER);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    bool torn;
    return fd >= 0 && fstat(fd, &st) == 0 ? last_seq(fd, st.st_size, &torn) : 0;
}

/* Of a newer format: not ours to write to. */
static int check_format(const EventLog *log, Err *err) {
    char head[256];
    Arena arena;
    const Value *v;
    ssize_t n = pread(log->fd, head, sizeof(head), 0);
    const char *end = n > 0 ? memchr(head, '\n', (size_t)n) : NULL;
    arena_init(&arena);
    int r = 0;
    if (end && json_parse(head, (size_t)(end - head), &arena, &v, NULL) == 0)
        r = value_check_format(v, EVENTS_FORMAT, err);
    arena_deinit(&arena);
    return r;
}

/* The first line of an empty file. Returns its size, or -1 with errno: the file is still empty. */
static int64_t write_head(int fd, int64_t after) {
    char head[80];
    int n = snprintf(head, sizeof(head), "{\"format\":%d,\"after\":%lld}\n", EVENTS_FORMAT,
                     (long long)after);
    ssize_t written = sys_write(fd, head, (size_t)n);
    int error = written < 0 ? errno : ENOSPC;
    if (written == n)
        return n;
    (void)!ftruncate(fd, 0);
    errno = error;
    return -1;
}

static int open_file(EventLog *log, Err *err) {
    AUTO_FREE char *path = path_join(log->dir, EVENTS_FILE);
    struct stat st;
    log->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->fd < 0 || fstat(log->fd, &st) < 0)
        return err_sys(err, errno, "open %s", path);
    log->size = st.st_size;
    if (check_format(log, err) < 0)
        return err_in(err, "%s", path);
    bool torn;
    log->seq = last_seq(log->fd, log->size, &torn);
    if (!log->seq)
        log->seq = last_seq_of_older(log);
    if (torn)
        buf_putc(&log->pending, '\n');
    return 0;
}

static void close_file(EventLog *log) {
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

static bool is_open(EventLog *log) {
    Err err;
    if (!log->opened && open_file(log, &err) < 0) {
        log_warn("no events are recorded: %s", err.msg);
        close_file(log);
    }
    log->opened = true;
    return log->fd >= 0;
}

/* The number behind which begins what is to be written. */
static int64_t seq_before(const EventLog *log) {
    return log->seq - (int64_t)log->pending_n;
}

/* Room for what is to be written: the file becomes the older one, and one that has its head already
 * takes its place. The last number is in one of the two at any moment. What cannot be done now is
 * tried again with the next write, which goes to the file at hand meanwhile: it grows, then. */
static void rotate(EventLog *log) {
    AUTO_FREE char *path = path_join(log->dir, EVENTS_FILE);
    AUTO_FREE char *older = path_join(log->dir, EVENTS_OLDER);
    AUTO_FREE char *next = xasprintf("%s.tmp", path);
    const int flags = O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, next, flags, 0600);
    int64_t size = fd < 0 ? -1 : write_head(fd, seq_before(log));
    if (size < 0)
        return;
    /* ENOENT: that much was done the last time */
    if (sys_renameat(AT_FDCWD, path, AT_FDCWD, older) < 0 && errno != ENOENT)
        return;
    sys_point("rotate");
    if (sys_renameat(AT_FDCWD, next, AT_FDCWD, path) < 0)
        return;
    close_file(log);
    log->fd = TAKE_FD(fd);
    log->size = size;
}

/* All that is pending, or (false, with errno) nothing. */
static bool write_pending(EventLog *log) {
    const Buf *pending = &log->pending;
    if (log->size > 0 && log->size + (int64_t)pending->n > MAX_EVENTS_BYTES)
        rotate(log);
    int64_t head = log->size ? 0 : write_head(log->fd, seq_before(log));
    if (head < 0)
        return false;
    log->size += head;
    ssize_t n = sys_write(log->fd, pending->p, pending->n);
    int error = n < 0 ? errno : ENOSPC;
    if (n == (ssize_t)pending->n) {
        log->size += n;
        return true;
    }
    if (n > 0 && ftruncate(log->fd, (off_t)log->size) < 0)
        log->torn = true;
    errno = error;
    return false;
}

static void tell_readers(EventLog *log) {
    EventReader *reader;
    LIST_FOREACH_SAFE (reader, &log->readers, link)
        reader->more(reader->arg);
}

/* A busy turn is no reason to keep its room. */
static void reset(Buf *pending) {
    if (pending->cap > PENDING_KEPT) {
        buf_deinit(pending);
        buf_init(pending, PENDING_MOST);
    } else {
        buf_reset(pending);
    }
}

void event_log_write(EventLog *log) {
    list_remove(&log->dirty);
    if (!log->pending.n)
        return;
    if (!write_pending(log)) {
        log->lost_for = errno;
        log->lost += log->pending_n;
    }
    log->pending_n = 0;
    reset(&log->pending);
    if (log->torn)
        buf_putc(&log->pending, '\n');
    log->torn = false;
    tell_readers(log);
}

static void on_turn_end(void *arg) {
    Engine *engine = arg;
    while (!list_empty(&engine->event_logs))
        event_log_write(LIST_ENTRY(engine->event_logs.next, (EventLog *)NULL, dirty));
}

void events_begin(Engine *engine) {
    list_init(&engine->event_logs);
    loop_at_turn_end(engine->loop, on_turn_end, engine);
}

void events_end(Engine *engine) {
    loop_at_turn_end(engine->loop, NULL, engine);
}

/* ---- recording ---- */

static void put_event(EventLog *log, Event event) {
    JsonWriter out;
    event.seq = ++log->seq;
    if (!event.time_us)
        event.time_us = loop_wall_us(log->engine->loop);
    json_writer_init(&out, &log->pending);
    event_encode(&event, &out);
    buf_putc(&log->pending, '\n');
    log->pending_n++;
}

/* The disk was full, say, and is not any more, perhaps. */
static void put_lost(EventLog *log) {
    char message[160];
    snprintf(message, sizeof(message), "%zu events before this one could not be written: %s",
             log->lost, strerror(log->lost_for));
    log->lost = 0;
    put_event(log, (Event){.kind = EVENT_SERVER, .reason = "EventsLost", .message = message});
    log->pending_n--; /* if this one is lost as well it is the same loss */
}

void event_record(Session *session, const Event *event) {
    EventLog *log = session->events;
    if (!is_open(log))
        return;
    if (log->lost)
        put_lost(log);
    put_event(log, *event);
    if (list_empty(&log->dirty))
        list_append(&log->engine->event_logs, &log->dirty);
    if (log->pending.n > PENDING_BYTES)
        event_log_write(log);
}

void events_asked(Session *session, const unsigned char *marks, const Event *event) {
    for (size_t i = 0; i < session->graph.n; i++)
        if (marks[i] && session->facts[i].queued) {
            Event own = *event;
            own.target = session->graph.targets[i].name;
            event_record(session, &own);
        }
}

/* ---- life ---- */

EventLog *event_log_new(Engine *engine, const char *dir) {
    EventLog *log = xcalloc(1, sizeof(*log));
    log->engine = engine;
    log->dir = xstrdup(dir);
    log->fd = -1;
    buf_init(&log->pending, PENDING_MOST);
    list_init(&log->dirty);
    list_init(&log->readers);
    return log;
}

EventLog *event_log_free(EventLog *log) {
    if (!log)
        return NULL;
    event_log_write(log);
    while (!list_empty(&log->readers)) {
        EventReader *reader = LIST_ENTRY(log->readers.next, (EventReader *)NULL, link);
        list_remove(&reader->link);
        reader->gone = true;
        reader->more(reader->arg);
    }
    close_file(log);
    buf_deinit(&log->pending);
    free(log->dir);
    free(log);
    return NULL;
}

void event_reader_add(Session *session, EventReader *reader) {
    list_append(&session->events->readers, &reader->link);
}

void event_reader_remove(EventReader *reader) {
    list_remove(&reader->link);
}
