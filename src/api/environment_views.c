/* SPDX-License-Identifier: Apache-2.0 */
/* Environments: what is seen by looking, and what creating one would do. */
#include <string.h>

#include "api/environment_request.h"
#include "base/clock.h"
#include "base/str.h"
#include "spec/environment_name.h"
#include "spec/secret_lines.h"

static void put_text(JsonWriter *out, const char *key, const char *text) {
    if (text && *text)
        json_kv_string(out, key, text);
}

/* ---- infrastructure ---- */

static void put_infra(JsonWriter *out, const SeenInfra *service) {
    json_object_begin(out);
    json_kv_string(out, "name", service->name);
    json_kv_string(out, "state", service->state);
    if (service->port)
        json_kv_int(out, "port", service->port);
    json_object_end(out);
}

static void put_infrastructure(JsonWriter *out, const SeenInfrastructure *infrastructure) {
    json_kv_bool(out, "running", infrastructure->running);
    json_kv_array(out, "services");
    for (size_t i = 0; i < infrastructure->n; i++)
        put_infra(out, &infrastructure->at[i]);
    json_array_end(out);
    put_text(out, "error", infrastructure->error);
}

void serve_environment_infrastructure(Api *api, Request *request, const RouteMatch *match) {
    OperationAsk ask = {0};
    Reply reply;
    const SeenEnvironment *seen = environment_seen(api, request, match, &ask, LOOK_INFRASTRUCTURE);
    if (!seen)
        return;
    put_infrastructure(reply_begin(&reply), &seen->infrastructure);
    reply_end(&reply, request);
}

/* ---- steps ---- */

static void put_time(JsonWriter *out, const char *key, int64_t ns) {
    char text[TIME_TEXT];
    if (ns <= 0)
        return;
    time_format_micro(ns / 1000, text);
    json_kv_string(out, key, text);
}

static void put_record(JsonWriter *out, const Checkpoint *record) {
    put_time(out, "started", record->started_ns);
    put_time(out, "finished", record->finished_ns);
    if (record->finished_ns > 0)
        json_kv_int(out, "durationMs", record->duration_ms);
    put_text(out, "machine", record->machine);
    put_text(out, "error", record->error);
}

static void put_step(JsonWriter *out, const SeenStep *seen) {
    json_object_begin(out);
    json_kv_string(out, "name", seen->step->name);
    json_kv_string(out, "phase", lifecycle_phase_name(seen->step->phase));
    json_kv_string(out, "status",
                   seen->record ? checkpoint_status_name(seen->record->status) : "pending");
    if (seen->record)
        put_record(out, seen->record);
    if (seen->running)
        json_kv_int(out, "processes", (int64_t)seen->running);
    json_kv_bool(out, "stale", seen->stale);
    if (seen->stale)
        put_text(out, "why", seen->why);
    json_object_end(out);
}

void serve_environment_steps(Api *api, Request *request, const RouteMatch *match) {
    OperationAsk ask = {0};
    Reply reply;
    bool infrastructure = request_flag(request, "infrastructure");
    unsigned parts = request_flag(request, "recorded") ? LOOK_LIFE : LOOK_STEPS;
    const SeenEnvironment *seen = environment_seen(
        api, request, match, &ask, parts | (infrastructure ? LOOK_INFRASTRUCTURE : 0));
    if (!seen)
        return;
    JsonWriter *out = reply_begin(&reply);
    json_kv_array(out, "steps");
    for (size_t i = 0; i < seen->step_n; i++)
        put_step(out, &seen->steps[i]);
    json_array_end(out);
    if (infrastructure) {
        json_kv_object(out, "infrastructure");
        put_infrastructure(out, &seen->infrastructure);
        json_object_end(out);
    }
    reply_end(&reply, request);
}

/* ---- what creating it would do ---- */

static const char *verdict_name(const SeenStep *seen) {
    if (seen->verdict != VERDICT_SKIP)
        return "run";
    return seen->step->verified ? "verify" : "skip";
}

static void reply_plan(Request *request, const SeenEnvironment *seen) {
    Reply reply;
    JsonWriter *out = reply_begin(&reply);
    json_kv_array(out, "steps");
    for (size_t i = 0; i < seen->step_n; i++) {
        const SeenStep *step = &seen->steps[i];
        if (!step->meant)
            continue;
        json_object_begin(out);
        json_kv_string(out, "name", step->step->name);
        json_kv_string(out, "phase", lifecycle_phase_name(step->step->phase));
        json_kv_string(out, "verdict", verdict_name(step));
        put_text(out, "why", step->why);
        json_object_end(out);
    }
    json_array_end(out);
    reply_end(&reply, request);
}

void serve_environment_dry_run(Api *api, Request *request, const OperationAsk *ask) {
    const Waiting *waited = waiting_of(request);
    Environment *known = environment_find(api->options.engine, ask->file, ask->name);
    if (waited->stage == WAITED_FOR_LOOK) {
        reply_plan(request, waited->result);
    } else if (waited->stage == WAITED_FOR_MIRROR && known) {
        unsigned parts = ENVIRONMENT_STEPS | ENVIRONMENT_VALUES;
        Waiting *waiting = waiting_new(request, WAITED_FOR_ENTRY, sizeof(StoredEnvironment));
        waiting_begin(waiting, environment_read(known, parts, waiting_done, waiting));
    } else {
        const StoredEnvironment *stored = waited->result;
        environment_begin_look(
            api, request,
            &(LookAsk){.ask = ask,
                       .entry = stored ? &stored->entry : NULL,
                       .parts = LOOK_STEPS | LOOK_BEGIN | (known ? 0 : LOOK_PLACE)});
    }
}

/* ---- what a step writes ---- */

/* Of all services: one file may be that of several. */
static StrList secret_names(const Config *config, Arena *arena) {
    StrList names = {0};
    size_t cap = 0;
    for (size_t i = 0; i < config->services.n; i++)
        for (size_t k = 0; k < config->services.at[i].secrets.n; k++) {
            names.at = arena_grow(arena, names.at, names.n, &cap, sizeof(*names.at));
            names.at[names.n++] = config->services.at[i].secrets.at[k];
        }
    return names;
}

/* `same`: also where that cannot be seen. */
static void put_file(JsonWriter *out, const Request *request, const SeenEnvironment *seen,
                     const SeenFile *file) {
    Arena *arena = request->arena;
    const char *text = file->text, *now = file->now;
    SecretLines lines = {.entry = seen->entry, .names = secret_names(seen->config, arena)};
    if (!request_flag(request, "reveal")) {
        lines.like = text = secret_lines_mask(&lines, text, arena);
        now = now ? secret_lines_mask(&lines, now, arena) : NULL;
    }
    json_kv_string(out, "path", file->path);
    json_kv_string(out, "text", text);
    json_kv_string(out, "now", now);
    json_kv_bool(out, "same", str_same(file->text, file->now));
}

static void put_files(JsonWriter *out, const Request *request, const SeenEnvironment *seen) {
    json_kv_array(out, "files");
    for (size_t i = 0; i < seen->file_n; i++) {
        json_object_begin(out);
        put_file(out, request, seen, &seen->files[i]);
        json_object_end(out);
    }
    json_array_end(out);
}

void serve_environment_step_view(Api *api, Request *request, const RouteMatch *match) {
    OperationAsk ask = {.step = request_param(request, "name")};
    Reply reply;
    if (!ask.step || !*ask.step) {
        (void)param_bad(request, "name", "", "it is the name of a step");
        return;
    }
    const SeenEnvironment *seen = environment_seen(api, request, match, &ask, LOOK_FILES);
    if (!seen)
        return;
    JsonWriter *out = reply_begin(&reply);
    if (seen->step->hook) {
        json_kv_string(out, "hook", seen->step->name);
        json_kv_string(out, "command", seen->step->hook->command);
    } else if (seen->file_n == 1) {
        put_file(out, request, seen, &seen->files[0]);
    } else {
        put_files(out, request, seen);
    }
    reply_end(&reply, request);
}

/* ---- variables ---- */

/* What runs has them as well: a file that is being edited takes them from nobody. */
void serve_environment_variables(Api *api, Request *request, const RouteMatch *match) {
    OperationAsk ask = {.service = request_param(request, "service"), .recalls = true};
    Reply reply;
    const SeenEnvironment *seen = environment_seen(api, request, match, &ask, LOOK_VARIABLES);
    if (!seen)
        return;
    const SeenVariables *variables = &seen->variables;
    JsonWriter *out = reply_begin(&reply);
    reply_put_map(out, "variables", &variables->map,
                  request_flag(request, "reveal") ? NULL : variables->secret);
    json_kv_string(out, "path", variables->path);
    reply_end(&reply, request);
}

/* ---- invalidating: first what that means is looked at, then it is done ---- */

static void reply_steps(Request *request, const StrList *steps) {
    Reply reply;
    JsonWriter *out = reply_begin(&reply);
    json_kv_array(out, "steps");
    for (size_t i = 0; i < steps->n; i++)
        json_string(out, steps->at[i]);
    json_array_end(out);
    reply_end(&reply, request);
}

static void invalidate(Api *api, Request *request, const OperationAsk *ask, const StrList *steps) {
    Environment *environment = environment_begin_asked(api, request, ask);
    if (!environment)
        return;
    Waiting *waiting = waiting_new(request, WAITED_FOR_CHANGE, 0);
    waiting->result = steps;
    waiting_begin(waiting, environment_await(environment, waiting_done, waiting));
}

void serve_environment_invalidate(Api *api, Request *request, const RouteMatch *match) {
    OperationAsk ask = {.kind = OPERATION_INVALIDATE};
    const Value *body;
    if (waiting_of(request)->stage == WAITED_FOR_CHANGE) {
        reply_steps(request, waiting_of(request)->result);
        return;
    }
    if (request_json(request, &body) < 0 || environment_read_fields(request, body, "", &ask) < 0 ||
        environment_read_client(request, body, &ask) < 0)
        return;
    if (!ask.step) {
        (void)environment_bad(request, "step", "it is missing");
        return;
    }
    const SeenEnvironment *seen = environment_seen(api, request, match, &ask, 0);
    Environment *environment = seen ? find_environment(api, request, match) : NULL;
    if (!environment)
        return;
    ask.file = environment_project(environment);
    ask.name = environment_entry(environment)->name;
    if (seen->invalidated.n)
        invalidate(api, request, &ask, &seen->invalidated);
    else
        reply_steps(request, &seen->invalidated);
}
