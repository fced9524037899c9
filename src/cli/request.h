/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests: what a session is started with. */
#pragma once

#include "cli/cli.h"
#include "data/json.h"

typedef struct UpAsk {
    bool ci, hold;
    int64_t timeout_ms, readiness_timeout_ms; /* -1: as the file says */
    TextList labels;                          /* "key=value" or "key" */
    char uid[37];                             /* the session gets it; "": one is drawn */
    bool force;                               /* jobs run, whatever their inputs are */
    bool env_refresh;                         /* an existing session gets `client` */
    bool with_client;                         /* environment, umask, nice, limits of this process */
} UpAsk;

/* The member `client` of an object that is being written: environment, umask, nice, limits of this
 * process. */
void request_client(JsonWriter *out);

/* The body of POST sessions, or (start) of POST sessions/{name}/start. Returns owned. NULL: a label
 * is no key=value. */
char *request_up(const Cli *cli, const UpAsk *ask, bool start, Err *err);
