/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/fake/fake_record.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "pin/wire.h"

enum { FORMAT = 1 };

static void put(const FakeRun *run, JsonWriter *out) {
    const FakePlan *plan = &run->plan;
    json_object_begin(out);
    json_kv_int(out, "format", FORMAT);
    json_kv_int(out, "pid", run->state.pid);
    json_kv_int(out, "started_us", run->state.started_us);
    json_kv_int(out, "life_ms", plan->life_ms);
    json_kv_int(out, "end", plan->end);
    json_kv_int(out, "code", plan->code);
    json_kv_int(out, "stopped_code", plan->stopped_code);
    json_kv_int(out, "oom_killed", plan->oom_killed);
    json_kv_bool(out, "tail_fails", plan->tail_fails);
    json_kv_string(out, "end_error", plan->end_error);
    json_object_end(out);
}

void fake_record_write(const FakeRun *run) {
    AUTO_FREE char *path = path_join(run->dir, RUN_RECORD);
    Buf json;
    JsonWriter out;
    Err err;
    buf_init(&json, MAX_RECORD_BYTES);
    json_writer_init(&out, &json);
    put(run, &out);
    if (file_write_buf(path, &json, 0600, &err) < 0)
        log_warn("run %u of %s: %s", run->run, run->step, err.msg);
    buf_deinit(&json);
}

static bool take(const Value *record, FakeRun *run) {
    int64_t end = value_get_int(record, "end", -1), oom = value_get_int(record, "oom_killed", -1);
    const char *error = value_get_str(record, "end_error");
    if (value_get_int(record, "format", 0) != FORMAT || end < STEP_EXITED || end > STEP_LOST)
        return false;
    run->state.pid = value_get_int(record, "pid", 0);
    run->state.started_us = value_get_int(record, "started_us", 0);
    run->plan = (FakePlan){
        .life_ms = value_get_int(record, "life_ms", 0),
        .end = (StepEnd)end,
        .code = (int)value_get_int(record, "code", 0),
        .stopped_code = (int)value_get_int(record, "stopped_code", -1),
        .oom_killed = oom == YES  ? YES
                      : oom == NO ? NO
                                  : UNKNOWN,
        .tail_fails = value_get_bool(record, "tail_fails", false),
        .end_error = error ? xstrdup(error) : NULL,
    };
    return true;
}

bool fake_record_read(FakeRun *run) {
    AUTO_FREE char *path = path_join(run->dir, RUN_RECORD);
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    const Value *record = NULL;
    Arena arena;
    if (file_read(path, MAX_RECORD_BYTES, &text, &size, NULL) < 0)
        return false;
    arena_init(&arena);
    bool known = json_parse(text, size, &arena, &record, NULL) == 0 && take(record, run);
    arena_deinit(&arena);
    return known;
}
