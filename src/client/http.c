/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "spec/routes.h"

enum { PIECE = 64 * 1024, INTERRUPTED_MS = 2000, MESSAGE_MAX = 400 };

static int connect_to(const char *path, Err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(
            err, ERR_INVALID,
            "the path %s is too long for a socket (at most %zu bytes); set THOLE_RUNTIME_DIR to a "
            "shorter one",
            path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path));
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, errno, "make a socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int number = errno;
        err_sys(err, number, "connect to %s", path);
        if (err && (number == ENOENT || number == ECONNREFUSED))
            err->kind = ERR_UNAVAILABLE;
        return -1;
    }
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(err, errno, "connect to %s", path);
    return TAKE_FD(fd);
}

/* 0: of another pid namespace, where its number says nothing. */
static int process_at(int fd) {
    struct ucred server = {0};
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &server, &(socklen_t){sizeof(server)});
    return (int)server.pid;
}

static int open_socket(const HttpCall *call, Err *err) {
    int fd = connect_to(call->socket, err);
    if (call->peer)
        call->peer->connected = fd >= 0;
    if (call->peer && fd >= 0)
        call->peer->process = process_at(fd);
    return fd;
}

const char *http_server_words(int process, char text[HTTP_SERVER_TEXT]) {
    str_copy(text, HTTP_SERVER_TEXT, "the server");
    if (process > 0)
        snprintf(text, HTTP_SERVER_TEXT, "the server (process %d)", process);
    return text;
}

/* One exchange with the server. */
typedef struct Exchange {
    int fd, interrupt; /* -1: none, or it was seen */
    int64_t deadline_ms;
    bool warned;
} Exchange;

static Exchange exchange_of(const HttpCall *call, int fd) {
    return (Exchange){.fd = fd,
                      .interrupt = call->interrupt > 0 ? call->interrupt : -1,
                      .deadline_ms = clock_mono_ms() + call->timeout_ms};
}

static int late(const Exchange *x, const HttpCall *call, Err *err) {
    if (call->interrupt > 0 && x->interrupt < 0)
        return err_set(err, ERR_CANCELLED, "interrupted before the server answered");
    return err_set(err, ERR_TIMEOUT,
                   "the server does not answer; `thole server restart` replaces it and leaves what "
                   "runs alone");
}

/* Somebody wants it over: what is nearly done may still be done. */
static void hurry(Exchange *x) {
    int64_t soon_ms = clock_mono_ms() + INTERRUPTED_MS;
    x->interrupt = -1;
    if (soon_ms < x->deadline_ms)
        x->deadline_ms = soon_ms;
}

/* Who waits should know for whom: it may be stopped, or be busy for long. */
static void warn_silent(Exchange *x, const HttpCall *call) {
    char text[100], who[HTTP_SERVER_TEXT];
    x->warned = true;
    snprintf(text, sizeof(text), "%s has not answered for %ds",
             http_server_words(process_at(x->fd), who), HTTP_SILENT_MS / 1000);
    call->warn(text);
}

/* 0: ready; -1: the deadline has passed. */
static int wait_for(Exchange *x, short events, const HttpCall *call, Err *err) {
    for (;;) {
        int64_t left = x->deadline_ms - clock_mono_ms();
        struct pollfd p[] = {{.fd = x->fd, .events = events},
                             {.fd = x->interrupt, .events = POLLIN}};
        if (left <= 0)
            return late(x, call, err);
        bool warn = call->warn && !x->warned && left > HTTP_SILENT_MS;
        int n = poll(p, COUNT(p), warn ? HTTP_SILENT_MS : left > INT32_MAX ? INT32_MAX : (int)left);
        if (n < 0 && errno != EINTR)
            return err_sys(err, errno, "wait for the server");
        if (n == 0 && warn)
            warn_silent(x, call);
        if (n > 0 && p[0].revents)
            return 0;
        if (n > 0)
            hurry(x);
    }
}

static int send_all(Exchange *x, const HttpCall *call, const char *bytes, size_t size, Err *err) {
    while (size) {
        ssize_t n = send(x->fd, bytes, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            if (wait_for(x, POLLOUT, call, err) < 0)
                return -1;
            continue;
        }
        if (n < 0 && errno != EINTR) {
            err_sys(err, errno, "talk to the server");
            err->kind = ERR_UNAVAILABLE;
            return -1;
        }
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/* As a header's value must be. */
static bool is_printable(const char *text) {
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    return true;
}

static int ask(Exchange *x, const HttpCall *call, bool stream, Err *err) {
    Buf head;
    buf_init(&head, MAX_HEADER_BYTES);
    buf_printf(&head, "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: thole\r\nAccept: %s\r\n%s",
               call->method, call->path, call->accept ? call->accept : "application/json",
               stream ? "" : "Connection: close\r\n");
    if (call->state_dir && is_printable(call->state_dir))
        buf_printf(&head, CLIENT_STATE_DIR ": %s\r\n", call->state_dir);
    if (call->body)
        buf_printf(&head, "Content-Type: application/%s\r\nContent-Length: %zu\r\n",
                   strcmp(call->method, "PATCH") == 0 ? "merge-patch+json" : "json",
                   call->body_size);
    buf_puts(&head, "\r\n");
    int r = head.failed ? err_set(err, ERR_LIMIT, "the request is too long")
                        : send_all(x, call, head.p, head.n, err);
    if (r == 0 && call->body)
        r = send_all(x, call, call->body, call->body_size, err);
    buf_deinit(&head);
    return r;
}

/* Reads once. 1: something came, 0: nothing there, -1: an error. The end of the connection is told
 * to the parser. */
static int read_piece(int fd, HttpParser *parser, Err *err) {
    char bytes[PIECE];
    ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n > 0)
        return http_parser_feed(parser, bytes, (size_t)n, err) < 0 ? -1 : 1;
    if (n == 0)
        return http_parser_end(parser, err) < 0 ? -1 : 1;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    err_sys(err, errno, "hear from the server");
    if (err)
        err->kind = ERR_UNAVAILABLE;
    return -1;
}

int http_call(const HttpCall *call, HttpAnswer *ret, Err *err) {
    HttpParser parser;
    AUTO_CLOSE int fd = open_socket(call, err);
    Exchange x = exchange_of(call, fd);
    if (fd < 0)
        return -1;
    http_parser_init(&parser, MAX_JSON_BYTES);
    int r = ask(&x, call, false, err);
    while (r >= 0 && !parser.done) {
        r = wait_for(&x, POLLIN, call, err);
        if (r == 0)
            r = read_piece(fd, &parser, err);
    }
    if (r >= 0) {
        ret->status = parser.status;
        ret->size = parser.body.n;
        ret->body = buf_take(&parser.body);
    }
    http_parser_deinit(&parser);
    return r < 0 ? -1 : 0;
}

void http_answer_free(HttpAnswer *answer) {
    free(answer->body);
    *answer = (HttpAnswer){0};
}

void http_status_message(const HttpAnswer *answer, char *text, size_t size) {
    Arena arena;
    const Value *v = NULL;
    arena_init(&arena);
    const char *message = json_parse(answer->body, answer->size, &arena, &v, NULL) == 0
                              ? value_get_str(v, "message")
                              : NULL;
    if (message)
        str_copy(text, size, message);
    else
        snprintf(text, size, "the server answered %d", answer->status);
    arena_deinit(&arena);
}

ErrKind http_err_kind(int status) {
    switch (status) {
    case 403: return ERR_DENIED;
    case 404: return ERR_NOT_FOUND;
    case 409: return ERR_CONFLICT;
    case 413: return ERR_LIMIT;
    case 504: return ERR_TIMEOUT;
    default: return status < 500 ? ERR_INVALID : ERR_UNAVAILABLE;
    }
}

int http_status_err(const HttpAnswer *answer, Err *err) {
    char message[MESSAGE_MAX];
    http_status_message(answer, message, sizeof(message));
    return err_set(err, http_err_kind(answer->status), "%s", message);
}

/* ---- lines ---- */

struct HttpLines {
    int fd;
    HttpParser parser;
    size_t used; /* of the body: lines that were handed out */
};

static HttpLines *refused(HttpLines *lines, Exchange *x, const HttpCall *call, Err *err) {
    Err broken;
    int r = 0;
    while (!lines->parser.done && r >= 0) {
        r = wait_for(x, POLLIN, call, &broken);
        if (r == 0)
            r = read_piece(lines->fd, &lines->parser, &broken);
    }
    HttpAnswer answer = {.status = lines->parser.status, .size = lines->parser.body.n};
    answer.body = buf_take(&lines->parser.body);
    http_status_err(&answer, err);
    http_answer_free(&answer);
    return http_lines_close(lines);
}

HttpLines *http_lines_open(const HttpCall *call, Err *err) {
    int fd = open_socket(call, err);
    Exchange x = exchange_of(call, fd);
    if (fd < 0)
        return NULL;
    HttpLines *lines = xcalloc(1, sizeof(*lines));
    lines->fd = fd;
    http_parser_init(&lines->parser, MAX_JSON_BYTES);
    int r = ask(&x, call, true, err);
    while (r >= 0 && !lines->parser.head_done) {
        r = wait_for(&x, POLLIN, call, err);
        if (r == 0)
            r = read_piece(fd, &lines->parser, err);
    }
    if (r < 0)
        return http_lines_close(lines);
    return lines->parser.status == 200 ? lines : refused(lines, &x, call, err);
}

HttpLines *http_lines_close(HttpLines *lines) {
    if (!lines)
        return NULL;
    close(lines->fd);
    http_parser_deinit(&lines->parser);
    free(lines);
    return NULL;
}

int http_lines_fd(const HttpLines *lines) {
    return lines->fd;
}

int http_lines_fill(HttpLines *lines, Err *err) {
    if (lines->parser.done)
        return 0;
    if (read_piece(lines->fd, &lines->parser, err) < 0)
        return -1;
    return lines->parser.done ? 0 : 1;
}

bool http_lines_done(const HttpLines *lines) {
    return lines->parser.done;
}

const char *http_lines_rest(HttpLines *lines, size_t *ret_size) {
    Buf *body = &lines->parser.body;
    buf_drop(body, lines->used);
    *ret_size = lines->used = body->n;
    return buf_cstr(body);
}

const char *http_lines_next(HttpLines *lines, size_t *ret_size) {
    Buf *body = &lines->parser.body;
    char *from = body->p ? body->p + lines->used : NULL;
    char *newline = from ? memchr(from, '\n', body->n - lines->used) : NULL;
    if (!newline) { /* what was handed out is not needed any more */
        buf_drop(body, lines->used);
        lines->used = 0;
        return NULL;
    }
    *newline = '\0';
    *ret_size = (size_t)(newline - from);
    lines->used += *ret_size + 1;
    return from;
}
