/* SPDX-License-Identifier: Apache-2.0 */
/* What others see of a target: its state, why it is so, and the object that the API serves. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "engine/sessions/enablement.h"
#include "engine/targets/target.h"
#include "engine/targets/service_watch.h"
#include "spec/signals.h"

static bool same_state(const TargetState *a, const TargetState *b) {
    if (a->phase != b->phase || !str_same(a->wait_reason, b->wait_reason) ||
        a->waiting_on_n != b->waiting_on_n || a->trigger_us != b->trigger_us || a->run != b->run ||
        a->pid != b->pid || a->restarts != b->restarts || a->start_us != b->start_us ||
        a->ready != b->ready || a->last_ready_us != b->last_ready_us)
        return false;
    for (size_t i = 0; i < a->waiting_on_n; i++)
        if (!str_same(a->waiting_on[i], b->waiting_on[i]))
            return false;
    return a->finish_us == b->finish_us && str_same(a->error, b->error) &&
           str_same(a->grace_status, b->grace_status) && a->exit_code == b->exit_code &&
           a->signal == b->signal && a->oom_killed == b->oom_killed;
}

static void describe(Target *target, const Judged *judged, char *why, size_t size) {
    plan_why(judged, why, size);
    const TargetFacts *facts = target_facts(target);
    if (facts->run_state == RUN_STARTING && hooks_running(target))
        snprintf(why, size, "waiting for its hook before to end");
    if (facts->run_state == RUN_RUNNING && !facts->ready && target->probe_why[0])
        snprintf(why, size, "not ready %s: %s", facts->last_ready_us ? "any more" : "yet",
                 target->probe_why);
}

/* The message is why it is as it is, and who was left running. A target of which nothing is known
 * yet has none. */
void target_retold(Target *target) {
    Session *session = target->session;
    TargetStatus *status = &session->statuses[target->index];
    char left[2 * FACTS_TEXT] = "", files[2 * FACTS_TEXT];
    service_watch_describe(target->watch, files, sizeof(files));
    if (target->why[0] || target->shown.phase != PHASE_NONE)
        helpers_describe(&target->helpers, left, sizeof(left));
    const char *parts[] = {target->why, files, left};
    size_t at = 0;
    target->message[0] = '\0';
    for (size_t i = 0; i < COUNT(parts) && at < sizeof(target->message); i++)
        if (parts[i][0])
            at += (size_t)snprintf(target->message + at, sizeof(target->message) - at, "%s%s",
                                   at ? "; " : "", parts[i]);
    status->message = target->message[0] ? target->message : NULL;
    status->helpers = target->helpers.seen.at;
    status->helper_n = target->helpers.seen.n;
    object_touch(session->engine->objects, &target->object);
    session->touched = true;
    engine_changed(session->engine, session);
}

void target_show(Target *target, const Verdict *verdict) {
    Session *session = target->session;
    TargetState state = {0};
    const char *names[WAITING_ON_MAX];
    char why[sizeof(target->why)];
    Judged judged = {&session->graph, session->facts, target->index, verdict};
    plan_show(&judged, &state, names);
    describe(target, &judged, why, sizeof(why));
    if (same_state(&state, &target->shown) && strcmp(why, target->why) == 0)
        return;
    if (state.phase != target->shown.phase) {
        session->restated = true;
        engine_calm_later(session->engine);
    }
    if (state.phase != target->shown.phase)
        log_info("%s %s: %s -> %s%s%s%s", session->slug, target_spec(target)->name,
                 target_phase_name(target->shown.phase), target_phase_name(state.phase),
                 why[0] ? " (" : "", why, why[0] ? ")" : "");
    memcpy(target->waiting_on, names, sizeof(names));
    str_copy(target->error, sizeof(target->error), state.error ? state.error : "");
    str_copy(target->why, sizeof(target->why), why);
    state.waiting_on = target->waiting_on;
    state.error = state.error ? target->error : NULL;
    target->shown = session->statuses[target->index].state = state;
    events_held(target, verdict, why);
    events_look(target);
    target_retold(target);
}

/* For who waits for a certain run: that it was not needed, or how the one before this ended. */
static void encode_past(const TargetFacts *facts, JsonWriter *out) {
    if (facts->skipped)
        json_kv_int(out, "skippedRun", facts->skipped);
    /* how it ended is not shown otherwise of what waits for its next run, or for its time */
    bool newest = (facts->queued || facts->due_us) && facts->run_state == RUN_ENDED;
    EndKind kind = newest ? facts->result.kind : facts->former_kind;
    int code = newest ? facts->result.code : facts->former_code;
    uint32_t run = newest ? facts->run : facts->former_run;
    char name[16];
    if (!run)
        return;
    json_kv_object(out, "previous");
    json_kv_int(out, "run", run);
    json_kv_bool(out, "failed", newest ? facts->failure != NULL : facts->former_failed);
    if (kind == END_EXITED)
        json_kv_int(out, "exitCode", code);
    if (kind == END_SIGNALED)
        json_kv_string(out, "signal", signal_name(code, name));
    json_object_end(out);
}

void target_encode(Object *object, JsonWriter *out) {
    const Target *target = container_of(object, Target, object);
    const TargetSpec *spec = target_spec(target);
    const TargetStatus *status = &target->session->statuses[target->index];
    json_kv_object(out, "spec");
    json_kv_string(out, "target", spec->name);
    json_kv_string(out, "resource", status->resource);
    const StrList *groups = &target->session->groups[target->index];
    if (groups->n > 0)
        json_kv_array(out, "groups");
    for (size_t i = 0; i < groups->n; i++)
        json_string(out, groups->at[i]);
    if (groups->n > 0)
        json_array_end(out);
    json_kv_string(out, "type", target_type_name(spec->type));
    json_kv_string(out, "session", target->session->slug);
    if (spec->service && spec->service->line)
        json_kv_int(out, "line", spec->service->line);
    json_kv_bool(out, "enabled", target_enabled(target));
    if (spec->service && spec->service->description)
        json_kv_string(out, "description", spec->service->description);
    json_kv_array(out, "dependsOn");
    for (size_t i = 0; i < spec->dep_n; i++)
        json_string(out, target->session->graph.targets[spec->deps[i].target].name);
    json_array_end(out);
    json_object_end(out);
    json_kv_object(out, "status");
    json_key(out, "state");
    target_encode_state(&status->state, out);
    if (status->message)
        json_kv_string(out, "message", status->message);
    if (target->stop_failed[0])
        json_kv_string(out, "stopFailed", target->stop_failed);
    encode_past(&target->session->facts[target->index], out);
    target_encode_helpers(status, out);
    ports_encode(target, out);
    json_object_end(out);
}
