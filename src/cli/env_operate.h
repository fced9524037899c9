/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for something that takes its time, and looking on until it is over. */
#pragma once

#include "cli/env.h"
#include "data/json.h"

typedef struct EnvRequest {
    const char *method, *path;
    const char *body;   /* NULL: none */
    const char *verb;   /* "create": what is told is called "create feat-x" */
    const char *name;   /* of the environment */
    const char *phases; /* whose steps will come, if all goes well: "provision|run"; NULL: few */
    bool sums_up;       /* at its end: ports, URLs, where it is */
    const char *done;   /* likewise, one word: "stopped"; NULL: nothing is said */
    bool apart;         /* no store knows it: nothing else can be asked about it */
} EnvRequest;

/* Exit code; -1: err. */
int env_operate(Cli *cli, const EnvRequest *request, Err *err);

/* The body of a request: what is between both, and `client`. `env_body_end` returns owned; NULL: it
 * is too large. */
void env_body_begin(Buf *buf, JsonWriter *out);
char *env_body_end(Buf *buf, JsonWriter *out, Err *err);
