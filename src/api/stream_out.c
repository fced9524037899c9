/* SPDX-License-Identifier: Apache-2.0 */
#include "api/stream_out.h"

#include <string.h>

enum { KEPT = 256 * 1024 };

void stream_out_init(StreamOut *out, size_t max) {
    *out = (StreamOut){.max = max};
    buf_init(&out->text, max);
}

void stream_out_deinit(StreamOut *out) {
    buf_deinit(&out->text);
}

size_t stream_out_waiting(const StreamOut *out) {
    return out->text.n - out->at;
}

/* A long line is no reason to keep its room. */
static void empty(StreamOut *out) {
    out->at = 0;
    if (out->text.cap > KEPT) {
        buf_deinit(&out->text);
        buf_init(&out->text, out->max);
    } else {
        buf_reset(&out->text);
    }
}

size_t stream_out_take(StreamOut *out, char *to, size_t size) {
    size_t waiting = stream_out_waiting(out), n = waiting < size ? waiting : size;
    if (n)
        memcpy(to, out->text.p + out->at, n);
    out->at += n;
    if (n == waiting)
        empty(out);
    return n;
}
