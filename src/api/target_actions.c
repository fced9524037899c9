/* SPDX-License-Identifier: Apache-2.0 */
/* Start, stop, restart, trigger, enable and disable of one target: its wish is recorded and
 * answered; what comes of it, a watch shows. */
#include "api/api_inside.h"
#include "spec/routes.h"

/* {force}; -1: it was answered. */
static int read_force(Request *request, bool *ret) {
    const Value *body;
    if (request_json(request, &body) < 0)
        return -1;
    const Value *force = value_get(body, "force");
    if (force && !value_is(force, VALUE_BOOL)) {
        reply_status(request, 422, "Invalid", "force: expected true or false");
        return -1;
    }
    *ret = value_get_bool(body, "force", false);
    return 0;
}

void serve_target_action(Api *api, Request *request, const RouteMatch *match) {
    bool force;
    Err err = {.kind = ERR_NONE};
    Object *object = find_object(api, request, match);
    if (!object || read_force(request, &force) < 0)
        return;
    Target *target = target_of(object);
    int done = match->id == ROUTE_TARGET_START  ? target_start(target, &err)
               : match->id == ROUTE_TARGET_STOP ? target_stop(target, &err)
                                                : target_restart(target, &err);
    if (done >= 0 && force && match->id != ROUTE_TARGET_STOP)
        done = target_force(target, &err);
    if (done < 0)
        reply_err(request, &err);
    else
        reply_object(request, 200, object);
}

static void write_run(const TriggeredRun *run, JsonWriter *out) {
    json_kv_string(out, "target", target_name(run->target));
    json_kv_int(out, "run", run->run);
}

/* `resourceVersion`: what is seen of the targets beyond it is what came of this. */
static void reply_triggered(Request *request, const Objects *objects, const Triggered *what) {
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_string(&out, "apiVersion", THOLE_API_VERSION);
    json_kv_string(&out, "kind", "Triggered");
    json_kv_object(&out, "metadata");
    json_key(&out, "resourceVersion");
    json_stringf(&out, "%llu", (unsigned long long)objects_version(objects));
    json_object_end(&out);
    write_run(&what->run, &out);
    if (what->build.target) {
        json_kv_object(&out, "build");
        write_run(&what->build, &out);
        json_object_end(&out);
    }
    json_object_end(&out);
    reply_json(request, 200, &buf);
}

void serve_target_trigger(Api *api, Request *request, const RouteMatch *match) {
    bool force;
    Triggered what;
    Err err = {.kind = ERR_NONE};
    Object *object = find_object(api, request, match);
    if (!object || read_force(request, &force) < 0)
        return;
    if (target_trigger(target_of(object), force, &what, &err) < 0)
        reply_err(request, &err);
    else
        reply_triggered(request, api->objects, &what);
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
