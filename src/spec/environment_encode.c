/* SPDX-License-Identifier: Apache-2.0 */
/* Environments as JSON. The order of keys is the seed's; ours follow below `thole`, then what we do
 * not know. */
#include <string.h>

#include "base/clock.h"
#include "spec/environment_json.h"

/* How one JSON is written. */
typedef struct Put {
    JsonWriter *out;
    EntryForm form;
    const char *path; /* of the worktree, which everybody sees; NULL: not known */
} Put;

static void put_masked(void *arg, const char *text, Buf *out) {
    (void)arg;
    (void)text;
    buf_puts(out, SCHEMA_MASKED);
}

static const JsonHide mask = {.put = put_masked};

/* From here on texts are what nobody shall see, until unhide. */
static const JsonHide *hide(Put *put) {
    const JsonHide *before = put->out->hide;
    if (put->form == ENTRY_SHOWN)
        put->out->hide = &mask;
    return before;
}

static void unhide(Put *put, const JsonHide *before) {
    put->out->hide = before;
}

static void put_optional(JsonWriter *out, const char *key, const char *text) {
    if (text && *text)
        json_kv_string(out, key, text);
}

static void put_time(JsonWriter *out, const char *key, int64_t ns) {
    char text[TIME_TEXT] = "0001-01-01T00:00:00Z";
    if (ns)
        time_format_nano(ns, text);
    json_kv_string(out, key, text);
}

void environment_strings_put(const StrMap *map, JsonWriter *out) {
    json_object_begin(out);
    for (size_t i = 0; i < map->n; i++)
        json_kv_string(out, map->at[i].name, map->at[i].value);
    json_object_end(out);
}

/* The members of a map that we do not know. Those below `thole` go there. */
static void put_unknown(Put *put, const Value *unknown) {
    const JsonHide *before = hide(put);
    for (size_t i = 0; i < value_count(unknown); i++) {
        if (strcmp(unknown->map.at[i].key, "thole") == 0)
            continue;
        json_key(put->out, unknown->map.at[i].key);
        json_value(put->out, unknown->map.at[i].value);
    }
    unhide(put, before);
}

/* Ours. An object that would be empty is not written: a member begins it. */
typedef struct Ours {
    Put *put;
    bool begun;
} Ours;

static JsonWriter *ours(Ours *own) {
    if (!own->begun)
        json_kv_object(own->put->out, "thole");
    own->begun = true;
    return own->put->out;
}

static void ours_optional(Ours *own, const char *key, const char *text) {
    if (text && *text)
        json_kv_string(ours(own), key, text);
}

static void ours_end(Ours *own, const Value *unknown) {
    const Value *more = value_get(unknown, "thole");
    if (value_count(more) > 0) {
        ours(own);
        put_unknown(own->put, more);
    }
    if (own->begun)
        json_object_end(own->put->out);
}

/* Who has started things, and where they are: of steps that print nothing themselves. */
static bool is_known(const Put *put, const char *step, const ValuePair *output) {
    const char *text = value_str(output->value);
    return (text && put->path && strcmp(text, put->path) == 0) ||
           (step_keeps_server(step) && strcmp(output->key, SERVICES_SERVER) == 0);
}

static void put_outputs(Put *put, const char *step, const Value *outputs) {
    json_kv_object(put->out, "outputs");
    for (size_t i = 0; i < outputs->map.n; i++) {
        const ValuePair *pair = &outputs->map.at[i];
        const JsonHide *before = put->out->hide;
        if (!is_known(put, step, pair))
            before = hide(put);
        json_key(put->out, pair->key);
        json_value(put->out, pair->value);
        unhide(put, before);
    }
    json_object_end(put->out);
}

static void put_checkpoint(Put *put, const Checkpoint *checkpoint) {
    JsonWriter *out = put->out;
    json_object_begin(out);
    json_kv_string(out, "name", checkpoint->name);
    json_kv_string(out, "status", checkpoint_status_name(checkpoint->status));
    put_time(out, "startedAt", checkpoint->started_ns);
    put_time(out, "finishedAt", checkpoint->finished_ns);
    json_kv_int(out, "durationMs", checkpoint->duration_ms);
    json_kv_string(out, "machine", checkpoint->machine ? checkpoint->machine : "");
    put_optional(out, "error", checkpoint->error);
    if (value_count(checkpoint->outputs) > 0)
        put_outputs(put, checkpoint->name, checkpoint->outputs);
    Ours own = {.put = put};
    ours_optional(&own, "reason", checkpoint->reason);
    ours_optional(&own, "inputs", checkpoint->inputs);
    if (checkpoint->run)
        json_kv_int(ours(&own), "run", checkpoint->run);
    ours_optional(&own, "server", checkpoint->server);
    if (checkpoint->operation)
        json_kv_int(ours(&own), "operation", checkpoint->operation);
    ours_end(&own, checkpoint->unknown);
    put_unknown(put, checkpoint->unknown);
    json_object_end(out);
}

static bool tells(const Put *put, const Checkpoint *checkpoint) {
    return put->form == ENTRY_STORED || checkpoint->status != CHECKPOINT_STARTED;
}

static void put_steps(Put *put, const Checkpoints *steps) {
    bool any = false;
    for (size_t i = 0; i < steps->n; i++) {
        if (!tells(put, &steps->at[i]))
            continue;
        if (!any)
            json_kv_object(put->out, "steps");
        any = true;
        json_key(put->out, steps->at[i].name);
        put_checkpoint(put, &steps->at[i]);
    }
    if (any)
        json_object_end(put->out);
}

static void put_audit(Put *put, const AuditEntry *entry) {
    JsonWriter *out = put->out;
    json_object_begin(out);
    put_time(out, "timestamp", entry->time_ns);
    json_kv_string(out, "step", entry->step ? entry->step : "");
    json_kv_string(out, "action", entry->action ? entry->action : "");
    json_kv_string(out, "machine", entry->machine ? entry->machine : "");
    if (entry->duration_ms)
        json_kv_int(out, "durationMs", entry->duration_ms);
    put_optional(out, "message", entry->message);
    put_optional(out, "error", entry->error);
    Ours own = {.put = put};
    ours_optional(&own, "user", entry->user);
    ours_end(&own, entry->unknown);
    put_unknown(put, entry->unknown);
    json_object_end(out);
}

static void put_audit_log(Put *put, const AuditLog *log) {
    if (log->n == 0)
        return;
    json_kv_array(put->out, "auditLog");
    for (size_t i = 0; i < log->n; i++)
        put_audit(put, &log->at[i]);
    json_array_end(put->out);
}

static void put_compute(Put *put, const ComputeAccess *compute) {
    bool ssh = strcmp(compute->type, "ssh") == 0; /* its `path` is the directory there */
    json_kv_object(put->out, "compute");
    json_kv_string(put->out, "type", compute->type);
    put_optional(put->out, "path", ssh ? compute->root : compute->path);
    put_optional(put->out, "host", compute->host);
    put_optional(put->out, "user", compute->user);
    if (compute->managed)
        json_kv_bool(put->out, "managedWorktree", true);
    Ours own = {.put = put};
    ours_optional(&own, "root", ssh ? NULL : compute->root);
    ours_end(&own, compute->unknown);
    put_unknown(put, compute->unknown);
    json_object_end(put->out);
}

void environment_ports_put(const EnvironmentPorts *ports, JsonWriter *out) {
    json_object_begin(out);
    for (size_t i = 0; i < ports->n; i++)
        json_kv_int(out, ports->at[i].name, ports->at[i].port);
    json_object_end(out);
}

void environment_outputs_put(const EnvironmentOutputs *outputs, JsonWriter *out) {
    json_object_begin(out);
    for (size_t i = 0; i < outputs->n; i++) {
        json_key(out, outputs->at[i].service);
        environment_strings_put(&outputs->at[i].values, out);
    }
    json_object_end(out);
}

/* Ports, and what nobody shall see. */
static void put_known(Put *put, const EnvironmentEntry *entry) {
    json_key(put->out, "ports");
    environment_ports_put(&entry->ports, put->out);
    json_key(put->out, "provisionerOutputs");
    const JsonHide *before = hide(put);
    environment_outputs_put(&entry->outputs, put->out);
    unhide(put, before);
}

static void put_values(Put *put, const StrMap *values) {
    if (values->n == 0)
        return;
    json_key(put->out, "env");
    const JsonHide *before = hide(put);
    environment_strings_put(values, put->out);
    unhide(put, before);
}

static void put_enabled(Put *put, const StrList *services) {
    if (services->n == 0)
        return;
    json_kv_array(put->out, "enabledServices");
    for (size_t i = 0; i < services->n; i++)
        json_string(put->out, services->at[i]);
    json_array_end(put->out);
}

static void put_ours(Put *put, const EnvironmentEntry *entry) {
    bool deleting = entry->status == ENVIRONMENT_DELETING && put->form != ENTRY_STORED;
    const char *error = entry->error;
    Ours own = {.put = put};
    if (deleting && !error) /* or `error` would have no reason */
        error = "it was being deleted";
    ours_optional(&own, "uid", entry->uid);
    ours_optional(&own, "base", entry->base);
    if (entry->expires_ns)
        put_time(ours(&own), "expiresAt", entry->expires_ns);
    ours_optional(&own, "failedStep", entry->failed_step);
    ours_optional(&own, "error", error);
    if (deleting && put->form == ENTRY_SHOWN)
        json_kv_string(ours(&own), "status", environment_status_name(entry->status));
    ours_end(&own, entry->unknown);
}

static const char *status_of(const Put *put, const EnvironmentEntry *entry) {
    bool deleting = entry->status == ENVIRONMENT_DELETING && put->form != ENTRY_STORED;
    return environment_status_name(deleting ? ENVIRONMENT_ERROR : entry->status);
}

void entry_encode(const EnvironmentEntry *entry, EntryForm form, JsonWriter *out) {
    Put put = {.out = out, .form = form, .path = entry->compute ? entry->compute->path : NULL};
    json_object_begin(out);
    json_kv_string(out, "name", entry->name);
    json_kv_string(out, "mode", entry->mode ? entry->mode : "");
    json_kv_string(out, "branch", entry->branch ? entry->branch : "");
    json_kv_string(out, "status", status_of(&put, entry));
    put_time(out, "createdAt", entry->created_ns);
    put_time(out, "updatedAt", entry->updated_ns);
    put_known(&put, entry);
    if (entry->compute)
        put_compute(&put, entry->compute);
    put_values(&put, &entry->values);
    put_enabled(&put, &entry->enabled_services);
    put_steps(&put, &entry->steps);
    put_audit_log(&put, &entry->audit);
    put_ours(&put, entry);
    put_unknown(&put, entry->unknown);
    json_object_end(out);
}

void state_encode(const EnvironmentState *state, EntryForm form, JsonWriter *out) {
    Put put = {.out = out, .form = form};
    json_kv_int(out, "version", ENVIRONMENT_STATE_VERSION);
    json_kv_object(out, "environments");
    for (size_t i = 0; i < state->environments.n; i++) {
        json_key(out, state->environments.at[i].name);
        entry_encode(&state->environments.at[i], form, out);
    }
    json_object_end(out);
    Ours own = {.put = &put};
    ours_end(&own, state->unknown);
    put_unknown(&put, state->unknown);
}

void checkpoint_encode(const Checkpoint *checkpoint, EntryForm form, JsonWriter *out) {
    Put put = {.out = out, .form = form};
    put_checkpoint(&put, checkpoint);
}

void audit_encode(const AuditEntry *entry, JsonWriter *out) {
    Put put = {.out = out, .form = ENTRY_SEED};
    put_audit(&put, entry);
}
