/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine has that is ours, kind by kind, by its labels alone. */
#pragma once

#include "backend/docker/engine.h"

typedef enum ListingKind {
    LISTING_CONTAINERS,
    LISTING_NETWORKS,
    LISTING_VOLUMES,
    LISTING_KINDS
} ListingKind;

typedef struct Listing {
    ListingKind kind;
    const char *owner;
    const char *task; /* NULL: any */
    bool running;     /* containers: only those that are, paused or not */
} Listing;

/* DockerReply. */
Op *docker_list(DockerEngine *engine, const Listing *what, OpFn fn, void *arg);
/* The `i`-th that a good reply lists, from 0; NULL: that were all. */
const Value *listing_at(ListingKind kind, const DockerReply *reply, size_t i);
/* By which its own tools find it. NULL: it has none. Lent by the item. */
const char *listing_name(ListingKind kind, const Value *item);
/* The path of the call that removes it: a container also while it runs, and with the volumes of its
 * own. False: it has nothing to be called by. */
bool listing_put_removal(ListingKind kind, const Value *item, Buf *out);
