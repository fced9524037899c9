/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/session.h"

#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "spec/signals.h"

const char *target_type_name(TargetType type) {
    switch (type) {
    case TARGET_JOB: return "job";
    case TARGET_SERVER: return "server";
    }
    UNREACHABLE();
}

const char *target_phase_name(TargetPhase phase) {
    switch (phase) {
    case PHASE_NONE: return "none";
    case PHASE_WAITING: return "waiting";
    case PHASE_ACTIVE: return "active";
    case PHASE_TERMINATED: return "terminated";
    case PHASE_DISABLED: return "disabled";
    }
    UNREACHABLE();
}

static void put_time(JsonWriter *out, const char *key, int64_t us) {
    json_key(out, key);
    if (us == 0) {
        json_null(out);
        return;
    }
    char text[TIME_TEXT];
    time_format_micro(us, text);
    json_string(out, text);
}

/* In Go's format, as metav1.Duration; 0 goes without saying. */
static void put_duration(JsonWriter *out, const char *key, int64_t ms) {
    if (ms == 0)
        return;
    char text[DURATION_TEXT];
    duration_format_go(ms, text);
    json_kv_string(out, key, text);
}

static void put_text(JsonWriter *out, const char *key, const char *text) {
    if (text && *text)
        json_kv_string(out, key, text);
}

static void put_waiting(JsonWriter *out, const TargetState *state) {
    json_kv_object(out, "waiting");
    json_kv_string(out, "waitReason", state->wait_reason ? state->wait_reason : "unknown");
    if (state->waiting_on_n > 0) {
        json_kv_array(out, "waitingOn");
        for (size_t i = 0; i < state->waiting_on_n; i++)
            json_string(out, state->waiting_on[i]);
        json_array_end(out);
    }
    if (state->trigger_us)
        put_time(out, "triggerTime", state->trigger_us);
    json_object_end(out);
}

static void put_run(JsonWriter *out, const TargetState *state) {
    json_kv_int(out, "run", state->run);
    if (state->pid > 0)
        json_kv_int(out, "pid", state->pid);
    json_kv_int(out, "restarts", state->restarts);
}

static void put_active(JsonWriter *out, const TargetState *state) {
    json_kv_object(out, "active");
    put_time(out, "startTime", state->start_us);
    json_kv_bool(out, "ready", state->ready);
    put_time(out, "lastReadyTime", state->last_ready_us);
    put_run(out, state);
    json_object_end(out);
}

static void put_terminated(JsonWriter *out, const TargetState *state) {
    json_kv_object(out, "terminated");
    put_time(out, "startTime", state->start_us);
    put_time(out, "finishTime", state->finish_us);
    put_text(out, "error", state->error);
    put_text(out, "graceStatus", state->grace_status);
    put_run(out, state);
    if (state->exit_code >= 0)
        json_kv_int(out, "exitCode", state->exit_code);
    char name[16];
    if (state->signal > 0)
        json_kv_string(out, "signal", signal_name(state->signal, name));
    if (state->oom_killed != UNKNOWN)
        json_kv_bool(out, "oomKilled", state->oom_killed == YES);
    json_object_end(out);
}

void target_encode_state(const TargetState *state, JsonWriter *out) {
    json_object_begin(out);
    switch (state->phase) {
    case PHASE_NONE: break;
    case PHASE_WAITING: put_waiting(out, state); break;
    case PHASE_ACTIVE: put_active(out, state); break;
    case PHASE_TERMINATED: put_terminated(out, state); break;
    case PHASE_DISABLED:
        json_kv_object(out, "disabled");
        json_object_end(out);
        break;
    }
    json_object_end(out);
}

void target_encode_helpers(const TargetStatus *status, JsonWriter *out) {
    if (!status->helper_n)
        return;
    json_kv_array(out, "helpers");
    for (size_t i = 0; i < status->helper_n; i++) {
        json_object_begin(out);
        json_kv_int(out, "run", status->helpers[i].run);
        json_kv_int(out, "pid", status->helpers[i].pid);
        json_kv_string(out, "command", status->helpers[i].command);
        json_object_end(out);
    }
    json_array_end(out);
}

void target_encode_status(const TargetStatus *status, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "name", status->name);
    json_kv_string(out, "type", target_type_name(status->type));
    json_kv_array(out, "resources");
    json_string(out, status->resource);
    json_array_end(out);
    json_key(out, "state");
    target_encode_state(&status->state, out);
    put_text(out, "message", status->message);
    target_encode_helpers(status, out);
    json_object_end(out);
}

void session_encode_spec(const SessionSpec *spec, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "tiltfilePath", spec->tiltfile_path);
    json_kv_string(out, "exitCondition", spec->exit_condition);
    json_kv_object(out, "ci");
    put_duration(out, "k8sGracePeriod", spec->ci_grace_ms);
    put_duration(out, "timeout", spec->ci_timeout_ms);
    put_duration(out, "readinessTimeout", spec->ci_readiness_timeout_ms);
    put_duration(out, "soak", spec->ci_soak_ms);
    json_object_end(out);
    json_object_end(out);
}

/* "shop" of "shop-1a2b3c" and of "shop-1a2b3c-two". */
static void put_project(JsonWriter *out, const SessionStatus *status) {
    if (!status->slug)
        return;
    size_t n = strlen(status->slug), digits = strlen("-1a2b3c");
    size_t behind = digits + (status->session ? strlen(status->session) + 1 : 0);
    AUTO_FREE char *name = xstrndup(status->slug, n > behind ? n - behind : n);
    json_kv_string(out, "project", name);
}

void session_encode_status(const SessionStatus *status, JsonWriter *out) {
    json_object_begin(out);
    json_kv_int(out, "pid", status->pid);
    put_time(out, "startTime", status->start_us);
    json_kv_array(out, "targets");
    for (size_t i = 0; i < status->target_n; i++)
        target_encode_status(&status->targets[i], out);
    json_array_end(out);
    json_kv_bool(out, "done", status->done);
    put_text(out, "error", status->error);
    put_text(out, "reason", status->late ? "Timeout" : NULL);
    put_text(out, "culprit", status->culprit);
    put_project(out, status);
    put_text(out, "session", status->session);
    json_object_end(out);
}
