/* SPDX-License-Identifier: Apache-2.0 */
/* What the process writes: read from its pipes, captured, masked, logged. */
#pragma once

#include "pin/log.h"
#include "pin/mask.h"
#include "pin/wire.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    OUTPUT_STREAMS = 2,
    OUTPUT_BUFFER = 128 * 1024,
    OUTPUT_BURST = 4096,           /* what a read must bring for the buffer to be given back */
    OUTPUT_PIPE_MAX = 1024 * 1024, /* what an ordinary user may have */
    OUTPUT_HOLD_MS = 100,          /* how long a possible beginning of a secret is held back */
    OUTPUT_IDLE_MS = 200,          /* after a burst, until its memory is given back */
};

typedef struct Stream {
    int fd;       /* read end; -1: at its end */
    int capacity; /* of the pipe; 0: not asked yet, INT32_MAX: cannot grow */
    int full;     /* times it was found full since it last grew */
    MaskHold hold;
    int64_t hold_until; /* 0: nothing is held */
} Stream;

typedef struct Output {
    Stream streams[OUTPUT_STREAMS]; /* stdout, stderr */
    Log log;
    bool logged;      /* not with LAUNCH_NO_LOG */
    int dir, capture; /* capture: -1 if none */
    char *buffer;     /* OUTPUT_BUFFER bytes, page-aligned */
    const Mask *mask; /* NULL: no secrets */
    int64_t idle_at;  /* when the buffer is given back; 0: it is clean */
    int stream;       /* what was read last, in pieces on their way into one entry of the log */
    int count;
    int64_t time_us;
    struct iovec parts[64];
} Output;

/* Reads once from a stream that poll says is readable or at its end. */
void output_read(Output *o, Stream *s, int64_t now);

/* Does what is due: writes held bytes, gives memory back. Returns when it next wants to be called,
 * 0: not. */
int64_t output_tick(Output *o, int64_t now);

/* Reads what is in the pipes now, with a bound; does not block. */
void output_read_waiting(Output *o, int64_t now);

/* Writes what is held; closes the pipes unless `keep`. */
void output_end(Output *o, bool keep);

/* Some stream is not at its end. */
static inline bool output_open(const Output *o) {
    return o->streams[0].fd >= 0 || o->streams[1].fd >= 0;
}
