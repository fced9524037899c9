/* SPDX-License-Identifier: Apache-2.0 */
#include "api/table.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "engine/environments/environment.h"

typedef void (*CellFn)(const Value *object, JsonWriter *out);

typedef struct Column {
    const char *name, *type, *format, *doc;
    int priority;        /* above 0: only with -o wide */
    const char *path[3]; /* of a member, or: */
    CellFn fn;
    const char *(*text)(
        Object *object); /* the same, of one that lives; NULL: there is no such way */
} Column;

/* ---- cells that are no member ---- */

static void put_age(int64_t us, JsonWriter *out) {
    char text[DURATION_TEXT];
    int64_t ms = (clock_wall_us() - us) / 1000;
    if (ms < 10 * 1000) {
        json_stringf(out, "%llds", ms < 0 ? 0 : (long long)ms / 1000);
        return;
    }
    duration_format_short(ms - ms % 1000, text);
    json_string(out, text);
}

static void cell_age(const Value *object, JsonWriter *out) {
    const char *created = value_get_str(value_get(object, "metadata"), "creationTimestamp");
    int64_t us;
    if (created && time_parse(created, &us, NULL) == 0)
        put_age(us, out);
    else
        json_null(out);
}

static const Value *targets_of(const Value *session) {
    return value_get(value_get(session, "status"), "targets");
}

static void cell_targets(const Value *session, JsonWriter *out) {
    json_int(out, (int64_t)value_count(targets_of(session)));
}

/* Up and ready, or done without an error. */
static bool is_well(const Value *target) {
    const Value *state = value_get(target, "state"), *ended = value_get(state, "terminated");
    return ended ? !value_get_str(ended, "error")
                 : value_get_bool(value_get(state, "active"), "ready", false);
}

static void cell_session_ready(const Value *session, JsonWriter *out) {
    const Value *targets = targets_of(session);
    size_t n = 0;
    for (size_t i = 0; i < value_count(targets); i++)
        n += is_well(value_at(targets, i));
    json_stringf(out, "%zu/%zu", n, value_count(targets));
}

static const Value *state_of(const Value *target) {
    return value_get(value_get(target, "status"), "state");
}

/* The one member that a state has. */
static const Value *phase_of(const Value *target) {
    const Value *state = state_of(target);
    return value_is(state, VALUE_MAP) && state->map.n ? state->map.at[0].value : NULL;
}

static void cell_state(const Value *target, JsonWriter *out) {
    const Value *state = state_of(target);
    json_string(out, value_is(state, VALUE_MAP) && state->map.n ? state->map.at[0].key : "none");
}

static void cell_ready(const Value *target, JsonWriter *out) {
    json_bool(out, value_get_bool(value_get(state_of(target), "active"), "ready", false));
}

static void cell_run(const Value *target, JsonWriter *out) {
    json_value(out, value_get(phase_of(target), "run"));
}

static void cell_restarts(const Value *target, JsonWriter *out) {
    json_value(out, value_get(phase_of(target), "restarts"));
}

static void cell_pid(const Value *target, JsonWriter *out) {
    json_value(out, value_get(phase_of(target), "pid"));
}

/* Why it is as it is. */
static void cell_message(const Value *target, JsonWriter *out) {
    const Value *status = value_get(target, "status"), *phase = phase_of(target);
    const Value *why = value_get(status, "message");
    if (!why)
        why = value_get(phase, "error");
    if (!why)
        why = value_get(phase, "waitReason");
    json_value(out, why);
}

/* Steps that are over, of all. */
static void cell_steps(const Value *workflow, JsonWriter *out) {
    const Value *status = value_get(workflow, "status");
    json_stringf(out, "%lld/%lld", (long long)value_get_int(status, "stepsDone", 0),
                 (long long)value_get_int(status, "stepCount", 0));
}

/* Up to now, if it is not over. */
static void cell_took(const Value *workflow, JsonWriter *out) {
    const Value *status = value_get(workflow, "status");
    const char *from = value_get_str(status, "startTime"),
               *to = value_get_str(status, "finishTime");
    char text[DURATION_TEXT];
    int64_t from_us, to_us = clock_wall_us();
    if (!from || time_parse(from, &from_us, NULL) < 0 || (to && time_parse(to, &to_us, NULL) < 0)) {
        json_null(out);
        return;
    }
    duration_format_short((to_us - from_us) / 1000, text);
    json_string(out, text);
}

/* ---- columns ---- */

static const Column session_columns[] = {
    {"Name", "string", "name", "the slug of the session", 0, {"metadata", "name"}, NULL},
    {"Condition",
     "string",
     "",
     "when it is over: manual or ci",
     0,
     {"spec", "exitCondition"},
     NULL},
    {"Done", "boolean", "", "is it over?", 0, {"status", "done"}, NULL},
    {"Targets", "integer", "", "how many it has", 0, {NULL}, cell_targets},
    {"Ready",
     "string",
     "",
     "targets that are ready or have done their job, of all",
     0,
     {NULL},
     cell_session_ready},
    {"Age", "string", "", "since it was created", 0, {NULL}, cell_age},
    {"File", "string", "", "its config file", 1, {"spec", "tiltfilePath"}, NULL},
    {"Error", "string", "", "why it failed", 1, {"status", "error"}, NULL},
};

static const Column target_columns[] = {
    {"Name", "string", "name", "the name of the target's object", 0, {"metadata", "name"}, NULL},
    {"Type", "string", "", "job or server", 0, {"spec", "type"}, NULL},
    {"State", "string", "", "waiting, active, terminated, disabled or none", 0, {NULL}, cell_state},
    {"Ready", "boolean", "", "is it up and ready?", 0, {NULL}, cell_ready},
    {"Run", "integer", "", "the number of its newest run", 0, {NULL}, cell_run},
    {"Restarts", "integer", "", "by its restart policy", 0, {NULL}, cell_restarts},
    {"Age", "string", "", "since it was created", 0, {NULL}, cell_age},
    {"Pid", "integer", "", "of its process", 1, {NULL}, cell_pid},
    {"Message", "string", "", "why it is as it is", 1, {NULL}, cell_message},
};

static const Column workflow_columns[] = {
    {"Name", "string", "name", "the task's uuid as a name", 0, {"metadata", "name"}, NULL},
    {"Phase",
     "string",
     "",
     "pending, running, canceling, ending or over",
     0,
     {"status", "phase"},
     NULL},
    {"Result",
     "string",
     "",
     "success, failure, error, canceled or timeout",
     0,
     {"status", "result"},
     NULL},
    {"Backend", "string", "", "where it runs", 0, {"spec", "backend"}, NULL},
    {"Steps", "string", "", "those that are over, of all", 0, {NULL}, cell_steps},
    {"Age", "string", "", "since it was created", 0, {NULL}, cell_age},
    {"Error", "string", "", "why it failed", 1, {"status", "error"}, NULL},
    {"Task", "string", "", "its uuid", 1, {"spec", "task"}, NULL},
    {"Took", "string", "", "how long it took, or has been", 1, {NULL}, cell_took},
    {"Started", "string", "", "when", 1, {"status", "startTime"}, NULL},
    {"Left", "string", "", "why not all that it made is gone", 1, {"status", "left"}, NULL},
};

static const EnvironmentEntry *entry_of(Object *object) {
    return environment_entry(environment_of(object));
}
static const char *entry_name(Object *object) {
    return entry_of(object)->name;
}
static const char *entry_status(Object *object) {
    return environment_status_name(environment_phase(environment_of(object)));
}
static const char *entry_branch(Object *object) {
    return entry_of(object)->branch;
}
static const char *entry_mode(Object *object) {
    return entry_of(object)->mode;
}
static const char *entry_project(Object *object) {
    return environment_project(environment_of(object));
}
static const char *entry_worktree(Object *object) {
    return entry_path(entry_of(object));
}
static const char *entry_error(Object *object) {
    return entry_of(object)->error;
}

static const Column environment_columns[] = {
    {"Name", "string", "name", "as it was given", 0, {"spec", "name"}, NULL, entry_name},
    {"Status", "string", "", "how far it is", 0, {"status", "phase"}, NULL, entry_status},
    {"Branch", "string", "", "what is checked out", 0, {"spec", "branch"}, NULL, entry_branch},
    {"Mode", "string", "", "whose overlay it has", 0, {"spec", "mode"}, NULL, entry_mode},
    {"Age", "string", "", "since it was created", 0, {NULL}, cell_age, NULL},
    {"Project", "string", "", "whose it is", 1, {"spec", "project"}, NULL, entry_project},
    {"Path", "string", "", "its worktree", 0, {"spec", "path"}, NULL, entry_worktree},
    {"Error", "string", "", "why it failed", 1, {"status", "error"}, NULL, entry_error},
};

typedef struct Columns {
    const Column *at;
    size_t n;
} Columns;

static Columns columns_of(ObjectKind kind) {
    switch (kind) {
    case OBJECT_SESSION: return (Columns){session_columns, COUNT(session_columns)};
    case OBJECT_TARGET: return (Columns){target_columns, COUNT(target_columns)};
    case OBJECT_WORKFLOW: return (Columns){workflow_columns, COUNT(workflow_columns)};
    case OBJECT_ENVIRONMENT: return (Columns){environment_columns, COUNT(environment_columns)};
    case OBJECT_KINDS: break;
    }
    UNREACHABLE();
}

static void write_columns(ObjectKind kind, JsonWriter *out) {
    Columns columns = columns_of(kind);
    json_array_begin(out);
    for (size_t i = 0; i < columns.n; i++) {
        const Column *column = &columns.at[i];
        json_object_begin(out);
        json_kv_string(out, "name", column->name);
        json_kv_string(out, "type", column->type);
        json_kv_string(out, "format", column->format);
        json_kv_string(out, "description", column->doc);
        json_kv_int(out, "priority", column->priority);
        json_object_end(out);
    }
    json_array_end(out);
}

void table_begin(const TableHead *head, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "kind", "Table");
    json_kv_string(out, "apiVersion", "meta.k8s.io/v1");
    json_kv_object(out, "metadata");
    json_key(out, "resourceVersion");
    json_stringf(out, "%" PRIu64, head->version);
    if (head->next) {
        json_kv_string(out, "continue", head->next);
        json_kv_int(out, "remainingItemCount", head->remaining);
    }
    json_object_end(out);
    json_key(out, "columnDefinitions");
    if (head->columns)
        write_columns(head->kind, out);
    else
        json_null(out);
    json_kv_array(out, "rows");
}

static void write_cell(const Column *column, const Value *object, JsonWriter *out) {
    const Value *value = object;
    if (column->fn) {
        column->fn(object, out);
        return;
    }
    for (size_t i = 0; column->path[i]; i++)
        value = value_get(value, column->path[i]);
    json_value(out, value);
}

static void write_row_object(const Value *object, const char *json, size_t size,
                             TableInclude include, JsonWriter *out) {
    json_key(out, "object");
    switch (include) {
    case INCLUDE_NONE: json_null(out); return;
    case INCLUDE_OBJECT: json_raw(out, json, size); return;
    case INCLUDE_METADATA: break;
    }
    json_object_begin(out);
    json_kv_string(out, "kind", "PartialObjectMetadata");
    json_kv_string(out, "apiVersion", "meta.k8s.io/v1");
    json_key(out, "metadata");
    json_value(out, value_get(object, "metadata"));
    json_object_end(out);
}

void table_row(ObjectKind kind, const char *json, size_t size, TableInclude include,
               JsonWriter *out) {
    Columns columns = columns_of(kind);
    Arena arena;
    const Value *object;
    arena_init(&arena);
    if (json_parse(json, size, &arena, &object, NULL) == 0) {
        json_object_begin(out);
        json_kv_array(out, "cells");
        for (size_t i = 0; i < columns.n; i++)
            write_cell(&columns.at[i], object, out);
        json_array_end(out);
        write_row_object(object, json, size, include, out);
        json_object_end(out);
    }
    arena_deinit(&arena);
}

static bool needs_json(const Columns *columns) {
    for (size_t i = 0; i < columns->n; i++)
        if (!columns->at[i].text && columns->at[i].fn != cell_age)
            return true;
    return false;
}

static void write_cells(const Columns *columns, Object *object, JsonWriter *out) {
    json_kv_array(out, "cells");
    for (size_t i = 0; i < columns->n; i++) {
        const Column *column = &columns->at[i];
        if (column->text)
            json_string(out, column->text(object));
        else
            put_age(object->created_us, out);
    }
    json_array_end(out);
}

void table_object(Object *object, TableInclude include, JsonWriter *out) {
    Columns columns = columns_of(object->kind);
    if (include == INCLUDE_NONE && !needs_json(&columns)) {
        json_object_begin(out);
        write_cells(&columns, object, out);
        json_key(out, "object");
        json_null(out);
        json_object_end(out);
        return;
    }
    size_t size;
    const char *json =
        include == INCLUDE_OBJECT ? object_json(object, &size) : object_brief(object, &size);
    table_row(object->kind, json, size, include, out);
}

void table_end(JsonWriter *out) {
    json_array_end(out);
    json_object_end(out);
}

/* ---- negotiation ---- */

/* Is this item of an Accept header a Table of a version that we speak? */
static bool is_table(const char *item, size_t n) {
    static const char *const forms[] = {
        "application/json;as=Table;v=v1;g=meta.k8s.io",
        "application/json;as=Table;g=meta.k8s.io;v=v1",
        "application/json; as=Table; v=v1; g=meta.k8s.io",
    };
    for (size_t i = 0; i < COUNT(forms); i++)
        if (n == strlen(forms[i]) && strncmp(item, forms[i], n) == 0)
            return true;
    return false;
}

static bool is_plain(const char *item, size_t n) {
    return (n == 16 && strncmp(item, "application/json", n) == 0) ||
           (n == 3 && strncmp(item, "*/*", n) == 0);
}

bool table_wanted(const Request *request) {
    const char *p = request_header(request, "Accept");
    while (p && *p) {
        p += strspn(p, " ");
        size_t n = strcspn(p, ",");
        if (is_table(p, n))
            return true;
        if (is_plain(p, n))
            return false;
        p += n + (p[n] == ',');
    }
    return false;
}

TableInclude table_include(const Request *request) {
    const char *text = request_param(request, "includeObject");
    if (str_same(text, "None"))
        return INCLUDE_NONE;
    return str_same(text, "Object") ? INCLUDE_OBJECT : INCLUDE_METADATA;
}
