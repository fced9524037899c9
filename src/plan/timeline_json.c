/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/str.h"
#include "data/json.h"
#include "plan/timeline.h"

/* How long its newest run took: a job to its end, a server until it was first ready, or else to its
 * end. */
static int64_t took_us(const TimelineRow *row) {
    int64_t from_us = 0, to_us = 0;
    bool ready = false;
    for (size_t s = 0; s < row->n; s++) {
        const Span *span = &row->spans[s];
        if (span->run != row->last_run || span->kind == SPAN_WAIT)
            continue;
        from_us = from_us ? from_us : span->from_us;
        to_us = ready ? to_us : span->kind == SPAN_READY ? span->from_us : span->to_us;
        ready |= span->kind == SPAN_READY;
    }
    return to_us - from_us;
}

/* What held it back when that was recorded may have failed since. */
static const char *failed_before(const TimelineRow *row, const Timeline *timeline, Arena *arena) {
    for (size_t i = 0; row->held && i < timeline->n; i++)
        if (str_same(timeline->rows[i].target, row->held->cause.target) && timeline->rows[i].failed)
            return arena_printf(arena, "waiting for %s, which failed", timeline->rows[i].target);
    return NULL;
}

static const char *message_of(const TimelineRow *row, const Timeline *timeline, Arena *arena) {
    const char *failed = row->began_us ? NULL : failed_before(row, timeline, arena);
    if (row->failed)
        return row->failed->message;
    if (failed)
        return failed;
    if (row->held && !row->began_us)
        return row->held->message;
    return "";
}

static void put_time(JsonWriter *out, const char *key, int64_t us) {
    char text[TIME_TEXT];
    time_format_micro(us, text);
    json_kv_string(out, key, text);
}

static void put_row(const TimelineRow *row, const Timeline *timeline, JsonWriter *out) {
    Arena arena;
    arena_init(&arena);
    json_object_begin(out);
    json_kv_string(out, "target", row->target);
    json_kv_string(out, "type", row->job ? "job" : "server");
    json_kv_bool(out, "critical", row->critical);
    json_kv_string(out, "state", span_state_name(timeline_state(row, timeline)));
    json_kv_string(out, "outcome", timeline_outcome(row, timeline, &arena));
    json_kv_string(out, "message", message_of(row, timeline, &arena));
    json_kv_string(out, "reason", row->failed ? row->failed->reason : "");
    json_kv_int(out, "run", row->last_run);
    json_kv_int(out, "ms", took_us(row) / 1000);
    json_kv_array(out, "spans");
    for (size_t s = 0; s < row->n; s++) {
        const Span *span = &row->spans[s];
        json_object_begin(out);
        json_kv_string(out, "kind", span_kind_name(span->kind));
        if (span->run)
            json_kv_int(out, "run", span->run);
        put_time(out, "from", span->from_us);
        put_time(out, "to", span->to_us);
        if (span->open)
            json_kv_bool(out, "open", true);
        if (span->failed)
            json_kv_bool(out, "failed", true);
        json_object_end(out);
    }
    json_array_end(out);
    json_object_end(out);
    arena_deinit(&arena);
}

void timeline_encode(const Timeline *timeline, JsonWriter *out) {
    json_object_begin(out);
    put_time(out, "from", timeline->from_us);
    put_time(out, "to", timeline->to_us);
    if (timeline->settled_us && (timeline->failed || !timeline_unsettled(timeline)))
        put_time(out, "settled", timeline->settled_us);
    json_kv_bool(out, "failed", timeline->failed);
    json_kv_array(out, "criticalPath");
    for (size_t i = 0; i < timeline->path_n; i++) {
        const TimelineStep *step = &timeline->path[i];
        json_object_begin(out);
        json_kv_string(out, "target", step->target);
        json_kv_int(out, "run", step->run);
        put_time(out, "from", step->from_us);
        put_time(out, "to", step->to_us);
        json_kv_int(out, "ms", (step->to_us - step->from_us) / 1000);
        json_object_end(out);
    }
    json_array_end(out);
    json_kv_array(out, "targets");
    for (size_t i = 0; i < timeline->n; i++)
        put_row(&timeline->rows[i], timeline, out);
    json_array_end(out);
    json_object_end(out);
}
