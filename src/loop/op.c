/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/op.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/xalloc.h"

struct Op {
    Loop *loop;
    OpFn fn; /* NULL: forgotten */
    void *arg;
    OpCancelFn cancel;
    void *state;
    bool cancelled;  /* asked for once already */
    bool finished;   /* by its implementer */
    bool delivering; /* inside fn */
    Deferred *delivery;
    OpList *list;
    Op *prev, *next; /* in list */
    Arena arena;
    Err err;
    void *result; /* NULL: none, or an error */
};

Op *op_new(Loop *loop, OpFn fn, void *arg, OpCancelFn cancel, void *state) {
    Op *op = xcalloc(1, sizeof *op);
    op->loop = loop;
    op->fn = fn;
    op->arg = arg;
    op->cancel = cancel;
    op->state = state;
    arena_init(&op->arena);
    return op;
}

void *op_state(Op *op) {
    return op->state;
}

Arena *op_arena(Op *op) {
    return &op->arena;
}

bool op_forgotten(const Op *op) {
    return !op->fn;
}

void op_list_add(OpList *list, Op *op) {
    assert(!op->list);
    op->list = list;
    op->prev = list->last;
    if (list->last)
        list->last->next = op;
    else
        list->first = op;
    list->last = op;
}

static void leave_list(Op *op) {
    OpList *list = op->list;
    if (!list)
        return;
    if (op->prev)
        op->prev->next = op->next;
    else
        list->first = op->next;
    if (op->next)
        op->next->prev = op->prev;
    else
        list->last = op->prev;
    op->list = NULL;
}

static void destroy(Op *op) {
    leave_list(op);
    arena_deinit(&op->arena);
    free(op);
}

static void deliver(void *arg) {
    Op *op = arg;
    OpFn fn = op->fn;
    bool failed = op->err.kind != ERR_NONE;
    op->delivery = NULL;
    op->delivering = true;
    if (fn)
        fn(op->arg, failed ? NULL : op->result, failed ? &op->err : NULL);
    op->fn = NULL;
    op->delivering = false;
    if (op->finished)
        destroy(op);
}

void op_finish(Op *op, const void *result, size_t size, const Err *err) {
    assert(!op->finished); /* exactly once */
    op->finished = true;
    if (op->cancelled && !op->cancel) { /* the caller was told already, or is being told */
        if (!op->delivery && !op->delivering)
            destroy(op);
        return;
    }
    if (err) {
        assert(err->kind != ERR_NONE);
        op->err = *err;
    } else if (result) {
        op->result = arena_dup(&op->arena, result, size);
    }
    op->delivery = loop_defer(op->loop, deliver, op);
}

void op_fail(Op *op, ErrKind kind, const char *sentence) {
    Err err = {0};
    err_set(&err, kind, "%s", sentence);
    op_finish(op, NULL, 0, &err);
}

void op_abandon(Op *op) {
    leave_list(op);
    op->finished = true;
    op->delivery = deferred_free(op->delivery);
    if (!op->delivering)
        destroy(op);
}

void op_list_abandon(OpList *list) {
    while (list->first)
        op_abandon(list->first);
}

/* A call without a way to stop it goes on; its caller is told now, and its end goes to nobody. */
static void let_go(Op *op) {
    err_set(&op->err, ERR_CANCELLED, "cancelled");
    op->delivery = loop_defer(op->loop, deliver, op);
}

void op_cancel(Op *op) {
    if (op->finished || op->cancelled)
        return; /* its end is on the way */
    op->cancelled = true;
    if (op->cancel)
        op->cancel(op, op->state);
    else
        let_go(op);
}

void op_forget(Op *op) {
    if (op)
        op->fn = NULL;
}

void op_drop(Op *op) {
    if (!op)
        return;
    op_forget(op);
    op_cancel(op);
}
