/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests from the loop, by libcurl's multi interface (this directory alone sees it): for
 * readiness probes, and for the APIs of engines, whose replies may be streams without an end. */
#pragma once

#include "data/schema.h"
#include "loop/loop.h"

typedef struct HttpClient HttpClient;
typedef struct HttpRequest HttpRequest;

HttpClient *http_client_new(Loop *loop);
HttpClient *http_client_free(HttpClient *client);

/* The next piece of a reply's body, never empty, lent for the call. False: not now; the same bytes,
 * and maybe more behind them, come again after http_request_resume, and meanwhile the server is
 * held up. May do anything, also free its request. */
typedef bool (*HttpDataFn)(void *arg, const char *bytes, size_t n);

/* Files in PEM; NULL: of `ca` the system's own, of the others none. */
typedef struct HttpTls {
    const char *ca, *cert, *key;
} HttpTls;

typedef struct HttpAsk {
    const char *method; /* NULL: GET */
    const char *url;
    const char *unix_socket; /* NULL: TCP */
    const StrMap *headers;   /* may be NULL */
    const char *body;
    size_t body_size;
    int64_t timeout_ms; /* 0: none */
    int64_t idle_ms;    /* without a byte of the body; 0: any. Either this or timeout_ms */
    bool verify_tls;
    const HttpTls *tls; /* may be NULL; read anew for each connection */
    bool follow;        /* redirects within the same host */
    /* what is kept of the reply, 0: 64 KiB; the rest is read and dropped. A body that does not
     * end in time is cut */
    size_t max_body;
    /* The connection stays, for the next request to the same host or socket. */
    bool keep_alive;
    bool fresh; /* over a new connection: who goes away serves those that he has to the last */
    /* NULL: the body is collected for the HttpFn. Else that of a good reply (2xx, or what follows
     * a 101) comes here piece by piece, with the HttpFn's arg, before the HttpFn; that of any other
     * reply is collected */
    HttpDataFn on_data;
} HttpAsk;

typedef struct HttpReply {
    long status;      /* 0 with err set */
    const char *body; /* NUL-terminated, lent for the call */
    size_t body_size;
    bool cut; /* there was more than is kept */
} HttpReply;

/* err: NULL, or why there was no reply. Called exactly once, from the loop, unless freed before. */
typedef void (*HttpFn)(void *arg, const HttpReply *reply, const Err *err);

/* Copies what `ask` points to; at any time. The returned handle is dead after fn was called. */
HttpRequest *http_ask(HttpClient *client, const HttpAsk *ask, HttpFn fn, void *arg);
HttpRequest *http_request_free(HttpRequest *request); /* cancel */
/* After HttpDataFn said false, at any time; else nothing happens. */
void http_request_resume(HttpRequest *request);
/* A header of the reply, lent, within the HttpFn or HttpDataFn. NULL: it has none of that name. */
const char *http_request_header(HttpRequest *request, const char *name);
