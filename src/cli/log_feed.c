/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_feed.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "spec/routes.h"

/* PATH_BYTES: of the request's head, which the server bounds. LOOK_BACK_US: with more targets
 * than that, lines are asked for again from a time that surely lies before the first one missed. */
enum { PATH_BYTES = 24 * 1024, CURSORS_MOST = 48 };
enum { LOOK_BACK_US = 60 * 1000 * 1000, FINISH_MS = 5000 };

/* The last line that was given out of one target. */
typedef struct Cursor {
    int64_t run, offset;
    int64_t from;     /* where a reader must begin to see the next lines whole */
    bool gap;         /* the last line was a gap, at `offset` */
    unsigned opening; /* the stream it came by */
} Cursor;

void log_feed_init(LogFeed *feed, Client *client, const LogAsk *ask, LogEntryFn fn, void *arg) {
    *feed = (LogFeed){.client = client, .ask = *ask, .fn = fn, .arg = arg};
    feed->opened_us = clock_wall_us();
    map_init(&feed->cursors);
    arena_init(&feed->arena);
}

void log_feed_deinit(LogFeed *feed) {
    size_t at = 0;
    const char *key;
    void *cursor;
    while (map_next(&feed->cursors, &at, &key, &cursor))
        free(cursor);
    map_deinit(&feed->cursors);
    arena_deinit(&feed->arena);
    feed->lines = http_lines_close(feed->lines);
}

/* ---- asking ---- */

static void add_number(Buf *path, const char *name, int64_t number) {
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)number);
    client_param(path, name, text);
}

static void add_time(Buf *path, int64_t us) {
    char text[TIME_TEXT];
    time_format_micro(us, text);
    client_param(path, "since", text);
}

static int64_t newest_us(const LogFeed *feed) {
    int64_t us;
    return time_parse(feed->newest, &us, NULL) == 0 ? us : feed->opened_us;
}

static void add_cursors(const LogFeed *feed, Buf *path) {
    size_t at = 0;
    const char *object;
    void *value;
    while (map_next(&feed->cursors, &at, &object, &value)) {
        const Cursor *cursor = value;
        AUTO_FREE char *text = xasprintf("%s:%lld:%lld:%lld", object, (long long)cursor->run,
                                         (long long)cursor->offset, (long long)cursor->from);
        client_param(path, "after", text);
    }
}

/* The first time: as asked. Later: behind what was heard. Targets that had nothing to say until now
 * are heard from their first line on, unless only what is new was asked for. */
static void add_place(const LogFeed *feed, Buf *path) {
    const LogAsk *ask = &feed->ask;
    bool again = feed->cursors.n > 0;
    if (ask->tail >= 0 && !again)
        add_number(path, "tail", ask->tail);
    if (again && feed->cursors.n <= CURSORS_MOST)
        add_cursors(feed, path);
    if (again && feed->cursors.n > CURSORS_MOST)
        add_time(path, newest_us(feed) - LOOK_BACK_US);
    else if (ask->since)
        client_param(path, "since", ask->since);
    else if (again && ask->tail >= 0)
        add_time(path, feed->opened_us);
}

static void put_object(const LogAsk *ask, Buf *path) {
    if (ask->of) {
        buf_puts(path, ask->of);
        return;
    }
    buf_puts(path, ask->workflow ? THOLE_API "/workflows/" : TILT_API "/sessions/");
    client_segment(path, ask->workflow ? ask->workflow : ask->slug);
}

static char *path_of(const LogFeed *feed) {
    const LogAsk *ask = &feed->ask;
    Buf path;
    buf_init(&path, PATH_BYTES);
    put_object(ask, &path);
    buf_puts(&path, "/log");
    if (ask->follow)
        client_param(&path, "follow", "true");
    if (ask->ends)
        client_param(&path, "ends", "true");
    for (size_t i = 0; ask->names && i < ask->names->n; i++)
        client_param(&path, ask->workflow || ask->of ? "step" : "target", ask->names->at[i]);
    if (ask->run)
        add_number(&path, "run", ask->run);
    if (ask->stream)
        client_param(&path, "stream", ask->stream);
    if (ask->until)
        client_param(&path, "until", ask->until);
    add_place(feed, &path);
    char *text = buf_take(&path);
    buf_deinit(&path);
    return text;
}

int log_feed_fd(const LogFeed *feed) {
    return feed->lines ? http_lines_fd(feed->lines) : -1;
}

/* ---- hearing ---- */

/* A line at or before the cursor of an earlier stream was given out already; a gap may stand right
 * behind a line. */
static bool is_known(const LogFeed *feed, const Cursor *cursor, const LogEntry *entry) {
    if (cursor->opening == feed->opening)
        return false;
    if (entry->run != cursor->run)
        return entry->run < cursor->run;
    if (entry->offset != cursor->offset)
        return entry->offset < cursor->offset;
    return entry->stream != LOG_GAP || cursor->gap;
}

static void give(LogFeed *feed, const LogEntry *entry) {
    if (entry->stream == LOG_END) {
        feed->fn(feed->arg, entry);
        return;
    }
    Cursor *cursor = map_get(&feed->cursors, entry->object);
    if (cursor && is_known(feed, cursor, entry))
        return;
    if (!cursor) {
        cursor = xcalloc(1, sizeof(*cursor));
        map_put(&feed->cursors, entry->object, cursor);
    }
    *cursor =
        (Cursor){entry->run, entry->offset, entry->from, entry->stream == LOG_GAP, feed->opening};
    if (strcmp(entry->time, feed->newest) > 0) /* all of one form */
        str_copy(feed->newest, sizeof(feed->newest), entry->time);
    feed->fn(feed->arg, entry);
}

static void take(LogFeed *feed, bool broken) {
    LogEntry entry;
    size_t size;
    for (const char *line; (line = http_lines_next(feed->lines, &size)); arena_reset(&feed->arena))
        if (log_entry_read(line, size, &feed->arena, &entry))
            give(feed, &entry);
    bool done = http_lines_done(feed->lines);
    feed->ended = done && !feed->ask.follow;
    feed->over = done && feed->ask.follow;
    if (done || broken)
        feed->lines = http_lines_close(feed->lines);
}

int log_feed_open(LogFeed *feed, Err *err) {
    if (feed->lines || feed->ended)
        return 0;
    AUTO_FREE char *path = path_of(feed);
    feed->lines = client_lines(feed->client, path, err);
    if (!feed->lines)
        return -1;
    feed->opening++;
    take(feed, false);
    return 0;
}

void log_feed_pump(LogFeed *feed) {
    take(feed, http_lines_fill(feed->lines, NULL) < 0);
}

void log_feed_finish(LogFeed *feed) {
    int64_t deadline_ms = clock_mono_ms() + FINISH_MS;
    Err err;
    feed->lines = http_lines_close(feed->lines);
    feed->ask.follow = feed->ended = false;
    while (!feed->ended && log_feed_open(feed, &err) == 0 && !feed->ended) {
        struct pollfd p = {.fd = log_feed_fd(feed), .events = POLLIN};
        int64_t left = deadline_ms - clock_mono_ms();
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return;
        log_feed_pump(feed);
    }
}
