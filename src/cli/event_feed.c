/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/event_feed.h"

#include "base/xalloc.h"
#include "cli/cli.h"
#include "data/json.h"
#include "spec/routes.h"

enum { PATH_BYTES = 24 * 1024 };

typedef struct Feed {
    Client *client;
    const EventFeedAsk *ask;
    EventFn fn;
    void *arg;
    HttpLines *lines;
    int64_t seq; /* of the last event that was given out */
    bool over;   /* the stream has ended by itself */
} Feed;

static void add_number(Buf *path, const char *name, int64_t number) {
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)number);
    client_param(path, name, text);
}

static char *path_of(const Feed *feed) {
    const EventFeedAsk *ask = feed->ask;
    Buf path;
    buf_init(&path, PATH_BYTES);
    buf_puts(&path, ask->workflow ? THOLE_API "/workflows/" : THOLE_API "/sessions/");
    client_segment(&path, ask->workflow ? ask->workflow : ask->slug);
    buf_puts(&path, "/events");
    if (ask->follow)
        client_param(&path, "follow", "true");
    for (size_t i = 0; ask->names && i < ask->names->n; i++)
        client_param(&path, ask->workflow ? "step" : "target", ask->names->at[i]);
    if (ask->since)
        client_param(&path, "since", ask->since);
    if (feed->seq)
        add_number(&path, "after", feed->seq);
    else if (ask->limit >= 0)
        add_number(&path, "limit", ask->limit);
    char *text = buf_take(&path);
    buf_deinit(&path);
    return text;
}

static void give(Feed *feed, const char *json, size_t size) {
    Arena arena;
    const Value *event;
    arena_init(&arena);
    if (json_parse(json, size, &arena, &event, NULL) == 0 &&
        value_get_int(event, "seq", 0) > feed->seq) {
        feed->seq = value_get_int(event, "seq", 0);
        feed->fn(feed->arg, event, json, size);
    }
    arena_deinit(&arena);
}

/* Until the stream ends. False: nobody reads what is printed. */
static bool hear(Feed *feed) {
    for (bool open = true; open;) {
        size_t size;
        for (const char *line; (line = http_lines_next(feed->lines, &size));)
            give(feed, line, size);
        if (http_lines_done(feed->lines)) {
            feed->over = true;
            return true;
        }
        if (!cli_await(http_lines_fd(feed->lines)))
            return false;
        open = http_lines_fill(feed->lines, NULL) >= 0;
    }
    return true;
}

/* Nothing more will come: a session is there no more, a workflow is over. */
static bool is_gone(const Feed *feed) {
    const char *workflow = feed->ask->workflow;
    Arena arena;
    const Value *there;
    Err err;
    AUTO_FREE char *path =
        xasprintf("%s/%s", workflow ? THOLE_API "/workflows" : TILT_API "/sessions",
                  workflow ? workflow : feed->ask->slug);
    arena_init(&arena);
    int r = client_ask(feed->client, "GET", path, NULL, &arena, &there, &err);
    bool gone = r < 0 || (workflow && value_get_bool(value_get(there, "status"), "done", false));
    arena_deinit(&arena);
    return gone;
}

int event_feed(Client *client, const EventFeedAsk *ask, EventFn fn, void *arg, Err *err) {
    Feed feed = {.client = client, .ask = ask, .fn = fn, .arg = arg};
    for (bool heard = false;; heard = true) {
        AUTO_FREE char *path = path_of(&feed);
        feed.over = false;
        feed.lines = client_lines(client, path, err);
        if (!feed.lines)
            return heard && err->kind == ERR_NOT_FOUND ? 0 : -1;
        bool read = hear(&feed);
        feed.lines = http_lines_close(feed.lines);
        if (!read || (feed.over && (!ask->follow || is_gone(&feed))))
            return 0;
    }
}
