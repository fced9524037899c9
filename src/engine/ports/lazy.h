/* SPDX-License-Identifier: Apache-2.0 */
/* A server that the first connection starts. Its sockets are looked at for as long as it waits. */
#pragma once

#include <stdbool.h>

typedef struct Target Target;
typedef struct LazyWait LazyWait;

/* The target waits for a connection now, or no longer. */
void lazy_follow(Target *target, bool waits);
LazyWait *lazy_free(LazyWait *wait);
