/* SPDX-License-Identifier: Apache-2.0 */
/* Who may run at all: the file says it (`enabled`), and people may say otherwise, for as long as
 * the session lives. */

#include "engine/sessions/enablement.h"

#include <string.h>

#include "base/xalloc.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/target.h"

bool target_enabled(const Target *target) {
    const Service *service = target_spec(target)->service;
    if (target->enabled_asked != UNKNOWN)
        return target->enabled_asked == YES;
    return !service || service->enabled;
}

static const char *why_disabled(const Target *target) {
    return target->enabled_asked == NO ? "disabled by request"
                                       : "disabled by thole.yaml (`enabled: false`)";
}

/* As `up` would have started it, with what it needs. */
static void want_again(Session *session, const Target *target) {
    fact_wanted(&session->facts[target->index], WANT_NOTHING, 0, NULL);
    if (!session->chosen[target->index])
        return;
    unsigned char *marks = xcalloc(session->graph.n, 1);
    plan_needed(&session->graph, session->facts, target->index, marks);
    session_want(session, marks);
    free(marks);
}

static void apply(Session *session, Target *target) {
    TargetFacts *facts = target_facts(target);
    bool enabled = target_enabled(target);
    bool going = facts->want == WANT_DOWN && (enabled || facts->run_state != RUN_NONE);
    if (going || enabled == (facts->want != WANT_DISABLED))
        return;
    if (enabled)
        want_again(session, target);
    else
        fact_wanted(facts, WANT_DISABLED, loop_wall_us(session->engine->loop),
                    why_disabled(target));
    target_mark(target);
}

/* All are disabled before one is enabled: what one needs is not started if it is disabled
 * itself. */
void session_apply_enablement(Session *session) {
    for (int enabled = 0; enabled <= 1; enabled++)
        for (size_t i = 0; i < session->graph.n; i++)
            if (target_enabled(session->targets[i]) == enabled)
                apply(session, session->targets[i]);
}

void session_note_disabled(Session *session) {
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->facts[i].want == WANT_DISABLED)
            fact_noted(&session->facts[i], why_disabled(session->targets[i]));
}

/* ---- people ask ---- */

/* Marks `at` and, transitively, what it depends on (up), or what depends on it. */
static void mark_chain(const Graph *graph, uint32_t at, bool up, unsigned char *marks) {
    marks[at] = 1;
    for (size_t i = 0; i < graph->n; i++) { /* one pass in order of dependence is enough */
        uint32_t here = graph->order[up ? graph->n - 1 - i : i];
        const TargetSpec *spec = &graph->targets[here];
        for (size_t d = 0; up && marks[here] && d < spec->dep_n; d++)
            marks[spec->deps[d].target] = 1;
        for (size_t d = 0; !up && marks[here] && d < spec->dependent_n; d++)
            marks[spec->dependents[d]] = 1;
    }
}

/* Of those that are marked with 2. */
static void record_enablement(Session *session, const unsigned char *marks, bool enabled) {
    for (size_t i = 0; i < session->graph.n; i++)
        if (marks[i] == 2)
            event_record(session, &(Event){.target = session->graph.targets[i].name,
                                           .kind = enabled ? EVENT_ENABLED : EVENT_DISABLED,
                                           .reason = REASON_REQUESTED,
                                           .message = enabled ? "enabled by request"
                                                              : "disabled by request"});
}

int target_set_enabled(Target *target, bool enabled, bool with_deps, Err *err) {
    Session *session = target->session;
    if (target_refuses(target, enabled ? "enabled" : "disabled", err) ||
        session_could_save(session, err) < 0)
        return -1;
    unsigned char *marks = xcalloc(session->graph.n, 1);
    if (with_deps)
        mark_chain(&session->graph, target->index, enabled, marks);
    marks[target->index] = 1;
    for (size_t i = 0; i < session->graph.n; i++) {
        bool was = session->facts[i].want != WANT_DISABLED;
        if (!marks[i])
            continue;
        marks[i] = was == enabled ? 1 : 2; /* it is another now */
        session->targets[i]->enabled_asked = enabled ? YES : NO;
        object_touch(session->engine->objects, &session->targets[i]->object);
    }
    session_apply_enablement(session);
    record_enablement(session, marks, enabled);
    free(marks);
    session_touch(session);
    return session_save(session, err);
}

int target_patch_enabled(Target *target, Tristate enabled, Err *err) {
    Session *session = target->session;
    if (enabled != UNKNOWN)
        return target_set_enabled(target, enabled == YES, false, err);
    if (target_refuses(target, "enabled", err) || session_could_save(session, err) < 0)
        return -1;
    bool was = target_enabled(target);
    target->enabled_asked = UNKNOWN;
    bool is = target_enabled(target);
    if (was != is)
        event_record(session, &(Event){.target = target_name(target),
                                       .kind = is ? EVENT_ENABLED : EVENT_DISABLED,
                                       .reason = REASON_REQUESTED,
                                       .message = is ? "enabled by request, as the file says"
                                                     : "disabled by request, as the file says"});
    session_apply_enablement(session);
    object_touch(session->engine->objects, &target->object);
    session_touch(session);
    return session_save(session, err);
}

int target_refuse_disabled(const Target *target, Err *err) {
    const TargetSpec *spec = target_spec(target);
    if (target->session->facts[target->index].want != WANT_DISABLED)
        return 0;
    return err_set(err, ERR_CONFLICT, "%s is disabled; `thole enable %s` first", spec->name,
                   spec->resource);
}

int session_refuse_disabled(const Session *session, const StrList *names, Err *err) {
    const Graph *graph = &session->graph;
    unsigned char *marks = xcalloc(graph->n, 1);
    int r = 0;
    for (size_t n = 0; n < names->n && r == 0; n++) {
        const Target *disabled = NULL;
        bool others = false;
        memset(marks, 0, graph->n);
        r = graph_mark(graph, names->at[n], marks, err);
        for (size_t i = 0; i < graph->n && r == 0; i++) {
            if (marks[i] && session->facts[i].want == WANT_DISABLED)
                disabled = session->targets[i];
            else
                others |= marks[i];
        }
        if (disabled && !others)
            r = target_refuse_disabled(disabled, err);
    }
    free(marks);
    return r;
}

/* ---- on disk ---- */

static void save_those(const Session *session, const char *key, Tristate asked, JsonWriter *out) {
    json_kv_array(out, key);
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->targets[i]->enabled_asked == asked)
            json_string(out, session->graph.targets[i].name);
    json_array_end(out);
}

void session_write_enablement(const Session *session, JsonWriter *out) {
    save_those(session, "enabled", YES, out);
    save_those(session, "disabled", NO, out);
}

static void load_those(Session *session, const Value *names, Tristate asked) {
    for (size_t i = 0; i < value_count(names); i++) {
        int64_t t = graph_find(&session->graph, value_str(value_at(names, i)));
        if (t >= 0)
            session->targets[t]->enabled_asked = asked;
    }
}

void session_load_enablement(Session *session, const Value *v) {
    load_those(session, value_get(v, "enabled"), YES);
    load_those(session, value_get(v, "disabled"), NO);
    session_apply_enablement(session);
}
