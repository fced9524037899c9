/* SPDX-License-Identifier: Apache-2.0 */
/* Ending a container: signal, grace, kill, and waited for. It stays, with its logs and its exit
 * code, until it is removed. */
#pragma once

#include "backend/backend.h"
#include "backend/docker/engine.h"
#include "backend/docker/patience.h"

typedef struct DockerStop {
    const char *container; /* id or name */
    StopHow how;           /* signal and grace_ms count */
    /* Its first process is a shell that runs our script, and ignores signals: they are first sent
     * to all the others, from inside. Where that fails it is as if this were not set */
    bool script;
    /* It has had the signal, and does not get it again: its grace alone is waited for. Set when it
     * has. NULL: it has not */
    bool *told;
    Patience *patience; /* hears of answers, as long as the Op lives; NULL: nobody does */
} DockerStop;

/* Done when it does not run; also if it never did, or is not there. */
Op *docker_stop(DockerEngine *engine, const DockerStop *stop, OpFn fn, void *arg);

/* Removes it and the volumes of its own, also while it runs. Done also if it is not there, or is
 * being removed by somebody else. */
Op *docker_remove(DockerEngine *engine, const char *container, OpFn fn, void *arg);
