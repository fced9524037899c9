/* SPDX-License-Identifier: Apache-2.0 */
/* A server is asked on a port: nobody else may have it when it starts, and nobody else may answer
 * for it. */
#pragma once

#include "loop/loop.h"
#include "spec/config.h"

/* The port of this machine that a tcp or http probe asks; 0: none. */
uint16_t probe_port(const Probe *probe);

/* Does anybody listen there? Cheap: for each start. */
bool port_in_use(uint16_t port);

/* Makes sure the port is free. What a run of ours that is over has left behind is ended first
 * (TERM, then KILL); what is about to end is waited for. `fn` is called once, later, from the loop;
 * the handle is dead then. err NULL: the port is free; else the sentence that names who has it, and
 * the way out. */
typedef struct PortClear PortClear;
typedef void (*PortFn)(void *arg, const Err *err);
PortClear *port_clear_new(Loop *loop, uint16_t port, PortFn fn, void *arg);
PortClear *port_clear_free(PortClear *clear); /* `fn` is not called any more */

/* Somebody answers on the port: is it certainly not the run whose first process is `leader`, nor
 * what forwards ports for others? Then `why` says who it is. */
bool port_stranger(uint16_t port, pid_t leader, char *why, size_t size);
