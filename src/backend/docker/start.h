/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a step: pull, create, connect to its networks, start. May be repeated by whoever was
 * killed midway: a container of the same name that never ran is taken as it is. */
#pragma once

#include "backend/docker/container.h"
#include "backend/docker/engine.h"

typedef struct DockerStarted {
    const char *container; /* the engine's id */
} DockerStarted;

/* A line about a pull that people want to read, lent: "Status: Downloaded newer image for x". Must
 * not end the Op. */
typedef void (*DockerPullFn)(void *arg, const char *line);

typedef struct StartConnect {
    const char *network, *path, *body;
} StartConnect;

/* All that the engine is asked for, made of a step, which may go then. */
typedef struct StartPlan {
    const char *name;  /* of the container */
    const char *image; /* for people */
    bool pull;         /* in any case, not only if it is not there */
    bool strict;       /* it is had by credentials: a pull that fails is the end */
    const char *pull_path, *auth;
    const char *body; /* JSON that creates it */
    const StartConnect *connects;
    size_t connect_n;
} StartPlan;

/* In `arena`. -1: it cannot be run so, and why. */
MUST int start_plan(const ContainerAsk *ask, Arena *arena, StartPlan *ret, Err *err);

typedef struct DockerStart {
    const StartPlan *plan; /* must live as long as the Op */
    DockerPullFn on_pull;  /* may be NULL */
    void *pull_arg;
    bool *pulls; /* it is at its pull; must live as long as the Op. NULL: nobody wants to know */
} DockerStart;

/* DockerStarted. ERR_CONFLICT: it runs, or has run. An image is pulled if the step says so, or if
 * it is not there (ERR_NOT_FOUND: it cannot be had); a pull that fails without credentials is not
 * the end if the image is there. ERR_INTERNAL: the engine failed, maybe because it is being
 * stopped. Cancelled, it first hears what became of a call that makes something, for a while:
 * DockerStarted if it runs by now, ERR_CANCELLED if it never will, else ERR_TIMEOUT: nobody knows.
 * Dropped, it asks nothing more. It may leave a container behind, which is found by its labels. */
Op *docker_start(DockerEngine *engine, const DockerStart *start, OpFn fn, void *arg);
