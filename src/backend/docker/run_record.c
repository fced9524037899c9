/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/run_record.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "pin/wire.h"

#define SECRETS "secrets"

enum { FORMAT = 1, SECRETS_MAX = 8 << 20 };

static const char *const ends[] = {[STEP_EXITED] = "exited",
                                   [STEP_SIGNALED] = "signaled",
                                   [STEP_FAILED] = "failed",
                                   [STEP_LOST] = "lost"};

/* ---- Files ---- */

static int write_json(const char *dir, const char *name, const Buf *json, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
    return file_write_buf(path, json, 0600, err);
}

static int read_json(const char *dir, const char *name, Arena *arena, const Value **ret, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    Err failed = {0};
    if (file_read(path, MAX_RECORD_BYTES, &text, &size, &failed) < 0) {
        if (failed.kind == ERR_NOT_FOUND)
            return 0;
        *err = failed;
        return -1;
    }
    if (json_parse(text, size, arena, ret, &failed) < 0 || !value_is(*ret, VALUE_MAP))
        return 0; /* a power cut */
    return value_check_format(*ret, FORMAT, err) < 0 ? err_in(err, "%s", path) : 1;
}

static const char *text_of(const Value *map, const char *key) {
    const char *text = value_get_str(map, key);
    return text ? text : "";
}

/* ---- Who it is ---- */

int run_note_write(const char *dir, const RunNote *note, Err *err) {
    Buf json;
    JsonWriter w;
    buf_init(&json, MAX_RECORD_BYTES);
    json_writer_init(&w, &json);
    json_object_begin(&w);
    json_kv_int(&w, "format", FORMAT);
    json_kv_string(&w, "name", note->name);
    json_kv_string(&w, "container", note->container);
    json_kv_int(&w, "started_us", note->started_us);
    json_kv_int(&w, "log_from", (int64_t)note->log_from);
    json_kv_int(&w, "log_max", (int64_t)note->log_max);
    json_kv_bool(&w, "stopping", note->stopping);
    json_kv_bool(&w, "script", note->script);
    json_kv_int(&w, "restarts", note->restarts);
    json_kv_int(&w, "attempt", note->attempt);
    json_kv_string(&w, "cause", note->cause ? note->cause : "");
    json_object_end(&w);
    int result = write_json(dir, RUN_RECORD, &json, err);
    buf_deinit(&json);
    return result;
}

int run_note_read(const char *dir, Arena *arena, RunNote *ret, Err *err) {
    const Value *v = NULL;
    int there = read_json(dir, RUN_RECORD, arena, &v, err);
    if (there > 0)
        *ret = (RunNote){.name = text_of(v, "name"),
                         .container = text_of(v, "container"),
                         .started_us = value_get_int(v, "started_us", 0),
                         .log_from = (uint64_t)value_get_int(v, "log_from", 0),
                         .log_max = (uint64_t)value_get_int(v, "log_max", 0),
                         .stopping = value_get_bool(v, "stopping", false),
                         .script = value_get_bool(v, "script", false),
                         .restarts = (uint32_t)value_get_int(v, "restarts", 0),
                         .attempt = (uint32_t)value_get_int(v, "attempt", 0),
                         .cause = text_of(v, "cause")};
    return there;
}

/* ---- How it ended ---- */

static void put_oom(Tristate oom, JsonWriter *w) {
    json_key(w, "oom");
    if (oom == UNKNOWN)
        json_null(w);
    else
        json_bool(w, oom == YES);
}

int run_end_write(const char *dir, const StepState *state, Err *err) {
    Buf json;
    JsonWriter w;
    buf_init(&json, MAX_RECORD_BYTES);
    json_writer_init(&w, &json);
    json_object_begin(&w);
    json_kv_int(&w, "format", FORMAT);
    json_kv_string(&w, "end", state->phase == STEP_NEVER ? "never" : ends[state->end]);
    json_kv_int(&w, "code", state->code);
    put_oom(state->oom_killed, &w);
    json_kv_string(&w, "container", state->container);
    json_kv_int(&w, "started_us", state->started_us);
    json_kv_int(&w, "ended_us", state->ended_us);
    json_kv_int(&w, "log_size", (int64_t)state->log_size);
    json_kv_string(&w, "error", state->error);
    json_object_end(&w);
    int result = write_json(dir, EXIT_RECORD, &json, err);
    buf_deinit(&json);
    return result;
}

static StepEnd end_of(const char *name) {
    for (size_t i = 0; i < COUNT(ends); i++)
        if (strcmp(ends[i], name) == 0)
            return (StepEnd)i;
    return STEP_LOST;
}

int run_end_read(const char *dir, Arena *arena, StepState *ret, Err *err) {
    const Value *v = NULL;
    int there = read_json(dir, EXIT_RECORD, arena, &v, err);
    if (there <= 0)
        return there;
    const Value *oom = value_get(v, "oom");
    *ret = (StepState){.phase = strcmp(text_of(v, "end"), "never") ? STEP_ENDED : STEP_NEVER,
                       .end = end_of(text_of(v, "end")),
                       .code = (int)value_get_int(v, "code", 0),
                       .oom_killed = !value_is(oom, VALUE_BOOL) ? UNKNOWN
                                     : value_bool(oom, false)   ? YES
                                                                : NO,
                       .container = text_of(v, "container"),
                       .started_us = value_get_int(v, "started_us", 0),
                       .ended_us = value_get_int(v, "ended_us", 0),
                       .log_size = (uint64_t)value_get_int(v, "log_size", 0)};
    str_copy(ret->error, sizeof(ret->error), text_of(v, "error"));
    return 1;
}

/* ---- What is masked ---- */

int run_secrets_write(const char *dir, const StrList *secrets, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/" SECRETS, dir);
    Buf text;
    if (secrets->n == 0)
        return 0;
    buf_init(&text, SECRETS_MAX);
    for (size_t i = 0; i < secrets->n; i++)
        buf_put(&text, secrets->at[i], strlen(secrets->at[i]) + 1);
    int result = text.failed
                     ? err_set(err, ERR_LIMIT, "its secrets are more than %d bytes", SECRETS_MAX)
                     : file_write_atomic(path, text.p, text.n, 0600, false, err);
    buf_deinit(&text);
    return result;
}

int run_secrets_read(const char *dir, char **ret, size_t *ret_size, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/" SECRETS, dir);
    Err failed = {0};
    *ret_size = 0;
    if (file_read(path, SECRETS_MAX, ret, ret_size, &failed) == 0)
        return 0;
    *err = failed;
    if (failed.kind != ERR_NOT_FOUND)
        return -1;
    *ret = xstrdup("");
    return 0;
}

void run_secrets_remove(const char *dir) {
    AUTO_FREE char *path = xasprintf("%s/" SECRETS, dir);
    unlink(path);
}
