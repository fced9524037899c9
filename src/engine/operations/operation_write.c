/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation has done, in the store. What could not be written is kept and tried again: a
 * store that is away for a while loses nothing, and no step is begun without its record. */
#include <string.h>

#include "base/log.h"
#include "engine/operations/operation_files.h"

enum { STORE_AGAIN_MS = 1000, STORE_AGAIN_MOST_MS = 30 * 1000 };

void operation_audit(Operation *operation, const char *step, const char *action,
                     const char *message) {
    __auto_type list = &operation->unwritten.audit;
    list->at = arena_grow(&operation->arena, list->at, list->n, &list->cap, sizeof(*list->at));
    list->at[list->n++] = (AuditEntry){.time_ns = loop_wall_us(operation->engine->loop) * 1000,
                                       .step = step,
                                       .action = action,
                                       .machine = operation->machine,
                                       .user = operation->user,
                                       .message = message};
}

void operation_set_checkpoint(Operation *operation, const Checkpoint *checkpoint) {
    __auto_type list = &operation->unwritten.steps;
    entry_set_checkpoint(&operation->entry, checkpoint, &operation->arena);
    list->at = arena_grow(&operation->arena, list->at, list->n, &list->cap, sizeof(*list->at));
    list->at[list->n++] = *checkpoint;
}

void operation_set_values(Operation *operation, const StrMap *values) {
    operation->unwritten.values =
        strmap_merge(&operation->unwritten.values, values, &operation->arena);
    operation->entry.values = strmap_merge(&operation->entry.values, values, &operation->arena);
}

typedef struct Writing {
    Operation *operation;
    EnvironmentWrite write;
    int64_t version; /* afterwards */
} Writing;

static int do_write(Blocking *blocking, Err *err) {
    Writing *writing = blocking->ask;
    Operation *operation = writing->operation;
    blocking->result = &writing->version;
    blocking->result_size = sizeof(writing->version);
    return operation->keeper->write(operation, &writing->write, &writing->version, err);
}

static void begin(Operation *operation);

static void on_again(void *arg) {
    Operation *operation = arg;
    operation->again = timer_free(operation->again);
    begin(operation);
}

bool operation_store_is_away(const Err *err) {
    return err && (err->kind == ERR_UNAVAILABLE || err->kind == ERR_TIMEOUT);
}

void operation_wait_for_store(Operation *operation, const Err *err, LoopFn again) {
    int64_t ms = STORE_AGAIN_MS << (operation->tries < 5 ? operation->tries : 5);
    if (operation->canceled) {
        operation_fail(operation, &(Err){.kind = ERR_CANCELLED, .msg = "canceled"});
        return;
    }
    if (operation->tries++ == 0)
        operation_tell(operation, EVENT_OPERATION_WAITING,
                       arena_printf(&operation->arena,
                                    "the store: %s; it goes on as soon as it can", err->msg),
                       NULL);
    operation->again =
        timer_new(operation->engine->loop, ms < STORE_AGAIN_MOST_MS ? ms : STORE_AGAIN_MOST_MS,
                  again, operation);
}

void operation_store_failed(Operation *operation, const Err *err, LoopFn again) {
    if (operation_store_is_away(err))
        operation_wait_for_store(operation, err, again);
    else
        operation_fail(operation, err);
}

static void on_written(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    operation->call = NULL;
    if (err) {
        operation_store_failed(operation, err, on_again);
        return;
    }
    operation->tries = 0;
    operation->version = *(const int64_t *)result;
    Unwritten *unwritten = &operation->unwritten;
    unwritten->steps.n = unwritten->audit.n = unwritten->values.n = 0;
    unwritten->entry = false;
    environment_take(operation->environment,
                     &(StoredEnvironment){.entry = operation->entry,
                                          .version = operation->version,
                                          .server = entry_server(&operation->entry)});
    operation->written(operation);
}

static void begin(Operation *operation) {
    Blocking *blocking = blocking_store(operation->engine);
    const Unwritten *unwritten = &operation->unwritten;
    Writing *writing = arena_alloc(&blocking->arena, sizeof(*writing));
    writing->operation = operation;
    writing->write = (EnvironmentWrite){
        .key = operation->lease.key,
        .version = operation->version,
        .token = operation->lease.token,
        .entry = unwritten->entry || !operation->version ? &operation->entry : NULL,
        .steps = unwritten->steps.at,
        .step_n = unwritten->steps.n,
        .audit = unwritten->audit.at,
        .audit_n = unwritten->audit.n,
        .values = &unwritten->values};
    if (unwritten->entry)
        operation->entry.updated_ns = loop_wall_us(operation->engine->loop) * 1000;
    operation->call = operation_work(operation, blocking, writing, do_write, on_written);
}

void operation_write(Operation *operation, void (*fn)(Operation *operation)) {
    operation->written = fn;
    operation->tries = 0;
    const Unwritten *unwritten = &operation->unwritten;
    if (operation->removed || (!unwritten->entry && !unwritten->steps.n && !unwritten->audit.n))
        fn(operation);
    else
        begin(operation);
}
