/* SPDX-License-Identifier: Apache-2.0 */
/* DockerEngine: calls of the Docker Engine API, over its unix socket or TCP. Connections are kept
 * and shared, many calls run at once.
 *
 * The first call asks the engine for the newest version of the API that it speaks; all are then
 * made in the older one of that and ours. An engine that went away is asked again. */
#pragma once

#include "base/buf.h"
#include "data/value.h"
#include "loop/http_client.h"
#include "loop/op.h"

#define DOCKER_API_NEWEST "1.47" /* what we know of */
#define DOCKER_API_OLDEST "1.30" /* what we need */

typedef struct DockerEngine DockerEngine;

/* `host` as in DOCKER_HOST: unix:///path or tcp://host:port, which http://host:port means, too;
 * NULL or "": the usual socket. NULL: it is none of these. Connects to nothing yet. */
DockerEngine *docker_engine_new(Loop *loop, const char *host, Err *err);
/* Over TCP it is asked in TLS from now on: its certificate is checked against ca.pem if `verify`;
 * cert.pem and key.pem are shown. -1: one of them is not in `dir`. A unix socket is asked as it
 * is. */
MUST int docker_engine_use_tls(DockerEngine *engine, const char *dir, bool verify, Err *err);
/* Calls in flight are dropped. Also inside one's OpFn or HttpDataFn. What is made of several calls
 * (start.h, stop.h, sweep.h) must have ended before. */
DockerEngine *docker_engine_free(DockerEngine *engine);
Loop *docker_engine_loop(const DockerEngine *engine);
const char *docker_engine_host(const DockerEngine *engine);
/* Since when it cannot be reached, or says what no engine says, by the loop's clock; 0: the last
 * answer was one. */
int64_t docker_engine_silent_ms(const DockerEngine *engine);
/* The last time that it was so, and is over. Both 0: it never was. */
typedef struct DockerSilence {
    int64_t from_ms, until_ms; /* by the loop's clock */
} DockerSilence;
DockerSilence docker_engine_last_silence(const DockerEngine *engine);
/* The path of its unix socket. NULL: it has none. */
const char *docker_engine_socket(const DockerEngine *engine);
/* Nothing newer than this version is spoken. -1: it is none, or too old. */
MUST int docker_engine_speak(DockerEngine *engine, const char *version, Err *err);
/* "1.41"; "": not known yet. */
const char *docker_engine_version(const DockerEngine *engine);

typedef struct DockerCall {
    const char *method; /* NULL: GET */
    const char *path;   /* below the version, with its query: "/containers/x/start" */
    const char *body;   /* JSON; NULL: none */
    const char *auth;   /* X-Registry-Auth; NULL: none */
    int64_t timeout_ms; /* 0: none */
    int64_t idle_ms;    /* without a byte of the reply; 0: any. Either this or timeout_ms */
    bool fresh; /* over a new connection, which an engine that is being stopped does not take */
    /* NULL: the reply is one JSON value, or nothing. Else the body of a good one comes here, with
     * the OpFn's arg; false holds it back until docker_call_resume */
    HttpDataFn on_data;
} DockerCall;

/* 2xx, 304 (it is so already), and what callers branch on: 404 and 409. Everything else is an error
 * with what the engine says. */
typedef struct DockerReply {
    long status;
    const char *message; /* 404, 409: one sentence of the engine; else "" */
    const Value *body;   /* NULL: none, or it was streamed */
} DockerReply;

/* Copies what `call` points to. DockerReply. Cancelled, it closes its connection, no more: what it
 * asked for may have happened. */
Op *docker_call(DockerEngine *engine, const DockerCall *call, OpFn fn, void *arg);
void docker_call_resume(Op *call); /* after on_data said false */
/* For those to whom 404 and 409 are errors as well. */
MUST int docker_reply_check(const DockerReply *reply, Err *err);
/* A part of a path or query: all but letters, digits and "-._~" as %XX. */
void docker_put_encoded(const char *text, Buf *out);
