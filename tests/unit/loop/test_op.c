/* SPDX-License-Identifier: Apache-2.0 */
/* An Op ends exactly once, later, whatever its caller and its implementer do meanwhile. */
#include "harness/test.h"

#include <stdlib.h>

#include "base/arena.h"
#include "loop/op.h"

typedef struct Answer {
    int number;
    const char *text;
} Answer;

typedef struct Caller {
    Loop *loop;
    Op *op;
    int called, number;
    ErrKind kind;
    char text[32];
} Caller;

static void on_done(void *arg, const void *result, const Err *err) {
    Caller *c = arg;
    c->called++;
    c->kind = err ? err->kind : ERR_NONE;
    if (result) {
        const Answer *answer = result;
        c->number = answer->number;
        if (answer->text)
            snprintf(c->text, sizeof c->text, "%s", answer->text);
    }
    CHECK(!(err && result));
}

static void cancel_now(Op *op, void *state) {
    ++*(int *)state;
    op_fail(op, ERR_CANCELLED, "cancelled");
}

static void cancel_later(Op *op, void *state) {
    (void)op;
    ++*(int *)state; /* the test finishes it */
}

TEST(an_op_ends_on_the_next_turn_with_its_result)
{
    Caller c = {.loop = loop_new()};
    Op *op = op_new(c.loop, on_done, &c, NULL, &c);
    Answer answer = {.number = 42};
    CHECK(op_state(op) == &c);
    answer.text = arena_strdup(op_arena(op), "owned by the op");
    op_finish(op, &answer, sizeof answer, NULL);
    answer.number = 0; /* it was copied */
    CHECK_EQ(c.called, 0);
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(c.called, 1);
    CHECK_EQ(c.number, 42);
    CHECK_STR(c.text, "owned by the op");
    CHECK(!loop_turn(c.loop, 0));
    loop_free(c.loop);
}

TEST(an_op_ends_with_an_error)
{
    Caller c = {.loop = loop_new()};
    op_fail(op_new(c.loop, on_done, &c, NULL, NULL), ERR_DENIED, "no");
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(c.called, 1);
    CHECK_EQ(c.kind, ERR_DENIED);
    op_finish(op_new(c.loop, on_done, &c, NULL, NULL), NULL, 0, NULL); /* nothing to tell */
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(c.called, 2);
    CHECK_EQ(c.kind, ERR_NONE);
    loop_free(c.loop);
}

TEST(cancel_asks_the_implementer_once)
{
    Caller c = {.loop = loop_new()};
    int asked = 0;
    Op *op = op_new(c.loop, on_done, &c, cancel_now, &asked);
    op_cancel(op);
    op_cancel(op);
    CHECK_EQ(asked, 1);
    CHECK_EQ(c.called, 0);
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(c.called, 1);
    CHECK_EQ(c.kind, ERR_CANCELLED);
    loop_free(c.loop);
}

TEST(a_cancel_may_take_its_time_or_come_too_late)
{
    Caller c = {.loop = loop_new()};
    int asked = 0;
    Op *op = op_new(c.loop, on_done, &c, cancel_later, &asked);
    op_cancel(op);
    op_cancel(op);
    CHECK_EQ(asked, 1);
    CHECK(!loop_turn(c.loop, 0));
    op_fail(op, ERR_CANCELLED, "stopped");
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(c.kind, ERR_CANCELLED);

    op = op_new(c.loop, on_done, &c, cancel_later, &asked);
    op_finish(op, &(Answer){.number = 7}, sizeof(Answer), NULL);
    op_cancel(op); /* the result is on its way */
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(c.called, 2);
    CHECK_EQ(c.kind, ERR_NONE);
    CHECK_EQ(c.number, 7);
    CHECK_EQ(asked, 1);
    loop_free(c.loop);
}

TEST(cancelling_what_cannot_stop_tells_the_caller_at_once)
{
    Caller c = {.loop = loop_new()};
    Op *op = op_new(c.loop, on_done, &c, NULL, NULL);
    op_cancel(op);
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(c.kind, ERR_CANCELLED);
    op_finish(op, &(Answer){.number = 7}, sizeof(Answer), NULL); /* heard by nobody; frees it */
    CHECK(!loop_turn(c.loop, 0));
    CHECK_EQ(c.called, 1);

    op = op_new(c.loop, on_done, &c, NULL, NULL);
    op_cancel(op);
    op_finish(op, NULL, 0, NULL); /* before the caller was told */
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(c.called, 2);
    CHECK_EQ(c.kind, ERR_CANCELLED);
    loop_free(c.loop);
}

TEST(forgotten_ops_go_on_and_call_nobody)
{
    Caller c = {.loop = loop_new()};
    Op *op = op_new(c.loop, on_done, &c, NULL, NULL);
    CHECK(!op_forgotten(op));
    op_forget(op);
    CHECK(op_forgotten(op));
    op_finish(op, NULL, 0, NULL);
    op = op_new(c.loop, on_done, &c, NULL, NULL);
    op_finish(op, NULL, 0, NULL);
    op_forget(op); /* finished, but not told yet */
    op_forget(NULL);
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(c.called, 0);
    loop_free(c.loop);
}

TEST(dropped_ops_are_cancelled_and_call_nobody)
{
    Caller c = {.loop = loop_new()};
    int asked = 0;
    op_drop(op_new(c.loop, on_done, &c, cancel_now, &asked));
    op_drop(NULL);
    CHECK_EQ(asked, 1);
    loop_turn(c.loop, 0);
    CHECK_EQ(c.called, 0);
    loop_free(c.loop);
}

static void free_owner(void *arg, const void *result, const Err *err) {
    Caller *c = arg;
    (void)result;
    (void)err;
    op_drop(c->op); /* what a destructor does, not knowing that the op is just ending */
    free(c);
}

TEST(done_may_free_the_owner)
{
    Loop *loop = loop_new();
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        Caller *c = calloc(1, sizeof *c);
        Op *op = c->op = op_new(loop, free_owner, c, NULL, NULL);
        if (cancelled)
            op_cancel(op);
        op_finish(op, NULL, 0, NULL);
        CHECK(loop_turn(loop, 1000));
    }
    loop_free(loop);
}

typedef struct Maker {
    OpList calls;
    int called;
} Maker;

static void abandon_all(void *arg, const void *result, const Err *err) {
    Maker *maker = arg;
    (void)result;
    (void)err;
    maker->called++;
    op_list_abandon(&maker->calls);
}

TEST(an_implementer_may_go_away_with_all_its_calls)
{
    Caller c = {.loop = loop_new()};
    Maker maker = {0};
    Op *finished = op_new(c.loop, on_done, &c, NULL, NULL);
    op_list_add(&maker.calls, finished);
    op_list_add(&maker.calls, op_new(c.loop, on_done, &c, NULL, NULL));
    op_finish(finished, NULL, 0, NULL);
    op_list_abandon(&maker.calls);
    CHECK(!loop_turn(c.loop, 0));
    CHECK_EQ(c.called, 0);

    /* ... from inside a callback of one of them */
    Op *ops[3];
    for (int i = 0; i < 3; i++) {
        ops[i] = op_new(c.loop, abandon_all, &maker, NULL, NULL);
        op_list_add(&maker.calls, ops[i]);
    }
    op_cancel(ops[1]);
    op_finish(ops[2], NULL, 0, NULL);
    CHECK(loop_turn(c.loop, 1000));
    CHECK_EQ(maker.called, 1);
    CHECK(!maker.calls.first);
    CHECK(!loop_turn(c.loop, 0));
    loop_free(c.loop);
}
