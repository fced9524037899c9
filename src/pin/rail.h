/* SPDX-License-Identifier: Apache-2.0 */
/* The program thole-pin. It is started by a server as `thole-pin rail NAME SERVER [ARGUMENT…]`:
 * abstract socket name, argv of the server.
 *
 * The rail: a warm, tiny process that forks a pin for each run a server asks for. It is a child
 * subreaper: when a pin dies without an exit record, what was below it comes up here, is killed to
 * a fixed point, and the server is told. When the last server's connection ends without WIRE_BYE,
 * the rail starts a server from the newest HELLO's argv (before any HELLO: from its own), with
 * back-off, never while one it started is alive. After WIRE_BYE, or when there is no pin to watch
 * and no server lasts, it ends RAIL_REST_MS after the last pin and the last connection are gone. It
 * sleeps in one poll. */
#pragma once

#include "pin/pin.h"

enum {
    RAIL_PINS_MAX = 16 * 1024,
    RAIL_ARGS_MAX = 256,
    RAIL_FIRST_MS = 5000,       /* for the first server to say hello */
    RAIL_REST_MS = 1000,        /* between the end of all that needs us, and ours */
    RAIL_BACKOFF_MS = 100,      /* before the second attempt to start a server; then doubled */
    RAIL_BACKOFF_MAX_MS = 5000, /* at most; one that lived as long did start */
    RAIL_ROUND_MS = 10,         /* between two looks at orphans */
    RAIL_ORPHANS_MS = 2000,     /* after which orphans that do not die are reported as survivors */
};

/* Exit codes. */
enum { RAIL_FAILED = 1, RAIL_USAGE = 2, RAIL_HELD = 3 /* another rail has the name */ };

/* One pin. In memory shared with it, because it is the pin that learns its id. */
typedef struct RailPin {
    pid_t pid;  /* 0: free */
    int status; /* not 0: it died; what it left behind is being killed, or the server is not told
                   yet */
    char id[WIRE_ID_MAX];
} RailPin;

typedef struct RailKept {
    int fd; /* 0, -1: none */
    WireKeep message;
} RailKept;

typedef struct Rail {
    _Alignas(4096) Peers peers;
    Pin pin; /* what a forked pin becomes: on the page that it has to copy anyway */
    RailPin *pins;
    uint32_t used, alive; /* slots ever used; pins that live */
    uint32_t hellos, survivors;
    pid_t server;                             /* the one we started, 0 if it is gone */
    bool resting;                             /* the last server said bye */
    int64_t server_at, server_since, backoff; /* server_at: when to start one, 0: not */
    int64_t end_at;                           /* when we end, 0: not */
    int64_t round_at, rounds_until;           /* orphans: next look, 0: none; when to give up */
    Machine machine;
    RailKept kept[WIRE_KEPT_MAX];
    char **argv; /* of the server: our own arguments, then those of the newest hello */
    char *hello_argv[RAIL_ARGS_MAX + 1];
    char hello_text[WIRE_MAX];
} Rail;
