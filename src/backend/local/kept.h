/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that outlive the server: the rail keeps a copy of each. Our own table is the truth once a
 * rail has said what servers before have left; a later rail is given all of it. */
#pragma once

#include "backend/backend.h"
#include "backend/local/rail_link.h"
#include "base/vec.h"

typedef struct KeptEntry {
    char *name; /* NULL: free */
    int fd;
    bool told; /* the rail that we are connected to has what is here */
} KeptEntry;

typedef struct Kept {
    KeptEntry at[WIRE_KEPT_MAX]; /* by place */
    bool known;                  /* a rail has said what there was, or there is none */
    uint32_t keeps;              /* how many the rail can keep; 0: an older one, or there is none */
    VEC(Op *) waits;             /* of kept_sockets */
} Kept;

void kept_init(Kept *kept);
void kept_deinit(Kept *kept);                             /* waits are not answered */
void kept_give(Kept *kept, const WireKeep *keep, int fd); /* by the rail; takes fd */
/* It was all that the rail has, or (`keeps` 0) there is no rail that keeps anything. */
void kept_complete(Kept *kept, RailLink *link, uint32_t keeps);
void kept_wait(Kept *kept, Op *op);          /* answers with KeptSockets, once they are known */
void kept_flush(Kept *kept, RailLink *link); /* there is room in the rail's socket */
MUST int kept_put(Kept *kept, const char *name, int fd, Err *err); /* copies fd; -1: forget */
