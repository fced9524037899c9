/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, cancelling and deleting workflows. */
#include <string.h>

#include "api/api_inside.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/workflows/workflow.h"

static int bad(Request *request, const char *field, const char *what) {
    const Cause cause = {"FieldValueInvalid", what, field};
    reply_status_full(request, &(Status){.code = 422,
                                         .reason = "Invalid",
                                         .message = arena_printf(
                                             request->arena,
                                             "Workflow.thole.dev is invalid: %s: %s", field, what),
                                         .group = "thole.dev",
                                         .kind = "Workflow",
                                         .name = "",
                                         .causes = &cause,
                                         .cause_n = 1});
    return -1;
}

/* Absent or null: *ret stays. -1: it was answered. */
static int read_text(Request *request, const Value *spec, const char *key, const char **ret) {
    const Value *v = value_get(spec, key);
    if (!v || value_is(v, VALUE_NULL))
        return 0;
    if (!value_is(v, VALUE_STRING) || strlen(v->text) != v->len)
        return bad(request, arena_printf(request->arena, "spec.%s", key), "expected a string");
    *ret = v->text;
    return 0;
}

static int read_duration(Request *request, const Value *spec, const char *key, int64_t *ret) {
    const char *text = NULL;
    Err err;
    if (read_text(request, spec, key, &text) < 0)
        return -1;
    return !text || duration_parse(text, ret, &err) == 0 ? 0 : bad(request, key, err.msg);
}

/* A text is read as it is, so that messages name its lines. */
static int read_config(Request *request, const Value *spec, WorkflowAsk *ask) {
    const Value *config = value_get(spec, "config");
    Buf buf;
    JsonWriter out;
    if (value_is(config, VALUE_STRING)) {
        ask->text = config->text;
        ask->size = config->len;
        return 0;
    }
    if (!value_is(config, VALUE_MAP))
        return bad(request, "spec.config", "expected a Config, or its text");
    buf_init(&buf, MAX_JSON_BYTES);
    json_writer_init(&out, &buf);
    json_value(&out, config);
    ask->text = arena_strndup(request->arena, buf_cstr(&buf), buf.n);
    ask->size = buf.n;
    buf_deinit(&buf);
    return 0;
}

static int read_ask(Request *request, const Value *body, WorkflowAsk *ret) {
    const Value *spec = value_get(body, "spec");
    ret->file = "spec.config";
    ret->backend_options = value_get(spec, "backendOptions");
    ret->cleanup = value_get_bool(spec, "cleanupOnCancel", false);
    if (read_text(request, spec, "task", &ret->task) < 0 ||
        read_text(request, spec, "backend", &ret->backend) < 0 ||
        read_text(request, spec, "file", &ret->file) < 0 ||
        read_duration(request, spec, "timeout", &ret->timeout_ms) < 0 ||
        read_duration(request, spec, "stepTimeout", &ret->step_timeout_ms) < 0)
        return -1;
    return read_config(request, spec, ret);
}

void serve_workflow_create(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    WorkflowAsk ask = {0};
    Report report;
    Err err = {.kind = ERR_NONE};
    if (request_json(request, &body) < 0 || read_ask(request, body, &ask) < 0)
        return;
    report_init(&report, request->arena);
    Workflow *workflow = workflow_create(api->options.engine, &ask, &report, &err);
    if (workflow)
        reply_object(request, 201, workflow_object(workflow));
    else if (err.kind == ERR_INVALID && report.errors)
        reply_status_full(request, &(Status){.code = 422,
                                             .reason = "Invalid",
                                             .message = err.msg,
                                             .group = "thole.dev",
                                             .kind = "Workflow",
                                             .name = "",
                                             .problems = &report});
    else
        reply_err(request, &err);
}

void serve_workflow_cancel(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    int64_t grace_ms = -1;
    Err err;
    Object *object = find_object(api, request, match);
    if (!object || request_json(request, &body) < 0 ||
        read_duration(request, body, "grace", &grace_ms) < 0)
        return;
    if (workflow_stop(workflow_of(object), grace_ms, &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}

void serve_workflow_delete(Api *api, Request *request, const RouteMatch *match) {
    Err err;
    Object *object = find_object(api, request, match);
    if (!object)
        return;
    if (workflow_delete(workflow_of(object), &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}
