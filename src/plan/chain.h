/* SPDX-License-Identifier: Apache-2.0 */
/* Why a target is as it is: the chain of causes from it to the root, out of what is shown now and
 * of the events that were recorded. Pure.
 *
 * First what holds now: it waits for one that waits for one that failed. Where nothing holds it
 * back, what happened: it was started because a file changed, or because it failed before. Each
 * line is one cause further away; the last is the root. */
#pragma once

#include "base/arena.h"
#include "spec/event.h"
#include "spec/session.h"

typedef struct ChainAsk {
    const char *target;           /* its name */
    const TargetStatus *statuses; /* of all targets, as shown now; NULL: the session is down */
    size_t status_n;
    EventList events;
    int64_t now_us;
} ChainAsk;

typedef struct ChainLine {
    const char *target; /* NULL: the session as a whole */
    uint32_t run;       /* 0: none */
    int64_t time_us;    /* when that happened; 0: it is so now */
    const char *text;   /* "web:serve is waiting for api, which failed: exit code 1" */
} ChainLine;

enum { CHAIN_LINES = 24 }; /* more are not given */

typedef struct Chain {
    ChainLine at[CHAIN_LINES];
    size_t n;            /* at least 1 */
    const char *command; /* words behind `thole` that help with the root: "logs db:serve --run 3";
                            NULL: there are none */
} Chain;

void chain_build(const ChainAsk *ask, Arena *arena, Chain *ret);
