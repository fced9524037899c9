/* SPDX-License-Identifier: Apache-2.0 */
/* Logs in memory and on disk, and who is told of them. */
#include <stdlib.h>
#include <string.h>

#include "backend/fake/fake_inside.h"
#include "backend/log_reader.h"
#include "backend/log_writer.h"
#include "base/limits.h"
#include "base/xalloc.h"

enum { PIECE_MAX = 64 * 1024 };

static void on_pump(void *arg);

/* ---- Writing ---- */

/* Puts SCHEMA_MASKED where a secret is. Secrets across two writes are the pins' concern. */
static void mask(const FakeRun *run, Buf *text) {
    for (size_t i = 0; i < run->secret_n; i++) {
        const char *secret = run->secrets[i];
        Buf masked;
        const char *at = buf_cstr(text), *hit;
        buf_init(&masked, text->max);
        while (secret[0] && (hit = strstr(at, secret))) {
            buf_put(&masked, at, (size_t)(hit - at));
            buf_puts(&masked, SCHEMA_MASKED);
            at = hit + strlen(secret);
        }
        buf_puts(&masked, at);
        buf_deinit(text);
        *text = masked;
    }
}

static void store(const FakeRun *run, int stream, const Buf *text) {
    LogWriter *writer = log_writer_new(run->dir, 0, NULL);
    for (size_t at = 0, n; writer && at < text->n; at += n) {
        n = text->n - at < MAX_LOG_LINE ? text->n - at : MAX_LOG_LINE;
        log_writer_put(writer, stream, loop_wall_us(run->fake->base.loop), text->p + at, n);
    }
    log_writer_free(writer);
}

static void keep(FakeRun *run, int stream, int64_t time_us, const char *bytes, size_t n) {
    FakePiece piece = {.at = run->log.n, .size = n, .time_us = time_us, .stream = stream};
    if (buf_put(&run->log, bytes, n))
        VEC_PUSH(run->pieces, piece);
}

void fake_log_load(FakeRun *run) {
    LogReader *reader = log_reader_new(run->dir);
    LogPiece piece;
    while (log_reader_next(reader, &piece, NULL) > 0)
        if (piece.data)
            keep(run, piece.stream, piece.time_us, piece.data, piece.size);
    log_reader_free(reader);
}

void fake_log_put(FakeRun *run, int stream, const char *text) {
    Buf masked;
    if (run->no_log || !text[0])
        return;
    buf_init(&masked, run->log.max);
    buf_puts(&masked, text);
    mask(run, &masked);
    keep(run, stream, loop_wall_us(run->fake->base.loop), buf_cstr(&masked), masked.n);
    store(run, stream, &masked);
    buf_deinit(&masked);
    fake_tails_wake(run);
}

/* ---- Reading ---- */

FakeTail *fake_tail_free(FakeTail *tail) {
    if (tail->gone)
        *tail->gone = true;
    list_remove(&tail->link);
    deferred_free(tail->pump);
    free(tail);
    return NULL;
}

static void wake(FakeTail *tail) {
    if (!tail->held && !tail->pump)
        tail->pump = loop_defer(tail->run->fake->base.loop, on_pump, tail);
}

void fake_tails_wake(FakeRun *run) {
    FakeTail *tail;
    LIST_FOREACH (tail, &run->tails, link)
        wake(tail);
}

/* The piece that holds the offset, or NULL: the log ends there. */
static const FakePiece *piece_at(const FakeRun *run, uint64_t at) {
    size_t low = 0, high = run->pieces.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const FakePiece *piece = &run->pieces.at[middle];
        if (at < piece->at)
            high = middle;
        else if (at >= piece->at + piece->size)
            low = middle + 1;
        else
            return piece;
    }
    return NULL;
}

/* Shows the next piece; false: there is none. Whoever is shown may free the tail: then *gone. */
static bool show_next(FakeTail *tail, const bool *gone) {
    const FakePiece *piece = piece_at(tail->run, tail->at);
    if (!piece)
        return false;
    uint64_t skip = tail->at - piece->at;
    size_t size = piece->size - skip < PIECE_MAX ? piece->size - (size_t)skip : PIECE_MAX;
    char *data = xmalloc(size); /* a copy: the log may grow, and move, meanwhile */
    memcpy(data, buf_cstr(&tail->run->log) + tail->at, size);
    LogPiece shown = {.at = tail->at,
                      .time_us = piece->time_us,
                      .stream = piece->stream,
                      .data = data,
                      .size = size};
    tail->at += size;
    bool more = tail->fn(tail->arg, &shown);
    if (!*gone)
        tail->held = !more;
    free(data);
    return true;
}

static void finish_tail(FakeTail *tail) {
    Op *op = tail->op;
    fake_tail_free(tail);
    op_finish(op, NULL, 0, NULL);
}

static void on_pump(void *arg) {
    FakeTail *tail = arg;
    bool gone = false;
    tail->pump = NULL;
    if (op_forgotten(tail->op)) {
        finish_tail(tail); /* nobody listens */
        return;
    }
    tail->gone = &gone;
    while (!tail->held && show_next(tail, &gone))
        if (gone)
            return;
    tail->gone = NULL;
    if (!tail->held && tail->run->phase == FAKE_ENDED)
        finish_tail(tail);
}

static void cancel_tail(Op *op, void *state) {
    fake_tail_free(state);
    op_fail(op, ERR_CANCELLED, "cancelled");
}

static Op *refuse(Fake *fake, ErrKind kind, const char *sentence, OpFn fn, void *arg) {
    Op *op = fake_op(fake, fn, arg, NULL, NULL);
    op_fail(op, kind, sentence);
    return op;
}

Op *fake_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    FakeRun *run = fake_run(fake, id);
    if (!run || run->phase == FAKE_VOID)
        return refuse(fake, ERR_NOT_FOUND, "there is no log: the step was not started", fn, arg);
    if (run->plan.tail_fails)
        return refuse(fake, ERR_UNAVAILABLE, "expected fail to read stdout of step", fn, arg);
    FakeTail *tail = xcalloc(1, sizeof(*tail));
    *tail = (FakeTail){.run = run, .fn = on_piece, .arg = arg, .at = from};
    tail->op = fake_op(fake, fn, arg, cancel_tail, tail);
    list_append(&run->tails, &tail->link);
    wake(tail);
    return tail->op;
}

void fake_tail_resume(Backend *backend, Op *op) {
    FakeTail *tail = op_state(op);
    tail->held = false;
    wake(tail);
}

void fake_write(Backend *backend, StepId id, int stream, const char *text) {
    FakeRun *run = fake_run(fake_of(backend), id);
    if (run && run->phase == FAKE_RUNNING)
        fake_log_put(run, stream, text);
}
