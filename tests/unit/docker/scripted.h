/* SPDX-License-Identifier: Apache-2.0 */
/* An engine that answers as the test says, call by call, and keeps what it was asked. One at a
 * time. */
#pragma once

#include "backend/docker/engine.h"
#include "unit/loop/serve.h"

typedef struct Scripted {
    Loop *loop;
    Serve *serve;
    DockerEngine *engine;
    char path[200];
} Scripted;

/* How one call ended. */
typedef struct ScriptedEnd {
    int called;
    Err err;
} ScriptedEnd;

/* "200 {…}": status and body, one for each call, NULL-terminated; then it says nothing, as to a
 * call whose reply is "". */
void scripted_open(Scripted *scripted, const char *const *replies);
void scripted_close(Scripted *scripted);
void scripted_hear(void *end, const void *result, const Err *err); /* an OpFn */
void scripted_until(Scripted *scripted, const ScriptedEnd *end);   /* it was called */
bool scripted_at_end(void);                                        /* all replies were used */
/* A line for each call: method and path without the version; bodies of /connect, and "anonymous"
 * where no credentials were shown. */
const char *scripted_asked(void);
