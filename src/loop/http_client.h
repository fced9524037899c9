/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests from the loop, by libcurl's multi interface (this directory alone sees it). For
 * readiness probes now; Docker and Kubernetes later. */
#pragma once

#include "data/schema.h"
#include "loop/loop.h"

typedef struct HttpClient HttpClient;
typedef struct HttpRequest HttpRequest;

HttpClient *http_client_new(Loop *loop);
HttpClient *http_client_free(HttpClient *client);

typedef struct HttpAsk {
    const char *method; /* NULL: GET */
    const char *url;
    const char *unix_socket; /* NULL: TCP */
    const StrMap *headers;   /* may be NULL */
    const char *body;
    size_t body_size;
    int64_t timeout_ms; /* 0: none */
    bool verify_tls;
    bool follow; /* redirects within the same host */
    /* what is kept of the reply, 0: 64 KiB; the rest is read and dropped. A body that does not
     * end in time is cut */
    size_t max_body;
} HttpAsk;

typedef struct HttpReply {
    long status;      /* 0 with err set */
    const char *body; /* NUL-terminated, lent for the call */
    size_t body_size;
} HttpReply;

/* err: NULL, or why there was no reply. Called exactly once, from the loop, unless freed before. */
typedef void (*HttpFn)(void *arg, const HttpReply *reply, const Err *err);

/* Copies what `ask` points to. The returned handle is dead after fn was called. */
HttpRequest *http_ask(HttpClient *client, const HttpAsk *ask, HttpFn fn, void *arg);
HttpRequest *http_request_free(HttpRequest *request); /* cancel */
