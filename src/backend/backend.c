/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/backend.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

enum { NAME_LENGTH_MAX = 512, SIGNAL_MAX = 64 };

/* How a step is ended when the caller does not care. */
static const StopHow stop_how_default = {.signal = SIGTERM, .grace_ms = 10 * 1000};

static Op *refuse(Backend *backend, ErrKind kind, const char *sentence, OpFn fn, void *arg) {
    Op *op = op_new(backend->loop, fn, arg, NULL, NULL);
    op_fail(op, kind, sentence);
    return op;
}

static Op *not_supported(Backend *backend, const char *what, OpFn fn, void *arg) {
    Err err = {0};
    err_set(&err, ERR_UNAVAILABLE, "%s is not supported by the backend %s", what, backend->name);
    return refuse(backend, err.kind, err.msg, fn, arg);
}

/* NULL: fine, else what is wrong. */
static const char *bad_name(const char *name, const char *empty, const char *too_long) {
    if (!name || !name[0])
        return empty;
    return strlen(name) > NAME_LENGTH_MAX ? too_long : NULL;
}

static const char *bad_task(const char *task) {
    return bad_name(task, "the task has no name", "the name of the task is too long");
}

static const char *bad_id(StepId id) {
    const char *bad = bad_task(id.task);
    if (!bad)
        bad = bad_name(id.step, "the step has no name", "the name of the step is too long");
    return bad || id.run > 0 ? bad : "runs are counted from 1";
}

Backend *backend_free(Backend *backend) {
    if (backend)
        backend->ops->free(backend);
    return NULL;
}

bool backend_available(Backend *backend, Err *why) {
    return backend->ops->available(backend, why);
}

Op *backend_load(Backend *backend, OpFn fn, void *arg) {
    return backend->ops->load(backend, fn, arg);
}

Op *backend_setup_workflow(Backend *backend, const char *task, const char *dir,
                           const WorkflowConfig *config, OpFn fn, void *arg) {
    const char *bad = bad_task(task);
    if (!bad && (!dir || dir[0] != '/'))
        bad = "the directory of the task must be an absolute path";
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    return backend->ops->setup_workflow(backend, task, dir, config, fn, arg);
}

Op *backend_start_step(Backend *backend, StepId id, const Step *step, OpFn fn, void *arg) {
    const char *bad = bad_id(id);
    assert(step);
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    return backend->ops->start_step(backend, id, step, fn, arg);
}

Op *backend_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn,
                      void *arg) {
    const char *bad = bad_id(id);
    assert(on_piece);
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    return backend->ops->tail_step(backend, id, from, on_piece, fn, arg);
}

void backend_tail_resume(Backend *backend, Op *tail) {
    backend->ops->tail_resume(backend, tail);
}

Op *backend_wait_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    const char *bad = bad_id(id);
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    return backend->ops->wait_step(backend, id, fn, arg);
}

Op *backend_destroy_step(Backend *backend, StepId id, const StopHow *how, OpFn fn, void *arg) {
    const char *bad = bad_id(id);
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    return backend->ops->destroy_step(backend, id, how ? how : &stop_how_default, fn, arg);
}

Op *backend_destroy_workflow(Backend *backend, const char *task, const WorkflowConfig *config,
                             OpFn fn, void *arg) {
    const char *bad = bad_task(task);
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    return backend->ops->destroy_workflow(backend, task, config, fn, arg);
}

Op *backend_signal_step(Backend *backend, StepId id, int signal, OpFn fn, void *arg) {
    const char *bad = bad_id(id);
    if (!bad && (signal < 1 || signal > SIGNAL_MAX))
        bad = "there is no such signal";
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    if (!backend->ops->signal_step)
        return not_supported(backend, "sending a signal", fn, arg);
    return backend->ops->signal_step(backend, id, signal, fn, arg);
}

Op *backend_exec_step(Backend *backend, StepId id, const Step *step, int64_t timeout_ms, OpFn fn,
                      void *arg) {
    const char *bad = bad_id(id);
    assert(step);
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    if (!backend->ops->exec_step)
        return not_supported(backend, "running a command beside a step", fn, arg);
    return backend->ops->exec_step(backend, id, step, timeout_ms, fn, arg);
}

Op *backend_input_step(Backend *backend, StepId id, const StepInput *input, OpFn fn, void *arg) {
    const char *bad = bad_id(id);
    assert(input);
    if (!bad && input->n > BACKEND_INPUT_MAX)
        bad = "the input is too long";
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    if (!backend->ops->input_step)
        return not_supported(backend, "input", fn, arg);
    return backend->ops->input_step(backend, id, input, fn, arg);
}

Op *backend_resize_step(Backend *backend, StepId id, StepSize size, OpFn fn, void *arg) {
    const char *bad = bad_id(id);
    if (!bad &&
        (size.rows < 1 || size.rows > UINT16_MAX || size.columns < 1 || size.columns > UINT16_MAX))
        bad = "a terminal has 1 to 65535 rows and columns";
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    if (!backend->ops->resize_step)
        return not_supported(backend, "changing the size of a terminal", fn, arg);
    return backend->ops->resize_step(backend, id, size, fn, arg);
}

Op *backend_kept_sockets(Backend *backend, OpFn fn, void *arg) {
    if (!backend->ops->kept_sockets)
        return not_supported(backend, "keeping sockets", fn, arg);
    return backend->ops->kept_sockets(backend, fn, arg);
}

int backend_keep_socket(Backend *backend, const char *name, int fd, Err *err) {
    if (!name[0] || strlen(name) > BACKEND_SOCKET_NAME_MAX)
        return err_set(err, ERR_INVALID, "the name of a socket has 1 to %d bytes: %.40s",
                       BACKEND_SOCKET_NAME_MAX, name);
    if (!backend->ops->keep_socket)
        return err_set(err, ERR_UNAVAILABLE, "keeping sockets is not supported by the backend %s",
                       backend->name);
    return backend->ops->keep_socket(backend, name, fd, err);
}

Op *backend_capture_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    const char *bad = bad_id(id);
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    if (!backend->ops->capture_step)
        return not_supported(backend, "capturing output", fn, arg);
    return backend->ops->capture_step(backend, id, fn, arg);
}

Op *backend_discover(Backend *backend, OpFn fn, void *arg) {
    if (!backend->ops->discover)
        return not_supported(backend, "discovery", fn, arg);
    return backend->ops->discover(backend, fn, arg);
}

Op *backend_leftovers(Backend *backend, OpFn fn, void *arg) {
    if (!backend->ops->leftovers)
        return not_supported(backend, "finding what is left", fn, arg);
    return backend->ops->leftovers(backend, fn, arg);
}

Op *backend_resume_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    const char *bad = bad_id(id);
    if (bad)
        return refuse(backend, ERR_INVALID, bad, fn, arg);
    if (!backend->ops->resume_step)
        return not_supported(backend, "resuming", fn, arg);
    return backend->ops->resume_step(backend, id, fn, arg);
}

size_t backend_helpers(Backend *backend, StepId id, Helper *ret, size_t max) {
    return bad_id(id) || !backend->ops->helpers ? 0 : backend->ops->helpers(backend, id, ret, max);
}

bool backend_waits_for(Backend *backend, StepId id, char *ret, size_t size) {
    return !bad_id(id) && backend->ops->waits_for &&
           backend->ops->waits_for(backend, id, ret, size);
}
