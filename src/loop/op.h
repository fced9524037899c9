/* SPDX-License-Identifier: Apache-2.0 */
/* Op: one asynchronous call in flight. Completes later from the loop, exactly once: with a result,
 * an error, or ERR_CANCELLED after op_cancel. The handle is dead once its OpFn has returned.
 *
 * The caller has three ways to end its interest. op_cancel asks the call to stop: the OpFn still
 * comes, with ERR_CANCELLED or with the result that was on its way. op_forget lets the call go on
 * unwatched. op_drop does both: nothing is called any more, the handle is dead at once; this is
 * what a destructor of the caller does. */
#pragma once

#include "loop/loop.h"

typedef struct Arena Arena;
typedef struct Op Op;

/* `err` NULL: done, `result` as the starting function says (lent for the call). */
typedef void (*OpFn)(void *arg, const void *result, const Err *err);

void op_cancel(Op *op);
/* The caller loses interest: its OpFn is not called any more; the call itself goes on. NULL is
 * fine. */
void op_forget(Op *op);
void op_drop(Op *op); /* op_cancel and op_forget; NULL is fine */

/* ---- For those who implement calls ---- */
/* Must lead to op_finish, now or later; called at most once. */
typedef void (*OpCancelFn)(Op *op, void *state);
/* cancel NULL: op_cancel tells the caller ERR_CANCELLED at once; the call goes on, and its
 * op_finish is heard by nobody. */
Op *op_new(Loop *loop, OpFn fn, void *arg, OpCancelFn cancel, void *state);
void *op_state(Op *op);
Arena *op_arena(Op *op); /* lives until the OpFn has returned: for what a result points to */
bool op_forgotten(const Op *op);
/* Copies err and `size` bytes of result; fn is called on the next turn; then the op is freed. */
void op_finish(Op *op, const void *result, size_t size, const Err *err);
void op_fail(Op *op, ErrKind kind, const char *sentence); /* op_finish with that error */
/* Frees an op, finished or not, without calling anybody: its implementer goes away. */
void op_abandon(Op *op);

/* The calls of one implementer, from op_list_add until their OpFn is called. */
typedef struct OpList {
    Op *first, *last;
} OpList;
void op_list_add(OpList *list, Op *op);
void op_list_abandon(OpList *list);
