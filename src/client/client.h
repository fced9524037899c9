/* SPDX-License-Identifier: Apache-2.0 */
/* The typed way to our server: starts it if none answers, asks again where asking twice is safe,
 * and turns Status replies into errors. */
#pragma once

#include "base/arena.h"
#include "client/http.h"
#include "data/value.h"

typedef struct Client {
    char *runtime_dir, *state_dir, *socket;
    int timeout_ms; /* of one request; 0: CLIENT_TIMEOUT_MS */
    bool may_start; /* a server, if none answers */
    /* what changes something may be asked again if the connection broke off: it comes to the
     * same */
    bool may_repeat;
    int interrupt; /* HttpCall.interrupt; also ends the waiting for a server */
    void (*say)(
        const char *what); /* hears, after a second, what is waited for; NULL: nobody does */
    void (*warn)(const char *what); /* hears, once a request, of a server that has it and has said
                                     * nothing for HTTP_SILENT_MS, or has gone and is not followed
                                     * by one that answers for as long; likewise */
} Client;

enum { CLIENT_TIMEOUT_MS = 60 * 1000, CLIENT_PATIENCE_MS = 15 * 1000, CLIENT_SAY_MS = 1000 };

MUST int client_init(Client *client, Err *err);
void client_deinit(Client *client);

/* One request. The reply's body as a tree in `arena`. A status of 400 or more is an error with the
 * server's sentence; the tree is there all the same (`*ret` NULL if it was no JSON). */
MUST int client_ask(Client *client, const char *method, const char *path, const char *body,
                    Arena *arena, const Value **ret, Err *err);
/* The same, as it came. */
MUST int client_raw(Client *client, const char *method, const char *path, const char *body,
                    HttpAnswer *ret, Err *err);
/* A POST of any bytes whose reply may come much later: as lines. Asked once; nobody is started. */
HttpLines *client_give(Client *client, const char *path, const char *bytes, size_t n, Err *err);
/* GET, as a Table of rows that the server makes for people (meta.k8s.io/v1): however large the
 * objects are, these are small. */
MUST int client_table(Client *client, const char *path, Arena *arena, const Value **ret, Err *err);
/* A watch of them, as lines. */
HttpLines *client_table_lines(Client *client, const char *path, Err *err);
/* A stream of lines. */
HttpLines *client_lines(Client *client, const char *path, Err *err);

/* `path?name=value&…`: appends one parameter, percent-encoded. */
void client_param(Buf *path, const char *name, const char *value);
/* One segment of a path, percent-encoded. */
void client_segment(Buf *path, const char *text);

/* server_start.c: starts a server and waits until it answers, at most 10 s. Another one that is
 * faster is fine too. ERR_UNAVAILABLE: it ended without a word, as one that is killed does. */
MUST int server_start(const Client *client, Err *err);
/* What the config file (absolute) means, as a resolved config; for this the server's program is
 * run, without a server. -1: it is not valid, or there is no such program. */
MUST int server_review(const char *file, Arena *arena, const Value **ret);
