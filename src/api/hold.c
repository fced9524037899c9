/* SPDX-License-Identifier: Apache-2.0 */
/* A stream that says nothing: while it is open, its client holds a session. It ends with the
 * session. */
#include <stdlib.h>
#include <string.h>

#include "api/api_inside.h"
#include "base/xalloc.h"

typedef struct Hold {
    Api *api;
    HttpStream *stream;
    Watcher watcher;
    char *slug, uid[37]; /* not a pointer: the session may go first */
} Hold;

static Session *held(const Hold *hold) {
    Session *session = session_find(hold->api->options.engine, hold->slug);
    return session && strcmp(session_object(session)->uid, hold->uid) == 0 ? session : NULL;
}

static ssize_t fill(void *arg, char *to, size_t size) {
    return held(arg) ? 0 : STREAM_END;
}

static void on_news(void *arg) {
    Hold *hold = arg;
    if (!held(hold))
        http_stream_wake(hold->stream);
}

static void on_close(void *arg) {
    Hold *hold = arg;
    Session *session = held(hold);
    watcher_remove(&hold->watcher);
    if (session)
        session_hold(session, -1);
    free(hold->slug);
    free(hold);
}

void serve_session_hold(Api *api, Request *request, const RouteMatch *match) {
    Object *object = find_object(api, request, match);
    if (!object)
        return;
    Hold *hold = xcalloc(1, sizeof(*hold));
    hold->api = api;
    hold->slug = xstrdup(object->name);
    memcpy(hold->uid, object->uid, sizeof(hold->uid));
    hold->stream =
        request_stream(request, &(StreamAsk){.fill = fill, .close = on_close, .arg = hold});
    hold->watcher = (Watcher){.fn = on_news, .arg = hold};
    watcher_add(api->objects, &hold->watcher);
    session_hold(session_of(object), 1);
}
