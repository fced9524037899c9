/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP server on the test's own loop: canned replies, one per connection unless it keeps
 * them. */
#pragma once

#include "loop/loop.h"

typedef struct Serve Serve;

typedef struct ServeAsk {
    int family;         /* AF_INET, AF_INET6 (alone), AF_UNIX */
    const char *path;   /* of the unix socket */
    const char *reply;  /* bytes to send; NULL: never answer */
    const char *second; /* to later requests; NULL: the same */
    /* instead: what to send to this request (head and body) */
    const char *(*reply_to)(const char *request);
    bool endless; /* then `reply` is followed by 'x' for ever */
    bool keep;    /* connections stay open after a reply */
} ServeAsk;

/* Machines without IPv6 have no ::1 to listen on; what is asked of it cannot come up there. */
bool serve_can(int family);
Serve *serve_new(Loop *loop, const ServeAsk *ask);
Serve *serve_free(Serve *serve);
int serve_port(const Serve *serve);
const char *serve_heard(const Serve *serve); /* head and body of the last request */
int serve_count(const Serve *serve);         /* requests heard in full */
int serve_open(const Serve *serve);          /* connections not closed by their client */
int serve_met(const Serve *serve);           /* connections there ever were */
/* More bytes to who connected last; then hangs up, if asked to. */
void serve_say(Serve *serve, const char *bytes, bool hang_up);
