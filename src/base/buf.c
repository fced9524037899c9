/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void buf_init(Buf *buf, size_t max) {
    *buf = (Buf){.max = max};
}

void buf_deinit(Buf *buf) {
    free(buf->p);
    buf_init(buf, buf->max);
}

void buf_reset(Buf *buf) {
    buf->n = 0;
    buf->failed = false;
    if (buf->p)
        buf->p[0] = '\0';
}

/* Room for `size` more bytes and the NUL. */
static bool room(Buf *buf, size_t size) {
    if (buf->failed || size > buf->max || buf->n > buf->max - size) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->n + size + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap ? buf->cap : 64;
        while (cap < need)
            cap *= 2;
        buf->p = xrealloc(buf->p, cap);
        buf->cap = cap;
    }
    return true;
}

bool buf_put(Buf *buf, const void *bytes, size_t size) {
    if (!room(buf, size))
        return false;
    if (size)
        memcpy(buf->p + buf->n, bytes, size);
    buf->n += size;
    buf->p[buf->n] = '\0';
    return true;
}

bool buf_repeat(Buf *buf, size_t from, size_t size) {
    if (!room(buf, size))
        return false;
    memcpy(buf->p + buf->n, buf->p + from, size);
    buf->n += size;
    buf->p[buf->n] = '\0';
    return true;
}

bool buf_puts(Buf *buf, const char *text) {
    return buf_put(buf, text, strlen(text));
}

bool buf_putc(Buf *buf, char c) {
    return buf_put(buf, &c, 1);
}

bool buf_vprintf(Buf *buf, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0 || !room(buf, (size_t)size))
        return false;
    vsnprintf(buf->p + buf->n, (size_t)size + 1, format, args);
    buf->n += (size_t)size;
    return true;
}

bool buf_printf(Buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool done = buf_vprintf(buf, format, args);
    va_end(args);
    return done;
}

char *buf_take(Buf *buf) {
    char *text = buf->p ? buf->p : xstrdup("");
    buf_init(buf, buf->max);
    return text;
}

const char *buf_cstr(const Buf *buf) {
    return buf->p ? buf->p : "";
}

void buf_drop(Buf *buf, size_t size) {
    if (size >= buf->n) {
        buf->n = 0;
    } else {
        memmove(buf->p, buf->p + size, buf->n - size);
        buf->n -= size;
    }
    if (buf->p)
        buf->p[buf->n] = '\0';
}
