/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, starting and deleting sessions. */
#include <string.h>

#include "api/api_inside.h"
#include "api/session_body.h"
#include "base/str.h"
#include "engine/sessions/stopped.h"
#include "spec/routes.h"

/* ---- what a body may not be ---- */

static int check_type(Request *request, const Value *body) {
    const char *version = value_get_str(body, "apiVersion"), *kind = value_get_str(body, "kind");
    if (version && strcmp(version, TILT_API_VERSION) != 0) {
        reply_status(request, 400, "BadRequest",
                     "the API version in the data (%s) does not match the expected API version "
                     "(" TILT_API_VERSION ")",
                     version);
        return -1;
    }
    if (kind && strcmp(kind, "Session") != 0) {
        reply_status(request, 400, "BadRequest",
                     "the kind in the data (%s) does not match the expected kind (Session)", kind);
        return -1;
    }
    return 0;
}

int check_unknown(Request *request, const char *kind, const SessionBody *body) {
    const char *how = request_param(request, "fieldValidation");
    if (!body->unknown_n || str_same(how, "Ignore"))
        return 0;
    if (str_same(how, "Strict")) {
        reply_status(request, 400, "BadRequest",
                     "%s in version \"" API_VERSION "\" cannot be handled as a %s: strict "
                     "decoding error: unknown field \"%s\"",
                     kind, kind, body->unknown[0]);
        return -1;
    }
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    json_stringf(&out, "unknown field \"%.100s\"", body->unknown[0]);
    request_set_header(request, "Warning",
                       arena_printf(request->arena, "299 - %s", buf_cstr(&buf)));
    buf_deinit(&buf);
    return 0;
}

void reply_invalid(Request *request, const SessionBody *body, const char *name) {
    Buf text;
    buf_init(&text, MAX_REPLY_BYTES);
    for (size_t i = 0; i < body->cause_n; i++)
        buf_printf(&text, "%s%s: %s", i ? ", " : "", body->causes[i].field,
                   body->causes[i].message);
    const char *message =
        arena_printf(request->arena, "Session.tilt.dev \"%s\" is invalid: %s%s%s", name,
                     body->cause_n > 1 ? "[" : "", buf_cstr(&text), body->cause_n > 1 ? "]" : "");
    buf_deinit(&text);
    reply_status_full(request, &(Status){.code = 422,
                                         .reason = "Invalid",
                                         .message = message,
                                         .group = "tilt.dev",
                                         .kind = "Session",
                                         .name = name,
                                         .causes = body->causes,
                                         .cause_n = body->cause_n});
}

/* ---- create ---- */

static void reply_exists(Api *api, Request *request, const SessionAsk *ask, const Err *err) {
    Session *same = session_of_file(api->options.engine, ask->file, ask->session);
    Object *object = same ? session_object(same) : NULL;
    const char *name = object ? object->name : "";
    bool leaving = object && object->deleted_us;
    const char *message =
        leaving || !object
            ? err->msg
            : arena_printf(request->arena, "sessions.tilt.dev \"%s\" already exists", name);
    reply_status_full(request, &(Status){.code = 409,
                                         .reason = leaving ? "Conflict" : "AlreadyExists",
                                         .message = message,
                                         .group = "tilt.dev",
                                         .kind = "sessions",
                                         .name = name,
                                         .uid = object ? object->uid : NULL});
}

static void reply_create_failed(Api *api, Request *request, SessionBody *body, const Report *report,
                                const Err *err) {
    if (err->kind == ERR_CONFLICT) {
        reply_exists(api, request, &body->ask, err);
    } else if (err->kind == ERR_INVALID && report->errors) {
        reply_status_full(request, &(Status){.code = 422,
                                             .reason = "Invalid",
                                             .message = err->msg,
                                             .group = "tilt.dev",
                                             .kind = "Session",
                                             .name = "",
                                             .problems = report});
    } else if (err->kind == ERR_NOT_FOUND) {
        body->causes[0] = (Cause){"FieldValueNotFound", err->msg, "start.names"};
        body->cause_n = 1;
        reply_invalid(request, body, "");
    } else {
        reply_err(request, err);
    }
}

void serve_session_create(Api *api, Request *request, const RouteMatch *match) {
    const Value *v;
    if (request_json(request, &v) < 0 || check_type(request, v) < 0)
        return;
    SessionBody *body = arena_alloc(request->arena, sizeof(*body));
    session_body_read(v, request->arena, body);
    body->client.pid = request->peer.pid;
    if (body->ask.file &&
        !session_environment(api, request, body->ask.file, &body->ask.environment))
        return;
    if (check_unknown(request, "Session", body) < 0)
        return;
    if (body->cause_n) {
        reply_invalid(request, body, "");
        return;
    }
    if (str_same(request_param(request, "dryRun"), "All")) {
        reply_preview(api, request, &body->ask);
        return;
    }
    Report report;
    Err err = {.kind = ERR_NONE};
    report_init(&report, request->arena);
    Session *session = session_create(api->options.engine, &body->ask, &report, &err);
    if (session)
        reply_object(request, 201, session_object(session));
    else
        reply_create_failed(api, request, body, &report, &err);
}

/* ---- start ---- */

void serve_session_start(Api *api, Request *request, const RouteMatch *match) {
    const Value *v;
    Err err;
    Object *object = find_object(api, request, match);
    if (!object || request_json(request, &v) < 0)
        return;
    SessionBody *body = arena_alloc(request->arena, sizeof(*body));
    start_body_read(v, request->arena, body);
    body->client.pid = request->peer.pid;
    if (check_unknown(request, "Session", body) < 0)
        return;
    if (body->cause_n) {
        reply_invalid(request, body, object->name);
        return;
    }
    const ClientSetup *client = body->has_client ? &body->client : NULL;
    StartAsk ask = {.names = &body->ask.names,
                    .labels = &body->ask.labels,
                    .client = client,
                    .force = body->ask.force};
    if (session_start(session_of(object), &ask, &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}

/* ---- delete ---- */

/* -1: absent; -2: answered with 400. */
static int64_t grace_seconds(Request *request, const Value *body) {
    const char *text = request_param(request, "gracePeriodSeconds");
    const Value *said = value_get(body, "gracePeriodSeconds");
    int64_t seconds = value_int(said, -1);
    bool wrong = said && !value_is(said, VALUE_NULL) &&
                 (!value_is(said, VALUE_INT) || seconds < 0 || seconds > INT32_MAX);
    if (text)
        wrong = number_parse(text, 0, INT32_MAX, &seconds) < 0;
    if (!wrong)
        return seconds;
    reply_status(request, 400, "BadRequest",
                 "gracePeriodSeconds: Invalid value: \"%s\": it is a number from 0",
                 text                 ? text
                 : said && said->text ? said->text
                                      : "");
    return -2;
}

/* Of a session that is down only files are left. */
static void purge_stopped(Api *api, Request *request, const char *slug) {
    StoppedSession stopped;
    Err err;
    if (stopped_find(api->options.state_dir, slug, request->arena, &stopped) < 0) {
        reply_not_found(request, "tilt.dev", "sessions", slug);
        return;
    }
    if (stopped.helpers && session_purge_down(api->options.engine, slug, &err) == 0)
        reply_object(request, 200, object_find(api->objects, OBJECT_SESSION, NULL, slug));
    else if (stopped_purge(api->options.state_dir, slug, &err) < 0)
        reply_err(request, &err);
    else {
        engine_forget_ports(api->options.engine, stopped.file, stopped.name);
        reply_status_full(request, &(Status){.code = 200,
                                             .group = "tilt.dev",
                                             .kind = "sessions",
                                             .name = slug,
                                             .uid = stopped.uid});
    }
}

void serve_session_delete(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    if (request_json(request, &body) < 0)
        return;
    bool purge = request_flag(request, "purge");
    int64_t seconds = grace_seconds(request, body);
    if (seconds < -1)
        return;
    bool dry = request_param(request, "dryRun") || value_get(body, "dryRun");
    if (purge && !dry && !object_find(api->objects, OBJECT_SESSION, NULL, match->vars[0])) {
        purge_stopped(api, request, match->vars[0]);
        return;
    }
    Object *object = find_object(api, request, match);
    if (!object || !delete_is_meant(request, body, object))
        return;
    session_delete(session_of(object), seconds < 0 ? -1 : seconds * 1000, purge);
    /* It may be gone already, had it nothing to stop. */
    object = object_find(api->objects, OBJECT_SESSION, NULL, match->vars[0]);
    if (object)
        reply_object(request, 200, object);
    else
        reply_status_full(request, &(Status){.code = 200,
                                             .group = "tilt.dev",
                                             .kind = "sessions",
                                             .name = match->vars[0]});
}
