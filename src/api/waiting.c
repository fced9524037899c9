/* SPDX-License-Identifier: Apache-2.0 */
#include "api/waiting.h"

#include "base/arena.h"

Waiting *waiting_of(const Request *request) {
    return request->waited;
}

Waiting *waiting_new(Request *request, int stage, size_t size) {
    Waiting *waiting = arena_alloc(request->arena, sizeof(*waiting));
    waiting->request = request;
    waiting->stage = stage;
    waiting->size = size;
    return waiting;
}

void waiting_done(void *arg, const void *result, const Err *err) {
    Waiting *waiting = arg;
    if (err)
        waiting->err = *err;
    if (result)
        waiting->result = arena_dup(waiting->request->arena, result, waiting->size);
    arena_adopt(waiting->request->arena, op_arena(waiting->op));
    waiting->op = NULL;
    request_resume(waiting->request);
}

static void gone(void *arg) {
    Waiting *waiting = arg;
    op_drop(waiting->op);
}

void waiting_begin(Waiting *waiting, Op *op) {
    waiting->op = op;
    request_wait(waiting->request, waiting, gone);
}
