/* SPDX-License-Identifier: Apache-2.0 */
/* A session takes up its config file again, and what that would do. */
#include "engine/sessions/reload.h"

#include <string.h>

#include "api/api_inside.h"
#include "base/limits.h"
#include "base/path.h"
#include "spec/routes.h"

static void refuse(Request *request, const char *name, const Report *report, const Err *err) {
    if (err->kind != ERR_INVALID || !report->errors) {
        reply_err(request, err);
        return;
    }
    reply_status_full(request, &(Status){.code = 422,
                                         .reason = "Invalid",
                                         .message = err->msg,
                                         .group = "tilt.dev",
                                         .kind = "Session",
                                         .name = name,
                                         .problems = report});
}

void serve_session_reload(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    Report report;
    Err err = {.kind = ERR_NONE};
    Object *object = find_object(api, request, match);
    if (!object || request_json(request, &body) < 0)
        return;
    report_init(&report, request->arena);
    if (session_reload(session_of(object), &report, &err) < 0)
        refuse(request, object->name, &report, &err);
    else
        reply_object(request, 200, object);
}

static void write_plan(const ReloadPlan *plan, const char *file, Arena *arena, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "kind", "SessionReload");
    json_kv_string(out, "apiVersion", THOLE_API_VERSION);
    json_kv_array(out, "changes");
    for (size_t i = 0; i < plan->n; i++) {
        const char *why = reload_why(&plan->at[i], path_base(file), arena);
        json_object_begin(out);
        json_kv_string(out, "target", plan->at[i].target);
        json_kv_string(out, "action", reload_action_name(plan->at[i].action));
        json_kv_string(out, "message", *why ? why : NULL);
        json_object_end(out);
    }
    json_array_end(out);
    json_object_end(out);
}

void reply_preview(Api *api, Request *request, const SessionAsk *ask) {
    ReloadPlan plan;
    Report report;
    Buf buf;
    JsonWriter out;
    Err err = {.kind = ERR_NONE};
    report_init(&report, request->arena);
    if (session_preview(api->options.engine, ask, &report, &plan, &err) < 0) {
        refuse(request, "", &report, &err);
        return;
    }
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    write_plan(&plan, ask->file, request->arena, &out);
    reply_json(request, 200, &buf);
}
