/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, cancelling and deleting workflows. */
#include <string.h>

#include "api/api_inside.h"
#include "api/session_body.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/workflows/workflow.h"
#include "spec/names.h"

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

/* Of `map` the last part of `path`. Absent or null: *ret stays. -1: it was answered. */
static int read_text(Request *request, const Value *map, const char *path, const char **ret) {
    const char *dot = strrchr(path, '.');
    const Value *v = value_get(map, dot ? dot + 1 : path);
    if (!v || value_is(v, VALUE_NULL))
        return 0;
    if (!value_is(v, VALUE_STRING) || strlen(v->text) != v->len)
        return bad(request, path, "expected a string");
    *ret = v->text;
    return 0;
}

static int read_duration(Request *request, const Value *map, const char *path, int64_t *ret) {
    const char *text = NULL;
    Err err;
    if (read_text(request, map, path, &text) < 0)
        return -1;
    return !text || duration_parse(text, ret, &err) == 0 ? 0 : bad(request, path, err.msg);
}

/* A text is read as it is, so that messages name its lines. */
static int read_config(Request *request, const Value *spec, const SessionBody *body,
                       WorkflowAsk *ask) {
    const Value *config = value_get(spec, "config");
    Buf buf;
    JsonWriter out;
    if (value_is(config, VALUE_STRING)) {
        ask->text = config->text;
        ask->size = config->len;
        return 0;
    }
    if (!value_is(config, VALUE_MAP))
        return bad(request, "spec.config",
                   body->unknown_n
                       ? arena_printf(request->arena,
                                      "expected a Config, or its text; unknown field \"%.100s\"",
                                      body->unknown[0])
                       : "expected a Config, or its text");
    buf_init(&buf, MAX_JSON_BYTES);
    json_writer_init(&out, &buf);
    json_value(&out, config);
    ask->text = arena_strndup(request->arena, buf_cstr(&buf), buf.n);
    ask->size = buf.n;
    buf_deinit(&buf);
    return 0;
}

/* A map of variables: strings, but for NUL. */
static int read_variables(Request *request, const Value *spec, const char *key, StrMap *ret) {
    const Value *v = value_get(spec, key);
    const char *path = arena_printf(request->arena, "spec.%s", key);
    if (!v || value_is(v, VALUE_NULL))
        return 0;
    if (!value_is(v, VALUE_MAP))
        return bad(request, path, "expected a map of names and values");
    StrMap map = {.at = arena_alloc(request->arena, (v->map.n + 1) * sizeof(*map.at))};
    for (size_t i = 0; i < v->map.n; i++) {
        const char *name = v->map.at[i].key, *wrong = check_env_name(name);
        const Value *value = v->map.at[i].value;
        if (!wrong && (!value_is(value, VALUE_STRING) || strlen(value->text) != value->len))
            wrong = "its value is no string";
        if (wrong)
            return bad(request, arena_printf(request->arena, "%s.%s", path, name), wrong);
        map.at[map.n++] = (StrPair){name, value->text};
    }
    strmap_sort(&map);
    *ret = map;
    return 0;
}

/* Too short a one would mask ordinary text: who gives it is told, whatever a Config holds. */
static int read_secrets(Request *request, const Value *spec, WorkflowAsk *ask) {
    if (read_variables(request, spec, "secrets", &ask->secrets) < 0)
        return -1;
    for (size_t i = 0; i < ask->secrets.n; i++)
        if (strlen(ask->secrets.at[i].value) < SECRET_MIN)
            return bad(request,
                       arena_printf(request->arena, "spec.secrets.%s", ask->secrets.at[i].name),
                       arena_printf(request->arena,
                                    "its value is shorter than %d bytes and would mask ordinary "
                                    "text",
                                    SECRET_MIN));
    return 0;
}

static const char *const spec_fields[] = {
    "task",    "backend", "backendOptions",  "file",   "timeout", "stepTimeout", "env",
    "secrets", "keep",    "cleanupOnCancel", "config", NULL};

static int read_client(Request *request, const Value *body, SessionBody *client, WorkflowAsk *ask) {
    client_body_read(body, request->arena, client);
    body_check_known(value_get(body, "spec"), "spec", spec_fields, request->arena, client);
    if (check_unknown(request, "Workflow", client) < 0)
        return -1;
    if (client->cause_n)
        return bad(request, client->causes[0].field, client->causes[0].message);
    ask->client = client->has_client ? &client->client : NULL;
    return 0;
}

static int read_ask(Request *request, const Value *body, WorkflowAsk *ret) {
    const Value *spec = value_get(body, "spec");
    SessionBody *client = arena_alloc(request->arena, sizeof(*client));
    ret->file = "spec.config";
    ret->backend_options = value_get(spec, "backendOptions");
    ret->keep = value_get_bool(spec, "keep", false);
    ret->cleanup = value_get_bool(spec, "cleanupOnCancel", false);
    if (read_client(request, body, client, ret) < 0 ||
        read_text(request, spec, "spec.task", &ret->task) < 0 ||
        read_text(request, spec, "spec.backend", &ret->backend) < 0 ||
        read_text(request, spec, "spec.file", &ret->file) < 0 ||
        read_duration(request, spec, "spec.timeout", &ret->timeout_ms) < 0 ||
        read_duration(request, spec, "spec.stepTimeout", &ret->step_timeout_ms) < 0 ||
        read_variables(request, spec, "env", &ret->env) < 0 || read_secrets(request, spec, ret) < 0)
        return -1;
    return read_config(request, spec, client, ret);
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
    const Value *body;
    Object *object = find_object(api, request, match);
    if (!object || request_json(request, &body) < 0 || !delete_is_meant(request, body, object))
        return;
    if (workflow_delete(workflow_of(object), &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}
