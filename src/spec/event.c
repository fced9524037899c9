/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/event.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "data/json.h"
#include "data/value.h"

static const char *const names[EVENT_KINDS] = {
    [EVENT_SESSION] = "session",     [EVENT_SERVER] = "server",     [EVENT_CONFIG] = "config",
    [EVENT_ASKED] = "asked",         [EVENT_BACKOFF] = "backoff",   [EVENT_WAITING] = "waiting",
    [EVENT_STARTED] = "started",     [EVENT_READY] = "ready",       [EVENT_UNREADY] = "not-ready",
    [EVENT_STOPPING] = "stopping",   [EVENT_ENDED] = "ended",       [EVENT_GAVE_UP] = "gave-up",
    [EVENT_UNSTOPPED] = "unstopped", [EVENT_SKIPPED] = "skipped",   [EVENT_DISABLED] = "disabled",
    [EVENT_ENABLED] = "enabled",     [EVENT_HOOK] = "hook",         [EVENT_PORT] = "port",
    [EVENT_WATCH] = "watch",         [EVENT_WORKFLOW] = "workflow",
};

const char *event_kind_name(EventKind kind) {
    return names[kind];
}

EventKind event_kind_find(const char *name) {
    for (EventKind kind = 0; kind < EVENT_KINDS; kind++)
        if (strcmp(names[kind], name) == 0)
            return kind;
    return EVENT_KINDS;
}

static const char *const states[SPAN_STATES] = {
    [STATE_NONE] = "none",       [STATE_WAITING] = "waiting",     [STATE_RUNNING] = "running",
    [STATE_DONE] = "done",       [STATE_NOT_READY] = "not-ready", [STATE_READY] = "ready",
    [STATE_STOPPED] = "stopped", [STATE_SKIPPED] = "skipped",     [STATE_FAILED] = "failed",
};

const char *span_state_name(SpanState state) {
    return states[state];
}

SpanState span_state_find(const char *name) {
    for (SpanState state = 0; state < SPAN_STATES; state++)
        if (strcmp(states[state], name) == 0)
            return state;
    return SPAN_STATES;
}

bool event_has_reason(const Event *event, const char *reason) {
    return str_same(event->reason, reason);
}

bool event_is_failure(const Event *event) {
    return event->kind == EVENT_ENDED && !event_has_reason(event, REASON_COMPLETED) &&
           !event_has_reason(event, REASON_STOPPED);
}

bool event_begins_session(const Event *event) {
    return event->kind == EVENT_SESSION && event_has_reason(event, REASON_CREATED);
}

bool event_ends_session(const Event *event) {
    return event->kind == EVENT_SESSION &&
           (event_has_reason(event, REASON_SUCCEEDED) || event_has_reason(event, REASON_FAILED));
}

/* `max` bytes with their NUL; cut at a character. */
static void put_text(JsonWriter *out, const char *key, const char *text, size_t max) {
    char cut[EVENT_MESSAGE];
    if (strlen(text) >= max) {
        str_copy(cut, max, text);
        text = cut;
    }
    json_kv_string(out, key, text);
}

void event_put(const Event *event, JsonWriter *out) {
    char time[TIME_TEXT];
    time_format_micro(event->time_us, time);
    json_kv_int(out, "seq", event->seq);
    json_kv_string(out, "time", time);
    if (event->target)
        put_text(out, "target", event->target, EVENT_NAME);
    if (event->run)
        json_kv_int(out, "run", event->run);
    json_kv_string(out, "kind", names[event->kind]);
    put_text(out, "reason", event->reason ? event->reason : "", EVENT_REASON);
    put_text(out, "message", event->message ? event->message : "", EVENT_MESSAGE);
    if (event->cause.target) {
        json_kv_object(out, "cause");
        put_text(out, "target", event->cause.target, EVENT_NAME);
        if (event->cause.run)
            json_kv_int(out, "run", event->cause.run);
        json_object_end(out);
    }
}

void event_encode(const Event *event, JsonWriter *out) {
    json_object_begin(out);
    event_put(event, out);
    json_object_end(out);
}

static const char *text_of(const Value *v, const char *key) {
    const char *text = value_get_str(v, key);
    return text ? text : "";
}

int event_decode(const Value *v, Event *ret) {
    const Value *cause = value_get(v, "cause");
    Event event = {.seq = value_get_int(v, "seq", 0),
                   .target = value_get_str(v, "target"),
                   .run = (uint32_t)value_get_int(v, "run", 0),
                   .kind = event_kind_find(text_of(v, "kind")),
                   .reason = text_of(v, "reason"),
                   .message = text_of(v, "message"),
                   .cause = {.target = value_get_str(cause, "target"),
                             .run = (uint32_t)value_get_int(cause, "run", 0)}};
    if (event.seq <= 0 || event.kind == EVENT_KINDS ||
        time_parse(text_of(v, "time"), &event.time_us, NULL) < 0)
        return -1;
    *ret = event;
    return 0;
}
