/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP server on the test's own loop: one canned reply per connection. */
#pragma once

#include "loop/loop.h"

typedef struct Serve Serve;

typedef struct ServeAsk {
    int family;         /* AF_INET, AF_INET6 (alone), AF_UNIX */
    const char *path;   /* of the unix socket */
    const char *reply;  /* bytes to send; NULL: never answer */
    const char *second; /* to later requests; NULL: the same */
    bool endless;       /* then `reply` is followed by 'x' for ever */
} ServeAsk;

/* Machines without IPv6 have no ::1 to listen on; what is asked of it cannot come up there. */
bool serve_can(int family);
Serve *serve_new(Loop *loop, const ServeAsk *ask);
Serve *serve_free(Serve *serve);
int serve_port(const Serve *serve);
const char *serve_heard(const Serve *serve); /* head and body of the last request */
int serve_count(const Serve *serve);         /* requests heard in full */
int serve_open(const Serve *serve);          /* connections not closed by their client */
