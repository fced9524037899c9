/* SPDX-License-Identifier: Apache-2.0 */
/* What is told out of the events of a session: the events themselves as a stream, why, and the
 * timeline. */
#include "engine/events/history.h"

#include <stdlib.h>
#include <string.h>

#include "api/api_inside.h"
#include "api/event_flow.h"
#include "api/stream_out.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/events/event_stream.h"

enum { STREAM_MOST = 1 << 20, LIMIT_MOST = 100 * 1000, WIDTH = 80, WIDTH_MOST = 1000 };

/* ---- events ---- */

typedef struct Flow {
    EventSource source;
    HttpStream *stream;
    StreamOut out;
    bool ended;
} Flow;

static void pull(Flow *flow, size_t size) {
    EventLine line;
    while (!flow->ended && stream_out_waiting(&flow->out) < size) {
        int got = flow->source.next(flow->source.events, &line);
        flow->ended = got < 0;
        if (got <= 0)
            return;
        buf_put(&flow->out.text, line.json, line.size);
        buf_putc(&flow->out.text, '\n');
    }
}

static ssize_t fill(void *arg, char *to, size_t size) {
    Flow *flow = arg;
    if (!stream_out_waiting(&flow->out))
        pull(flow, size);
    size_t n = stream_out_take(&flow->out, to, size);
    return n == 0 && flow->ended ? STREAM_END : (ssize_t)n;
}

static void on_more(void *arg) {
    Flow *flow = arg;
    http_stream_wake(flow->stream);
}

static void on_close(void *arg) {
    Flow *flow = arg;
    flow->source.free(flow->source.events);
    stream_out_deinit(&flow->out);
    free(flow);
}

static int parse_events(Request *request, EventAsk *ask) {
    ask->targets = params_all(request, "target");
    ask->follow = request_flag(request, "follow");
    if (param_count(request, "limit", 0, &ask->tail) < 0 ||
        param_count(request, "after", 0, &ask->after) < 0 ||
        param_time(request, "since", &ask->since_us) < 0)
        return -1;
    if (ask->tail > LIMIT_MOST)
        ask->tail = LIMIT_MOST;
    return 0;
}

EventFlow event_flow_new(void) {
    Flow *flow = xcalloc(1, sizeof(*flow));
    stream_out_init(&flow->out, STREAM_MOST);
    return (EventFlow){.more = on_more, .arg = flow};
}

void event_flow_begin(EventFlow own, Request *request, const EventSource *source, const Err *err) {
    Flow *flow = own.arg;
    if (source->events) {
        flow->source = *source;
        flow->stream =
            request_stream(request, &(StreamAsk){.fill = fill, .close = on_close, .arg = flow});
        return;
    }
    stream_out_deinit(&flow->out);
    free(flow);
    reply_err(request, err);
}

static int next_event(void *events, EventLine *ret) {
    return event_stream_next(events, ret);
}
static void free_events(void *events) {
    event_stream_free(events);
}

void serve_events(Api *api, Request *request, const RouteMatch *match) {
    EventAsk ask = {.slug = match->vars[0], .tail = -1};
    Err err;
    if (!session_exists(api, request, ask.slug) || parse_events(request, &ask) < 0)
        return;
    EventFlow flow = event_flow_new();
    EventStream *events = event_stream_new(api->options.engine, &ask, flow.more, flow.arg, &err);
    event_flow_begin(flow, request, &(EventSource){events, next_event, free_events}, &err);
}

/* ---- why ---- */

void serve_why(Api *api, Request *request, const RouteMatch *match) {
    Buf buf;
    JsonWriter out;
    Err err;
    if (!session_exists(api, request, match->vars[0]))
        return;
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    if (history_why(api->options.engine, match->vars[0], match->vars[1], &out, &err) == 0) {
        reply_json(request, 200, &buf);
        return;
    }
    buf_deinit(&buf);
    reply_err(request, &err);
}

/* ---- timeline ---- */

static const struct {
    const char *name, *type;
} forms[] = {[TIMELINE_JSON] = {"json", NULL},
             [TIMELINE_TEXT] = {"text", "text/plain; charset=utf-8"},
             [TIMELINE_SVG] = {"svg", "image/svg+xml"},
             [TIMELINE_PATH] = {"path", "text/plain; charset=utf-8"}};

static int parse_form(Request *request, TimelineForm *ret) {
    const char *format = request_param(request, "format");
    for (TimelineForm form = TIMELINE_JSON; format && form <= TIMELINE_PATH; form++)
        if (strcmp(format, forms[form].name) == 0) {
            *ret = form;
            return 0;
        }
    return format ? param_bad(request, "format", format, "it is json, text, path or svg") : 0;
}

void serve_timeline(Api *api, Request *request, const RouteMatch *match) {
    TimelineWish wish = {.form = TIMELINE_JSON, .text = {.color = request_flag(request, "color")}};
    int64_t width = WIDTH;
    Buf buf;
    if (!session_exists(api, request, match->vars[0]) || parse_form(request, &wish.form) < 0 ||
        param_count(request, "width", 1, &width) < 0 ||
        param_time(request, "since", &wish.since_us) < 0 ||
        param_time(request, "until", &wish.until_us) < 0)
        return;
    wish.text.width = (int)(width < WIDTH_MOST ? width : WIDTH_MOST);
    buf_init(&buf, MAX_REPLY_BYTES);
    history_timeline(api->options.engine, match->vars[0], &wish, &buf);
    if (wish.form == TIMELINE_JSON)
        reply_json(request, 200, &buf);
    else
        request_reply(request, 200, forms[wish.form].type, &buf);
}
