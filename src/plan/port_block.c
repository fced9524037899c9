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

static int used_up(const PortBlockAsk *ask, uint32_t busy, Err *err) {
    unsigned first = port_block_start(ask->block), last = first + PORT_BLOCK_SIZE - 1;
    if (ask->names->n > PORT_BLOCK_SIZE)
        return err_set(err, ERR_LIMIT,
                       "%zu services need a port each, but an environment has a block of %d",
                       ask->names->n, PORT_BLOCK_SIZE);
    return err_set(
        err, ERR_LIMIT,
        "ports %u-%u are not enough for %zu %s: %u %s used by other programs; end those, "
        "or give the environment another name",
        first, last, ask->names->n, ask->names->n == 1 ? "service" : "services", busy,
        busy == 1 ? "is" : "are");
}

int port_block_draw(const PortBlockAsk *ask, Arena *arena, EnvironmentPorts *ret, Err *err) {
    const StrList *names = ask->names;
    EnvironmentPorts ports = {arena_alloc(arena, names->n * sizeof(*ports.at)), 0};
    uint32_t next = 0, busy = 0;
    if (names->n > PORT_BLOCK_SIZE)
        return used_up(ask, busy, err);
    for (size_t i = 0; i < names->n; i++) {
        uint16_t start = port_block_start(ask->block);
        for (; next < PORT_BLOCK_SIZE && !ask->is_free(ask->arg, (uint16_t)(start + next)); next++)
            busy++;
        if (next == PORT_BLOCK_SIZE)
            return used_up(ask, busy, err);
        if (i == 0 || !str_same(names->at[i], names->at[i - 1]))
            ports.n++;
        int64_t port = ask->fixed && ask->fixed[i] ? ask->fixed[i] : start + (int64_t)next;
        ports.at[ports.n - 1] = (EnvironmentPort){names->at[i], port};
        next++;
    }
    *ret = ports;
    return 0;
}
