/* SPDX-License-Identifier: Apache-2.0 */
/* The log stream of an engine: frames, each with the stream and the size of what follows in 8
 * bytes. A Demux takes them in pieces cut anywhere and gives their payload as it comes; it keeps
 * nothing of a frame but its head.
 *
 *     byte 0: 1 stdout, 2 stderr, 3 an error of the engine; 1-3: 0; 4-7: size, big endian */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum { DEMUX_HEAD = 8, DEMUX_STDOUT = 1, DEMUX_STDERR = 2, DEMUX_ERROR = 3 };

/* A part of a frame's payload, lent; `n` is 0 only for a frame without any. */
typedef struct DemuxPart {
    int stream;  /* 1, 2, 3 */
    bool begins; /* it is the first of its frame, */
    bool ends;   /* the last */
    const char *bytes;
    size_t n;
} DemuxPart;

typedef void (*DemuxFn)(void *arg, const DemuxPart *part);

typedef struct Demux {
    DemuxFn fn;
    void *arg;
    unsigned char head[DEMUX_HEAD]; /* of the frame that is being read */
    size_t head_n;
    uint32_t left; /* of its payload */
    bool begun;    /* part of it was given */
} Demux;

/* With fn and arg set and zero otherwise, a Demux is at the beginning of a stream. Calls fn for
 * each part in these bytes. -1: they are no such stream, which is found out at a head; what stood
 * before it was given. */
MUST int demux_put(Demux *demux, const char *bytes, size_t n, Err *err);
/* Is it between two frames? A stream that ends elsewhere was cut. */
bool demux_between(const Demux *demux);
