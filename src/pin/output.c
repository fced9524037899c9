/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/output.h"
#include "base/attr.h"
#include "base/sys.h"

static void flush(Output *o) {
    log_put(&o->log, o->stream, o->time_us, o->parts, o->count);
    o->count = 0;
}

static void put(void *arg, const char *at, size_t size) {
    Output *o = arg;
    if (o->count == COUNT(o->parts))
        flush(o);
    o->parts[o->count++] = (struct iovec){(void *)(uintptr_t)at, size};
}

static void pass(Output *o, Stream *s, size_t size, bool final) {
    o->stream = (int)(s - o->streams) + 1;
    o->time_us = sys_wall_us();
    if (o->mask)
        mask_feed(o->mask, &s->hold, &(MaskText){o->buffer, size, final}, put, o);
    else
        put(o, o->buffer, size);
    flush(o);
}

/* Nothing is held back any more. */
static void end_stream(Output *o, Stream *s, bool keep) {
    if (s->hold.size > 0)
        pass(o, s, mask_prefix(&s->hold, o->buffer), true);
    s->hold_until = 0;
    if (keep || s->fd < 0)
        return;
    close(s->fd);
    s->fd = -1;
}

/* A capture is whole or not there. */
static void capture(Output *o, const char *bytes, size_t size) {
    if (sys_write(o->capture, bytes, size) == (ssize_t)size)
        return;
    sys_unlinkat(o->dir, RUN_CAPTURE, 0);
    close(o->capture);
    o->capture = -1;
}

/* A pipe that was found (nearly) full twice gets four times the room. */
static void grow(Stream *s, size_t taken) {
    int waiting = 0;
    if (s->capacity == 0)
        s->capacity = fcntl(s->fd, F_GETPIPE_SZ);
    if (s->capacity >= OUTPUT_PIPE_MAX || ioctl(s->fd, FIONREAD, &waiting) < 0 ||
        (int)taken + waiting < s->capacity / 4 * 3 || ++s->full < 2)
        return;
    int room = fcntl(s->fd, F_SETPIPE_SZ, s->capacity * 4);
    s->capacity = room > 0 ? room : INT32_MAX;
    s->full = 0;
}

void output_read(Output *o, Stream *s, int64_t now) {
    size_t held = mask_prefix(&s->hold, o->buffer);
    ssize_t size = sys_read(s->fd, o->buffer + held, OUTPUT_BUFFER - held);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) /* EIO: nobody has the terminal any more */
        return end_stream(o, s, false);
    if (o->capture >= 0 && s == o->streams)
        capture(o, o->buffer + held, (size_t)size);
    if (o->logged)
        pass(o, s, held + (size_t)size, false);
    if (held == 0 || s->hold.size != held + (size_t)size) /* else the first byte still waits */
        s->hold_until = s->hold.size > 0 ? now + OUTPUT_HOLD_MS : 0;
    if (size < OUTPUT_BURST)
        return;
    grow(s, (size_t)size);
    o->idle_at = now + OUTPUT_IDLE_MS;
}

int64_t output_tick(Output *o, int64_t now) {
    for (Stream *s = o->streams; s < o->streams + OUTPUT_STREAMS; s++) {
        if (s->hold_until > 0 && s->hold_until <= now)
            end_stream(o, s, true);
    }
    if (o->idle_at > 0 && o->idle_at <= now) {
        madvise(o->buffer, OUTPUT_BUFFER, MADV_DONTNEED);
        o->idle_at = 0;
    }
    return sys_earlier(o->idle_at, sys_earlier(o->streams[0].hold_until, o->streams[1].hold_until));
}

void output_read_waiting(Output *o, int64_t now) {
    for (int i = 0; i < OUTPUT_STREAMS * 2 * OUTPUT_PIPE_MAX / OUTPUT_BUFFER; i++) {
        int waiting = 0;
        Stream *s = &o->streams[i % OUTPUT_STREAMS];
        if (s->fd >= 0 && ioctl(s->fd, FIONREAD, &waiting) == 0 && waiting > 0)
            output_read(o, s, now);
    }
}

void output_end(Output *o, bool keep) {
    for (Stream *s = o->streams; s < o->streams + OUTPUT_STREAMS; s++)
        end_stream(o, s, keep);
}
