/* SPDX-License-Identifier: Apache-2.0 */
/* What people at a terminal do with a target: its input, the size of its terminal, its output byte
 * by byte, its environment. */
#include "engine/targets/terminal.h"

#include <stdlib.h>
#include <string.h>

#include "api/api_inside.h"
#include "api/stream_out.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "spec/routes.h"

enum { OUT_MOST = 1024 * 1024, OUT_ENOUGH = 128 * 1024 };

static Target *find(Api *api, Request *request, const RouteMatch *match) {
    Object *object = find_object(api, request, match);
    return object ? target_of(object) : NULL;
}

static int param_number(Request *request, const char *name, int64_t min, uint64_t *ret) {
    const char *text = request_param(request, name);
    int64_t number = (int64_t)*ret;
    if (text && number_parse(text, min, INT64_MAX, &number) < 0)
        return param_bad(request, name, text, "it is a number");
    *ret = (uint64_t)number;
    return 0;
}

static int param_run(Request *request, uint64_t *ret) {
    const char *text = request_param(request, "run");
    if (param_number(request, "run", 1, ret) < 0)
        return -1;
    if (!text || *ret > UINT32_MAX)
        return param_bad(request, "run", text ? text : "", "it is the number of a run");
    return 0;
}

void serve_terminal(Api *api, Request *request, const RouteMatch *match) {
    Target *target = find(api, request, match);
    Terminal terminal;
    JsonWriter out;
    Buf buf;
    Err err;
    if (!target)
        return;
    if (terminal_look(target, &terminal, &err) < 0) {
        reply_err(request, &err);
        return;
    }
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_string(&out, "kind", "Terminal");
    json_kv_string(&out, "apiVersion", THOLE_API_VERSION);
    json_kv_object(&out, "status");
    json_kv_int(&out, "run", terminal.run);
    json_kv_bool(&out, "tty", terminal.tty);
    json_kv_bool(&out, "stdin", terminal.stdin_open);
    json_kv_int(&out, "logFirst", (int64_t)terminal.log_first);
    json_kv_int(&out, "logEnd", (int64_t)terminal.log_end);
    json_object_end(&out);
    json_object_end(&out);
    reply_json(request, 200, &buf);
}

/* ---- input ----
 * The reply ends when all of it was read, so who writes waits as long as the process does. */

typedef struct Feeding {
    Op *op; /* NULL: done */
    HttpStream *stream;
    StreamOut reply;
} Feeding;

static ssize_t fill_reply(void *arg, char *to, size_t size) {
    Feeding *feeding = arg;
    size_t n = stream_out_take(&feeding->reply, to, size);
    return n == 0 && !feeding->op ? STREAM_END : (ssize_t)n;
}

static void on_fed(void *arg, const void *result, const Err *err) {
    Feeding *feeding = arg;
    JsonWriter out;
    Status status = {.code = 200};
    if (err)
        status = (Status){
            .code = err_http(err->kind), .reason = err_reason(err->kind), .message = err->msg};
    json_writer_init(&out, &feeding->reply.text);
    status_write(&status, &out);
    buf_putc(&feeding->reply.text, '\n');
    feeding->op = NULL;
    http_stream_wake(feeding->stream);
}

static void on_fed_close(void *arg) {
    Feeding *feeding = arg;
    op_drop(feeding->op);
    stream_out_deinit(&feeding->reply);
    free(feeding);
}

void serve_target_input(Api *api, Request *request, const RouteMatch *match) {
    Target *target = find(api, request, match);
    StepInput input = {.bytes = request->body, .n = request->body_size};
    Err err;
    if (!target || param_number(request, "writer", 1, &input.writer) < 0 ||
        param_number(request, "at", 0, &input.at) < 0)
        return;
    input.end = request_flag(request, "end");
    if (input.n >= BACKEND_INPUT_MAX) {
        reply_status(request, 413, "RequestEntityTooLarge", "an input has less than %d bytes",
                     BACKEND_INPUT_MAX);
        return;
    }
    Feeding *feeding = xcalloc(1, sizeof(*feeding));
    stream_out_init(&feeding->reply, MAX_REPLY_BYTES);
    feeding->op = terminal_input(target, &input, on_fed, feeding, &err);
    if (!feeding->op) {
        free(feeding);
        reply_err(request, &err);
        return;
    }
    feeding->stream = request_stream(
        request, &(StreamAsk){.fill = fill_reply, .close = on_fed_close, .arg = feeding});
}

/* ---- the end of a run ---- */

static void write_end(const StepState *state, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "kind", "RunEnd");
    json_kv_string(out, "apiVersion", THOLE_API_VERSION);
    json_kv_object(out, "status");
    if (state->end == STEP_EXITED)
        json_kv_int(out, "exitCode", state->code);
    if (state->end == STEP_SIGNALED)
        json_kv_int(out, "signal", state->code);
    if (state->error[0])
        json_kv_string(out, "error", state->error);
    json_object_end(out);
    json_object_end(out);
    buf_putc(out->out, '\n');
}

static void on_end(void *arg, const void *result, const Err *err) {
    Feeding *feeding = arg;
    JsonWriter out;
    if (err) {
        on_fed(arg, result, err);
        return;
    }
    json_writer_init(&out, &feeding->reply.text);
    write_end(result, &out);
    feeding->op = NULL;
    http_stream_wake(feeding->stream);
}

void serve_target_end(Api *api, Request *request, const RouteMatch *match) {
    Target *target = find(api, request, match);
    uint64_t run = 0;
    if (!target || param_run(request, &run) < 0)
        return;
    Feeding *feeding = xcalloc(1, sizeof(*feeding));
    stream_out_init(&feeding->reply, MAX_REPLY_BYTES);
    feeding->op = terminal_end(target, (uint32_t)run, on_end, feeding);
    feeding->stream = request_stream(
        request, &(StreamAsk){.fill = fill_reply, .close = on_fed_close, .arg = feeding});
}

void serve_target_resize(Api *api, Request *request, const RouteMatch *match) {
    Target *target = find(api, request, match);
    const Value *body;
    Err err;
    if (!target || request_json(request, &body) < 0)
        return;
    int64_t rows = value_get_int(body, "rows", 0), columns = value_get_int(body, "columns", 0);
    if (rows < 1 || rows > UINT16_MAX || columns < 1 || columns > UINT16_MAX) {
        reply_status(request, 422, "Invalid", "rows and columns: expected numbers from 1 to %d",
                     UINT16_MAX);
        return;
    }
    if (terminal_resize(target, (StepSize){(uint32_t)rows, (uint32_t)columns}, &err) < 0)
        reply_err(request, &err);
    else
        reply_status(request, 200, NULL, "the terminal has %d rows and %d columns", (int)rows,
                     (int)columns);
}

/* ---- output ---- */

typedef struct Showing {
    Engine *engine;
    Op *tail; /* NULL: at the end */
    HttpStream *stream;
    StreamOut out;
    bool held;
} Showing;

static ssize_t fill_output(void *arg, char *to, size_t size) {
    Showing *showing = arg;
    size_t n = stream_out_take(&showing->out, to, size);
    if (showing->held && showing->tail && !stream_out_waiting(&showing->out)) {
        showing->held = false;
        terminal_tail_resume(showing->engine, showing->tail);
    }
    return n == 0 && !showing->tail ? STREAM_END : (ssize_t)n;
}

static bool on_piece(void *arg, const LogPiece *piece) {
    Showing *showing = arg;
    if (piece->data)
        buf_put(&showing->out.text, piece->data, piece->size);
    showing->held = stream_out_waiting(&showing->out) >= OUT_ENOUGH;
    http_stream_wake(showing->stream);
    return !showing->held;
}

static void on_tail_over(void *arg, const void *result, const Err *err) {
    Showing *showing = arg;
    showing->tail = NULL;
    http_stream_wake(showing->stream);
}

static void on_output_close(void *arg) {
    Showing *showing = arg;
    op_drop(showing->tail);
    stream_out_deinit(&showing->out);
    free(showing);
}

void serve_target_output(Api *api, Request *request, const RouteMatch *match) {
    Target *target = find(api, request, match);
    uint64_t run = 0, from = 0;
    if (!target || param_run(request, &run) < 0 || param_number(request, "from", 0, &from) < 0)
        return;
    Showing *showing = xcalloc(1, sizeof(*showing));
    showing->engine = api->options.engine;
    stream_out_init(&showing->out, OUT_MOST);
    showing->stream = request_stream(request, &(StreamAsk){.type = "application/octet-stream",
                                                           .fill = fill_output,
                                                           .close = on_output_close,
                                                           .arg = showing});
    showing->tail = terminal_tail(target, &(TerminalTail){.run = (uint32_t)run,
                                                          .from = from,
                                                          .piece = on_piece,
                                                          .over = on_tail_over,
                                                          .arg = showing});
}

/* ---- environment ---- */

static void put_variable(JsonWriter *out, const StrPair *pair) {
    size_t n = strlen(pair->value);
    if (utf8_valid(pair->value, n)) {
        json_kv_string(out, pair->name, pair->value);
        return;
    }
    json_kv_object(out, pair->name);
    json_key(out, "base64");
    json_base64(out, pair->value, n);
    json_object_end(out);
}

/* Whoever may ask here is the user himself; secrets are as the process gets them. */
void serve_target_environment(Api *api, Request *request, const RouteMatch *match) {
    Target *target = find(api, request, match);
    TerminalPlace place;
    JsonWriter out;
    Buf buf;
    Err err;
    if (!target)
        return;
    if (terminal_place(target, request->arena, &place, &err) < 0) {
        reply_err(request, &err);
        return;
    }
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_string(&out, "kind", "Environment");
    json_kv_string(&out, "apiVersion", THOLE_API_VERSION);
    json_kv_object(&out, "status");
    json_kv_string(&out, "path", place.path ? place.path : "/");
    json_kv_object(&out, "env");
    for (size_t i = 0; i < place.env.n; i++)
        if (utf8_valid(place.env.at[i].name, strlen(place.env.at[i].name)))
            put_variable(&out, &place.env.at[i]);
    json_object_end(&out);
    json_object_end(&out);
    json_object_end(&out);
    reply_json(request, 200, &buf);
}
