/* SPDX-License-Identifier: Apache-2.0 */
/* PATCH: merge patches (RFC 7386) of what may be changed of an object. */
#include <string.h>
#include <strings.h>

#include "api/api_inside.h"
#include "base/str.h"
#include "data/json.h"

#define MERGE_PATCH "application/merge-patch+json"

static bool is_merge_patch(const char *type) {
    size_t n = strlen(MERGE_PATCH);
    return type && strncasecmp(type, MERGE_PATCH, n) == 0 && (!type[n] || strchr("; ", type[n]));
}

static int refuse(Request *request, const char *path, const char *why) {
    reply_status(request, 422, "Invalid", "%s: %s", path, why);
    return -1;
}

/* A condition: null or absent is none. */
static int check_same(Request *request, const Value *metadata, const char *key, const char *own) {
    const char *wanted = value_get_str(metadata, key);
    if (!wanted || strcmp(wanted, own) == 0)
        return 0;
    if (strcmp(key, "resourceVersion") != 0 && strcmp(key, "uid") != 0)
        return refuse(request, "metadata", "only spec can be changed");
    reply_status(request, 409, "Conflict",
                 "the object has been modified; please apply your changes to the latest version "
                 "(its %s is %s, not %s)",
                 key, own, wanted);
    return -1;
}

/* Is the merge patch what is there already? */
static bool changes_nothing(const Value *patch, const Value *own) {
    if (value_is(patch, VALUE_NULL))
        return !own;
    if (!value_is(patch, VALUE_MAP))
        return own && value_equal(patch, own);
    for (size_t i = 0; i < patch->map.n; i++)
        if (!changes_nothing(patch->map.at[i].value, value_get(own, patch->map.at[i].key)))
            return false;
    return true;
}

static int check_metadata(Request *request, Object *object, const Value *metadata) {
    static const char *const conditions[] = {"name", "uid", "resourceVersion"};
    char version[32];
    size_t size;
    Err err;
    const Value *own;
    const char *json = object_json(object, &size);
    if (!value_is(metadata, VALUE_MAP))
        return metadata && refuse(request, "metadata", "expected an object") < 0 ? -1 : 0;
    if (json_parse(json, size, request->arena, &own, &err) < 0) {
        reply_err(request, &err);
        return -1;
    }
    for (size_t i = 0; i < metadata->map.n; i++) {
        const ValuePair *pair = &metadata->map.at[i];
        bool condition = false;
        for (size_t k = 0; k < COUNT(conditions); k++)
            condition |= strcmp(pair->key, conditions[k]) == 0;
        if (!condition &&
            !changes_nothing(pair->value, value_get(value_get(own, "metadata"), pair->key)))
            return refuse(request, arena_printf(request->arena, "metadata.%s", pair->key),
                          "it cannot be changed; only spec can");
    }
    snprintf(version, sizeof(version), "%llu", (unsigned long long)object->version);
    return check_same(request, metadata, "name", object->name) < 0 ||
                   check_same(request, metadata, "uid", object->uid) < 0 ||
                   check_same(request, metadata, "resourceVersion", version) < 0
               ? -1
               : 0;
}

int request_merge_patch(Request *request, const Value **ret) {
    if (!is_merge_patch(request_header(request, "Content-Type"))) {
        reply_status(request, 415, "UnsupportedMediaType",
                     "the body of the request was in an unknown format - accepted media types "
                     "include: " MERGE_PATCH);
        return -1;
    }
    return request_body_json(request, ret);
}

int request_patch(Request *request, Object *object, const Value **ret) {
    static const char *const known[] = {"apiVersion", "kind", "metadata", "spec"};
    const Value *body;
    if (request_merge_patch(request, &body) < 0)
        return -1;
    for (size_t i = 0; body && i < body->map.n; i++) {
        bool fine = false;
        for (size_t k = 0; k < COUNT(known); k++)
            fine |= strcmp(body->map.at[i].key, known[k]) == 0;
        if (!fine)
            return refuse(request, body->map.at[i].key, "only spec can be changed");
    }
    *ret = value_get(body, "spec");
    if (*ret && !value_is(*ret, VALUE_MAP))
        return refuse(request, "spec", "expected an object");
    return check_metadata(request, object, value_get(body, "metadata"));
}

void serve_session_patch(Api *api, Request *request, const RouteMatch *match) {
    const Value *spec;
    SessionPatch patch;
    Err err = {.kind = ERR_NONE};
    Object *object = find_object(api, request, match);
    if (!object || request_patch(request, object, &spec) < 0)
        return;
    SessionBody *body = arena_alloc(request->arena, sizeof(*body));
    patch_spec_read(spec, request->arena, body, &patch);
    const char *file = session_file(session_of(object));
    if (body->ask.file && strcmp(body->ask.file, file) != 0) {
        refuse(request, "spec.tiltfilePath", "a session is that of its config file");
        return;
    }
    if (check_unknown(request, "Session", body) < 0)
        return;
    if (body->cause_n)
        reply_invalid(request, body, object->name);
    else if (session_patch(session_of(object), &patch, &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}

/* Of a Target: spec.enabled; null is as the config file says. */
void serve_target_patch(Api *api, Request *request, const RouteMatch *match) {
    const Value *spec, *enabled;
    Err err = {.kind = ERR_NONE};
    Object *object = find_object(api, request, match);
    if (!object || request_patch(request, object, &spec) < 0)
        return;
    for (size_t i = 0; spec && i < spec->map.n; i++)
        if (strcmp(spec->map.at[i].key, "enabled") != 0) {
            refuse(request, arena_printf(request->arena, "spec.%s", spec->map.at[i].key),
                   "it cannot be changed; of a Target only spec.enabled can");
            return;
        }
    enabled = value_get(spec, "enabled");
    bool reset = value_is(enabled, VALUE_NULL);
    Tristate ask = reset ? UNKNOWN : value_bool(enabled, false) ? YES : NO;
    if (enabled && !reset && !value_is(enabled, VALUE_BOOL))
        refuse(request, "spec.enabled", "expected true, false or null");
    else if (enabled && target_patch_enabled(target_of(object), ask, &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}
