/* SPDX-License-Identifier: Apache-2.0 */
/* Environments: what is asked of them. The store is asked first what others have changed, so every
 * request waits for it once. */
#include <string.h>

#include "api/environment_request.h"
#include "api/event_flow.h"
#include "base/str.h"
#include "engine/operations/operation_events.h"
#include "spec/environment_name.h"

/* A config file may lie in a worktree. */
static bool reads_config(RouteId id) {
    return id == ROUTE_SESSION_CREATE || id == ROUTE_REVIEW;
}

static bool concerns_environments(RouteId id) {
    const char *resource = routes[id].resource;
    return (resource && str_starts(resource, "environment")) || reads_config(id);
}

/* That is asked for, as far as it is known here. */
static const Environment *known(Api *api, const RouteMatch *match) {
    if (!str_same(routes[match->id].resource, "environments") || !match->vars[0] || !match->vars[1])
        return NULL;
    Object *object = object_find(api->objects, OBJECT_ENVIRONMENT, match->vars[0], match->vars[1]);
    return object ? environment_of(object) : NULL;
}

/* It is followed or ended: no store has a part in that. */
static bool is_followed(RouteId id) {
    static const RouteId ids[] = {ROUTE_ENVIRONMENT, ROUTE_ENVIRONMENT_STATUS,
                                  ROUTE_ENVIRONMENT_EVENTS, ROUTE_ENVIRONMENT_LOG,
                                  ROUTE_ENVIRONMENT_CANCEL};
    for (size_t i = 0; i < COUNT(ids); i++)
        if (id == ids[i])
            return true;
    return false;
}

/* It is followed and ended, no more. */
static bool refuse_apart(Request *request, RouteId id) {
    Err err;
    if (is_followed(id))
        return false;
    err_set(&err, ERR_NOT_FOUND,
            "it is in no store: what runs from a manifest has the file beside it, a hook that all "
            "environments share has nothing; nothing else is known");
    reply_err(request, &err);
    return true;
}

bool environments_wait(Api *api, Request *request, const RouteMatch *match) {
    const Waiting *waited = waiting_of(request);
    if (!concerns_environments(match->id))
        return false;
    const Environment *environment = known(api, match);
    if (environment && environment_is_apart(environment))
        return refuse_apart(request, match->id);
    if (!waited) {
        Waiting *waiting = waiting_new(request, WAITED_FOR_MIRROR, 0);
        waiting_begin(waiting, environments_refresh(api->options.engine, waiting_done, waiting));
        return true;
    }
    if (waited->err.kind == ERR_NONE || reads_config(match->id))
        return false;
    if (environment && environment_doing(environment) && is_followed(match->id))
        return false;
    reply_err(request, &waited->err);
    return true;
}

/* ---- sessions ---- */

bool session_environment(Api *api, Request *request, const char *file,
                         const EnvironmentEntry **ret) {
    const Waiting *waited = waiting_of(request);
    Environment *environment = environment_of_file(api->options.engine, file);
    *ret = NULL;
    if (!environment || waited->err.kind != ERR_NONE)
        return true; /* a store that cannot be used is said by those who need it */
    if (waited->stage == WAITED_FOR_ENTRY) {
        *ret = &((const StoredEnvironment *)waited->result)->entry;
        return true;
    }
    Waiting *waiting = waiting_new(request, WAITED_FOR_ENTRY, sizeof(StoredEnvironment));
    waiting_begin(waiting,
                  environment_read(environment, ENVIRONMENT_VALUES, waiting_done, waiting));
    return false;
}

/* ---- operations ---- */

/* Of one that is not there yet: what cannot be made is refused before anything is written down. */
static bool place_is_known(Api *api, Request *request, const OperationAsk *ask) {
    if (waiting_of(request)->stage == WAITED_FOR_LOOK ||
        environment_find(api->options.engine, ask->file, ask->name))
        return true;
    environment_begin_look(api, request, &(LookAsk){.ask = ask, .parts = LOOK_PLACE});
    return false;
}

static void begin(Api *api, Request *request, int status, const OperationAsk *ask) {
    Environment *environment = environment_begin_asked(api, request, ask);
    if (environment)
        reply_object(request, status, environment_object(environment));
}

void serve_environment_create(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    OperationAsk ask = {.kind = OPERATION_CREATE};
    bool provision_only = false;
    Err err;
    if (request_json(request, &body) < 0 ||
        environment_read_fields(request, value_get(body, "spec"), "spec", &ask) < 0 ||
        environment_read_flag(request, value_get(body, "spec"), "provisionOnly", &provision_only) <
            0 ||
        environment_read_client(request, body, &ask) < 0)
        return;
    if (!ask.name || !ask.file || ask.file[0] != '/') {
        (void)environment_bad(request, ask.name ? "spec.project" : "spec.name",
                              ask.name ? "expected the absolute path of a config file"
                                       : "it is missing");
        return;
    }
    ask.file = environments_project_of(api->options.engine, ask.file);
    if (provision_only)
        ask.kind = OPERATION_PROVISION;
    if (environment_name_check(ask.name, &err) < 0)
        reply_err(request, &err);
    else if (str_same(request_param(request, "dryRun"), "All"))
        serve_environment_dry_run(api, request, &ask);
    else if (place_is_known(api, request, &ask))
        begin(api, request, 201, &ask);
}

void serve_environment_run(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    OperationAsk ask = {.kind = OPERATION_RUN};
    bool stop = false;
    if (request_json(request, &body) < 0 ||
        environment_read_text(request, body, "manifest", &ask.manifest) < 0 ||
        environment_read_flag(request, body, "stop", &stop) < 0 ||
        environment_read_fields(request, body, "", &ask) < 0 ||
        environment_read_client(request, body, &ask) < 0)
        return;
    if (stop)
        ask.kind = OPERATION_STOP;
    if (!ask.manifest || ask.manifest[0] != '/')
        (void)environment_bad(request, "manifest", "expected the absolute path of a manifest");
    else
        begin(api, request, 201, &ask);
}

void serve_environment_shared_hook(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    OperationAsk ask = {.kind = OPERATION_HOOK};
    if (request_json(request, &body) < 0 || environment_read_fields(request, body, "", &ask) < 0 ||
        environment_read_client(request, body, &ask) < 0)
        return;
    if (!ask.file || ask.file[0] != '/') {
        (void)environment_bad(request, "project", "expected the absolute path of a config file");
        return;
    }
    ask.file = environments_project_of(api->options.engine, ask.file);
    ask.name = "";
    begin(api, request, 201, &ask);
}

/* What the environment is called, and where. */
static Object *name_it(Api *api, Request *request, const RouteMatch *match, OperationAsk *ask) {
    Object *object = find_object(api, request, match);
    if (!object)
        return NULL;
    const Environment *environment = environment_of(object);
    ask->name = environment_entry(environment)->name;
    ask->file = environment_project(environment);
    return object;
}

void serve_environment_delete(Api *api, Request *request, const RouteMatch *match) {
    OperationAsk ask = {.kind = OPERATION_DELETE,
                        .force = request_flag(request, "force"),
                        .keep_worktree = request_flag(request, "keepWorktree")};
    const Value *body;
    if (request_json(request, &body) < 0 || environment_read_client(request, body, &ask) < 0)
        return;
    Object *object = name_it(api, request, match, &ask);
    if (object && delete_is_meant(request, body, object))
        begin(api, request, 200, &ask);
}

void serve_environment_action(Api *api, Request *request, const RouteMatch *match) {
    OperationAsk ask = {0};
    const Value *body;
    if (operation_kind_parse(routes[match->id].subresource, &ask.kind) < 0)
        UNREACHABLE();
    if (request_json(request, &body) == 0 &&
        environment_read_fields(request, body, "", &ask) == 0 &&
        environment_read_client(request, body, &ask) == 0 && name_it(api, request, match, &ask))
        begin(api, request, 200, &ask);
}

void serve_environment_cancel(Api *api, Request *request, const RouteMatch *match) {
    Object *object = find_object(api, request, match);
    Err err;
    if (!object)
        return;
    if (environment_cancel(environment_of(object), &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}

/* ---- events ---- */

static int next_event(void *events, EventLine *ret) {
    return operation_events_next(events, ret);
}
static void free_events(void *events) {
    operation_events_free(events);
}

void serve_environment_events(Api *api, Request *request, const RouteMatch *match) {
    OperationEventAsk ask = {.follow = request_flag(request, "follow")};
    Err err;
    Object *object = find_object(api, request, match);
    if (!object || param_count(request, "operation", 0, &ask.number) < 0 ||
        param_count(request, "after", 0, &ask.after) < 0)
        return;
    EventFlow flow = event_flow_new();
    OperationEvents *events =
        operation_events_new(environment_of(object), &ask, flow.more, flow.arg, &err);
    event_flow_begin(flow, request, &(EventSource){events, next_event, free_events}, &err);
}

/* ---- the entry ---- */

void serve_environment_entry(Api *api, Request *request, const RouteMatch *match) {
    unsigned parts = ENVIRONMENT_STEPS | ENVIRONMENT_VALUES |
                     (request_flag(request, "audit") ? ENVIRONMENT_AUDIT : 0);
    const StoredEnvironment *stored = environment_stored(api, request, match, parts);
    const Environment *environment = stored ? find_environment(api, request, match) : NULL;
    Buf buf;
    JsonWriter out;
    if (!environment)
        return;
    EnvironmentEntry entry = stored->entry;
    entry.status = environment_phase(environment);
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    entry_encode(&entry, request_flag(request, "reveal") ? ENTRY_SEED : ENTRY_SHOWN, &out);
    reply_json(request, 200, &buf);
}
