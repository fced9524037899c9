/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/operations/operation.h"
#include "engine/sessions/session.h"

static void kv_time(JsonWriter *out, const char *key, int64_t us) {
    char text[TIME_TEXT];
    if (!us)
        return;
    time_format_seconds(us, text);
    json_kv_string(out, key, text);
}

static void kv_text(JsonWriter *out, const char *key, const char *text) {
    if (text && *text)
        json_kv_string(out, key, text);
}

static void encode_spec(const Environment *environment, JsonWriter *out) {
    const EnvironmentEntry *entry = &environment->entry;
    const ComputeAccess *compute = entry->compute;
    json_kv_object(out, "spec");
    json_kv_string(out, "name", entry->name);
    json_kv_string(out, "project", environment->project);
    json_kv_string(out, "mode", entry->mode);
    json_kv_string(out, "branch", entry->branch);
    kv_text(out, "base", entry->base);
    json_kv_string(out, "path", entry_path(entry));
    json_kv_bool(out, "managed", compute && compute->managed);
    json_kv_string(out, "compute", compute ? compute->type : "local");
    kv_text(out, "host", compute ? compute->host : NULL);
    kv_time(out, "expires", entry->expires_ns / 1000);
    json_object_end(out);
}

static void encode_ports(const EnvironmentEntry *entry, JsonWriter *out) {
    const EnvironmentPorts *ports = &entry->ports;
    const char *host = entry->compute ? entry->compute->host : NULL;
    bool numeric6 = host && strchr(host, ':');
    json_kv_object(out, "ports");
    for (size_t i = 0; i < ports->n; i++)
        json_kv_int(out, ports->at[i].name, ports->at[i].port);
    json_object_end(out);
    json_kv_object(out, "urls");
    for (size_t i = 0; i < ports->n; i++) {
        json_key(out, ports->at[i].name);
        json_stringf(out, "http://%s%s%s:%lld", numeric6 ? "[" : "", host ? host : "localhost",
                     numeric6 ? "]" : "", (long long)ports->at[i].port);
    }
    json_object_end(out);
}

static const char *state_name(OperationState state) {
    switch (state) {
    case OPERATION_WAITING: return "waiting";
    case OPERATION_WALKING: return "running";
    case OPERATION_DONE: return "done";
    case OPERATION_FAILED: return "failed";
    case OPERATION_CANCELED: return "canceled";
    }
    return "";
}

/* The delete that ends what is under way, and comes after it. */
static void encode_next(const Environment *environment, JsonWriter *out) {
    json_kv_object(out, "next");
    json_kv_int(out, "number", environment->next);
    json_kv_string(out, "kind", operation_kind_name(OPERATION_DELETE));
    json_object_end(out);
}

static void encode_operation(const Operation *operation, JsonWriter *out) {
    const LifecycleStep *step = operation_step(operation);
    json_kv_object(out, "operation");
    json_kv_int(out, "number", operation->number);
    json_kv_string(out, "kind", operation_kind_name(operation->ask.kind));
    json_kv_string(out, "state",
                   state_name(operation->over || operation->state < OPERATION_DONE
                                  ? operation->state
                                  : OPERATION_WALKING));
    kv_time(out, "since", operation->begun_us);
    kv_text(out, "step", step ? step->name : operation->step);
    kv_text(out, "message", operation->message);
    kv_text(out, "error", operation->error);
    json_object_end(out);
}

/* As a shell reads it back. Returns owned. */
static char *shell_word(const char *text) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    Buf buf;
    if (*text && !text[strspn(text, plain)])
        return xstrdup(text);
    buf_init(&buf, 4 * strlen(text) + 3);
    buf_putc(&buf, '\'');
    for (; *text; text++)
        if (*text == '\'')
            buf_puts(&buf, "'\\''");
        else
            buf_putc(&buf, *text);
    buf_putc(&buf, '\'');
    return buf_take(&buf);
}

/* What goes on with it; NULL: there is nothing to go on with. */
static const char *verb_of(const EnvironmentEntry *entry) {
    bool failed = entry->status == ENVIRONMENT_ERROR;
    const char *step = failed && entry->failed_step ? entry->failed_step : "";
    if (entry->status == ENVIRONMENT_DELETING || lifecycle_destroys(step))
        return "delete";
    if (lifecycle_stops(step))
        return "stop";
    return failed || entry->status == ENVIRONMENT_CREATING ? "create" : NULL;
}

void environment_encode_resume(const Environment *environment, const EnvironmentEntry *entry,
                               JsonWriter *out) {
    const char *manifest = environment->manifest, *verb = verb_of(entry);
    bool attaches = !manifest && verb && strcmp(verb, "create") == 0 && entry->compute &&
                    !entry->compute->managed;
    if (!verb || (environment->apart && !manifest))
        return;
    if (attaches && access(entry_path(entry), F_OK) < 0)
        return; /* nothing goes on without it */
    AUTO_FREE char *path = shell_word(manifest ? manifest : entry_path(entry));
    json_key(out, "resume");
    if (manifest)
        json_stringf(out, "thole env run --manifest %s", path);
    else if (attaches)
        json_stringf(out, "thole env attach %s --worktree %s", entry->name, path);
    else
        json_stringf(out, "thole env %s %s", verb, entry->name);
}

/* What a row shows. */
void environment_encode_brief(Object *object, JsonWriter *out) {
    const Environment *environment = environment_of(object);
    const EnvironmentEntry *entry = &environment->entry;
    json_kv_object(out, "spec");
    json_kv_string(out, "name", entry->name);
    json_kv_string(out, "project", environment->project); /* watchers tell by it what is gone */
    json_kv_string(out, "mode", entry->mode);
    json_kv_string(out, "branch", entry->branch);
    json_kv_string(out, "path", entry_path(entry));
    json_object_end(out);
    json_kv_object(out, "status");
    json_kv_string(out, "phase", environment_status_name(environment_phase(environment)));
    kv_text(out, "error", entry->error);
    json_object_end(out);
}

void environment_encode(Object *object, JsonWriter *out) {
    const Environment *environment = environment_of(object);
    const EnvironmentEntry *entry = &environment->entry;
    const Session *session = environment_session(environment);
    encode_spec(environment, out);
    json_kv_object(out, "status");
    json_kv_string(out, "phase", environment_status_name(environment_phase(environment)));
    encode_ports(entry, out);
    if (*entry_root(entry))
        json_kv_string(out, "root", entry_root(entry));
    kv_text(out, "session", session ? session->slug : NULL);
    kv_text(out, "failedStep", entry->failed_step);
    kv_text(out, "error", entry->error);
    environment_encode_resume(environment, entry, out);
    kv_time(out, "updated", entry->updated_ns / 1000);
    if (environment->operation)
        encode_operation(environment->operation, out);
    if (environment->next)
        encode_next(environment, out);
    json_object_end(out);
}
