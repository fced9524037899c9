/* SPDX-License-Identifier: Apache-2.0 */
/* Start, stop, restart, enable and disable of one target: its wish is recorded and answered; what comes of it, a watch shows. */
#include "api/api_inside.h"

void serve_target_action(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    Err err = {.kind = ERR_NONE};
    Object *object = find_object(api, request, match);
    if (!object || request_json(request, &body) < 0)
        return;
    Target *target = target_of(object);
    int done = match->id == ROUTE_TARGET_START  ? target_start(target, &err)
               : match->id == ROUTE_TARGET_STOP ? target_stop(target, &err)
                                                : target_restart(target, &err);
    if (done < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}

void serve_target_enabled(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    Err err = {.kind = ERR_NONE};
    Object *object = find_object(api, request, match);
    if (!object || request_json(request, &body) < 0)
        return;
    const Value *with_deps = value_get(body, "withDeps");
    if (with_deps && !value_is(with_deps, VALUE_BOOL)) {
        reply_status(request, 422, "Invalid", "withDeps: expected true or false");
        return;
    }
    bool enabled = match->id == ROUTE_TARGET_ENABLE;
    if (target_set_enabled(target_of(object), enabled, value_get_bool(body, "withDeps", false),
                           &err) < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}
