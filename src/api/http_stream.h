/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of a reply, inside the HTTP server: once the head of a reply is out, its bytes go from
 * the source to the socket here, framed as chunks, one write each; the library sleeps on the
 * connection until the end. */
#pragma once

#include "api/http_server.h"
#include "base/list.h"

enum { STREAM_PIECE = 64 << 10 };

/* All streams of a server. */
typedef struct Pump {
    Loop *loop;
    List ready; /* HttpStream.ready: to be pumped soon */
    Deferred *soon;
    char *piece; /* where one is put together */
} Pump;

struct HttpStream {
    List link;  /* HttpServer.streams */
    List ready; /* Pump.ready */
    Pump *pump;
    StreamAsk ask;
    int fd;
    bool open;    /* close has not been called */
    bool chunked; /* HTTP/1.1 */
    bool flowing; /* the head is out, the library sleeps */
    bool blocked; /* until the socket takes more */
    bool ended, broken;
    Poll *poll;
    char *rest; /* what the socket did not take */
    size_t rest_n, rest_at;
    void (*over)(HttpStream *stream); /* ended or broken: once, when it flows */
};

void pump_init(Pump *pump, Loop *loop);
void pump_deinit(Pump *pump);

/* Watches the socket for its end from now on. */
void stream_begin(HttpStream *stream, Pump *pump);
void stream_flow(HttpStream *stream);
void stream_close(HttpStream *stream);
