/* SPDX-License-Identifier: Apache-2.0 */
#include "api/environment_request.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "spec/inherited.h"

#define BRANCH_REF "refs/heads/" /* git's whole name of a branch */

/* ---- refusing ---- */

int environment_bad(Request *request, const char *field, const char *what) {
    const Cause cause = {"FieldValueInvalid", what, field};
    const char *message =
        arena_printf(request->arena, "Environment.thole.dev is invalid: %s: %s", field, what);
    reply_status_full(request, &(Status){.code = 422,
                                         .reason = "Invalid",
                                         .message = message,
                                         .group = "thole.dev",
                                         .kind = "Environment",
                                         .name = "",
                                         .causes = &cause,
                                         .cause_n = 1});
    return -1;
}

void environment_refuse(Request *request, const char *name, const Report *report, const Err *err) {
    if (err->kind == ERR_INVALID && report->errors)
        reply_status_full(request, &(Status){.code = 422,
                                             .reason = "Invalid",
                                             .message = err->msg,
                                             .group = "thole.dev",
                                             .kind = "Environment",
                                             .name = name,
                                             .problems = report});
    else
        reply_err(request, err);
}

Environment *environment_begin_asked(Api *api, Request *request, const OperationAsk *ask) {
    Report report;
    Err err = {.kind = ERR_NONE};
    report_init(&report, request->arena);
    Environment *environment = environment_begin(api->options.engine, ask, &report, &err);
    if (!environment)
        environment_refuse(request, ask->name, &report, &err);
    return environment;
}

int environment_project_param(Api *api, Request *request, const char *project, const char **ret) {
    if (!project || project[0] != '/')
        return param_bad(request, "project", project ? project : "",
                         "it is the absolute path of a config file");
    *ret = arena_strdup(request->arena, environments_project_of(api->options.engine, project));
    return 0;
}

/* ---- what a body says ---- */

static bool is_text(const Value *v) {
    return value_is(v, VALUE_STRING) && strlen(v->text) == v->len;
}

int environment_read_text(Request *request, const Value *map, const char *key, const char **ret) {
    const Value *v = value_get(map, key);
    if (!v || value_is(v, VALUE_NULL))
        return 0;
    if (!is_text(v))
        return environment_bad(request, key, "expected a string");
    *ret = v->len ? v->text : NULL;
    return 0;
}

static int read_list(Request *request, const Value *map, const char *key, StrList *ret) {
    const Value *v = value_get(map, key);
    if (!v || value_is(v, VALUE_NULL))
        return 0;
    if (!value_is(v, VALUE_LIST))
        return environment_bad(request, key, "expected a list of strings");
    ret->at = arena_alloc(request->arena, (value_count(v) + 1) * sizeof(*ret->at));
    for (size_t i = 0; i < value_count(v); i++) {
        if (!is_text(value_at(v, i)))
            return environment_bad(request, key, "expected a list of strings");
        ret->at[ret->n++] = value_str(value_at(v, i));
    }
    return 0;
}

int environment_read_flag(Request *request, const Value *map, const char *key, bool *ret) {
    const Value *v = value_get(map, key);
    if (!v || value_is(v, VALUE_NULL))
        return 0;
    if (!value_is(v, VALUE_BOOL))
        return environment_bad(request, key, "expected true or false");
    *ret = v->boolean;
    return 0;
}

static int read_duration(Request *request, const Value *map, const char *key, int64_t *ret) {
    const char *text = NULL;
    Err err;
    if (environment_read_text(request, map, key, &text) < 0)
        return -1;
    return !text || duration_parse(text, ret, &err) == 0 ? 0
                                                         : environment_bad(request, key, err.msg);
}

/* What nobody knows is no wish of anybody: it is mistyped. */
static int check_fields(Request *request, const Value *map, const char *path) {
    static const char *const known[] = {
        "name",          "project",  "mode",   "branch", "base",       "path", "from", "worktree",
        "step",          "service",  "action", "status", "noCache",    "copy", "only", "ttl",
        "provisionOnly", "manifest", "stop",   "client", "apiVersion", "kind", NULL};
    SessionBody body = {.unknown_n = 0};
    body_check_known(map, path, known, request->arena, &body);
    return check_unknown(request, "Environment", &body);
}

int environment_read_fields(Request *request, const Value *map, const char *path,
                            OperationAsk *ask) {
    const struct {
        const char *key, **to;
    } texts[] = {
        {"name", &ask->name},       {"project", &ask->file},      {"mode", &ask->mode},
        {"branch", &ask->branch},   {"base", &ask->base},         {"path", &ask->path},
        {"from", &ask->from},       {"worktree", &ask->worktree}, {"step", &ask->step},
        {"service", &ask->service}, {"action", &ask->action},     {"status", &ask->status}};
    for (size_t i = 0; i < COUNT(texts); i++)
        if (environment_read_text(request, map, texts[i].key, texts[i].to) < 0)
            return -1;
    if (ask->branch && str_starts(ask->branch, BRANCH_REF))
        ask->branch += strlen(BRANCH_REF);
    return check_fields(request, map, path) < 0 ||
                   environment_read_flag(request, map, "noCache", &ask->no_cache) < 0 ||
                   read_list(request, map, "copy", &ask->copy) < 0 ||
                   read_list(request, map, "only", &ask->only) < 0 ||
                   read_duration(request, map, "ttl", &ask->ttl_ms) < 0
               ? -1
               : 0;
}

int environment_read_client(Request *request, const Value *body, OperationAsk *ask) {
    SessionBody *client = arena_alloc(request->arena, sizeof(*client));
    client_body_read(body, request->arena, client);
    if (client->cause_n)
        return environment_bad(request, client->causes[0].field, client->causes[0].message);
    client->client.env = inherited_by_environment(&client->client.env, request->arena);
    ask->client = client->has_client ? &client->client : NULL;
    return 0;
}

/* ---- waiting ---- */

Environment *find_environment(Api *api, Request *request, const RouteMatch *match) {
    Object *object = find_object(api, request, match);
    return object ? environment_of(object) : NULL;
}

const StoredEnvironment *environment_stored(Api *api, Request *request, const RouteMatch *match,
                                            unsigned parts) {
    const Waiting *waited = waiting_of(request);
    if (waited->stage == WAITED_FOR_ENTRY)
        return waited->result;
    Environment *environment = find_environment(api, request, match);
    if (!environment)
        return NULL;
    Waiting *waiting = waiting_new(request, WAITED_FOR_ENTRY, sizeof(StoredEnvironment));
    waiting_begin(waiting, environment_read(environment, parts, waiting_done, waiting));
    return NULL;
}

void environment_begin_look(Api *api, Request *request, const LookAsk *ask) {
    Waiting *waiting = waiting_new(request, WAITED_FOR_LOOK, sizeof(SeenEnvironment));
    Report report;
    Err err = {.kind = ERR_NONE};
    LookAsk look = *ask;
    report_init(&report, request->arena);
    look.report = &report;
    Op *op = environment_look(api->options.engine, &look, waiting_done, waiting, &err);
    if (op)
        waiting_begin(waiting, op);
    else
        environment_refuse(request, ask->ask->name, &report, &err);
}

const SeenEnvironment *environment_seen(Api *api, Request *request, const RouteMatch *match,
                                        OperationAsk *ask, unsigned parts) {
    if (waiting_of(request)->stage == WAITED_FOR_LOOK)
        return waiting_of(request)->result;
    const StoredEnvironment *stored =
        environment_stored(api, request, match, ENVIRONMENT_STEPS | ENVIRONMENT_VALUES);
    Environment *environment = stored ? find_environment(api, request, match) : NULL;
    if (!environment)
        return NULL;
    ask->client = environment_client(environment); /* as who has asked last would see it */
    ask->file = environment_project(environment);
    ask->name = stored->entry.name;
    if (ask->kind == OPERATION_CREATE && stored->entry.status == ENVIRONMENT_DELETING)
        ask->kind = OPERATION_DELETE;
    environment_begin_look(api, request,
                           &(LookAsk){.ask = ask, .entry = &stored->entry, .parts = parts});
    return NULL;
}

/* ---- replies ---- */

JsonWriter *reply_begin(Reply *reply) {
    buf_init(&reply->buf, MAX_REPLY_BYTES);
    json_writer_init(&reply->out, &reply->buf);
    json_object_begin(&reply->out);
    return &reply->out;
}

void reply_end(Reply *reply, Request *request) {
    json_object_end(&reply->out);
    reply_json(request, 200, &reply->buf);
}

void reply_put_map(JsonWriter *out, const char *key, const StrMap *map, const bool *hidden) {
    json_kv_object(out, key);
    for (size_t i = 0; i < map->n; i++)
        json_kv_string(out, map->at[i].name,
                       hidden && hidden[i] ? SCHEMA_MASKED : map->at[i].value);
    json_object_end(out);
}
