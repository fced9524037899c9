/* SPDX-License-Identifier: Apache-2.0 */
/* The rail: a warm, tiny process that forks a pin for each run a server asks for.
 *
 * It is a child subreaper: when a pin dies without an exit record, what was below it comes up here, is killed to a fixed
 * point, and the server is told. When the last server's connection ends without WIRE_BYE, the rail starts a server from
 * the newest HELLO's argv (before any HELLO: from its own), with back-off, never while one it started is alive. After
 * WIRE_BYE it ends RAIL_REST_MS after the last pin and the last connection are gone. It sleeps in one poll. */
#pragma once

#include <stdnoreturn.h>

enum {
    RAIL_PINS_MAX = 16 * 1024,
    RAIL_CONNS_MAX = 8,
    RAIL_ARGS_MAX = 256,
    RAIL_FIRST_MS = 5000,    /* for the first server to say hello */
    RAIL_REST_MS = 1000,     /* between the last pin's end and ours */
    RAIL_BACKOFF_MS = 100,   /* before the second attempt to start a server; then doubled */
    RAIL_BACKOFF_MAX_MS = 10000, /* and how long a server must live for the next attempt to be a first one again */
    RAIL_ROUND_MS = 10,      /* between two looks at orphans */
    RAIL_ORPHANS_MS = 2000,  /* after which orphans that do not die are reported as survivors */
    RAIL_DEAF_MS = 1000,     /* after an accept failed for want of descriptors */
    RAIL_HELD = 3,           /* exit code: another rail has the name */
};

/* argv: "rail", abstract name, argv of the server. Returns the exit code. */
int rail_main(int argc, char **argv);
