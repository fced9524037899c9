/* SPDX-License-Identifier: Apache-2.0 */
/* PATCH: what may be changed of an object that is there. All of a patch is checked before any of it is done. */
#include <stdlib.h>
#include <string.h>

#include "api/api_inside.h"
#include "base/str.h"

static void reply_conflict(Request *request, const Object *object) {
    const char *message = arena_printf(
        request->arena,
        "Operation cannot be fulfilled on %s.%s \"%s\": the object has been modified; please "
        "apply your changes to the latest version and try again",
        object_plural(object->kind), object_group(object->kind), object->name);
    reply_status_full(request, &(Status){.code = 409,
                                         .reason = "Conflict",
                                         .message = message,
                                         .group = object_group(object->kind),
                                         .kind = object_plural(object->kind),
                                         .name = object->name});
}

/* A patch that names a version is about that one. */
static bool is_stale(Request *request, const Value *patch, const Object *object) {
    const char *version = value_get_str(value_get(patch, "metadata"), "resourceVersion");
    int64_t n;
    if (!version ||
        (number_parse(version, 0, INT64_MAX, &n) == 0 && (uint64_t)n == object->version))
        return false;
    reply_conflict(request, object);
    return true;
}

void serve_session_patch(Api *api, Request *request, const RouteMatch *match) {
    const Value *v;
    Err err = {.kind = ERR_NONE};
    Object *object = find_object(api, request, match);
    if (!object || request_json(request, &v) < 0 || is_stale(request, v, object))
        return;
    SessionBody *body = arena_alloc(request->arena, sizeof(*body));
    SessionPatch patch;
    patch_body_read(v, request->arena, body, &patch);
    const char *file = session_file(session_of(object));
    if (body->ask.file && strcmp(body->ask.file, file) != 0) {
        body->causes[0] =
            (Cause){"FieldValueInvalid", "field is immutable: a session is that of its config file",
                    "spec.tiltfilePath"};
        body->cause_n = 1;
    }
    if (check_unknown(request, body) < 0)
        return;
    if (body->cause_n)
        reply_invalid(request, body, object->name);
    else if (session_patch(session_of(object), &patch, &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}

void serve_target_patch(Api *api, Request *request, const RouteMatch *match) {
    const Value *patch;
    Err err = {.kind = ERR_NONE};
    Object *object = find_object(api, request, match);
    if (!object || request_json(request, &patch) < 0 || is_stale(request, patch, object))
        return;
    const Value *spec = value_get(patch, "spec"), *enabled = value_get(spec, "enabled");
    bool reset = value_is(enabled, VALUE_NULL);
    if (enabled && !reset && !value_is(enabled, VALUE_BOOL)) {
        reply_status(request, 422, "Invalid",
                     "Target.thole.dev \"%s\" is invalid: spec.enabled: expected true, false or "
                     "null, not a %s",
                     object->name, value_kind_name(enabled->kind));
        return;
    }
    for (size_t i = 0; value_is(spec, VALUE_MAP) && i < spec->map.n; i++)
        if (strcmp(spec->map.at[i].key, "enabled") != 0) {
            reply_status(request, 422, "Invalid",
                         "Target.thole.dev \"%s\" is invalid: spec.%.100s: Forbidden: it follows "
                         "from the config file; spec.enabled can be changed",
                         object->name, spec->map.at[i].key);
            return;
        }
    Tristate ask = !enabled || reset ? UNKNOWN : value_bool(enabled, false) ? YES : NO;
    if (enabled && target_patch_enabled(target_of(object), ask, &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}
