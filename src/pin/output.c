/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/output.h"

#include "base/sys.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Sink {
    Log *log;
    LogPiece piece;
} Sink;

static void sink(void *arg, struct iovec *parts, int count) {
    Sink *to = arg;
    to->piece.parts = parts;
    to->piece.count = count;
    log_put(to->log, &to->piece);
}

static void pass(Output *o, Stream *s, size_t size, bool final) {
    Sink to = {&o->log, {.stream = (int)(s - o->streams) + 1, .time_us = sys_wall_us()}};
    struct iovec whole = {.iov_base = o->buffer, .iov_len = size};
    MaskText text = {o->buffer, size, final};
    if (o->mask)
        mask_feed(o->mask, &s->hold, &text, sink, &to);
    else
        sink(&to, &whole, 1);
}

/* A capture is whole or not there. */
static void capture(Output *o, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t done = sys_write(o->capture, bytes, size);
        if (done <= 0) {
            sys_unlinkat(o->dir, RUN_CAPTURE, 0);
            close(o->capture);
            o->capture = -1;
            return;
        }
        bytes += done;
        size -= (size_t)done;
    }
}

/* A pipe that was found (nearly) full twice gets four times the room. */
static void grow(Stream *s, size_t taken) {
    int waiting = 0;
    if (s->capacity == 0)
        s->capacity = fcntl(s->fd, F_GETPIPE_SZ);
    ioctl(s->fd, FIONREAD, &waiting);
    if (s->capacity >= OUTPUT_PIPE_MAX || (int)taken + waiting < s->capacity / 4 * 3 || ++s->full < 2)
        return;
    int room = s->capacity * 4 < OUTPUT_PIPE_MAX ? s->capacity * 4 : OUTPUT_PIPE_MAX;
    room = fcntl(s->fd, F_SETPIPE_SZ, room);
    s->capacity = room > 0 ? room : INT32_MAX;
    s->full = 0;
}

static void end(Output *o, Stream *s) {
    pass(o, s, mask_prefix(&s->hold, o->buffer), true);
    s->hold_until = 0;
}

/* Bytes are held for OUTPUT_HOLD_MS from the moment the first of them came. */
static void set_hold(Stream *s, size_t before, size_t size, int64_t now) {
    bool same = before > 0 && s->hold.size == before + size;
    if (s->hold.size == 0)
        s->hold_until = 0;
    else if (!same)
        s->hold_until = now + OUTPUT_HOLD_MS;
}

void output_read(Output *o, Stream *s, int64_t now) {
    size_t held = mask_prefix(&s->hold, o->buffer);
    ssize_t size = sys_read(s->fd, o->buffer + held, OUTPUT_BUFFER - held);
    if (size <= 0) {
        end(o, s);
        close(s->fd);
        s->fd = -1;
        return;
    }
    if (o->capture >= 0 && s == o->streams)
        capture(o, o->buffer + held, (size_t)size);
    if (o->logged)
        pass(o, s, held + (size_t)size, false);
    set_hold(s, held, (size_t)size, now);
    if (size >= OUTPUT_BUFFER / 16) {
        grow(s, (size_t)size);
        o->idle_at = now + OUTPUT_IDLE_MS;
    }
}

int64_t output_tick(Output *o, int64_t now) {
    int64_t next = 0;
    for (Stream *s = o->streams; s < o->streams + OUTPUT_STREAMS; s++) {
        if (s->hold_until > 0 && s->hold_until <= now)
            end(o, s);
        next = sys_earlier(next, s->hold_until);
    }
    if (o->idle_at > 0 && o->idle_at <= now) {
        madvise(o->buffer, OUTPUT_BUFFER, MADV_DONTNEED);
        o->idle_at = 0;
    }
    return sys_earlier(next, o->idle_at);
}

bool output_open(const Output *o) {
    return o->streams[0].fd >= 0 || o->streams[1].fd >= 0;
}

void output_read_waiting(Output *o, int64_t now) {
    for (Stream *s = o->streams; s < o->streams + OUTPUT_STREAMS; s++) {
        int waiting = 0;
        for (int i = 0; i < 2 * OUTPUT_PIPE_MAX / OUTPUT_BUFFER && s->fd >= 0; i++) {
            if (ioctl(s->fd, FIONREAD, &waiting) < 0 || waiting == 0)
                break;
            output_read(o, s, now);
        }
    }
}

void output_end(Output *o, bool keep) {
    for (Stream *s = o->streams; s < o->streams + OUTPUT_STREAMS; s++) {
        if (s->fd >= 0)
            end(o, s);
        if (s->fd >= 0 && !keep) {
            close(s->fd);
            s->fd = -1;
        }
    }
}
