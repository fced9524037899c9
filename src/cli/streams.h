/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for whichever of the streams comes that somebody who looks on has open. */
#pragma once

#include "cli/log_feed.h"

typedef struct Streams {
    LogFeed *log;      /* may be closed; NULL: none */
    HttpLines *events; /* NULL: none */
    int signals;       /* of signalfd(2); -1: none */
    int timeout_ms;    /* -1: for ever */
} Streams;

typedef struct StreamsHeard {
    bool signal; /* is to be read */
    bool events; /* lines may be taken, */
    bool cut;    /* ... and then no more: it broke off */
} StreamsHeard;

/* What the log has is given out, and before the events: what was written comes before what became
 * of who wrote it. */
StreamsHeard streams_wait(const Streams *streams);
