/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to our own server over its unix socket. No request waits without a bound; a server that
 * was replaced is asked again by whoever may ask twice (client.h). */
#pragma once

#include "client/http_parser.h"

enum { HTTP_SILENT_MS = 5 * 1000 };

/* Who took a call. */
typedef struct HttpPeer {
    bool connected; /* the last one was taken */
    int process;    /* of whoever took one; 0: nobody has, or its number says nothing here */
} HttpPeer;

typedef struct HttpCall {
    const char *socket;    /* path */
    const char *state_dir; /* that is meant, or NULL */
    const char *method;
    const char *path;   /* with the query, encoded */
    const char *accept; /* NULL: application/json */
    const char *body;   /* JSON, or NULL */
    size_t body_size;
    int timeout_ms;                 /* for the whole of it; streams: until the head has come */
    HttpPeer *peer;                 /* is set; may be NULL */
    void (*warn)(const char *what); /* as Client.warn */
    int interrupt; /* 0, or readable when somebody wants it over: then the answer has 2 s to come */
} HttpCall;

typedef struct HttpAnswer {
    int status;
    char *body; /* owned, NUL-terminated */
    size_t size;
} HttpAnswer;

/* ERR_UNAVAILABLE: nobody listens, or it broke off. ERR_CANCELLED: interrupted. A status is no
 * error. */
MUST int http_call(const HttpCall *call, HttpAnswer *ret, Err *err);
void http_answer_free(HttpAnswer *answer);

/* A reply that goes on: lines of JSON. */
typedef struct HttpLines HttpLines;
/* Returns when the head has come, and maybe some lines with it: take those before waiting for more.
 * A status other than 200 is an error with the Status' message. */
HttpLines *http_lines_open(const HttpCall *call, Err *err);
HttpLines *http_lines_close(HttpLines *lines);
int http_lines_fd(const HttpLines *lines); /* readable: call http_lines_fill */
/* Reads what is there without waiting. 1: go on, 0: the stream has ended (but
 * its last lines are still to be taken), -1: it broke off. */
MUST int http_lines_fill(HttpLines *lines, Err *err);
/* What has come behind the last complete line; ends what http_lines_next lent. For streams that are
 * no lines. */
const char *http_lines_rest(HttpLines *lines, size_t *ret_size);
bool http_lines_done(const HttpLines *lines); /* the stream has ended */
/* The next complete line, without its newline; NULL: none yet. Lent until the next call. */
const char *http_lines_next(HttpLines *lines, size_t *ret_size);

/* "the server (process 4711)"; 0: without its number. */
enum { HTTP_SERVER_TEXT = 40 };
const char *http_server_words(int process, char text[HTTP_SERVER_TEXT]);

/* The sentence of a Status object, or what stands for it. */
void http_status_message(const HttpAnswer *answer, char *text, size_t size);
ErrKind http_err_kind(int status); /* what an HTTP status means */
/* The same as an error, of the kind that its status means. Returns -1. */
int http_status_err(const HttpAnswer *answer, Err *err);
