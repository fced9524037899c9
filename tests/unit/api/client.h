/* SPDX-License-Identifier: Apache-2.0 */
/* A front for tests of the API: a loop, a fake engine, the API on a socket in a directory of its
 * own; and clients that speak raw bytes to it. Waiting turns the loop. */
#pragma once

#include "api/api.h"
#include "data/json.h"
#include "fake_engine.h"
#include "harness/test.h"

typedef struct Front {
    Loop *loop;
    Engine *engine;
    Api *api;
    char dir[200], socket[240];
    int left; /* how often the server was asked to leave, and how */
    ApiLeave how;
} Front;

Front *front_new(void);
void front_free(Front *front);

typedef struct Client {
    Front *front;
    int fd;
    Buf in;      /* raw, not yet parsed */
    Buf stream;  /* of a stream: decoded, not yet given out */
    bool closed; /* the server has closed */
    bool ended;  /* the last chunk was seen */
    bool headed;
} Client;

typedef struct Answer {
    int status;
    char *head, *body; /* owned */
    size_t body_size;
} Answer;

Client *client_new(Front *front);
void client_free(Client *client);
/* Turns the loop when the socket is full. */
void client_send(Client *client, const void *bytes, size_t size);
void client_text(Client *client, const char *text);
/* The next reply on this connection. status 0: closed without one. */
Answer client_answer(Client *client);
void answer_free(Answer *answer);

/* One request on a connection of its own. `body` NULL: none; headers: further lines, each with
 * CRLF, or "". */
Answer ask(Front *front, const char *method, const char *path, const char *headers,
           const char *body);
Answer ask_get(Front *front, const char *path);

/* Streams: sends a GET and reads the head (200), then line by line. Lent until the next call; NULL:
 * the end. */
Client *stream_open(Front *front, const char *path, const char *headers);
const char *stream_line(Client *client);
/* Turns the loop until nothing happens any more; true: the stream said nothing meanwhile. */
bool stream_is_quiet(Client *client);

void front_settle(Front *front);
/* Turns until *done, or fails after 10 s. */
bool front_wait(Front *front, bool (*done)(void *arg), void *arg);

const Value *answer_json(const Answer *answer, Arena *arena);
