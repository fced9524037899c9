/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/port_block.h"

#include <assert.h>

#include "base/str.h"

uint32_t port_block_of(const char *name) {
    uint32_t hash = UINT32_C(0x811c9dc5);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT32_C(0x01000193);
    return hash % PORT_BLOCKS;
}

uint16_t port_block_start(uint32_t block) {
    assert(block < PORT_BLOCKS);
    return (uint16_t)(PORT_BLOCK_FIRST + block * PORT_BLOCK_SIZE);
}

static int used_up(const PortBlockAsk *ask, uint32_t taken, Err *err) {
    unsigned first = port_block_start(ask->block), last = first + PORT_BLOCK_SIZE - 1;
    size_t n = ask->wishes->n;
    if (n > PORT_BLOCK_SIZE)
        return err_set(err, ERR_LIMIT,
                       "%zu services need a port each, but an environment has a block of %d", n,
                       PORT_BLOCK_SIZE);
    return err_set(err, ERR_LIMIT,
                   "ports %u-%u are not enough for %zu %s: %u %s taken by other programs or given "
                   "by the config; end those programs, or give the environment another name",
                   first, last, n, n == 1 ? "service" : "services", taken,
                   taken == 1 ? "is" : "are");
}

/* Who has its own number only uses up one of the block, whichever that is. */
static bool may_have(const PortBlockAsk *ask, const PortWish *wish, uint16_t port) {
    for (size_t i = 0; !wish->fixed && i < ask->wishes->n; i++)
        if (ask->wishes->at[i].fixed == port)
            return false;
    return ask->is_free(ask->arg, port);
}

int port_block_draw(const PortBlockAsk *ask, Arena *arena, EnvironmentPorts *ret, Err *err) {
    const PortWishes *wishes = ask->wishes;
    EnvironmentPorts ports = {arena_alloc(arena, wishes->n * sizeof(*ports.at)), 0};
    uint16_t start = port_block_start(ask->block);
    uint32_t next = 0, taken = 0;
    if (wishes->n > PORT_BLOCK_SIZE)
        return used_up(ask, taken, err);
    for (size_t i = 0; i < wishes->n; i++) {
        const PortWish *wish = &wishes->at[i];
        for (; next < PORT_BLOCK_SIZE && !may_have(ask, wish, (uint16_t)(start + next)); next++)
            taken++;
        if (next == PORT_BLOCK_SIZE)
            return used_up(ask, taken, err);
        if (i == 0 || !str_same(wish->name, wishes->at[i - 1].name))
            ports.n++;
        ports.at[ports.n - 1] =
            (EnvironmentPort){wish->name, wish->fixed ? wish->fixed : start + (int64_t)next};
        next++;
    }
    *ret = ports;
    return 0;
}
