/* SPDX-License-Identifier: Apache-2.0 */
/* What steps read, and the size of their terminals. A run's pin holds one message; the next is sent
 * when it was taken, so what a process does not read waits with who asked. After another connection
 * the message is said again: the pin gives nothing twice. */
#include <errno.h>
#include <string.h>

#include "backend/local/inside.h"
#include "base/boot.h"
#include "base/xalloc.h"

typedef struct Input {
    List link; /* Run.inputs */
    Run *run;
    Op *op;
    char *bytes;
    size_t n, done;
    bool end;
    uint64_t writer, at;
} Input;

static Input *first(const Run *run) {
    Input *input = NULL;
    return list_empty(&run->inputs) ? NULL : LIST_ENTRY(run->inputs.next, input, link);
}

static void input_free(Input *input) {
    list_remove(&input->link);
    free(input->bytes);
    free(input);
}

static void finish(Input *input, const Err *err) {
    op_finish(input->op, NULL, 0, err);
    input_free(input);
}

void inputs_send(Run *run) {
    WireInput message = {.head.type = WIRE_INPUT};
    Input *input = first(run);
    if (!input || run->state != RUN_RUNNING || run->fd < 0)
        return;
    size_t left = input->n - input->done;
    message.size = (uint32_t)(left < WIRE_INPUT_MAX ? left : WIRE_INPUT_MAX);
    message.head.size = (uint32_t)(offsetof(WireInput, bytes) + message.size);
    message.writer = input->writer;
    message.at = input->at + input->done;
    message.end = input->end && message.size == left;
    memcpy(message.bytes, input->bytes + input->done, message.size);
    bool room = run_tell(run, &message, message.head.size) == 0 || errno != EAGAIN;
    poll_set(run->poll, room ? POLL_READ : POLL_READ | POLL_WRITE);
}

static void refuse(Input *input, int error) {
    Err err;
    if (error == EBADF)
        err_set(&err, ERR_CONFLICT, "it has no input, or its input was closed");
    else if (error == EPIPE || error == EIO)
        err_set(&err, ERR_CONFLICT, "it has closed its input");
    else
        err_sys(&err, error, "write its input");
    finish(input, &err);
}

void inputs_taken(Run *run, const WireTaken *taken) {
    Input *input = first(run);
    if (!input || input->writer != taken->writer || taken->at < input->at)
        return; /* of one that was given up */
    size_t done = (size_t)(taken->at - input->at);
    input->done = done < input->n ? done : input->n;
    if (taken->error)
        refuse(input, taken->error);
    else if (input->done == input->n)
        finish(input, NULL);
    inputs_send(run);
}

void inputs_fail(Run *run) {
    Err err;
    err_set(&err, ERR_CONFLICT, "it ended before it had read its input");
    while (first(run))
        finish(first(run), &err);
}

void inputs_abandon(Run *run) {
    while (first(run)) {
        op_abandon(first(run)->op);
        input_free(first(run));
    }
}

/* What the pin holds already may still be taken. */
static void on_cancel(Op *op, void *state) {
    Input *input = state;
    Run *run = input->run;
    bool at_work = input == first(run);
    op_fail(op, ERR_CANCELLED, "cancelled");
    input_free(input);
    if (at_work)
        inputs_send(run);
}

static Run *running(Local *local, StepId id, Err *err) {
    Run *run = local_run(local, id);
    if (run && run->state != RUN_ENDED && run->state != RUN_VOID && run->state != RUN_SWEEPING)
        return run;
    err_set(err, ERR_NOT_FOUND, "run %u of %s is not running", id.run, id.step);
    return NULL;
}

Op *local_input_step(Backend *backend, StepId id, const StepInput *given, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Err err = {0};
    Run *run = running(local, id, &err);
    if (!run)
        return local_refuse(local, fn, arg, &err);
    Input *input = xcalloc(1, sizeof *input);
    input->run = run;
    input->bytes = xmalloc(given->n + 1);
    memcpy(input->bytes, given->n ? given->bytes : "", given->n);
    input->n = given->n;
    input->end = given->end;
    input->writer = given->writer ? given->writer : random_u64() | 1;
    input->at = given->at;
    Op *op = input->op = local_op(local, fn, arg, on_cancel, input);
    list_append(&run->inputs, &input->link);
    if (input == first(run))
        inputs_send(run);
    return op;
}

/* The kernel tells the foreground only of what changes: here the pixels, there and back. */
Op *local_resize_step(Backend *backend, StepId id, StepSize size, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Err err = {0};
    Run *run = running(local, id, &err);
    WireResize message = {.head = {WIRE_RESIZE, sizeof message},
                          .rows = (uint16_t)size.rows,
                          .columns = (uint16_t)size.columns};
    for (uint16_t pixels = 2; run && pixels-- > 0 && !err.kind;) {
        message.x_pixels = pixels;
        if (run_tell(run, &message, sizeof message) < 0)
            err_sys(&err, run->fd < 0 ? ENOTCONN : errno, "tell the pin of run %u of %s", id.run,
                    id.step);
    }
    return err.kind ? local_refuse(local, fn, arg, &err) : local_succeed(local, fn, arg);
}
