/* SPDX-License-Identifier: Apache-2.0 */
/* Backends as people see them, and what is left there. The engines behind them are asked, so the
 * reply begins before it is known. */
#include <stdlib.h>
#include <string.h>

#include "api/api_inside.h"
#include "api/stream_out.h"
#include "backend/fields.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "engine/backends/backend_look.h"
#include "engine/backends/orphans.h"

/* One request that waits. */
typedef struct Asking {
    RouteId route;
    Op *op; /* NULL: done */
    HttpStream *stream;
    StreamOut reply;
} Asking;

static ssize_t fill(void *arg, char *to, size_t size) {
    Asking *asking = arg;
    size_t n = stream_out_take(&asking->reply, to, size);
    return n == 0 && !asking->op ? STREAM_END : (ssize_t)n;
}

static void on_close(void *arg) {
    Asking *asking = arg;
    op_drop(asking->op);
    stream_out_deinit(&asking->reply);
    free(asking);
}

static void end(Asking *asking) {
    buf_putc(&asking->reply.text, '\n');
    asking->op = NULL;
    http_stream_wake(asking->stream);
}

static Asking *asking_new(RouteId route) {
    Asking *asking = xcalloc(1, sizeof(*asking));
    asking->route = route;
    stream_out_init(&asking->reply, MAX_REPLY_BYTES);
    return asking;
}

static void begin(Asking *asking, Request *request) {
    asking->stream =
        request_stream(request, &(StreamAsk){.fill = fill, .close = on_close, .arg = asking});
}

/* ---- written ---- */

static void put_flag(const SeenBackend *seen, const BackendFlag *flag, JsonWriter *out) {
    const char *value = strmap_get(&seen->options, flag->name);
    json_object_begin(out);
    json_kv_string(out, "name", flag->name);
    json_kv_string(out, "type", flag_type_name(flag->type));
    json_kv_array(out, "env");
    for (const char *at = flag->env; *at;) {
        size_t n = strcspn(at, "|");
        json_stringn(out, at, n);
        at += n + (at[n] == '|');
    }
    json_array_end(out);
    json_kv_string(out, "default", flag->dflt);
    json_kv_string(out, "value", value ? value : flag->dflt);
    json_kv_string(out, "doc", flag->doc);
    json_object_end(out);
}

static void put_flags(const SeenBackend *seen, JsonWriter *out) {
    BackendFlags flags = backend_flags(seen->name);
    json_kv_array(out, "flags");
    for (size_t i = 0; i < flags.n; i++)
        put_flag(seen, &flags.at[i], out);
    json_array_end(out);
}

static void put_fields(const SeenBackend *seen, JsonWriter *out) {
    json_kv_array(out, "fields");
    for (size_t i = 0; i < seen->field_n; i++) {
        json_object_begin(out);
        json_kv_string(out, "path", seen->fields[i].path);
        json_kv_string(out, "use", field_use_name(seen->fields[i].use));
        json_kv_string(out, "why", seen->fields[i].why);
        json_object_end(out);
    }
    json_array_end(out);
}

static void put_head(const char *kind, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "kind", kind);
    json_kv_string(out, "apiVersion", THOLE_API_VERSION);
    json_kv_object(out, "metadata");
}

static void put_backend(const SeenBackend *seen, JsonWriter *out) {
    put_head("Backend", out);
    json_kv_string(out, "name", seen->name);
    json_object_end(out);
    json_kv_object(out, "status");
    json_kv_bool(out, "available", seen->available);
    json_kv_string(out, "why", seen->available ? NULL : seen->why);
    json_kv_string(out, "platform", seen->platform);
    json_kv_string(out, "version", seen->version);
    json_kv_string(out, "where", seen->where);
    put_flags(seen, out);
    put_fields(seen, out);
    json_object_end(out);
    json_object_end(out);
}

static void put_list(const SeenBackends *seen, JsonWriter *out) {
    put_head("BackendList", out);
    json_object_end(out);
    json_kv_array(out, "items");
    for (size_t i = 0; i < seen->n; i++)
        put_backend(&seen->at[i], out);
    json_array_end(out);
    json_object_end(out);
}

static void put_leftovers(const SeenBackend *seen, JsonWriter *out) {
    put_head("LeftoverList", out);
    json_object_end(out);
    json_kv_array(out, "items");
    for (size_t i = 0; i < seen->left.n; i++) {
        const SeenLeftover *left = &seen->left.at[i];
        json_object_begin(out);
        json_kv_string(out, "task", left->what.task);
        json_kv_string(out, "kind", left->what.kind);
        json_kv_string(out, "name", left->what.name);
        json_kv_bool(out, "running", left->what.running);
        json_kv_bool(out, "orphan", left->orphan);
        json_object_end(out);
    }
    json_array_end(out);
    json_object_end(out);
}

static void put_status(const Err *err, JsonWriter *out) {
    Status status = {.code = 200};
    if (err)
        status = (Status){
            .code = err_http(err->kind), .reason = err_reason(err->kind), .message = err->msg};
    status_write(&status, out);
}

/* ---- asked ---- */

static void on_seen(void *arg, const void *result, const Err *err) {
    Asking *asking = arg;
    const SeenBackends *seen = result;
    JsonWriter out;
    Err away = {0};
    json_writer_init(&out, &asking->reply.text);
    if (!err && asking->route == ROUTE_LEFTOVERS && !seen->at[0].available) {
        err_set(&away, ERR_UNAVAILABLE, "the backend %s is not available: %s", seen->at[0].name,
                seen->at[0].why);
        err = &away;
    }
    if (err)
        put_status(err, &out);
    else if (asking->route == ROUTE_BACKENDS)
        put_list(seen, &out);
    else if (asking->route == ROUTE_BACKEND)
        put_backend(&seen->at[0], &out);
    else
        put_leftovers(&seen->at[0], &out);
    end(asking);
}

/* -1: it was answered. */
static int read_options(Request *request, const Value **ret) {
    const char *text = request_param(request, "options");
    Err err;
    *ret = NULL;
    if (!text || !*text)
        return 0;
    return json_parse(text, strlen(text), request->arena, ret, &err) == 0
               ? 0
               : param_bad(request, "options", text, "a JSON object by the names of backends");
}

void serve_backends(Api *api, Request *request, const RouteMatch *match) {
    BackendsAsk ask = {.name = match->id == ROUTE_BACKENDS ? NULL : match->vars[0],
                       .leftovers = match->id == ROUTE_LEFTOVERS};
    if (read_options(request, &ask.options) < 0)
        return;
    Asking *asking = asking_new(match->id);
    asking->op = backends_look(api->options.engine, &ask, on_seen, asking);
    begin(asking, request);
}

static void on_removed(void *arg, const void *result, const Err *err) {
    Asking *asking = arg;
    JsonWriter out;
    json_writer_init(&out, &asking->reply.text);
    put_status(err, &out);
    end(asking);
}

void serve_leftovers_delete(Api *api, Request *request, const RouteMatch *match) {
    OrphanAsk ask = {.wish.name = match->vars[0], .task = match->vars[1]};
    if (read_options(request, &ask.wish.options) < 0)
        return;
    ask.unread = request_flag(request, "unread");
    Asking *asking = asking_new(match->id);
    asking->op = orphan_remove(api->options.engine, &ask, on_removed, asking);
    begin(asking, request);
}
