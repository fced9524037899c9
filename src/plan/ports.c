/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/ports.h"

#include <stdio.h>

#include "base/str.h"

int port_range_parse(const char *text, PortRange *ret) {
    unsigned low, high;
    int end = 0;
    if (sscanf(text, "%5u-%5u%n", &low, &high, &end) != 2 || text[end] || low < 1 || low > high ||
        high > UINT16_MAX)
        return -1;
    *ret = (PortRange){(uint16_t)low, (uint16_t)high};
    return 0;
}

static bool within(const PortRange *range, uint16_t port) {
    return port >= range->low && port <= range->high;
}

/* The first that has none of these marks and can be taken. */
static uint16_t search(const PortDraw *draw, unsigned marks) {
    uint32_t size = (uint32_t)(draw->range.high - draw->range.low) + 1;
    uint64_t hash = str_hash(str_hash(STR_HASH, draw->file), draw->session);
    hash = str_hash(str_hash(hash ^ '/', draw->service) ^ '/', draw->name);
    uint32_t start = (uint32_t)((hash ^ hash >> 32) % size);
    for (uint32_t i = 0; i < size; i++) {
        uint16_t port = (uint16_t)(draw->range.low + (start + i) % size);
        if (!(draw->marks[port] & marks) && draw->take(draw->arg, port))
            return port;
    }
    return 0;
}

uint16_t port_draw(const PortDraw *draw) {
    if (draw->last && within(&draw->range, draw->last) && !(draw->marks[draw->last] & PORT_TAKEN) &&
        draw->take(draw->arg, draw->last))
        return draw->last;
    uint16_t port = search(draw, PORT_TAKEN | PORT_REMEMBERED);
    return port ? port : search(draw, PORT_TAKEN);
}
