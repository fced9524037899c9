/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this directory share, and nobody else sees. A handler answers one route, before
 * it returns. */
#pragma once

#include "api/api.h"
#include "api/watch_event.h"
#include "api/http_server.h"
#include "api/listing.h"
#include "api/session_body.h"
#include "api/socket_file.h"
#include "api/status.h"
#include "spec/environment.h"
#include "spec/routes.h"

struct Api {
    ApiOptions options;
    HttpServer *http;
    SocketFile *socket;
    Objects *objects;
    WatchCache events;
    int64_t started_us;
    List hands; /* Hand.link: those who asked us to leave and have not got their answer yet */
};

typedef struct OperationAsk OperationAsk;
typedef void (*RouteHandler)(Api *api, Request *request, const RouteMatch *match);

/* By RouteId; one for each. */
extern const RouteHandler route_handlers[ROUTES];

/* discovery.c */
void serve_ok(Api *api, Request *request, const RouteMatch *match);
void serve_version(Api *api, Request *request, const RouteMatch *match);
void serve_core(Api *api, Request *request, const RouteMatch *match);
void serve_groups(Api *api, Request *request, const RouteMatch *match);
void serve_group(Api *api, Request *request, const RouteMatch *match);
void serve_resources(Api *api, Request *request, const RouteMatch *match);
/* listing.c */
void serve_list(Api *api, Request *request, const RouteMatch *match);
void serve_object(Api *api, Request *request, const RouteMatch *match);
/* watch.c: the stream that serve_list turns into */
void serve_watch(Api *api, Request *request, const ListAsk *ask);
/* session_actions.c */
/* Unknown fields are refused, warned of or ignored, as the client wishes. -1: answered. */
MUST int check_unknown(Request *request, const char *kind, const SessionBody *body);
/* 422 with the causes of the body. */
void reply_invalid(Request *request, const SessionBody *body, const char *name);
void serve_session_create(Api *api, Request *request, const RouteMatch *match);
void serve_session_delete(Api *api, Request *request, const RouteMatch *match);
void serve_session_start(Api *api, Request *request, const RouteMatch *match);
/* reload.c */
void serve_session_reload(Api *api, Request *request, const RouteMatch *match);
/* Answers what creating it would do. */
void reply_preview(Api *api, Request *request, const SessionAsk *ask);
/* hold.c */
void serve_session_hold(Api *api, Request *request, const RouteMatch *match);
/* target_actions.c */
void serve_target_action(Api *api, Request *request, const RouteMatch *match);
void serve_target_trigger(Api *api, Request *request, const RouteMatch *match);
/* delete.c: do the conditions of a DELETE hold (DeleteOptions: preconditions), and is it no dry
 * run? False: it was answered. */
MUST bool delete_is_meant(Request *request, const Value *body, Object *object);
/* patch.c: the `spec` of a merge patch (NULL: it changes nothing), whose conditions hold. -1: it
 * was answered. */
MUST int request_patch(Request *request, Object *object, const Value **ret);
/* The whole of a merge patch; NULL: an empty one. */
MUST int request_merge_patch(Request *request, const Value **ret);
void serve_session_patch(Api *api, Request *request, const RouteMatch *match);
void serve_target_patch(Api *api, Request *request, const RouteMatch *match);
void serve_target_enabled(Api *api, Request *request, const RouteMatch *match);
/* terminal.c */
void serve_terminal(Api *api, Request *request, const RouteMatch *match);
void serve_target_input(Api *api, Request *request, const RouteMatch *match);
void serve_target_resize(Api *api, Request *request, const RouteMatch *match);
void serve_target_output(Api *api, Request *request, const RouteMatch *match);
void serve_target_end(Api *api, Request *request, const RouteMatch *match);
void serve_target_environment(Api *api, Request *request, const RouteMatch *match);
/* logs.c */
void serve_log(Api *api, Request *request, const RouteMatch *match);
/* history.c */
void serve_events(Api *api, Request *request, const RouteMatch *match);
void serve_why(Api *api, Request *request, const RouteMatch *match);
void serve_timeline(Api *api, Request *request, const RouteMatch *match);
/* workflows.c */
void serve_workflow_create(Api *api, Request *request, const RouteMatch *match);
void serve_workflow_delete(Api *api, Request *request, const RouteMatch *match);
void serve_workflow_cancel(Api *api, Request *request, const RouteMatch *match);
/* environments.c */
/* True: the mirror of the store is looked after first, or cannot be, which is answered. */
bool environments_wait(Api *api, Request *request, const RouteMatch *match);
/* The environment whose project `file` is, in its worktree; NULL: it lies in none. False: it is
 * asked for, and the handler is called again. Of routes that read a config file alone. */
MUST bool session_environment(Api *api, Request *request, const char *file,
                              const EnvironmentEntry **ret);
void serve_environment_run(Api *api, Request *request, const RouteMatch *match);
void serve_environment_shared_hook(Api *api, Request *request, const RouteMatch *match);
void serve_environment_create(Api *api, Request *request, const RouteMatch *match);
void serve_environment_delete(Api *api, Request *request, const RouteMatch *match);
void serve_environment_action(Api *api, Request *request, const RouteMatch *match);
void serve_environment_cancel(Api *api, Request *request, const RouteMatch *match);
void serve_environment_events(Api *api, Request *request, const RouteMatch *match);
void serve_environment_entry(Api *api, Request *request, const RouteMatch *match);
/* environment_views.c */
void serve_environment_dry_run(Api *api, Request *request, const OperationAsk *ask);
void serve_environment_steps(Api *api, Request *request, const RouteMatch *match);
void serve_environment_step_view(Api *api, Request *request, const RouteMatch *match);
void serve_environment_variables(Api *api, Request *request, const RouteMatch *match);
void serve_environment_infrastructure(Api *api, Request *request, const RouteMatch *match);
void serve_environment_invalidate(Api *api, Request *request, const RouteMatch *match);
/* environment_values.c */
void serve_environment_values(Api *api, Request *request, const RouteMatch *match);
void serve_environment_values_patch(Api *api, Request *request, const RouteMatch *match);
/* environment_orphans.c */
void serve_environment_orphans(Api *api, Request *request, const RouteMatch *match);
void serve_environment_orphan_delete(Api *api, Request *request, const RouteMatch *match);
/* environment_state.c */
void serve_environment_state(Api *api, Request *request, const RouteMatch *match);
void serve_environment_import(Api *api, Request *request, const RouteMatch *match);
/* backends.c */
void serve_backends(Api *api, Request *request, const RouteMatch *match);
void serve_leftovers_delete(Api *api, Request *request, const RouteMatch *match);
/* workflow_events.c */
void serve_workflow_events(Api *api, Request *request, const RouteMatch *match);
/* server_info.c */
void serve_review(Api *api, Request *request, const RouteMatch *match);
void serve_server(Api *api, Request *request, const RouteMatch *match);
void serve_server_leave(Api *api, Request *request, const RouteMatch *match);
void server_hands_free(Api *api);

/* ---- helpers, in api.c ---- */
/* The kind that a route is about. */
ObjectKind route_kind(RouteId id);
/* The object that the path names; NULL: answered with 404. */
Object *find_object(Api *api, Request *request, const RouteMatch *match);
void reply_object(Request *request, int status, Object *object);
/* The body as a JSON object: 0; an absent one is NULL. -1: answered with 400 or 415. */
MUST int request_json(Request *request, const Value **ret);
MUST int request_body_json(Request *request,
                           const Value **ret); /* ... whatever its type is called */
/* Is there such a session, be it down? Else answered with 404. */
bool session_exists(Api *api, Request *request, const char *slug);
/* A finished JSON value in `out`'s Buf. */
void reply_json(Request *request, int status, Buf *buf);

/* ---- params.c: parameters of a query ---- */
/* 0, also when absent: *ret stays; -1: it was answered with 400. */
int param_bad(Request *request, const char *name, const char *text, const char *expected);
/* The values of all of that name. */
StrList params_all(Request *request, const char *name);
MUST int param_time(Request *request, const char *name, int64_t *ret);
MUST int param_count(Request *request, const char *name, int64_t min, int64_t *ret);
