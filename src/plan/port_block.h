/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports an environment gets: a block of its own, by its name, so that it is the
 * same everywhere (and the same as previewctl's). Pure: what is bound is asked of the caller. */
#pragma once

#include "base/err.h"
#include "spec/environment.h"
#include "spec/port_wish.h"

enum {
    PORT_BLOCK_FIRST = 61000,
    PORT_BLOCK_SIZE = PORT_WISHES_MOST,
    PORT_BLOCKS = 40,
};

/* The block that the name asks for: FNV-1a of its bytes mod PORT_BLOCKS. */
uint32_t port_block_of(const char *name);
uint16_t port_block_start(uint32_t block);

typedef struct PortBlockAsk {
    const PortWishes *wishes;
    uint32_t block;
    bool (*is_free)(void *arg, uint16_t port);
    void *arg;
} PortBlockAsk;

/* Each wish takes the next free port of the block, one that is fixed, too, and a name that is there
 * twice takes two and has the second. The fixed number of another is nobody's. ERR_LIMIT: there are
 * not enough; tells the block and how many are taken. Names are lent to `ret`, which is by name. */
MUST int port_block_draw(const PortBlockAsk *ask, Arena *arena, EnvironmentPorts *ret, Err *err);
