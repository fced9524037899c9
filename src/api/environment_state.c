/* SPDX-License-Identifier: Apache-2.0 */
/* All environments of a project at once, as previewctl's State. */
#include "engine/environments/environment_state.h"

#include "api/environment_request.h"
#include "base/limits.h"
#include "base/str.h"

/* ---- export ---- */

static void put_state(const EnvironmentState *state, EntryForm form, JsonWriter *out) {
    json_kv_int(out, "version", ENVIRONMENT_STATE_VERSION);
    json_kv_object(out, "environments");
    for (size_t i = 0; i < state->environments.n; i++) {
        json_key(out, state->environments.at[i].name);
        entry_encode(&state->environments.at[i], form, out);
    }
    json_object_end(out);
}

void serve_environment_state(Api *api, Request *request, const RouteMatch *match) {
    const Waiting *waited = waiting_of(request);
    const char *project;
    Reply reply;
    if (waited->stage == WAITED_FOR_ENTRY) {
        JsonWriter *out = reply_begin(&reply);
        put_state(waited->result, request_flag(request, "reveal") ? ENTRY_SEED : ENTRY_SHOWN, out);
        reply_end(&reply, request);
        return;
    }
    if (environment_project_param(api, request, request_param(request, "project"), &project) < 0)
        return;
    Waiting *waiting = waiting_new(request, WAITED_FOR_ENTRY, sizeof(EnvironmentState));
    waiting_begin(waiting,
                  environments_export(api->options.engine, project, request_flag(request, "audit"),
                                      waiting_done, waiting));
}

/* ---- import ---- */

static int read_state(Request *request, const Value *v, EnvironmentState *ret) {
    Report report;
    Buf buf;
    JsonWriter out;
    Err err;
    report_init(&report, request->arena);
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    json_value(&out, v);
    JsonText text = {buf_cstr(&buf), buf.n};
    int r = state_decode("the state", &text, request->arena, &report, ret);
    buf_deinit(&buf);
    if (r == 0)
        return 0;
    err_set(&err, ERR_INVALID, "nothing was imported: %s",
            report_line(&report.at[0], request->arena));
    environment_refuse(request, "", &report, &err);
    return -1;
}

static void reply_imported(Request *request, const EnvironmentState *state) {
    Reply reply;
    JsonWriter *out = reply_begin(&reply);
    json_kv_array(out, "imported");
    for (size_t i = 0; i < state->environments.n; i++)
        json_string(out, state->environments.at[i].name);
    json_array_end(out);
    reply_end(&reply, request);
}

void serve_environment_import(Api *api, Request *request, const RouteMatch *match) {
    const Waiting *waited = waiting_of(request);
    const Value *body;
    const char *project;
    EnvironmentState state;
    if (request_json(request, &body) < 0 ||
        environment_project_param(api, request, value_get_str(body, "project"), &project) < 0 ||
        read_state(request, value_get(body, "state"), &state) < 0)
        return;
    if (waited && waited->stage == WAITED_FOR_CHANGE) {
        reply_imported(request, &state);
        return;
    }
    Waiting *waiting = waiting_new(request, WAITED_FOR_CHANGE, 0);
    waiting_begin(waiting,
                  environments_import(api->options.engine, project, &state, waiting_done, waiting));
}
