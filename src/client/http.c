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

enum { PIECE = 64 * 1024 };

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

static int open_socket(const HttpCall *call, Err *err) {
    int fd = connect_to(call->socket, err);
    if (call->connected)
        *call->connected = fd >= 0;
    return fd;
}

/* 0: ready; -1: the deadline has passed. */
static int wait_for(int fd, short events, int64_t deadline_ms, Err *err) {
    for (;;) {
        int64_t left = deadline_ms - clock_mono_ms();
        struct pollfd p = {.fd = fd, .events = events};
        if (left <= 0)
            return err_set(err, ERR_TIMEOUT,
                           "the server does not answer; `thole server restart` replaces it and "
                           "leaves what runs alone");
        int n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_sys(err, errno, "wait for the server");
    }
}

static int send_all(int fd, const char *bytes, size_t size, int64_t deadline_ms, Err *err) {
    while (size) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            if (wait_for(fd, POLLOUT, deadline_ms, err) < 0)
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

static int ask(int fd, const HttpCall *call, bool stream, int64_t deadline_ms, Err *err) {
    Buf head;
    buf_init(&head, MAX_HEADER_BYTES);
    buf_printf(
        &head,
        "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: thole\r\nAccept: application/json\r\n%s",
        call->method, call->path, stream ? "" : "Connection: close\r\n");
    if (call->body)
        buf_printf(&head, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   call->body_size);
    buf_puts(&head, "\r\n");
    int r = head.failed ? err_set(err, ERR_LIMIT, "the request is too long")
                        : send_all(fd, head.p, head.n, deadline_ms, err);
    if (r == 0 && call->body)
        r = send_all(fd, call->body, call->body_size, deadline_ms, err);
    buf_deinit(&head);
    return r;
}

/* Reads once. 1: something came, 0: nothing there, -1: an error. The end of the connection is told to the parser. */
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
    int64_t deadline_ms = clock_mono_ms() + call->timeout_ms;
    HttpParser parser;
    AUTO_CLOSE int fd = open_socket(call, err);
    if (fd < 0)
        return -1;
    http_parser_init(&parser, MAX_JSON_BYTES);
    int r = ask(fd, call, false, deadline_ms, err);
    while (r >= 0 && !parser.done) {
        r = wait_for(fd, POLLIN, deadline_ms, err);
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

/* ---- lines ---- */

struct HttpLines {
    int fd;
    HttpParser parser;
    size_t used; /* of the body: lines that were handed out */
};

static HttpLines *refused(HttpLines *lines, int64_t deadline_ms, Err *err) {
    Err broken;
    int r = 0;
    while (!lines->parser.done && r >= 0) {
        r = wait_for(lines->fd, POLLIN, deadline_ms, &broken);
        if (r == 0)
            r = read_piece(lines->fd, &lines->parser, &broken);
    }
    HttpAnswer answer = {.status = lines->parser.status, .size = lines->parser.body.n};
    answer.body = buf_take(&lines->parser.body);
    char message[400];
    http_status_message(&answer, message, sizeof(message));
    err_set(err,
            answer.status == 404  ? ERR_NOT_FOUND
            : answer.status < 500 ? ERR_INVALID
                                  : ERR_UNAVAILABLE,
            "%s", message);
    http_answer_free(&answer);
    return http_lines_close(lines);
}

HttpLines *http_lines_open(const HttpCall *call, Err *err) {
    int64_t deadline_ms = clock_mono_ms() + call->timeout_ms;
    int fd = open_socket(call, err);
    if (fd < 0)
        return NULL;
    HttpLines *lines = xcalloc(1, sizeof(*lines));
    lines->fd = fd;
    http_parser_init(&lines->parser, MAX_JSON_BYTES);
    int r = ask(fd, call, true, deadline_ms, err);
    while (r >= 0 && !lines->parser.head_done) {
        r = wait_for(fd, POLLIN, deadline_ms, err);
        if (r == 0)
            r = read_piece(fd, &lines->parser, err);
    }
    if (r < 0)
        return http_lines_close(lines);
    return lines->parser.status == 200 ? lines : refused(lines, deadline_ms, err);
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
