/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a session, or of a workflow, one by one; while it follows it survives the
 * replacement of the server without loss or doubles, because every event has a number. */
#pragma once

#include "cli/options.h"
#include "client/client.h"

typedef struct EventFeedAsk {
    const char *slug;
    const char *workflow;  /* of this one, by the name of its object, instead; NULL: of a session */
    const TextList *names; /* NULL or empty: all */
    bool follow;
    int64_t limit;     /* the last so many; -1: all */
    const char *since; /* RFC 3339; NULL: from the beginning */
} EventFeedAsk;

/* `event` lives until the function returns; json: the line as it came. */
typedef void (*EventFn)(void *arg, const Value *event, const char *json, size_t size);

/* Returns when there is no more, or stdout has failed. ERR_NOT_FOUND: no such session, workflow or
 * name. */
MUST int event_feed(Client *client, const EventFeedAsk *ask, EventFn fn, void *arg, Err *err);
