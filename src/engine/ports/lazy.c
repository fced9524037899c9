/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ports/lazy.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "engine/ports/port_sockets.h"
#include "engine/targets/target.h"

typedef struct LazySocket {
    LazyWait *wait;
    Poll *poll;
} LazySocket;

struct LazyWait {
    Target *target;
    size_t n;
    LazySocket at[];
};

/* Nobody is looked for any more: the run that is started accepts it. */
static void on_connection(void *arg, int events) {
    LazySocket *socket = arg;
    Target *target = socket->wait->target;
    target->lazy = lazy_free(target->lazy);
    fact_connected(target_facts(target));
    event_record(target->session, &(Event){.target = target_name(target),
                                           .kind = EVENT_ASKED,
                                           .reason = "Connection",
                                           .message = "somebody connected"});
    target_mark(target);
}

static LazyWait *lazy_new(Target *target, const Step *step) {
    LazyWait *wait = xcalloc(1, sizeof(*wait) + step->sockets.n * sizeof(LazySocket));
    Loop *loop = target->session->engine->loop;
    wait->target = target;
    for (size_t i = 0; i < step->sockets.n; i++) {
        LazySocket *socket = &wait->at[wait->n++];
        socket->wait = wait;
        socket->poll = poll_new(loop, step->sockets.at[i].fd, POLL_READ, on_connection, socket);
    }
    return wait;
}

LazyWait *lazy_free(LazyWait *wait) {
    for (size_t i = 0; wait && i < wait->n; i++)
        poll_free(wait->at[i].poll);
    free(wait);
    return NULL;
}

/* Who cannot listen does not wait in vain: it is started, and says why it cannot. */
void lazy_follow(Target *target, bool waits) {
    Step step = {0};
    Arena arena;
    Err err;
    if (!waits) {
        target->lazy = lazy_free(target->lazy);
        return;
    }
    if (target->lazy)
        return;
    arena_init(&arena);
    if (ports_sockets(target, &arena, &step, &err) == 0 && step.sockets.n)
        target->lazy = lazy_new(target, &step);
    else
        fact_connected(target_facts(target));
    arena_deinit(&arena);
    fact_reachable(target_facts(target));
    target_mark(target);
}
