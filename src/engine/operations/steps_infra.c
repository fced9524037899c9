/* SPDX-License-Identifier: Apache-2.0 */
/* start_infra and stop_infra: what the compose file has. */
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "engine/operations/steps.h"
#include "spec/digest.h"

static void digest_file(const char *path, Digest *digest) {
    AUTO_FREE char *text = NULL;
    size_t size;
    Err err;
    if (file_read(path, MAX_CONFIG_BYTES, &text, &size, &err) == 0)
        digest_add(digest, text, size);
}

static int look(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    ComputeAsk ask = operation_compute_ask(operation, arena);
    const Compute *compute = compute_of(operation->entry.compute);
    ComputeLook *look = arena_alloc(arena, sizeof(*look));
    Digest *digest = digest_new();
    digest_add_text(digest, ask.compose_project);
    digest_file(ask.compose_file, digest);
    ret->own = digest_end(digest, arena);
    const Checkpoint *record = entry_checkpoint(&operation->entry, "start_infra");
    if (!record || record->status != CHECKPOINT_COMPLETED) /* nobody asks how it is */
        return 0;
    Err why;
    if (compute_running(compute, &ask, arena, look, &why) < 0) {
        ret->why = arena_strdup(arena, why.msg);
        return 0;
    }
    ret->infra = look;
    ret->stands = look->stands;
    ret->why = look->why;
    return 0;
}

static int command(const Operation *operation, Arena *arena, StepCommand *ret, Err *err) {
    ComputeAsk ask = operation_compute_ask(operation, arena);
    return compute_start(compute_of(operation->entry.compute), &ask, arena, &ret->run, err);
}

static int command_stop(const Operation *operation, Arena *arena, StepCommand *ret, Err *err) {
    ComputeAsk ask = operation_compute_ask(operation, arena);
    return compute_stop(compute_of(operation->entry.compute), &ask, arena, &ret->run, err);
}

const StepDoer start_infra_doer = {.look = look, .slow_look = true, .command = command};
const StepDoer stop_infra_doer = {.command = command_stop};
