/* SPDX-License-Identifier: Apache-2.0 */
/* The API of the server: the routes of spec/routes.h answered from the engine, by the conventions
 * of Kubernetes. */
#pragma once

#include "engine/engine.h"

typedef struct Api Api;

typedef enum ApiLeave {
    API_STOP,     /* leave; what runs goes on */
    API_STOP_ALL, /* leave when every session was stopped: engine_stop_all() has been called */
    API_RESTART,  /* make room for another server */
} ApiLeave;

typedef struct ApiOptions {
    Loop *loop;
    Engine *engine;
    const char *socket_path; /* NULL: none; clients come by api_serve */
    const char *state_dir, *version;
    /* A client asked the server to leave, and has its answer. */
    void (*leave)(void *arg, ApiLeave how);
    void *arg;
} ApiOptions;

/* Serves from now on. NULL: the socket cannot be made (socket_file.h says why). The strings are
 * copied. */
Api *api_new(const ApiOptions *options, Err *err);
Api *api_free(Api *api);

/* Clients that are connected now. A server that has one is not idle. */
size_t api_clients(const Api *api);

/* Serves one connected socket; takes the descriptor. For tests and fuzzers. */
void api_serve(Api *api, int fd);
