/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: groups, resources and their verbs, from the table of routes. */
#include <string.h>

#include "api/api_inside.h"
#include "base/str.h"
#include "spec/routes.h"

#define AGGREGATED      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
#define AGGREGATED_BETA "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"

static void open_reply(Buf *buf, JsonWriter *out) {
    buf_init(buf, MAX_REPLY_BYTES);
    json_writer_init(out, buf);
    json_object_begin(out);
}

static void close_reply(Request *request, Buf *buf, JsonWriter *out) {
    json_object_end(out);
    reply_json(request, 200, buf);
}

void serve_ok(Api *api, Request *request, const RouteMatch *match) {
    Buf buf;
    buf_init(&buf, MAX_REPLY_BYTES);
    buf_puts(&buf, "ok");
    request_reply(request, 200, "text/plain; charset=utf-8", &buf);
}

void serve_version(Api *api, Request *request, const RouteMatch *match) {
    Buf buf;
    JsonWriter out;
    open_reply(&buf, &out);
    json_kv_string(&out, "major", "1");
    json_kv_string(&out, "minor", "32");
    json_key(&out, "gitVersion");
    json_stringf(&out, "v1.32.0-thole.%s", api->options.version);
    json_kv_string(&out, "tholeVersion", api->options.version);
    json_kv_string(&out, "platform", "linux");
    close_reply(request, &buf, &out);
}

/* ---- the aggregated form ---- */

/* The version in which the client wants it, if it asks for it before plain JSON. */
static const char *aggregated_version(const Request *request) {
    const char *accept = request_header(request, "Accept");
    for (const char *p = accept; p && *p; p += strcspn(p, ","), p += *p == ',') {
        while (*p == ' ')
            p++;
        size_t n = strcspn(p, ",");
        if (n == strlen(AGGREGATED) && strncmp(p, AGGREGATED, n) == 0)
            return "v2";
        if (n == strlen(AGGREGATED_BETA) && strncmp(p, AGGREGATED_BETA, n) == 0)
            return "v2beta1";
        if (strncmp(p, "application/json", n) == 0 || strncmp(p, "*/*", n) == 0)
            return NULL;
    }
    return NULL;
}

/* Does any route serve this verb? watch goes with list. */
static bool has_verb(const RouteResource *resource, const char *subresource, const char *verb) {
    const char *served = strcmp(verb, "watch") == 0 ? "list" : verb;
    for (RouteId id = 0; id < ROUTES; id++)
        if (str_same(routes[id].group, resource->group) &&
            str_same(routes[id].resource, resource->name) &&
            str_same(routes[id].subresource, subresource) && str_same(routes[id].verb, served))
            return true;
    return false;
}

static void write_verbs(const RouteResource *resource, const char *subresource, JsonWriter *out) {
    static const char *const verbs[] = {"create", "delete", "get", "list", "patch", "watch"};
    json_kv_array(out, "verbs");
    for (size_t i = 0; i < COUNT(verbs); i++)
        if (has_verb(resource, subresource, verbs[i]))
            json_string(out, verbs[i]);
    json_array_end(out);
}

static void write_names(const RouteResource *resource, JsonWriter *out) {
    if (resource->short_name) {
        json_kv_array(out, "shortNames");
        json_string(out, resource->short_name);
        json_array_end(out);
    }
    if (resource->categories[0]) {
        json_kv_array(out, "categories");
        for (size_t i = 0; resource->categories[i]; i++)
            json_string(out, resource->categories[i]);
        json_array_end(out);
    }
}

static void write_response_kind(const RouteResource *resource, JsonWriter *out) {
    json_kv_object(out, "responseKind");
    json_kv_string(out, "group", resource->group);
    json_kv_string(out, "version", API_VERSION);
    json_kv_string(out, "kind", resource->kind);
    json_object_end(out);
}

/* Calls for each subresource once. */
typedef void (*SubresourceFn)(const RouteResource *resource, const char *subresource,
                              JsonWriter *out);
static void each_subresource(const RouteResource *resource, SubresourceFn fn, JsonWriter *out) {
    const char *last = NULL;
    for (RouteId id = 0; id < ROUTES; id++) {
        const Route *route = &routes[id];
        if (!route->subresource || !str_same(route->group, resource->group) ||
            !str_same(route->resource, resource->name) || str_same(route->subresource, last))
            continue;
        fn(resource, route->subresource, out);
        last = route->subresource;
    }
}

static void write_aggregated_sub(const RouteResource *resource, const char *subresource,
                                 JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "subresource", subresource);
    write_response_kind(resource, out);
    write_verbs(resource, subresource, out);
    json_object_end(out);
}

static void write_aggregated_resource(const RouteResource *resource, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "resource", resource->name);
    write_response_kind(resource, out);
    json_kv_string(out, "scope", resource->namespaced ? "Namespaced" : "Cluster");
    json_kv_string(out, "singularResource", resource->singular);
    write_verbs(resource, NULL, out);
    write_names(resource, out);
    json_kv_array(out, "subresources");
    each_subresource(resource, write_aggregated_sub, out);
    json_array_end(out);
    json_object_end(out);
}

static void write_aggregated_group(const char *group, JsonWriter *out) {
    json_object_begin(out);
    json_kv_object(out, "metadata");
    json_kv_string(out, "name", group);
    json_object_end(out);
    json_kv_array(out, "versions");
    json_object_begin(out);
    json_kv_string(out, "version", API_VERSION);
    json_kv_string(out, "freshness", "Current");
    json_kv_array(out, "resources");
    for (const RouteResource *resource = route_resources; resource->name; resource++)
        if (strcmp(resource->group, group) == 0)
            write_aggregated_resource(resource, out);
    json_array_end(out);
    json_object_end(out);
    json_array_end(out);
    json_object_end(out);
}

static void reply_aggregated(Request *request, const char *version, bool groups) {
    Buf buf;
    JsonWriter out;
    open_reply(&buf, &out);
    json_kv_string(&out, "kind", "APIGroupDiscoveryList");
    json_key(&out, "apiVersion");
    json_stringf(&out, "apidiscovery.k8s.io/%s", version);
    json_kv_object(&out, "metadata");
    json_object_end(&out);
    json_kv_array(&out, "items");
    for (size_t i = 0; groups && route_groups[i]; i++)
        write_aggregated_group(route_groups[i], &out);
    json_array_end(&out);
    json_object_end(&out);
    buf_putc(&buf, '\n');
    request_set_header(request, "Vary", "Accept");
    request_reply(request, 200, strcmp(version, "v2") == 0 ? AGGREGATED : AGGREGATED_BETA, &buf);
}

/* ---- the plain form ---- */

void serve_core(Api *api, Request *request, const RouteMatch *match) {
    const char *version = aggregated_version(request);
    if (version)
        reply_aggregated(request, version, false);
    else
        reply_status(request, 404, "NotFound", "the server could not find the requested resource");
}

static void write_version_of(const char *group, JsonWriter *out) {
    json_key(out, "groupVersion");
    json_stringf(out, "%s/" API_VERSION, group);
    json_kv_string(out, "version", API_VERSION);
}

static void write_group(const char *group, JsonWriter *out) {
    json_kv_string(out, "name", group);
    json_kv_array(out, "versions");
    json_object_begin(out);
    write_version_of(group, out);
    json_object_end(out);
    json_array_end(out);
    json_kv_object(out, "preferredVersion");
    write_version_of(group, out);
    json_object_end(out);
}

void serve_groups(Api *api, Request *request, const RouteMatch *match) {
    const char *version = aggregated_version(request);
    Buf buf;
    JsonWriter out;
    if (version) {
        reply_aggregated(request, version, true);
        return;
    }
    open_reply(&buf, &out);
    json_kv_string(&out, "kind", "APIGroupList");
    json_kv_string(&out, "apiVersion", "v1");
    json_kv_array(&out, "groups");
    for (size_t i = 0; route_groups[i]; i++) {
        json_object_begin(&out);
        write_group(route_groups[i], &out);
        json_object_end(&out);
    }
    json_array_end(&out);
    close_reply(request, &buf, &out);
}

static const char *known_group(const char *name) {
    for (size_t i = 0; route_groups[i]; i++)
        if (strcmp(route_groups[i], name) == 0)
            return route_groups[i];
    return NULL;
}

void serve_group(Api *api, Request *request, const RouteMatch *match) {
    const char *group = known_group(match->vars[0]);
    Buf buf;
    JsonWriter out;
    if (!group) {
        reply_no_page(request);
        return;
    }
    open_reply(&buf, &out);
    json_kv_string(&out, "kind", "APIGroup");
    json_kv_string(&out, "apiVersion", "v1");
    write_group(group, &out);
    close_reply(request, &buf, &out);
}

static void write_sub(const RouteResource *resource, const char *subresource, JsonWriter *out) {
    json_object_begin(out);
    json_key(out, "name");
    json_stringf(out, "%s/%s", resource->name, subresource);
    json_kv_string(out, "singularName", "");
    json_kv_bool(out, "namespaced", resource->namespaced);
    json_kv_string(out, "kind", resource->kind);
    write_verbs(resource, subresource, out);
    json_object_end(out);
}

static void write_resource(const RouteResource *resource, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "name", resource->name);
    json_kv_string(out, "singularName", resource->singular);
    json_kv_bool(out, "namespaced", resource->namespaced);
    json_kv_string(out, "kind", resource->kind);
    write_verbs(resource, NULL, out);
    write_names(resource, out);
    json_object_end(out);
    each_subresource(resource, write_sub, out);
}

void serve_resources(Api *api, Request *request, const RouteMatch *match) {
    const char *group = known_group(match->vars[0]);
    Buf buf;
    JsonWriter out;
    if (!group) {
        reply_no_page(request);
        return;
    }
    open_reply(&buf, &out);
    json_kv_string(&out, "kind", "APIResourceList");
    json_kv_string(&out, "apiVersion", "v1");
    json_key(&out, "groupVersion");
    json_stringf(&out, "%s/" API_VERSION, group);
    json_kv_array(&out, "resources");
    for (const RouteResource *resource = route_resources; resource->name; resource++)
        if (strcmp(resource->group, group) == 0)
            write_resource(resource, &out);
    json_array_end(&out);
    close_reply(request, &buf, &out);
}
