/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/operations/operation_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "data/json.h"
#include "engine/client_setup.h"
#include "engine/operations/operation_events.h"

enum { OPERATION_FORMAT = 1 };

/* ---- what was asked ---- */

static void put_list(JsonWriter *out, const char *key, const StrList *list) {
    json_kv_array(out, key);
    for (size_t i = 0; i < list->n; i++)
        json_string(out, list->at[i]);
    json_array_end(out);
}

static void encode_ask(const OperationAsk *ask, JsonWriter *out) {
    json_kv_string(out, "kind", operation_kind_name(ask->kind));
    json_kv_string(out, "file", ask->file);
    json_kv_string(out, "name", ask->name);
    json_kv_string(out, "mode", ask->mode);
    json_kv_string(out, "branch", ask->branch);
    json_kv_string(out, "base", ask->base);
    json_kv_string(out, "path", ask->path);
    json_kv_string(out, "worktree", ask->worktree);
    json_kv_string(out, "manifest", ask->manifest);
    json_kv_int(out, "ttl_ms", ask->ttl_ms);
    put_list(out, "copy", &ask->copy);
    json_kv_bool(out, "no_cache", ask->no_cache);
    json_kv_string(out, "from", ask->from);
    put_list(out, "only", &ask->only);
    json_kv_string(out, "step", ask->step);
    json_kv_string(out, "status", ask->status);
    json_kv_string(out, "service", ask->service);
    json_kv_string(out, "action", ask->action);
    json_kv_bool(out, "force", ask->force);
    json_kv_bool(out, "keep_worktree", ask->keep_worktree);
    if (!ask->client)
        return;
    json_kv_object(out, "client");
    client_setup_encode(ask->client, out);
    json_object_end(out);
}

int operation_file_write(const Environment *environment, const char *name,
                         const OperationFile *file, Err *err) {
    AUTO_FREE char *path = path_join(environment->dir, name);
    Buf buf;
    JsonWriter out;
    if (path_mkdirs(environment->dir, 0700, err) < 0)
        return -1;
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_int(&out, "format", OPERATION_FORMAT);
    json_kv_int(&out, "number", file->number);
    json_kv_int(&out, "begun_us", file->begun_us);
    json_kv_bool(&out, "canceled", file->canceled);
    json_kv_int(&out, "adopted_us", file->deaths.last_us);
    json_kv_int(&out, "deaths", file->deaths.n);
    encode_ask(&file->ask, &out);
    json_object_end(&out);
    int r = file_write_buf(path, &buf, 0600, err);
    buf_deinit(&buf);
    return r;
}

static StrList load_list(const Value *v, Arena *arena) {
    StrList list = {.at = arena_alloc(arena, (value_count(v) + 1) * sizeof(*list.at))};
    for (size_t i = 0; i < value_count(v); i++)
        if (value_str(value_at(v, i)))
            list.at[list.n++] = arena_strdup(arena, value_str(value_at(v, i)));
    return list;
}

static void decode_ask(const Value *v, Arena *arena, OperationAsk *ret) {
    const Value *client = value_get(v, "client");
    *ret = (OperationAsk){.file = value_get_str(v, "file"),
                          .name = value_get_str(v, "name"),
                          .mode = value_get_str(v, "mode"),
                          .branch = value_get_str(v, "branch"),
                          .base = value_get_str(v, "base"),
                          .path = value_get_str(v, "path"),
                          .worktree = value_get_str(v, "worktree"),
                          .manifest = value_get_str(v, "manifest"),
                          .ttl_ms = value_get_int(v, "ttl_ms", 0),
                          .copy = load_list(value_get(v, "copy"), arena),
                          .no_cache = value_get_bool(v, "no_cache", false),
                          .from = value_get_str(v, "from"),
                          .only = load_list(value_get(v, "only"), arena),
                          .step = value_get_str(v, "step"),
                          .status = value_get_str(v, "status"),
                          .service = value_get_str(v, "service"),
                          .action = value_get_str(v, "action"),
                          .force = value_get_bool(v, "force", false),
                          .keep_worktree = value_get_bool(v, "keep_worktree", false)};
    if (client) {
        ClientSetup *setup = arena_alloc(arena, sizeof(*setup));
        client_setup_load(client, arena, setup);
        ret->client = setup;
    }
}

int operation_file_read(const char *dir, const char *name, Arena *arena, OperationFile *ret,
                        Err *err) {
    AUTO_FREE char *path = path_join(dir, name), *text = NULL;
    const Value *v;
    size_t size;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0 ||
        json_parse(text, size, arena, &v, err) < 0 ||
        value_check_format(v, OPERATION_FORMAT, err) < 0)
        return -1;
    decode_ask(v, arena, &ret->ask);
    ret->number = value_get_int(v, "number", 1);
    ret->begun_us = value_get_int(v, "begun_us", 0);
    ret->canceled = value_get_bool(v, "canceled", false);
    ret->deaths = (OperationDeaths){.last_us = value_get_int(v, "adopted_us", 0),
                                    .n = value_get_int(v, "deaths", 0)};
    const char *kind = value_get_str(v, "kind");
    if (!kind || operation_kind_parse(kind, &ret->ask.kind) < 0 || !ret->ask.file || !ret->ask.name)
        return err_set(err, ERR_INVALID, "%s: it is no operation", path);
    return 0;
}

int operation_keep(const Operation *operation, Err *err) {
    const OperationFile file = {.number = operation->number,
                                .begun_us = operation->begun_us,
                                .canceled = operation->canceled,
                                .deaths = operation->deaths,
                                .ask = operation->ask};
    return operation_file_write(operation->environment, OPERATION_FILE, &file, err);
}

void operation_file_remove(const Environment *environment, const char *name) {
    AUTO_FREE char *path = path_join(environment->dir, name);
    unlink(path);
}

/* ---- what happened ---- */

static void encode_step(const Operation *operation, EventStatus status, JsonWriter *out) {
    const LifecycleStep *step = operation_step(operation);
    const Checkpoint *record = entry_checkpoint(&operation->entry, step->name);
    json_kv_string(out, "step", step->name);
    json_kv_string(out, "phase", lifecycle_phase_name(step->phase));
    if (operation->doing.run)
        json_kv_int(out, "run", operation->doing.run);
    if (status == EVENT_STEP_COMPLETED || status == EVENT_STEP_FAILED)
        json_kv_int(out, "durationMs", record ? record->duration_ms : 0);
}

static bool is_end(EventStatus status) {
    return status == EVENT_STEP_COMPLETED || status == EVENT_STEP_FAILED ||
           status >= EVENT_OPERATION_DONE;
}

/* A delete that was refused goes on with nothing: the environment is as it was. */
static bool is_refused(const Operation *operation, const EnvironmentEntry *entry) {
    bool begun = entry->status == ENVIRONMENT_DELETING ||
                 (entry->failed_step && lifecycle_destroys(entry->failed_step));
    return operation->ask.kind == OPERATION_DELETE && !begun;
}

static void encode_event(const Operation *operation, EventStatus status, const char *message,
                         const char *error, JsonWriter *out) {
    const Environment *environment = operation->environment;
    const EnvironmentEntry *entry = /* before it is opened it is as everybody knows it */
        operation->entry.name ? &operation->entry : &environment->entry;
    char at[TIME_TEXT];
    json_object_begin(out);
    json_kv_int(out, "seq", operation->seq);
    time_format_micro(loop_wall_us(operation->engine->loop), at);
    json_kv_string(out, "time", at);
    json_kv_int(out, "operation", operation->number);
    json_kv_string(out, "kind", operation_kind_name(operation->ask.kind));
    if (event_status_is_of_step(status))
        encode_step(operation, status, out);
    json_kv_string(out, "status", event_status_name(status));
    if (message)
        json_kv_string(out, "message", message);
    if (error)
        json_kv_string(out, "error", error);
    if (error && operation->error_kind)
        json_kv_string(out, "reason", err_reason(operation->error_kind));
    if (operation->note && is_end(status))
        json_kv_string(out, "note", operation->note);
    if ((status == EVENT_OPERATION_FAILED || status == EVENT_OPERATION_CANCELED) &&
        !is_refused(operation, entry))
        environment_encode_resume(environment, entry, out);
    json_object_end(out);
}

/* After all that could not be before. Who looks on hears of it in any case. */
static void write_down(Environment *environment, const Buf *event) {
    AUTO_FREE char *path = path_join(environment->dir, OPERATION_EVENTS);
    Buf *untold = &environment->untold;
    Err err;
    if (!buf_put(untold, event->p, event->n)) { /* the oldest are given up */
        buf_reset(untold);
        buf_put(untold, event->p, event->n);
    }
    if (file_append(path, buf_cstr(untold), untold->n, 0600, &err) == 0)
        buf_reset(untold);
    else
        log_warn("environment %s: %s", environment->slug, err.msg);
}

void operation_tell(Operation *operation, EventStatus status, const char *message,
                    const char *error) {
    Environment *environment = operation->environment;
    Buf buf;
    JsonWriter out;
    operation->seq++;
    if (status != EVENT_STEP_STREAMING) /* it goes on with what it was started for */
        operation->message =
            status == EVENT_STEP_STARTED || status == EVENT_OPERATION_WAITING ? message : NULL;
    buf_init(&buf, MAX_RECORD_BYTES);
    json_writer_init(&out, &buf);
    encode_event(operation, status, message, error, &out);
    buf_putc(&buf, '\n');
    write_down(environment, &buf);
    buf_deinit(&buf);
    sys_point("env-told");
    if (is_end(status))
        operation->note = NULL;
    operation_readers_wake(environment);
    environment_touch(environment);
}

/* The newer half, from a whole line on. */
static int keep_newest(const char *path, Err *err) {
    AUTO_FREE char *text = NULL;
    size_t size;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0)
        return -1;
    size_t kept = size < MAX_EVENTS_BYTES / 2 ? size : MAX_EVENTS_BYTES / 2;
    const char *from = memchr(text + size - kept, '\n', kept);
    from = from ? from + 1 : text;
    return file_write_atomic(path, from, (size_t)(text + size - from), 0600, false, err);
}

void operation_trim_events(Environment *environment) {
    AUTO_FREE char *path = path_join(environment->dir, OPERATION_EVENTS);
    struct stat st;
    Err err;
    if (stat(path, &st) < 0 || st.st_size <= MAX_EVENTS_BYTES)
        return;
    if (keep_newest(path, &err) < 0) {
        log_warn("environment %s: %s", environment->slug, err.msg);
        return;
    }
    environment->counted.to = 0;
    if (environment->operation)
        environment->operation->told_from = 0;
    operation_readers_reopen(environment);
}

/* ---- what a server before has told ---- */

typedef void (*EventFn)(void *arg, const Value *event);

/* Each whole line from there on, of a file that is another one by now all; a torn one was never
 * told. Returns where the last one ends. */
static long each_event(const Environment *environment, long from, EventFn fn, void *arg) {
    AUTO_FREE char *path = path_join(environment->dir, OPERATION_EVENTS), *line = NULL;
    FILE *file = fopen(path, "re");
    size_t cap = 0;
    Arena arena;
    if (!file)
        return 0;
    arena_init(&arena);
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) < from)
        from = 0;
    fseek(file, from, SEEK_SET);
    for (ssize_t n; (n = getline(&line, &cap, file)) > 0 && line[n - 1] == '\n'; from += n) {
        const Value *event;
        Err err;
        arena_reset(&arena);
        if (json_parse(line, (size_t)n, &arena, &event, &err) == 0)
            fn(arg, event);
    }
    arena_deinit(&arena);
    fclose(file);
    return from;
}

static void count(void *arg, const Value *event) {
    EventsCounted *counted = arg;
    int64_t number = value_get_int(event, "operation", 0), seq = value_get_int(event, "seq", 0);
    counted->number = number > counted->number ? number : counted->number;
    counted->seq = seq > counted->seq ? seq : counted->seq;
}

int64_t operation_next_number(Environment *environment, int64_t *ret_seq) {
    EventsCounted *counted = &environment->counted;
    const Operation *last = environment->operation;
    counted->to = each_event(environment, counted->to, count, counted);
    *ret_seq = last && last->seq > counted->seq ? last->seq : counted->seq;
    return (last && last->number > counted->number ? last->number : counted->number) + 1;
}

static bool is_step_end(const char *status) {
    return str_same(status, event_status_name(EVENT_STEP_COMPLETED)) ||
           str_same(status, event_status_name(EVENT_STEP_SKIPPED)) ||
           str_same(status, event_status_name(EVENT_STEP_FAILED));
}

typedef struct LastStep {
    int64_t number;
    Arena *arena;
    const char *step;
} LastStep;

static void find_last_step(void *arg, const Value *event) {
    LastStep *last = arg;
    const char *step = value_get_str(event, "step");
    if (!step || value_get_int(event, "operation", 0) != last->number)
        return;
    bool ended = is_step_end(value_get_str(event, "status"));
    if (ended || !str_same(last->step, step))
        last->step = ended ? NULL : arena_strdup(last->arena, step);
}

const char *operation_last_step(const Environment *environment, int64_t number, Arena *arena) {
    LastStep last = {.number = number, .arena = arena};
    (void)each_event(environment, 0, find_last_step, &last);
    return last.step;
}

static OperationState end_of(const char *status) {
    return str_same(status, event_status_name(EVENT_OPERATION_DONE))       ? OPERATION_DONE
           : str_same(status, event_status_name(EVENT_OPERATION_FAILED))   ? OPERATION_FAILED
           : str_same(status, event_status_name(EVENT_OPERATION_CANCELED)) ? OPERATION_CANCELED
                                                                           : OPERATION_WAITING;
}

/* A hook is told to be streaming before it is started. */
static void recall_command(Operation *operation, const Value *event, const char *name,
                           const char *status) {
    if (str_same(status, event_status_name(EVENT_STEP_STREAMING))) {
        operation->begun.step = arena_strdup(&operation->arena, name);
        operation->begun.run = (uint32_t)value_get_int(event, "run", 0);
    } else if (is_step_end(status) && str_same(operation->begun.step, name)) {
        operation->begun.run = 0;
    }
}

static void recall(void *arg, const Value *event) {
    Operation *operation = arg;
    const char *name = value_get_str(event, "step"), *status = value_get_str(event, "status");
    if (value_get_int(event, "operation", 0) != operation->number)
        return;
    if (!name) {
        operation->started |= str_same(status, event_status_name(EVENT_OPERATION_STARTED));
        operation->told_end = end_of(status);
        return;
    }
    uint32_t i = lifecycle_find(&operation->lifecycle, name);
    recall_command(operation, event, name, status);
    if (i != UINT32_MAX)
        operation->told[i] |= is_step_end(status);
}

void operation_recall(Operation *operation) {
    each_event(operation->environment, operation->told_from, recall, operation);
}
