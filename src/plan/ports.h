/* SPDX-License-Identifier: Apache-2.0 */
/* Which port an `auto` becomes. Pure: what is bound on the machine is asked of the caller. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PortRange {
    uint16_t low, high; /* both included */
} PortRange;

#define PORT_RANGE_DEFAULT ((PortRange){20000, 29999})

/* "20000-29999". -1: it is none. */
int port_range_parse(const char *text, PortRange *ret);

/* What is known of each port. */
typedef enum PortMark {
    PORT_TAKEN = 1,      /* another session's, or drawn already */
    PORT_REMEMBERED = 2, /* another's that is down: it would like to have it again */
} PortMark;

typedef struct PortDraw {
    PortRange range;
    const unsigned char *marks; /* 65536 of PortMark */
    const char *file, *session, *service,
        *name;     /* whose it will be: where the search begins follows from that */
    uint16_t last; /* what it had last; 0: nothing */
    bool (*take)(void *arg, uint16_t port); /* false: somebody is bound to it */
    void *arg;
} PortDraw;

/* What it had last if that is free; else the first free one from its place in the range on, one
 * that somebody would like to have again only if there is no other. 0: none is free. */
uint16_t port_draw(const PortDraw *draw);
