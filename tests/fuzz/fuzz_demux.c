/* SPDX-License-Identifier: Apache-2.0 */
/* The log stream of an engine: whatever is in it and however it is cut, the payload is the same.
 * First byte: the size of the pieces. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "backend/docker/demux.h"

typedef struct Sum {
    uint64_t hash;
    size_t n, begins, ends;
} Sum;

static void on_part(void *arg, const DemuxPart *part) {
    Sum *sum = arg;
    sum->begins += part->begins;
    sum->ends += part->ends;
    for (size_t i = 0; i < part->n; i++)
        sum->hash = sum->hash * 31 + (unsigned char)part->bytes[i] + (unsigned)part->stream;
    sum->n += part->n;
}

static Sum sum_of(const char *bytes, size_t size, size_t piece, int *ret_failed) {
    Sum sum = {0};
    Demux demux = {.fn = on_part, .arg = &sum};
    *ret_failed = 0;
    for (size_t at = 0; at < size && !*ret_failed; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        Err err;
        *ret_failed = demux_put(&demux, bytes + at, n, &err);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    const char *bytes = (const char *)data + 1;
    int failed, also;
    Sum whole = sum_of(bytes, size - 1, size, &failed);
    Sum pieces = sum_of(bytes, size - 1, 1 + data[0] % 16, &also);
    if (failed != also || whole.hash != pieces.hash || whole.n != pieces.n ||
        whole.begins != pieces.begins || whole.ends != pieces.ends)
        abort();
    return 0;
}
