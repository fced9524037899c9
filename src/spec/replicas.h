/* SPDX-License-Identifier: Apache-2.0 */
/* `replicas`: a service that says it is many. When the file is read, api becomes api-0, api-1, …
 * and the group api, which stands for all of them; nothing behind knows of replicas any more. Each
 * has THOLE_REPLICA in its environment, and ports of its own: a number that is written is that of
 * the first. */
#pragma once

#include "spec/config.h"
#include "spec/source.h"

/* In place; what cannot be is reported. Before paths and the environment are resolved. */
void replicas_expand(Config *config, const Source *source);
/* The service of the file that a name stands for, as one of its replicas; NULL: it is none. */
const Service *replicas_base(const Config *config, const char *name);
/* Bytes of the name in front of its "-<n>"; 0: it is no name of a replica. */
size_t replicas_stem(const char *name, size_t size);
/* Once they are there: does it stand for replicas, and is nothing itself? */
bool replicas_is_group(const Config *config, const Service *service);
