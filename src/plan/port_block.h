/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports an environment gets: a block of its own, by its name, so that it is the
 * same everywhere (and the same as previewctl's). Pure: what is bound is asked of the caller. */
#pragma once

#include "base/err.h"
#include "spec/environment.h"

enum {
    PORT_BLOCK_FIRST = 61000,
    PORT_BLOCK_SIZE = 100,
    PORT_BLOCKS = 40,
};

/* The block that the name asks for: FNV-1a of its bytes mod PORT_BLOCKS. */
uint32_t port_block_of(const char *name);
uint16_t port_block_start(uint32_t block);

typedef struct PortBlockAsk {
    /* Of services and of the compose file's, in byte order. One that is there twice takes two ports
     * and has the second. */
    const StrList *names;
    const int64_t *fixed; /* of each name the port that the config gives it; 0: none. NULL: no
                             fixed ones. It takes one of the block all the same */
    uint32_t block;
    bool (*is_free)(void *arg, uint16_t port);
    void *arg;
} PortBlockAsk;

/* Each name the next free port of the block. ERR_LIMIT: there are not enough; names the block and
 * how many are busy. Names are lent to `ret`, which is by name. */
MUST int port_block_draw(const PortBlockAsk *ask, Arena *arena, EnvironmentPorts *ret, Err *err);
