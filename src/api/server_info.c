/* SPDX-License-Identifier: Apache-2.0 */
/* The server itself: what it is, making it leave; and reviews of config files, which leave no
 * object behind. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api_inside.h"
#include "api/session_body.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "engine/environments/environment.h"
#include "engine/workflows/workflow.h"
#include "spec/config.h"
#include "spec/routes.h"

/* ---- reviews ---- */

typedef struct Reviewed {
    const char *file;
    Report report;
    bool valid;
    Buf config, written; /* `written` of a file of another tool */
} Reviewed;

static void write_review(const Reviewed *r, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "kind", "ConfigReview");
    json_kv_string(out, "apiVersion", THOLE_API_VERSION);
    json_kv_object(out, "metadata");
    json_object_end(out);
    json_kv_object(out, "spec");
    json_kv_string(out, "tiltfilePath", r->file);
    json_object_end(out);
    json_kv_object(out, "status");
    json_kv_bool(out, "valid", r->valid);
    json_key(out, "problems");
    problems_write(&r->report, false, out);
    json_key(out, "warnings");
    problems_write(&r->report, true, out);
    if (r->config.n) {
        json_key(out, "config");
        json_raw(out, buf_cstr(&r->config), r->config.n);
    }
    if (r->written.n) {
        json_key(out, "written");
        json_raw(out, buf_cstr(&r->written), r->written.n);
    }
    json_object_end(out);
    json_object_end(out);
}

static void review(Request *request, const ConfigAsk *ask) {
    Buf buf;
    JsonWriter resolved, written, out;
    Reviewed r = {.file = ask->file};
    report_init(&r.report, request->arena);
    buf_init(&r.config, MAX_REPLY_BYTES);
    buf_init(&r.written, MAX_REPLY_BYTES);
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&resolved, &r.config);
    json_writer_init(&written, &r.written);
    json_writer_init(&out, &buf);
    r.valid = engine_review(ask, &r.report, &resolved);
    if (r.valid)
        (void)engine_translate(ask->file, ask->client, &written);
    write_review(&r, &out);
    buf_deinit(&r.config);
    buf_deinit(&r.written);
    reply_json(request, 201, &buf);
}

static void refuse_review(Request *request, const Cause *cause) {
    const char *message =
        arena_printf(request->arena, "ConfigReview.thole.dev \"\" is invalid: %s: %s", cause->field,
                     cause->message);
    reply_status_full(request, &(Status){.code = 422,
                                         .reason = "Invalid",
                                         .message = message,
                                         .group = "thole.dev",
                                         .kind = "ConfigReview",
                                         .name = "",
                                         .causes = cause,
                                         .cause_n = 1});
}

void serve_review(Api *api, Request *request, const RouteMatch *match) {
    const Value *v;
    if (request_json(request, &v) < 0)
        return;
    SessionBody *body = arena_alloc(request->arena, sizeof(*body));
    review_body_read(v, request->arena, body);
    if (body->cause_n) {
        refuse_review(request, &body->causes[0]);
        return;
    }
    ConfigAsk ask = {.file = body->ask.file, .client = body->has_client ? &body->client.env : NULL};
    if (!session_environment(api, request, ask.file, &ask.entry))
        return;
    ask.mode = ask.entry ? ask.entry->mode : NULL;
    review(request, &ask);
}

/* ---- the server ---- */

static bool is_local(Request *request, const RouteMatch *match) {
    if (strcmp(match->vars[0], "local") == 0)
        return true;
    reply_not_found(request, "thole.dev", "servers", match->vars[0]);
    return false;
}

static void write_session(Api *api, Object *session, JsonWriter *out) {
    int64_t targets = 0, active = 0;
    for (Object *target = NULL;
         (target = object_next(api->objects, OBJECT_TARGET, session->name, target)); targets++)
        active += target_active(target_of(target));
    json_object_begin(out);
    json_kv_string(out, "name", session->name);
    json_kv_string(out, "tiltfilePath", session_file(session_of(session)));
    json_kv_int(out, "targets", targets);
    json_kv_int(out, "active", active);
    json_object_end(out);
}

static void write_workflow(Object *object, JsonWriter *out) {
    const Workflow *workflow = workflow_of(object);
    if (workflow_over(workflow))
        return;
    json_object_begin(out);
    json_kv_string(out, "name", object->name);
    json_kv_string(out, "task", workflow_task_name(workflow));
    json_kv_string(out, "phase", workflow_phase_name(workflow));
    json_kv_string(out, "backend", workflow_backend_name(workflow));
    json_object_end(out);
}

static void write_operation(Object *object, JsonWriter *out) {
    const Environment *environment = environment_of(object);
    const char *doing = environment_doing(environment);
    const char *name = environment_entry(environment)->name;
    if (!doing)
        return;
    json_object_begin(out);
    json_kv_string(out, "namespace", object->space);
    if (*name) /* a hook of none: what all share */
        json_kv_string(out, "environment", name);
    json_kv_string(out, "operation", doing);
    json_object_end(out);
}

static void write_left(void *arg, const char *space, const char *name, size_t processes) {
    JsonWriter *out = arg;
    json_object_begin(out);
    json_kv_string(out, "namespace", space);
    json_kv_string(out, "environment", name);
    json_kv_int(out, "processes", (int64_t)processes);
    json_object_end(out);
}

/* `left`: with what deploys of environments have left running. */
static void write_server(Api *api, bool left, JsonWriter *out) {
    char started[TIME_TEXT];
    time_format_micro(api->started_us, started);
    json_kv_int(out, "pid", getpid());
    json_kv_string(out, "version", api->options.version);
    json_kv_string(out, "socket", api->options.socket_path);
    json_kv_string(out, "startTime", started);
    json_kv_string(out, "stateDir", api->options.state_dir);
    if (engine_store_file(api->options.engine))
        json_kv_string(out, "store", engine_store_file(api->options.engine));
    json_kv_array(out, "sessions");
    for (Object *session = NULL;
         (session = object_next(api->objects, OBJECT_SESSION, NULL, session));)
        write_session(api, session, out);
    json_array_end(out);
    json_kv_array(out, "workflows"); /* that are not over */
    for (Object *workflow = NULL;
         (workflow = object_next(api->objects, OBJECT_WORKFLOW, NULL, workflow));)
        write_workflow(workflow, out);
    json_array_end(out);
    json_kv_array(out, "operations"); /* on environments, that are not over */
    for (Object *environment = NULL;
         (environment = object_next(api->objects, OBJECT_ENVIRONMENT, NULL, environment));)
        write_operation(environment, out);
    json_array_end(out);
    if (!left)
        return;
    json_kv_array(out, "left");
    environments_left_running(api->options.engine, write_left, out);
    json_array_end(out);
}

void serve_server(Api *api, Request *request, const RouteMatch *match) {
    Buf buf;
    JsonWriter out;
    if (!is_local(request, match))
        return;
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_string(&out, "kind", "Server");
    json_kv_string(&out, "apiVersion", THOLE_API_VERSION);
    json_kv_object(&out, "metadata");
    json_kv_string(&out, "name", "local");
    json_object_end(&out);
    json_kv_object(&out, "status");
    write_server(api, request_flag(request, "left"), &out);
    json_object_end(&out);
    json_object_end(&out);
    reply_json(request, 200, &buf);
}

/* ---- leaving ---- */

/* A wish to leave, until its answer is out. */
typedef struct Hand {
    List link; /* Api.hands */
    Api *api;
    ApiLeave how;
} Hand;

static void on_answered(void *arg) {
    Hand *hand = arg;
    Api *api = hand->api;
    ApiLeave how = hand->how;
    list_remove(&hand->link);
    free(hand);
    api->options.leave(api->options.arg, how);
}

void server_hands_free(Api *api) {
    Hand *hand;
    LIST_FOREACH_SAFE (hand, &api->hands, link)
        free(hand);
}

void serve_server_leave(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    if (!is_local(request, match) || request_json(request, &body) < 0)
        return;
    const Value *said = match->id == ROUTE_SERVER_STOP ? value_get(body, "all") : NULL;
    if (said && !value_is(said, VALUE_BOOL)) {
        reply_status(request, 400, "BadRequest", "all: Invalid value: it is true or false");
        return;
    }
    bool all = value_bool(said, false);
    Hand *hand = xcalloc(1, sizeof(*hand));
    hand->api = api;
    hand->how = match->id == ROUTE_SERVER_RESTART ? API_RESTART : all ? API_STOP_ALL : API_STOP;
    list_append(&api->hands, &hand->link);
    if (all)
        engine_stop_all(api->options.engine);
    reply_status_full(
        request, &(Status){.code = 200, .group = "thole.dev", .kind = "servers", .name = "local"});
    request_after(request, on_answered, hand);
}
