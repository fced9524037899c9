/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/xalloc.h"

enum {
    CHUNK_HEAD = 10, /* "10000\r\n", with room */
    CHUNK_TAIL = 2,
    PIECES_AT_ONCE = 8, /* then others get their turn */
};

static void pump_all(void *arg);

static void make_ready(HttpStream *stream) {
    Pump *pump = stream->pump;
    if (list_empty(&stream->ready))
        list_append(&pump->ready, &stream->ready);
    if (!pump->soon)
        pump->soon = loop_defer_last(pump->loop, pump_all, pump);
}

static void finish(HttpStream *stream, bool broken) {
    if (stream->ended || stream->broken)
        return;
    stream->broken = broken;
    stream->ended = !broken;
    if (stream->flowing)
        stream->over(stream);
}

static void keep_rest(HttpStream *stream, const char *bytes, size_t size) {
    stream->rest = xmalloc(size);
    memcpy(stream->rest, bytes, size);
    stream->rest_n = size;
    stream->rest_at = 0;
    stream->blocked = true;
    poll_set(stream->poll, POLL_HANGUP | POLL_WRITE);
}

/* How many bytes the socket took; -1: the client is gone. */
static ssize_t put(const HttpStream *stream, const char *bytes, size_t size) {
    ssize_t n;
    do
        n = send(stream->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? 0 : -1;
    return n;
}

static bool put_rest(HttpStream *stream) {
    if (!stream->rest)
        return true;
    ssize_t n = put(stream, stream->rest + stream->rest_at, stream->rest_n - stream->rest_at);
    if (n < 0) {
        finish(stream, true);
        return false;
    }
    stream->rest_at += (size_t)n;
    if (stream->rest_at < stream->rest_n)
        return false;
    free(stream->rest);
    stream->rest = NULL;
    stream->blocked = false;
    poll_set(stream->poll, POLL_HANGUP);
    return true;
}

/* Frames what stands behind the head of the piece. */
static char *frame(const HttpStream *stream, char *piece, size_t *size) {
    char head[CHUNK_HEAD + 1], *data = piece + CHUNK_HEAD;
    if (!stream->chunked)
        return data;
    size_t n = (size_t)snprintf(head, sizeof(head), "%zx\r\n", *size);
    memcpy(data - n, head, n);
    memcpy(data + *size, "\r\n", CHUNK_TAIL);
    *size += n + CHUNK_TAIL;
    return data - n;
}

/* One piece from the source to the socket. False: not now, or not any more. */
static bool move_piece(HttpStream *stream) {
    char *piece = stream->pump->piece;
    ssize_t got = stream->ask.fill(stream->ask.arg, piece + CHUNK_HEAD, STREAM_PIECE);
    if (got <= 0) {
        if (got < 0)
            finish(stream, got != STREAM_END);
        return false;
    }
    size_t size = (size_t)got;
    const char *bytes = frame(stream, piece, &size);
    ssize_t n = put(stream, bytes, size);
    if (n < 0)
        finish(stream, true);
    else if ((size_t)n < size)
        keep_rest(stream, bytes + n, size - (size_t)n);
    return n == (ssize_t)size;
}

static void pump_stream(HttpStream *stream) {
    if (!stream->flowing || stream->ended || stream->broken || !put_rest(stream))
        return;
    for (int i = 0; i < PIECES_AT_ONCE; i++)
        if (!move_piece(stream))
            return;
    make_ready(stream);
}

static void pump_all(void *arg) {
    Pump *pump = arg;
    List now;
    pump->soon = NULL;
    list_init(&now);
    if (!list_empty(&pump->ready)) { /* those that become ready meanwhile wait for the next time */
        list_insert_after(pump->ready.prev, &now);
        list_remove(&pump->ready);
    }
    while (!list_empty(&now)) {
        HttpStream *stream = container_of(now.next, HttpStream, ready);
        list_remove(&stream->ready);
        pump_stream(stream);
    }
}

static void on_poll(void *arg, int events) {
    HttpStream *stream = arg;
    if (events & POLL_HANGUP) {
        poll_set(stream->poll, 0);
        finish(stream, true);
    } else if (stream->blocked) {
        pump_stream(stream);
    }
}

void http_stream_wake(HttpStream *stream) {
    if (stream->flowing && !stream->blocked)
        make_ready(stream);
}

void stream_begin(HttpStream *stream, Pump *pump) {
    stream->open = true;
    stream->pump = pump;
    list_init(&stream->ready);
    stream->poll = poll_new(pump->loop, stream->fd, POLL_HANGUP, on_poll, stream);
}

void stream_flow(HttpStream *stream) {
    stream->flowing = true;
    make_ready(stream);
}

void stream_close(HttpStream *stream) {
    if (!stream->open)
        return;
    stream->open = false;
    list_remove(&stream->link);
    list_remove(&stream->ready);
    stream->poll = poll_free(stream->poll);
    free(stream->rest);
    stream->rest = NULL;
    if (stream->ask.close)
        stream->ask.close(stream->ask.arg);
}

void pump_init(Pump *pump, Loop *loop) {
    *pump = (Pump){.loop = loop, .piece = xmalloc(CHUNK_HEAD + STREAM_PIECE + CHUNK_TAIL)};
    list_init(&pump->ready);
}

void pump_deinit(Pump *pump) {
    pump->soon = deferred_free(pump->soon);
    free(pump->piece);
}
