/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/demux.h"

#include <string.h>

static uint32_t size_of(const unsigned char head[DEMUX_HEAD]) {
    return (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 | (uint32_t)head[6] << 8 | head[7];
}

static int read_head(Demux *demux, Err *err) {
    const unsigned char *head = demux->head;
    if (head[0] > DEMUX_ERROR || head[1] || head[2] || head[3])
        return err_set(err, ERR_UNAVAILABLE,
                       "the log of the engine is no stream of frames: a head begins with "
                       "%02x%02x%02x%02x",
                       head[0], head[1], head[2], head[3]);
    demux->left = size_of(head);
    demux->begun = false;
    return 0;
}

/* As many bytes as belong to the payload, also none of an empty one. */
static size_t give(Demux *demux, const char *bytes, size_t n) {
    size_t size = n < demux->left ? n : demux->left;
    demux->left -= (uint32_t)size;
    DemuxPart part = {.stream = demux->head[0] ? demux->head[0] : DEMUX_STDOUT,
                      .begins = !demux->begun,
                      .ends = demux->left == 0,
                      .bytes = bytes,
                      .n = size};
    demux->begun = true;
    if (part.ends)
        demux->head_n = 0;
    demux->fn(demux->arg, &part);
    return size;
}

int demux_put(Demux *demux, const char *bytes, size_t n, Err *err) {
    while (n > 0) {
        size_t used;
        if (demux->head_n < DEMUX_HEAD) {
            size_t missing = DEMUX_HEAD - demux->head_n;
            used = n < missing ? n : missing;
            memcpy(demux->head + demux->head_n, bytes, used);
            demux->head_n += used;
            if (demux->head_n == DEMUX_HEAD && read_head(demux, err) < 0)
                return -1;
            if (demux->head_n == DEMUX_HEAD && demux->left == 0)
                give(demux, bytes + used, 0);
        } else {
            used = give(demux, bytes, n);
        }
        bytes += used;
        n -= used;
    }
    return 0;
}

bool demux_between(const Demux *demux) {
    return demux->head_n == 0;
}
