/* SPDX-License-Identifier: Apache-2.0 */
/* A request that must know something first: it waits for an Op, then its handler is called
 * again. */
#pragma once

#include "api/http_server.h"
#include "loop/op.h"

typedef struct Waiting {
    Request *request;
    Op *op;
    Err err; /* ERR_NONE: it went well */
    /* Of the Op (of one that has none: what was put here before), `size` bytes, with what it points
     * to; as long as the request. */
    const void *result;
    size_t size;
    int stage; /* for a handler that waits more than once: what it has waited for */
} Waiting;

/* What the handler has waited for; NULL: for nothing yet. */
Waiting *waiting_of(const Request *request);
/* Is begun before the Op is asked for; its OpFn and arg are these. */
Waiting *waiting_new(Request *request, int stage, size_t size);
void waiting_done(void *waiting, const void *result, const Err *err);
/* The handler returns without an answer. */
void waiting_begin(Waiting *waiting, Op *op);
