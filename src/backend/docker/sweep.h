/* SPDX-License-Identifier: Apache-2.0 */
/* Removing all that carries our labels for one task, whatever it was created by: containers, then
 * networks, then volumes. What we remember does not count, only what the engine has. */
#pragma once

#include "backend/docker/engine.h"

/* Done when nothing is left. What cannot be removed does not save the rest: the first error is told
 * at the end. May be repeated. */
Op *docker_sweep(DockerEngine *engine, const char *owner, const char *task, OpFn fn, void *arg);
