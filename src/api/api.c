/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "api/api_inside.h"
#include "api/peer.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/sessions/stopped.h"

const RouteHandler route_handlers[ROUTES] = {
    [ROUTE_HEALTHZ] = serve_ok,
    [ROUTE_LIVEZ] = serve_ok,
    [ROUTE_READYZ] = serve_ok,
    [ROUTE_VERSION] = serve_version,
    [ROUTE_CORE] = serve_core,
    [ROUTE_GROUPS] = serve_groups,
    [ROUTE_GROUP] = serve_group,
    [ROUTE_RESOURCES] = serve_resources,
    [ROUTE_SESSIONS] = serve_list,
    [ROUTE_SESSION_CREATE] = serve_session_create,
    [ROUTE_SESSION] = serve_object,
    [ROUTE_SESSION_STATUS] = serve_object,
    [ROUTE_SESSION_DELETE] = serve_session_delete,
    [ROUTE_SESSION_PATCH] = serve_session_patch,
    [ROUTE_SESSION_START] = serve_session_start,
    [ROUTE_SESSION_RELOAD] = serve_session_reload,
    [ROUTE_SESSION_HOLD] = serve_session_hold,
    [ROUTE_SESSION_LOG] = serve_log,
    [ROUTE_SESSION_EVENTS] = serve_events,
    [ROUTE_SESSION_TIMELINE] = serve_timeline,
    [ROUTE_ALL_TARGETS] = serve_list,
    [ROUTE_TARGETS] = serve_list,
    [ROUTE_TARGET] = serve_object,
    [ROUTE_TARGET_STATUS] = serve_object,
    [ROUTE_TARGET_START] = serve_target_action,
    [ROUTE_TARGET_STOP] = serve_target_action,
    [ROUTE_TARGET_RESTART] = serve_target_action,
    [ROUTE_TARGET_TRIGGER] = serve_target_trigger,
    [ROUTE_TARGET_PATCH] = serve_target_patch,
    [ROUTE_TARGET_ENABLE] = serve_target_enabled,
    [ROUTE_TARGET_DISABLE] = serve_target_enabled,
    [ROUTE_TARGET_LOG] = serve_log,
    [ROUTE_TARGET_TERMINAL] = serve_terminal,
    [ROUTE_TARGET_INPUT] = serve_target_input,
    [ROUTE_TARGET_RESIZE] = serve_target_resize,
    [ROUTE_TARGET_OUTPUT] = serve_target_output,
    [ROUTE_TARGET_END] = serve_target_end,
    [ROUTE_TARGET_ENVIRONMENT] = serve_target_environment,
    [ROUTE_TARGET_WHY] = serve_why,
    [ROUTE_WORKFLOWS] = serve_list,
    [ROUTE_WORKFLOW_CREATE] = serve_workflow_create,
    [ROUTE_WORKFLOW] = serve_object,
    [ROUTE_WORKFLOW_STATUS] = serve_object,
    [ROUTE_WORKFLOW_DELETE] = serve_workflow_delete,
    [ROUTE_WORKFLOW_CANCEL] = serve_workflow_cancel,
    [ROUTE_WORKFLOW_LOG] = serve_log,
    [ROUTE_BACKENDS] = serve_backends,
    [ROUTE_BACKEND] = serve_backends,
    [ROUTE_LEFTOVERS] = serve_backends,
    [ROUTE_LEFTOVERS_DELETE] = serve_leftovers_delete,
    [ROUTE_WORKFLOW_EVENTS] = serve_workflow_events,
    [ROUTE_ENVIRONMENTS] = serve_list,
    [ROUTE_NAMESPACE_ENVIRONMENTS] = serve_list,
    [ROUTE_ENVIRONMENT_CREATE] = serve_environment_create,
    [ROUTE_ENVIRONMENT_RUN] = serve_environment_run,
    [ROUTE_ENVIRONMENT_SHARED_HOOK] = serve_environment_shared_hook,
    [ROUTE_ENVIRONMENT] = serve_object,
    [ROUTE_ENVIRONMENT_STATUS] = serve_object,
    [ROUTE_ENVIRONMENT_DELETE] = serve_environment_delete,
    [ROUTE_ENVIRONMENT_PROVISION] = serve_environment_action,
    [ROUTE_ENVIRONMENT_REFRESH] = serve_environment_action,
    [ROUTE_ENVIRONMENT_STEP] = serve_environment_action,
    [ROUTE_ENVIRONMENT_START] = serve_environment_action,
    [ROUTE_ENVIRONMENT_STOP] = serve_environment_action,
    [ROUTE_ENVIRONMENT_HOOK] = serve_environment_action,
    [ROUTE_ENVIRONMENT_INVALIDATE] = serve_environment_invalidate,
    [ROUTE_ENVIRONMENT_SAY] = serve_environment_action,
    [ROUTE_ENVIRONMENT_CANCEL] = serve_environment_cancel,
    [ROUTE_ENVIRONMENT_EVENTS] = serve_environment_events,
    [ROUTE_ENVIRONMENT_ENTRY] = serve_environment_entry,
    [ROUTE_ENVIRONMENT_STEPS] = serve_environment_steps,
    [ROUTE_ENVIRONMENT_STEP_VIEW] = serve_environment_step_view,
    [ROUTE_ENVIRONMENT_VARIABLES] = serve_environment_variables,
    [ROUTE_ENVIRONMENT_INFRASTRUCTURE] = serve_environment_infrastructure,
    [ROUTE_ENVIRONMENT_VALUES] = serve_environment_values,
    [ROUTE_ENVIRONMENT_VALUES_PATCH] = serve_environment_values_patch,
    [ROUTE_ENVIRONMENT_ORPHANS] = serve_environment_orphans,
    [ROUTE_ENVIRONMENT_ORPHAN_DELETE] = serve_environment_orphan_delete,
    [ROUTE_ENVIRONMENT_STATE] = serve_environment_state,
    [ROUTE_ENVIRONMENT_IMPORT] = serve_environment_import,
    [ROUTE_ENVIRONMENT_LOG] = serve_log,
    [ROUTE_REVIEW] = serve_review,
    [ROUTE_SERVER] = serve_server,
    [ROUTE_SERVER_STOP] = serve_server_leave,
    [ROUTE_SERVER_RESTART] = serve_server_leave,
};

/* ---- helpers of handlers ---- */

ObjectKind route_kind(RouteId id) {
    for (ObjectKind kind = 0; kind < OBJECT_KINDS; kind++)
        if (str_same(routes[id].resource, object_plural(kind)))
            return kind;
    return OBJECT_SESSION;
}

Object *find_object(Api *api, Request *request, const RouteMatch *match) {
    ObjectKind kind = route_kind(match->id);
    bool spaced = kind == OBJECT_TARGET || kind == OBJECT_ENVIRONMENT;
    const char *space = spaced ? match->vars[0] : NULL, *name = match->vars[spaced];
    Object *object = object_find(api->objects, kind, space, name);
    if (!object)
        reply_not_found(request, object_group(kind), object_plural(kind), name);
    return object;
}

bool session_exists(Api *api, Request *request, const char *slug) {
    StoppedSession stopped;
    bool exists = object_find(api->objects, OBJECT_SESSION, NULL, slug) ||
                  stopped_find(api->options.state_dir, slug, request->arena, &stopped) == 0;
    if (!exists)
        reply_not_found(request, "tilt.dev", "sessions", slug);
    return exists;
}

void reply_json(Request *request, int status, Buf *buf) {
    buf_putc(buf, '\n');
    request_reply(request, status, NULL, buf);
}

void reply_object(Request *request, int status, Object *object) {
    size_t size;
    const char *json = object_json(object, &size);
    Buf buf;
    buf_init(&buf, MAX_REPLY_BYTES);
    buf_put(&buf, json, size);
    reply_json(request, status, &buf);
}

static bool is_json_type(const char *type) {
    static const char json[] = "application/json";
    if (!type || strncasecmp(type, json, strlen(json)) != 0)
        return false;
    type += strlen(json);
    return !*type || *type == ';' || *type == ' ';
}

int request_json(Request *request, const Value **ret) {
    *ret = NULL;
    if (!request->body_size || is_json_type(request_header(request, "Content-Type")))
        return request_body_json(request, ret);
    reply_status(request, 415, "UnsupportedMediaType",
                 "the body of the request was in an unknown format - accepted media types "
                 "include: application/json");
    return -1;
}

int request_body_json(Request *request, const Value **ret) {
    Err err;
    *ret = NULL;
    if (!request->body_size)
        return 0;
    if (json_parse(request->body, request->body_size, request->arena, ret, &err) < 0) {
        reply_status(request, 400, "BadRequest", "the body of the request is no JSON: %s", err.msg);
        return -1;
    }
    if (!value_is(*ret, VALUE_MAP)) {
        reply_status(request, 400, "BadRequest",
                     "the body of the request is a JSON %s, not an object",
                     value_kind_name((*ret)->kind));
        return -1;
    }
    return 0;
}

/* ---- dispatch ---- */

static int method_of(const char *name) {
    for (int method = 0; method < HTTP_METHODS; method++)
        if (strcmp(http_method_name((HttpMethod)method), name) == 0)
            return method;
    return -1;
}

static void reply_not_allowed(Request *request, unsigned allowed) {
    char text[64] = "";
    size_t n = 0;
    for (int method = 0; method < HTTP_METHODS; method++)
        if (allowed & 1u << method)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
                                  http_method_name((HttpMethod)method));
    request_set_header(request, "Allow", text);
    reply_status(request, 405, "MethodNotAllowed",
                 "the server does not allow this method on the requested resource");
}

/* A client that means the server of another state directory would take one for the other. Other
 * clients do not say. */
static bool is_elsewhere(const Api *api, const char *state_dir) {
    struct stat own, meant;
    if (!state_dir || strcmp(state_dir, api->options.state_dir) == 0)
        return false;
    return stat(state_dir, &meant) < 0 || stat(api->options.state_dir, &own) < 0 ||
           own.st_dev != meant.st_dev || own.st_ino != meant.st_ino;
}

static bool refuse(const Api *api, Request *request) {
    const char *meant = request_header(request, CLIENT_STATE_DIR);
    bool elsewhere = is_elsewhere(api, meant);
    if (request->denied || elsewhere)
        request_set_header(request, "Connection", "close");
    if (request->denied)
        reply_status(request, 403, "Forbidden", "%s", request->denied);
    else if (elsewhere)
        reply_status(
            request, 403, "Forbidden",
            "the server on this socket keeps its state in %s, not in %s: a THOLE_STATE_DIR "
            "of its own needs a THOLE_RUNTIME_DIR of its own",
            api->options.state_dir, meant);
    return request->denied || elsewhere;
}

static void handle(void *arg, Request *request) {
    Api *api = arg;
    if (refuse(api, request))
        return;
    RouteMatch match =
        route_match(method_of(request->method), request->uri.path.at, request->uri.path.n);
    if (match.id != ROUTES && environments_wait(api, request, &match))
        return;
    if (match.id != ROUTES)
        route_handlers[match.id](api, request, &match);
    else if (match.allowed)
        reply_not_allowed(request, match.allowed);
    else
        reply_no_page(request);
}

/* ---- life ---- */

static int admit(void *arg, const Peer *peer, Err *err) {
    return peer_check(peer, err);
}

static void on_socket(void *arg, int fd) {
    Api *api = arg;
    http_server_listen(api->http, fd);
}

static void free_options(ApiOptions *options) {
    free((char *)options->socket_path);
    free((char *)options->state_dir);
    free((char *)options->version);
}

Api *api_new(const ApiOptions *options, Err *err) {
    Api *api = xcalloc(1, sizeof(*api));
    api->options = *options;
    api->options.socket_path = options->socket_path ? xstrdup(options->socket_path) : NULL;
    api->options.state_dir = xstrdup(options->state_dir);
    api->options.version = xstrdup(options->version);
    api->objects = engine_objects(options->engine);
    api->started_us = loop_wall_us(options->loop);
    list_init(&api->hands);
    if (options->socket_path)
        api->socket = socket_file_new(options->loop, options->socket_path, on_socket, api, err);
    if (options->socket_path && !api->socket) {
        free_options(&api->options);
        free(api);
        return NULL;
    }
    api->http = http_server_new(
        &(HttpServerOptions){.loop = options->loop, .handle = handle, .admit = admit, .arg = api});
    http_server_listen(api->http, socket_file_fd(api->socket));
    return api;
}

Api *api_free(Api *api) {
    if (!api)
        return NULL;
    http_server_free(api->http);
    socket_file_free(api->socket);
    server_hands_free(api);
    watch_cache_clear(&api->events);
    free_options(&api->options);
    free(api);
    return NULL;
}

size_t api_clients(const Api *api) {
    return http_server_connections(api->http);
}

void api_serve(Api *api, int fd) {
    http_server_add(api->http, fd);
}
