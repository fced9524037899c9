/* SPDX-License-Identifier: Apache-2.0 */
/* The listening half of the watchers row: many sockets, and how long it takes from the first of
 * them being told to the last. */
#pragma once

#include "bench.h"

typedef struct Ears {
    int epoll;
    int count;
    int64_t *heard_ns; /* of each socket in this round; 0: not yet */
    int64_t bytes;     /* heard in all */
} Ears;

void ears_init(Ears *ears, int count);
void ears_free(Ears *ears);
/* Listens to a connected stream socket too, as number `index`. */
void ears_add(Ears *ears, int index, int fd);
/* A new round: nobody has heard anything. */
void ears_reset(Ears *ears);
/* Waits until all have heard something; returns nanoseconds between the first and the last. */
int64_t ears_span(Ears *ears);
/* Reads whatever comes until nothing came for `quiet_ms`. */
void ears_drain(Ears *ears, int quiet_ms);
