/* SPDX-License-Identifier: Apache-2.0 */
/* Logs as a stream: JSON lines with the place of each, or raw bytes. Read from disk as fast as the
 * client takes it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_inside.h"
#include "api/stream_out.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "engine/logs/log_hub.h"

enum { OUT_MOST = 8 * MAX_LOG_LINE }; /* a line may grow sixfold in JSON */

typedef struct Flow {
    LogStream *log;
    HttpStream *stream;
    StreamOut out;
    bool raw, ended;
} Flow;

/* ---- lines ---- */

static void put_text(JsonWriter *out, const LogLine *line) {
    if (utf8_valid(line->text, line->size)) {
        json_key(out, "text");
        json_stringn(out, line->text, line->size);
        return;
    }
    json_key(out, "base64");
    json_base64(out, line->text, line->size);
}

static void put_json(Flow *flow, const LogLine *line) {
    static const char *const streams[] = {"gap", "out", "err", [LOG_END] = "end"};
    char time[TIME_TEXT];
    JsonWriter out;
    json_writer_init(&out, &flow->out.text);
    time_format_micro(line->time_us, time);
    json_object_begin(&out);
    json_kv_string(&out, "target", line->target);
    json_kv_string(&out, "object", line->object);
    json_kv_int(&out, "run", line->run);
    json_kv_int(&out, "offset", (int64_t)line->offset);
    if (line->from != line->offset)
        json_kv_int(&out, "from", (int64_t)line->from);
    json_kv_string(&out, "time", time);
    json_kv_string(&out, "stream", streams[line->stream]);
    put_text(&out, line);
    if (line->partial)
        json_kv_bool(&out, "partial", true);
    json_object_end(&out);
    buf_putc(&flow->out.text, '\n');
}

static void put_raw(Flow *flow, const LogLine *line) {
    if (line->stream == 0 || line->stream == LOG_END)
        return; /* it is about what was written */
    buf_put(&flow->out.text, line->text, line->size);
    if (!line->partial)
        buf_putc(&flow->out.text, '\n');
}

/* Renders until `size` bytes wait, or there is no more for now. */
static void pull(Flow *flow, size_t size) {
    LogLine line;
    while (!flow->ended && stream_out_waiting(&flow->out) < size) {
        int got = log_stream_next(flow->log, &line);
        if (got < 0)
            flow->ended = true;
        if (got <= 0)
            return;
        if (flow->raw)
            put_raw(flow, &line);
        else
            put_json(flow, &line);
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
    log_stream_free(flow->log);
    stream_out_deinit(&flow->out);
    free(flow);
}

/* ---- what is asked ---- */

/* Where the numbers of a cursor begin. The target's own name will do, and has a colon. */
static const char *numbers_of_target(const char *text) {
    const char *p = strchr(text, ':');
    return p && (p[1] < '0' || p[1] > '9') ? strchr(p + 1, ':') : p;
}

/* A step's uuid may be anything, so there are always three. */
static const char *numbers_of_step(const char *text) {
    const char *p = NULL;
    for (int i = 0; i < 3 && (i == 0 || p); i++)
        p = memrchr(text, ':', p ? (size_t)(p - text) : strlen(text));
    return p;
}

/* "<object>:<run>:<offset>[:<from>]", as a line says. */
static int parse_cursor(Request *request, const LogAsk *ask, const char *text, LogCursor *ret) {
    const char *p = ask->workflow ? numbers_of_step(text) : numbers_of_target(text);
    int64_t numbers[3] = {0};
    size_t n = 0;
    size_t name_n = p ? (size_t)(p - text) : 0;
    for (; p && n < 3; n++) {
        size_t size = strcspn(p + 1, ":");
        if (number_parse(arena_strndup(request->arena, p + 1, size), 0, n ? INT64_MAX : UINT32_MAX,
                         &numbers[n]) < 0)
            break;
        p = p[1 + size] ? p + 1 + size : NULL;
    }
    if (p || n < 2 || name_n == 0)
        return param_bad(request, "after", text,
                         "it is <object>:<run>:<offset>[:<from>], as a line says");
    *ret = (LogCursor){arena_strndup(request->arena, text, name_n), (uint32_t)numbers[0],
                       (uint64_t)numbers[1], n == 3 ? (uint64_t)numbers[2] : (uint64_t)numbers[1]};
    return 0;
}

static int parse_lists(Request *request, LogAsk *ask) {
    LogCursor *after = arena_alloc(request->arena, MAX_URI_PARAMS * sizeof(*after));
    const char **targets = arena_alloc(request->arena, MAX_URI_PARAMS * sizeof(*targets));
    for (size_t i = 0; i < request->uri.query_n; i++) {
        const StrPair *pair = &request->uri.query[i];
        if (strcmp(pair->name, ask->workflow || ask->environment ? "step" : "target") == 0)
            targets[ask->targets.n++] = pair->value;
        else if (strcmp(pair->name, "after") == 0 &&
                 parse_cursor(request, ask, pair->value, &after[ask->after_n++]) < 0)
            return -1;
    }
    ask->targets.at = targets;
    ask->after = after;
    return 0;
}

static int parse_ask(Request *request, LogAsk *ask) {
    const char *stream = request_param(request, "stream");
    int64_t run = 0;
    ask->tail = -1;
    ask->follow = request_flag(request, "follow");
    ask->ends = request_flag(request, "ends");
    if (stream && strcmp(stream, "out") != 0 && strcmp(stream, "err") != 0)
        return param_bad(request, "stream", stream, "it is out or err");
    ask->stream = !stream ? 0 : stream[0] == 'o' ? 1 : 2;
    if (param_count(request, "tail", 0, &ask->tail) < 0 ||
        param_count(request, "run", 1, &run) < 0 ||
        param_time(request, "since", &ask->since_us) < 0 ||
        param_time(request, "until", &ask->until_us) < 0 || parse_lists(request, ask) < 0)
        return -1;
    ask->run = (uint32_t)run;
    return 0;
}

/* A target's own log: by the name that the engine knows it by, while it lives. */
static void choose_target(Api *api, Request *request, const RouteMatch *match, LogAsk *ask) {
    Object *object = object_find(api->objects, OBJECT_TARGET, match->vars[0], match->vars[1]);
    const char **at = arena_alloc(request->arena, sizeof(*at));
    at[0] = object ? target_name(target_of(object)) : match->vars[1];
    ask->targets = (StrList){at, 1};
}

void serve_log(Api *api, Request *request, const RouteMatch *match) {
    bool workflow = match->id == ROUTE_WORKFLOW_LOG;
    bool environment = match->id == ROUTE_ENVIRONMENT_LOG;
    LogAsk ask = {.slug = workflow || environment ? NULL : match->vars[0],
                  .workflow = workflow ? match->vars[0] : NULL,
                  .space = environment ? match->vars[0] : NULL,
                  .environment = environment ? match->vars[1] : NULL};
    const char *format = request_param(request, "format");
    Err err;
    if (workflow || environment ? !find_object(api, request, match)
                                : !session_exists(api, request, ask.slug))
        return;
    if (format && strcmp(format, "json") != 0 && strcmp(format, "raw") != 0) {
        param_bad(request, "format", format, "it is json or raw");
        return;
    }
    if (parse_ask(request, &ask) < 0)
        return;
    if (match->id == ROUTE_TARGET_LOG)
        choose_target(api, request, match, &ask);
    Flow *flow = xcalloc(1, sizeof(*flow));
    flow->raw = str_same(format, "raw");
    stream_out_init(&flow->out, OUT_MOST);
    flow->log = log_stream_new(api->options.engine, &ask, on_more, flow, &err);
    if (!flow->log) {
        free(flow);
        reply_err(request, &err);
        return;
    }
    flow->stream =
        request_stream(request, &(StreamAsk){.type = flow->raw ? "application/octet-stream" : NULL,
                                             .fill = fill,
                                             .close = on_close,
                                             .arg = flow});
}
