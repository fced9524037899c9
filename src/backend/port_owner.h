/* SPDX-License-Identifier: Apache-2.0 */
/* Who listens on a port of this machine, from /proc. Only listeners that `localhost` reaches
 * count: on every address, or on a loopback one. Connections, also those that linger (TIME_WAIT),
 * are none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/process.h"

typedef struct Listener {
    uint64_t inode;
    uid_t uid;
} Listener;

enum { LISTENERS_MAX = 16, STAMP_TEXT = 80 };

/* One read of /proc/net/tcp and tcp6, as far as listeners go; returns how many are in `ret`. */
size_t port_listeners(uint16_t port, Listener ret[LISTENERS_MAX]);
/* Likewise of UDP: sockets that are bound to the port and take packets from anybody. */
size_t udp_port_listeners(uint16_t port, Listener ret[LISTENERS_MAX]);

/* The marks that processes of runs carry in their environment; "": none. */
typedef struct RunStamp {
    char id[40], session[STAMP_TEXT], target[STAMP_TEXT];
} RunStamp;

typedef struct PortOwner {
    pid_t pid;
    /* its command line without the directory of the program, cut; "": it is about to end */
    char command[PROCESS_COMMAND];
    RunStamp stamp;
} PortOwner;

/* The first process that has one of the sockets open, of those we may look at. Looks through
 * /proc. */
bool port_owner(const Listener *listeners, size_t n, PortOwner *ret);
/* Has this very process one of them open? */
bool process_listens(pid_t pid, const Listener *listeners, size_t n);
/* Has `root`, or a process below it? Looks at the descriptors of those alone. */
bool tree_listens(pid_t root, const Listener *listeners, size_t n);
void run_stamp_read(pid_t pid, RunStamp *ret);
/* Is there a pin for the run? */
bool run_stamp_lives(const RunStamp *stamp);
/* Signals every process of ours that carries the id; returns how many. */
size_t run_stamp_signal(const char *id, int signal);
