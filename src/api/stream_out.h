/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream has rendered and its client has not taken yet. */
#pragma once

#include "base/buf.h"

typedef struct StreamOut {
    Buf text; /* what was taken already stands at its beginning, until all is */
    size_t at, max;
} StreamOut;

void stream_out_init(StreamOut *out, size_t max);
void stream_out_deinit(StreamOut *out);
size_t stream_out_waiting(const StreamOut *out);
/* Moves at most `size` bytes to `to`; their number, 0 when nothing waits. */
size_t stream_out_take(StreamOut *out, char *to, size_t size);
