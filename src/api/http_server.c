/* SPDX-License-Identifier: Apache-2.0 */
/* What is put right here, beside what the header says:
 *  - the library reads one buffer per call and then wants to be called again at once
 *    (MHD_get_timeout says so);
 *  - a resumed connection is acted upon only by a further call;
 *  - a suspended connection is not watched by it, so that a client that goes away would never be
 *    noticed;
 *  - it decodes paths before it shows them, cuts them at NUL, and accepts what could be
 *    smuggled. */
#include "api/http_server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/http_stream.h"
#include "api/status.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/vec.h"
#include "base/xalloc.h"

enum {
    ACCEPT_BATCH = 64, /* per turn, before others get their chance */
    CLOSE_ROUNDS = 64, /* to bring the last bytes of streams out */
    RETRY_MS = 100,    /* when the system as a whole is out of something */
    MAX_SET_HEADERS = 4,
    STREAM_BLOCK = 1024, /* the library's own buffer, which we do not use */
};

typedef struct Conn {
    List link; /* HttpServer.conns */
    HttpServer *server;
    int fd;
    Peer peer;
    bool refused;
    Err denied;
} Conn;

typedef struct Call {
    LoopFn fn;
    void *arg;
} Call;

struct Exchange {
    Conn *conn;
    struct MHD_Connection *mhd;
    char *uri;          /* as it was sent, up to a NUL */
    const char *uri_at; /* where the library has it */
    bool started, answered, too_big, chunks;
    Buf body;
    Arena arena;
    Request request;
    StrPair headers[MAX_SET_HEADERS];
    size_t header_n;
    HttpStream stream;
    Call after;
    List wait; /* HttpServer.waiting */
    LoopFn gone;
};

struct HttpServer {
    HttpServerOptions options;
    struct MHD_Daemon *daemon;
    Poll *epoll, *accept;
    int listen_fd;
    int spare_fd; /* given up to refuse a client when descriptors have run out */
    Timer *timer, *retry;
    Deferred *soon, *answered;
    VEC(Call) calls; /* request_after, of requests that are over */
    List conns;      /* Conn.link */
    List streams;    /* HttpStream.link */
    List waiting;    /* Exchange.wait */
    Pump pump;
    size_t conn_n;
    Conn *accepting;
    bool running, stopping;
};

/* ---- when the library is called ---- */

static void run(HttpServer *server);

static void run_soon(void *arg) {
    HttpServer *server = arg;
    server->soon = NULL;
    run(server);
}

static void schedule_soon(HttpServer *server) {
    if (!server->soon)
        server->soon = loop_defer(server->options.loop, run_soon, server);
}

static void schedule(HttpServer *server) {
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(server->daemon, &ms) != MHD_YES)
        timer_clear(server->timer);
    else if (ms == 0)
        schedule_soon(server);
    else
        timer_set(server->timer, (int64_t)ms);
}

static void run(HttpServer *server) {
    if (server->running)
        return;
    server->running = true;
    MHD_run(server->daemon);
    server->running = false;
    schedule(server);
}

static void on_timer(void *arg) {
    run(arg);
}

static void on_epoll(void *arg, int events) {
    run(arg);
}

/* ---- streams: http_stream.c, while the library sleeps ---- */

/* Asked for the first bytes once the head is out, and again at the end. */
static ssize_t on_read(void *arg, uint64_t at, char *to, size_t size) {
    Exchange *x = arg;
    HttpStream *stream = &x->stream;
    if (stream->broken)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (stream->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (x->conn->server->stopping)
        return stream->rest ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    MHD_suspend_connection(x->mhd);
    stream_flow(stream);
    return 0;
}

static void resume(Exchange *x) {
    x->stream.flowing = false;
    MHD_resume_connection(x->mhd);
    schedule_soon(x->conn->server);
}

static void on_over(HttpStream *stream) {
    resume(container_of(stream, Exchange, stream));
}

/* ---- replies ---- */

static void add_headers(const Exchange *x, struct MHD_Response *response, const char *type) {
    MHD_add_response_header(response, "Content-Type", type ? type : "application/json");
    MHD_add_response_header(response, "Cache-Control", "no-cache, private");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; i < x->header_n; i++)
        MHD_add_response_header(response, x->headers[i].name, x->headers[i].value);
}

static void queue(Exchange *x, int status, struct MHD_Response *response, const char *type) {
    assert(!x->answered);
    x->answered = true;
    add_headers(x, response, type);
    MHD_queue_response(x->mhd, (unsigned)status, response);
    MHD_destroy_response(response);
}

void request_reply(Request *request, int status, const char *type, Buf *body) {
    if (body->failed) {
        buf_deinit(body);
        reply_status(request, 500, "InternalError", "the reply would be too large");
        return;
    }
    size_t size = body->n;
    char *bytes = buf_take(body);
    queue(request->inside, status,
          MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE), type);
}

HttpStream *request_stream(Request *request, const StreamAsk *ask) {
    Exchange *x = request->inside;
    HttpStream *stream = &x->stream;
    *stream = (HttpStream){.ask = *ask, .fd = x->conn->fd, .chunked = x->chunks, .over = on_over};
    queue(x, MHD_HTTP_OK,
          MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read, x, NULL),
          ask->type);
    MHD_set_connection_option(x->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    stream_begin(stream, &x->conn->server->pump);
    list_append(&x->conn->server->streams, &stream->link);
    return stream;
}

void request_wait(Request *request, void *what, LoopFn gone) {
    Exchange *x = request->inside;
    request->waited = what;
    x->gone = gone;
    list_append(&x->conn->server->waiting, &x->wait);
    MHD_suspend_connection(x->mhd);
}

void request_resume(Request *request) {
    Exchange *x = request->inside;
    list_remove(&x->wait);
    MHD_resume_connection(x->mhd);
    schedule_soon(x->conn->server);
}

void request_set_header(Request *request, const char *name, const char *value) {
    Exchange *x = request->inside;
    assert(x->header_n < MAX_SET_HEADERS);
    x->headers[x->header_n++] =
        (StrPair){arena_strdup(&x->arena, name), arena_strdup(&x->arena, value)};
}

void request_after(Request *request, LoopFn fn, void *arg) {
    request->inside->after = (Call){fn, arg};
}

const char *request_header(const Request *request, const char *name) {
    return MHD_lookup_connection_value(request->inside->mhd, MHD_HEADER_KIND, name);
}

const char *request_param(const Request *request, const char *name) {
    return uri_param(&request->uri, name);
}

bool request_flag(const Request *request, const char *name) {
    const char *value = request_param(request, name);
    return value && (!value[0] || strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

/* ---- requests ---- */

/* What the headers say that two readers could take differently. */
typedef struct Framing {
    unsigned hosts, lengths, encodings;
    const char *problem;
    uint64_t length;
} Framing;

static bool is_token(const char *name, size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f ||
            strchr("()<>@,;:\\\"/[]?={}", name[i]))
            return false;
    return n > 0;
}

static bool is_name(const char *name, size_t n, const char *expected) {
    return n == strlen(expected) && strncasecmp(name, expected, n) == 0;
}

/* Digits only: the library has checked. */
static uint64_t length_of(const char *digits) {
    uint64_t n = 0;
    for (; *digits && n <= MAX_REQUEST_BYTES; digits++)
        n = n * 10 + (uint64_t)(*digits - '0');
    return n;
}

static enum MHD_Result look_at_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                      size_t name_n, const char *value, size_t value_n) {
    Framing *framing = arg;
    if (!is_token(name, name_n))
        framing->problem = "a header's name has a character that may not be there";
    else if (value_n && memchr(value, '\0', value_n))
        framing->problem = "a header has a NUL";
    else if (is_name(name, name_n, "Host"))
        framing->hosts++;
    else if (is_name(name, name_n, "Content-Length") && ++framing->lengths)
        framing->length = length_of(value);
    else if (is_name(name, name_n, "Transfer-Encoding") && ++framing->encodings &&
             strcasecmp(value, "chunked") != 0)
        framing->problem = "the only transfer encoding is chunked";
    return MHD_YES;
}

static const char *framing_problem(const Exchange *x, const Framing *framing, const char *version) {
    size_t uri_n = strlen(x->uri);
    if (framing->problem)
        return framing->problem;
    if (x->uri_at + uri_n + 1 != version)
        return "the request line has a NUL or more than three words";
    if (framing->hosts > 1 || (framing->hosts == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) == 0))
        return "a request has exactly one Host header";
    if (framing->lengths + framing->encodings > 1)
        return "a request has one Content-Length or one Transfer-Encoding";
    if (framing->encodings && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
        return "HTTP/1.0 has no Transfer-Encoding";
    return NULL;
}

static void refuse(Exchange *x, int status, const char *reason, const char *why) {
    request_set_header(&x->request, "Connection", "close");
    reply_status(&x->request, status, reason, "%s", why);
}

static void refuse_too_big(Exchange *x) {
    char why[60];
    snprintf(why, sizeof(why), "the body of a request may have %d MiB", MAX_REQUEST_BYTES >> 20);
    refuse(x, 413, "RequestEntityTooLarge", why);
}

/* The head is complete. */
static void begin(Exchange *x, const char *method, const char *version) {
    Framing framing = {.hosts = 0};
    x->request.method = method;
    x->chunks = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
    MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, look_at_header, &framing);
    const char *problem = framing_problem(x, &framing, version);
    if (problem)
        refuse(x, 400, "BadRequest", problem);
    else if (framing.length > MAX_REQUEST_BYTES)
        refuse_too_big(x);
}

/* All of it is there. */
static void finish(Exchange *x, const char *method) {
    Request *request = &x->request;
    HttpServer *server = x->conn->server;
    Err err;
    if (x->too_big) {
        refuse_too_big(x);
        return;
    }
    if (uri_parse(x->uri, &x->arena, &request->uri, &err) < 0) {
        refuse(x, 400, "BadRequest", err.msg);
        return;
    }
    request->method = method;
    request->body = buf_cstr(&x->body);
    request->body_size = x->body.n;
    request->peer = x->conn->peer;
    request->denied = x->conn->refused ? x->conn->denied.msg : NULL;
    server->options.handle(server->options.arg, request);
    assert(x->answered || !list_empty(&x->wait));
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context) {
    Exchange *x = *context;
    if (!x->started) {
        x->started = true;
        begin(x, method, version);
        return MHD_YES;
    }
    if (*size) {
        if (!x->too_big && !buf_put(&x->body, data, *size)) {
            x->too_big = true;
            buf_reset(&x->body);
        }
        *size = 0;
        return MHD_YES;
    }
    if (!x->answered && x->conn->server->stopping)
        return MHD_NO;
    if (!x->answered)
        finish(x, method);
    return MHD_YES;
}

static Conn *conn_of(struct MHD_Connection *mhd) {
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The first we hear of a request. What is returned is its context. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *mhd) {
    Exchange *x = xcalloc(1, sizeof(*x));
    x->conn = conn_of(mhd);
    x->mhd = mhd;
    x->uri = xstrdup(uri);
    x->uri_at = uri;
    buf_init(&x->body, MAX_REQUEST_BYTES);
    arena_init(&x->arena);
    list_init(&x->wait);
    x->request = (Request){.arena = &x->arena, .inside = x, .body = ""};
    return x;
}

static void on_answered(void *arg) {
    HttpServer *server = arg;
    server->answered = NULL;
    while (server->calls.n) {
        Call call = server->calls.at[--server->calls.n];
        call.fn(call.arg);
    }
}

static void call_soon(HttpServer *server, Call call) {
    VEC_PUSH(server->calls, call);
    if (!server->answered)
        server->answered = loop_defer(server->options.loop, on_answered, server);
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code) {
    Exchange *x = *context;
    HttpServer *server = arg;
    if (!x)
        return;
    *context = NULL;
    if (x->stream.open)
        MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT,
                                  server->options.idle_timeout_s);
    stream_close(&x->stream);
    if (x->after.fn)
        call_soon(server, x->after);
    buf_deinit(&x->body);
    arena_deinit(&x->arena);
    free(x->uri);
    free(x);
}

/* ---- connections ---- */

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    HttpServer *server = arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = TAKE(server->accepting);
        return;
    }
    Conn *conn = *context;
    list_remove(&conn->link);
    server->conn_n--;
    free(conn);
}

static void refuse_busy(int fd) {
    static const char reply[] =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        "Content-Length: 26\r\n\r\nthe server has no room now";
    if (send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        errno = 0; /* nothing more can be done for it */
    close(fd);
}

static void find_peer(int fd, Peer *ret) {
    struct ucred cred;
    socklen_t size = sizeof(cred);
    *ret = (Peer){.uid = (uid_t)-1};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0)
        *ret = (Peer){.uid = cred.uid, .pid = cred.pid};
}

static Conn *conn_new(HttpServer *server, int fd) {
    Conn *conn = xcalloc(1, sizeof(*conn));
    conn->server = server;
    conn->fd = fd;
    find_peer(fd, &conn->peer);
    if (server->options.admit &&
        server->options.admit(server->options.arg, &conn->peer, &conn->denied) < 0)
        conn->refused = true;
    list_append(&server->conns, &conn->link);
    server->conn_n++;
    return conn;
}

void http_server_add(HttpServer *server, int fd) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (server->conn_n >= server->options.max_connections) {
        refuse_busy(fd);
        return;
    }
    Conn *conn = server->accepting = conn_new(server, fd);
    /* closes fd if it fails */
    MHD_add_connection(server->daemon, fd, (struct sockaddr *)&address, sizeof(address));
    if (server->accepting == conn) {
        server->accepting = NULL;
        list_remove(&conn->link);
        server->conn_n--;
        free(conn);
    }
    schedule_soon(server);
}

/* Descriptors have run out: the client hears so, instead of waiting for ever. */
static bool refuse_one(HttpServer *server) {
    if (server->spare_fd < 0)
        return false;
    close(server->spare_fd);
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        refuse_busy(fd);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

static void on_retry(void *arg) {
    HttpServer *server = arg;
    if (server->accept)
        poll_set(server->accept, POLL_READ);
}

static void on_accept(void *arg, int events) {
    HttpServer *server = arg;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            http_server_add(server, fd);
        } else if (errno == EMFILE && refuse_one(server)) {
            continue;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            poll_set(server->accept, 0);
            timer_set(server->retry, RETRY_MS);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

void http_server_listen(HttpServer *server, int fd) {
    if (server->accept && fd >= 0)
        on_accept(server, 0); /* who has connected to the former one */
    server->accept = poll_free(server->accept);
    server->listen_fd = fd;
    if (fd >= 0)
        server->accept = poll_new(server->options.loop, fd, POLL_READ, on_accept, server);
}

size_t http_server_connections(const HttpServer *server) {
    return server->conn_n;
}

/* ---- life ---- */

static struct MHD_Daemon *start_daemon(HttpServer *server) {
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0,
                            NULL, NULL, on_request, server, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
                            server, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MAX_HEADER_BYTES,
                            MHD_OPTION_CONNECTION_LIMIT, server->options.max_connections + 8u,
                            MHD_OPTION_CONNECTION_TIMEOUT, server->options.idle_timeout_s,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

HttpServer *http_server_new(const HttpServerOptions *options) {
    HttpServer *server = xcalloc(1, sizeof(*server));
    server->options = *options;
    if (!options->max_connections)
        server->options.max_connections = MAX_CONNECTIONS;
    if (!options->idle_timeout_s)
        server->options.idle_timeout_s = HTTP_IDLE_S;
    list_init(&server->conns);
    list_init(&server->streams);
    list_init(&server->waiting);
    pump_init(&server->pump, options->loop);
    server->listen_fd = -1;
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->daemon = start_daemon(server);
    if (!server->daemon)
        abort(); /* out of memory or descriptors before anything began */
    server->timer = timer_idle(options->loop, on_timer, server);
    server->retry = timer_idle(options->loop, on_retry, server);
    int fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    server->epoll = poll_new(options->loop, fd, POLL_READ, on_epoll, server);
    return server;
}

/* Lets streams end as they should; a client that takes nothing any more is not waited for. */
static void end_streams(HttpServer *server) {
    HttpStream *stream;
    LIST_FOREACH (stream, &server->streams, link)
        if (stream->flowing)
            resume(container_of(stream, Exchange, stream));
    for (int i = 0; i < CLOSE_ROUNDS && !list_empty(&server->streams); i++)
        MHD_run(server->daemon);
}

/* Their connections are closed without an answer: who may ask again does. */
static void end_waiting(HttpServer *server) {
    while (!list_empty(&server->waiting)) {
        Exchange *x = container_of(server->waiting.next, Exchange, wait);
        x->gone(x->request.waited);
        request_resume(&x->request);
    }
}

HttpServer *http_server_free(HttpServer *server) {
    if (!server)
        return NULL;
    http_server_listen(server, -1);
    server->stopping = true;
    end_waiting(server);
    end_streams(server);
    server->epoll = poll_free(server->epoll);
    MHD_stop_daemon(server->daemon);
    assert(server->conn_n == 0);
    server->timer = timer_free(server->timer);
    server->retry = timer_free(server->retry);
    deferred_free(server->soon);
    deferred_free(server->answered);
    VEC_FREE(server->calls);
    pump_deinit(&server->pump);
    if (server->spare_fd >= 0)
        close(server->spare_fd);
    free(server);
    return NULL;
}
