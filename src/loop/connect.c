/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/connect.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "loop/loop_inside.h"

enum {
    ADDRESSES_MAX = 8,
    HEAD_START_MS = 100, /* the first address has it before the next one is tried beside it */
};

typedef struct Attempt {
    Connect *connect;
    struct sockaddr_storage address;
    socklen_t size;
    int fd; /* -1: not begun, or failed */
    Poll *poll;
} Attempt;

/* A look-up on libuv's helper threads, which may outlive the one who asked. */
typedef struct Lookup {
    uv_getaddrinfo_t uv; /* first */
    Loop *loop;
    Connect *connect; /* NULL: freed */
} Lookup;

struct Connect {
    Loop *loop;
    ConnectFn fn;
    void *arg;
    char *host;
    uint16_t port;
    int64_t timeout_ms;
    bool over; /* fn is being called */
    Deferred *begin;
    Timer *timeout, *head_start;
    Lookup *lookup;
    Attempt attempts[ADDRESSES_MAX];
    size_t attempt_n, begun, failed;
    int error; /* errno of the attempt that says most */
};

static void begin_next(Connect *c);

static void close_attempt(Attempt *attempt) {
    attempt->poll = poll_free(attempt->poll);
    if (attempt->fd >= 0)
        close(attempt->fd);
    attempt->fd = -1;
}

static void release(Connect *c) {
    deferred_free(c->begin);
    timer_free(c->timeout);
    timer_free(c->head_start);
    if (c->lookup) {
        c->lookup->connect = NULL;
        uv_cancel((uv_req_t *)&c->lookup->uv); /* in vain if it runs: then it ends unheard */
    }
    for (size_t i = 0; i < c->begun; i++)
        close_attempt(&c->attempts[i]);
    free(c->host);
    free(c);
}

static void finish(Connect *c, const Err *err) {
    c->over = true;
    c->fn(c->arg, err);
    release(c);
}

static void finish_failed(Connect *c) {
    Err err = {0};
    err_sys(&err, c->error, "connect to %s port %d", c->host, c->port);
    finish(c, &err);
}

static void on_timeout(void *arg) {
    Connect *c = arg;
    Err err = {0};
    err_set(&err, ERR_TIMEOUT, "connect to %s port %d: no answer within %lld ms", c->host, c->port,
            (long long)c->timeout_ms);
    finish(c, &err);
}

/* ---- Attempts ---- */

/* An address that this machine cannot even try says less than a refusal. */
static bool says_little(int error) {
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == ENETUNREACH;
}

static void attempt_failed(Attempt *attempt, int error) {
    Connect *c = attempt->connect;
    close_attempt(attempt);
    c->failed++;
    if (c->error == 0 || (says_little(c->error) && !says_little(error)))
        c->error = error;
    if (c->failed == c->attempt_n)
        finish_failed(c);
    else if (c->failed == c->begun)
        begin_next(c);
}

static void on_writable(void *arg, int events) {
    Attempt *attempt = arg;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error)
        attempt_failed(attempt, error);
    else
        finish(attempt->connect, NULL);
}

static void begin_attempt(Attempt *attempt) {
    Connect *c = attempt->connect;
    const struct sockaddr *address = (const struct sockaddr *)&attempt->address;
    attempt->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt->fd < 0) {
        attempt_failed(attempt, errno);
        return;
    }
    if (connect(attempt->fd, address, attempt->size) < 0 && errno != EINPROGRESS)
        attempt_failed(attempt, errno);
    else
        attempt->poll = poll_new(c->loop, attempt->fd, POLL_WRITE, on_writable, attempt);
}

static void on_head_start(void *arg) {
    begin_next(arg);
}

static void begin_next(Connect *c) {
    Attempt *attempt = &c->attempts[c->begun++];
    timer_clear(c->head_start);
    if (c->begun < c->attempt_n)
        timer_set(c->head_start, HEAD_START_MS);
    begin_attempt(attempt);
}

static void begin_all(Connect *c) {
    c->head_start = timer_idle(c->loop, on_head_start, c);
    begin_next(c);
}

/* ---- Addresses ---- */

static void add_address(Connect *c, const struct sockaddr *address, socklen_t size) {
    if (c->attempt_n == ADDRESSES_MAX || size > sizeof c->attempts[0].address)
        return;
    Attempt *attempt = &c->attempts[c->attempt_n++];
    attempt->connect = c;
    attempt->fd = -1;
    memcpy(&attempt->address, address, size);
    attempt->size = size;
}

static bool add_literal(Connect *c, const char *host) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(c->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(c->port)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        add_address(c, (const struct sockaddr *)&v4, sizeof v4);
    else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        add_address(c, (const struct sockaddr *)&v6, sizeof v6);
    else
        return false;
    return true;
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    Lookup *lookup = (Lookup *)request;
    Connect *c = lookup->connect;
    loop_note(lookup->loop);
    free(lookup);
    if (c) {
        c->lookup = NULL;
        for (const struct addrinfo *at = found; at; at = at->ai_next)
            add_address(c, at->ai_addr, at->ai_addrlen);
    }
    uv_freeaddrinfo(found);
    if (!c)
        return;
    if (c->attempt_n > 0) {
        begin_all(c);
        return;
    }
    Err err = {0};
    err_set(&err, ERR_UNAVAILABLE, "look up %s: %s", c->host,
            status < 0 ? uv_strerror(status) : "it has no address");
    finish(c, &err);
}

static int look_up(Connect *c) {
    char service[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    Lookup *lookup = xcalloc(1, sizeof *lookup);
    lookup->loop = c->loop;
    lookup->connect = c;
    snprintf(service, sizeof service, "%d", c->port);
    int code = uv_getaddrinfo(&c->loop->uv, &lookup->uv, on_found, c->host, service, &hints);
    if (code < 0)
        free(lookup);
    else
        c->lookup = lookup;
    return code;
}

static void on_begin(void *arg) {
    Connect *c = arg;
    c->begin = NULL;
    if (strcasecmp(c->host, "localhost") == 0) {
        add_literal(c, "::1");
        add_literal(c, "127.0.0.1");
    } else if (!add_literal(c, c->host)) {
        int code = look_up(c);
        if (code < 0) {
            Err err = {0};
            err_set(&err, ERR_INVALID, "look up %s: %s", c->host, uv_strerror(code));
            finish(c, &err);
        }
        return;
    }
    begin_all(c);
}

Connect *connect_new(Loop *loop, const char *host, uint16_t port, int64_t timeout_ms, ConnectFn fn,
                     void *arg) {
    assert(fn);
    Connect *c = xcalloc(1, sizeof *c);
    c->loop = loop;
    c->fn = fn;
    c->arg = arg;
    c->host = xstrdup(host);
    c->port = port;
    c->timeout_ms = timeout_ms;
    c->begin = loop_defer(loop, on_begin, c);
    c->timeout = timer_new(loop, timeout_ms, on_timeout, c);
    return c;
}

Connect *connect_free(Connect *c) {
    if (c && !c->over)
        release(c);
    return NULL;
}
