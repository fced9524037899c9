/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of our HTTP API, as data. From this one table come the server's router (api/),
 * discovery, the client's paths (client/), the page docs/api.md, and a test that walks every route.
 * Needs libc alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Buf Buf;

#define API_VERSION       "v1alpha1" /* of both groups */
#define TILT_API_VERSION  "tilt.dev/" API_VERSION
#define THOLE_API_VERSION "thole.dev/" API_VERSION
#define TILT_API          "/apis/" TILT_API_VERSION
#define THOLE_API         "/apis/" THOLE_API_VERSION
/* Header of our own clients: the state directory they mean. The server of another one refuses
 * them. */
#define CLIENT_STATE_DIR "Thole-State-Dir"

typedef enum HttpMethod { HTTP_GET, HTTP_POST, HTTP_PATCH, HTTP_DELETE, HTTP_METHODS } HttpMethod;

const char *http_method_name(HttpMethod method); /* "GET" */

typedef enum RouteId {
    ROUTE_HEALTHZ,
    ROUTE_LIVEZ,
    ROUTE_READYZ,
    ROUTE_VERSION,
    ROUTE_CORE,      /* /api: we have no core group */
    ROUTE_GROUPS,    /* /apis */
    ROUTE_GROUP,     /* /apis/{group} */
    ROUTE_RESOURCES, /* /apis/{group}/v1alpha1 */
    ROUTE_SESSIONS,
    ROUTE_SESSION_CREATE,
    ROUTE_SESSION,
    ROUTE_SESSION_STATUS,
    ROUTE_SESSION_DELETE,
    ROUTE_SESSION_PATCH,
    ROUTE_SESSION_START,
    ROUTE_SESSION_RELOAD,
    ROUTE_SESSION_HOLD,
    ROUTE_SESSION_LOG,
    ROUTE_SESSION_EVENTS,
    ROUTE_SESSION_TIMELINE,
    ROUTE_ALL_TARGETS,
    ROUTE_TARGETS,
    ROUTE_TARGET,
    ROUTE_TARGET_STATUS,
    ROUTE_TARGET_START,
    ROUTE_TARGET_STOP,
    ROUTE_TARGET_RESTART,
    ROUTE_TARGET_TRIGGER,
    ROUTE_TARGET_PATCH,
    ROUTE_TARGET_ENABLE,
    ROUTE_TARGET_DISABLE,
    ROUTE_TARGET_LOG,
    ROUTE_TARGET_TERMINAL,
    ROUTE_TARGET_INPUT,
    ROUTE_TARGET_RESIZE,
    ROUTE_TARGET_OUTPUT,
    ROUTE_TARGET_END,
    ROUTE_TARGET_ENVIRONMENT,
    ROUTE_TARGET_WHY,
    ROUTE_WORKFLOWS,
    ROUTE_WORKFLOW_CREATE,
    ROUTE_WORKFLOW,
    ROUTE_WORKFLOW_STATUS,
    ROUTE_WORKFLOW_DELETE,
    ROUTE_WORKFLOW_CANCEL,
    ROUTE_WORKFLOW_LOG,
    ROUTE_BACKENDS,
    ROUTE_BACKEND,
    ROUTE_LEFTOVERS,
    ROUTE_LEFTOVERS_DELETE,
    ROUTE_WORKFLOW_EVENTS,
    ROUTE_ENVIRONMENTS,
    ROUTE_NAMESPACE_ENVIRONMENTS,
    ROUTE_ENVIRONMENT_CREATE,
    ROUTE_ENVIRONMENT_RUN,
    ROUTE_ENVIRONMENT_SHARED_HOOK,
    ROUTE_ENVIRONMENT,
    ROUTE_ENVIRONMENT_STATUS,
    ROUTE_ENVIRONMENT_DELETE,
    ROUTE_ENVIRONMENT_PROVISION,
    ROUTE_ENVIRONMENT_REFRESH,
    ROUTE_ENVIRONMENT_STEP,
    ROUTE_ENVIRONMENT_START,
    ROUTE_ENVIRONMENT_STOP,
    ROUTE_ENVIRONMENT_HOOK,
    ROUTE_ENVIRONMENT_INVALIDATE,
    ROUTE_ENVIRONMENT_SAY,
    ROUTE_ENVIRONMENT_CANCEL,
    ROUTE_ENVIRONMENT_EVENTS,
    ROUTE_ENVIRONMENT_ENTRY,
    ROUTE_ENVIRONMENT_STEPS,
    ROUTE_ENVIRONMENT_STEP_VIEW,
    ROUTE_ENVIRONMENT_VARIABLES,
    ROUTE_ENVIRONMENT_INFRASTRUCTURE,
    ROUTE_ENVIRONMENT_VALUES,
    ROUTE_ENVIRONMENT_VALUES_PATCH,
    ROUTE_ENVIRONMENT_ORPHANS,
    ROUTE_ENVIRONMENT_ORPHAN_DELETE,
    ROUTE_ENVIRONMENT_STATE,
    ROUTE_ENVIRONMENT_IMPORT,
    ROUTE_ENVIRONMENT_LOG,
    ROUTE_REVIEW,
    ROUTE_SERVER,
    ROUTE_SERVER_STOP,
    ROUTE_SERVER_RESTART,
    ROUTES,
} RouteId;

/* A query parameter. */
typedef struct RouteParam {
    const char *name, *doc;
} RouteParam;

enum { ROUTE_PARAMS = 12, ROUTE_VARS = 2 };

typedef struct Route {
    HttpMethod method;
    const char *path; /* {group} {session} {target} {name} stand for one segment each */
    const char *doc;  /* one sentence */
    /* what discovery says; NULL: nothing, or no subresource */
    const char *group, *resource, *subresource;
    const char *verb;                /* of Kubernetes: get, list, create, delete */
    const char *body;                /* what a POST's JSON object may have; NULL: no body */
    const char *reply;               /* kind of the object answered, or what else; for the docs */
    bool stream;                     /* the reply goes on until one side ends it */
    RouteParam params[ROUTE_PARAMS]; /* end with name NULL */
} Route;

extern const Route routes[ROUTES];

/* What a resource is, for discovery. Its verbs are gathered from the routes. */
typedef struct RouteResource {
    const char *group, *name, *singular, *kind;
    bool namespaced;
    const char *short_name;
    const char *categories[3]; /* end with NULL */
} RouteResource;

extern const RouteResource route_resources[]; /* ends with name NULL */
extern const char *const route_groups[];      /* ends with NULL */

/* ---- server ---- */
typedef struct RouteMatch {
    RouteId id;                   /* ROUTES: none */
    const char *vars[ROUTE_VARS]; /* values of the {…}, in order; lent from the segments */
    unsigned allowed;             /* no route for this method, but for these: 1u << HttpMethod */
} RouteMatch;

/* `segments`: the path split at '/', each one decoded: "/apis/tilt.dev" is {"apis", "tilt.dev"}.
 * `method` < 0: none of ours. */
RouteMatch route_match(int method, const char *const *segments, size_t n);

/* ---- client ---- */
/* The path of a route with its variables percent-encoded, in order; NULL where the route has fewer.
 * Returns the length, or -1 when it does not fit. The query string is the caller's, with
 * url_escape. */
int route_path(RouteId id, const char *first, const char *second, char *ret, size_t size);
/* Percent-encodes everything but [A-Za-z0-9._~-]. Returns the length, or -1 when it does not
 * fit. */
int url_escape(const char *text, char *ret, size_t size);

/* ---- docs ---- */
/* A Markdown section per group of routes. */
void routes_markdown(Buf *out);
