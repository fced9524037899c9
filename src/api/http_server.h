/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 server on the loop. The one module that sees libmicrohttpd; what that library gets
 * wrong is put right here.
 *
 * A handler is called with each complete request and answers it before it returns: with a reply, or
 * with a stream, which is asked for bytes whenever the client can take some. One that must know
 * something first waits for it (request_wait), and is called again. Requests that two
 * parsers could read differently (two Hosts, both lengths, absolute URIs, NULs) are refused with a
 * Status and the connection is closed. */
#pragma once

#include <sys/types.h>

#include "api/http_uri.h"
#include "base/limits.h"
#include "loop/loop.h"

typedef struct HttpServer HttpServer;
typedef struct HttpStream HttpStream;
typedef struct Exchange Exchange;

/* Who has connected. pid 0: the kernel cannot say, it is of another pid namespace. */
typedef struct Peer {
    uid_t uid;
    pid_t pid;
} Peer;

typedef struct Request {
    const char *method; /* "GET" */
    Uri uri;
    const char *body; /* NUL-terminated; "" when there was none */
    size_t body_size;
    Peer peer;
    /* why this client may ask nothing (HttpServerOptions.admit); NULL: it may */
    const char *denied;
    Arena *arena; /* lives as long as the request */
    void *waited; /* what the handler has waited for, the newest; NULL: for nothing yet */
    Exchange *inside;
} Request;

typedef void (*RequestFn)(void *arg, Request *request);

typedef struct HttpServerOptions {
    Loop *loop;
    RequestFn handle;
    /* Once per connection: 0, or -1 with the reason, which each of its requests gets as `denied`.
     * May be NULL. */
    int (*admit)(void *arg, const Peer *peer, Err *err);
    void *arg;
    unsigned max_connections; /* 0: MAX_CONNECTIONS */
    unsigned idle_timeout_s;  /* of a connection that is not streaming; 0: HTTP_IDLE_S */
} HttpServerOptions;

enum { HTTP_IDLE_S = 30 };

HttpServer *http_server_new(const HttpServerOptions *options);
/* Ends every stream properly and closes every connection; then `close` of each stream has been
 * called. */
HttpServer *http_server_free(HttpServer *server);

/* Serves those who connect to `fd` (a listening socket, lent: it stays the caller's). One at a
 * time; -1: none. */
void http_server_listen(HttpServer *server, int fd);
/* Serves one connected socket; takes the descriptor. */
void http_server_add(HttpServer *server, int fd);

size_t http_server_connections(const HttpServer *server);

/* ---- inside a handler ---- */
const char *request_header(const Request *request, const char *name); /* NULL: absent */
/* Of the query; NULL: absent. */
const char *request_param(const Request *request, const char *name);
bool request_flag(const Request *request, const char *name); /* "true", "1", or without a value */
/* A header of the reply. Call before the reply. The value must be free of control characters. */
void request_set_header(Request *request, const char *name, const char *value);

/* `body` is taken. type NULL: application/json. */
void request_reply(Request *request, int status, const char *type, Buf *body);

enum { STREAM_END = -1, STREAM_BROKEN = -2 };

typedef struct StreamAsk {
    const char *type; /* NULL: application/json */
    /* Writes up to `size` bytes; their number, or 0: nothing for now (http_stream_wake says when),
     * or STREAM_END, STREAM_BROKEN. */
    ssize_t (*fill)(void *arg, char *to, size_t size);
    void (*close)(void *arg); /* once, last: at the end, or when the client has gone */
    void *arg;
} StreamAsk;

/* The stream is valid until its `close` is called; neither is ever called from inside here or from
 * http_stream_wake. */
HttpStream *request_stream(Request *request, const StreamAsk *ask);
void http_stream_wake(HttpStream *stream);

/* The handler answers later: it is called again after request_resume, with `what` as
 * request->waited. `gone` is called instead if the server ends before. Bound the waiting: nobody
 * looks at the client meanwhile. */
void request_wait(Request *request, void *what, LoopFn gone);
void request_resume(Request *request);

/* Calls fn from the loop once the reply to this request has left us, or its client has gone. */
void request_after(Request *request, LoopFn fn, void *arg);
