/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of environments that are no more: found, and removed one by one. */
#include "engine/environments/environment_orphans.h"

#include <string.h>

#include "api/environment_request.h"
#include "base/str.h"

/* NULL: they are waited for, or it was answered. */
static const EnvironmentOrphans *find(Api *api, Request *request, const char *project) {
    const Waiting *waited = waiting_of(request);
    Engine *engine = api->options.engine;
    size_t size = sizeof(EnvironmentOrphans);
    if (waited->stage == WAITED_FOR_LOOK)
        return waited->result;
    bool first = waited->stage == WAITED_FOR_MIRROR;
    Waiting *waiting = waiting_new(request, first ? WAITED_FOR_ENTRY : WAITED_FOR_LOOK, size);
    Op *op =
        first ? environment_orphans_find(engine, project, waiting_done, waiting)
              : environment_orphans_judge(engine, project, waited->result, waiting_done, waiting);
    waiting_begin(waiting, op);
    return NULL;
}

static void put_orphan(JsonWriter *out, const EnvironmentOrphan *orphan) {
    json_object_begin(out);
    json_kv_string(out, "kind", orphan_kind_name(orphan->kind));
    json_kv_string(out, "name", orphan->name);
    json_kv_string(out, "path", orphan->path);
    json_kv_string(out, "why", orphan->why);
    json_kv_bool(out, "removable", orphan->removable);
    json_object_end(out);
}

void serve_environment_orphans(Api *api, Request *request, const RouteMatch *match) {
    const char *project;
    Reply reply;
    if (environment_project_param(api, request, request_param(request, "project"), &project) < 0)
        return;
    const EnvironmentOrphans *orphans = find(api, request, project);
    if (!orphans)
        return;
    JsonWriter *out = reply_begin(&reply);
    json_kv_array(out, "orphans");
    for (size_t i = 0; i < orphans->n; i++)
        put_orphan(out, &orphans->at[i]);
    json_array_end(out);
    reply_end(&reply, request);
}

/* ---- removing ---- */

static const EnvironmentOrphan *choose(Request *request, const EnvironmentOrphans *orphans,
                                       OrphanKind kind, const char *name) {
    for (size_t i = 0; i < orphans->n; i++)
        if (orphans->at[i].kind == kind && strcmp(orphans->at[i].name, name) == 0)
            return &orphans->at[i];
    reply_status(request, 404, "NotFound", "there is no orphan %s \"%s\" (any more)",
                 orphan_kind_name(kind), name);
    return NULL;
}

static void delete_environment(Api *api, Request *request, const char *project, const char *name) {
    OperationAsk ask = {.kind = OPERATION_DELETE, .file = project, .name = name};
    const Value *body;
    if (request_json(request, &body) < 0 || environment_read_client(request, body, &ask) < 0)
        return;
    Environment *environment = environment_begin_asked(api, request, &ask);
    if (environment)
        reply_object(request, 200, environment_object(environment));
}

static void begin_removal(Api *api, Request *request, const char *project,
                          const EnvironmentOrphan *orphan) {
    if (!orphan->removable) {
        reply_status(request, 409, "Conflict", "%s is left alone: %s", orphan->path, orphan->why);
        return;
    }
    if (orphan->kind == ORPHAN_EXPIRED || orphan->kind == ORPHAN_LEFTOVER) {
        delete_environment(api, request, project, orphan->name);
        return;
    }
    Waiting *waiting = waiting_new(request, WAITED_FOR_CHANGE, 0);
    waiting_begin(waiting, environment_orphan_remove(api->options.engine, project, orphan,
                                                     waiting_done, waiting));
}

void serve_environment_orphan_delete(Api *api, Request *request, const RouteMatch *match) {
    const char *project, *kind_text = request_param(request, "kind"),
                         *name = request_param(request, "name");
    OrphanKind kind;
    if (environment_project_param(api, request, request_param(request, "project"), &project) < 0)
        return;
    if (!kind_text || orphan_kind_parse(kind_text, &kind) < 0) {
        (void)param_bad(request, "kind", kind_text ? kind_text : "", "it is one of an orphan's");
        return;
    }
    if (!name || !*name) {
        (void)param_bad(request, "name", "", "it is the name of an orphan");
        return;
    }
    if (waiting_of(request)->stage == WAITED_FOR_CHANGE) {
        reply_status_full(request, &(Status){.code = 200});
        return;
    }
    const EnvironmentOrphans *orphans = find(api, request, project);
    const EnvironmentOrphan *orphan = orphans ? choose(request, orphans, kind, name) : NULL;
    if (orphan)
        begin_removal(api, request, project, orphan);
}
