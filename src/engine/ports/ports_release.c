/* SPDX-License-Identifier: Apache-2.0 */
/* Leases that end. */
#include <stdlib.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "engine/ports/port_sockets.h"
#include "engine/ports/ports_inside.h"

LeaseOwner ports_owner(const Session *session, Arena *arena) {
    return (LeaseOwner){.file = arena_strdup(arena, session->config->file),
                        .session = arena_strdup(arena, session->name ? session->name : ""),
                        .slug = arena_strdup(arena, session->slug)};
}

typedef struct ReleaseWork {
    Engine *engine;
    Arena arena;
    LeaseOwner owner;
    bool forget;
    int result;
    Err err;
} ReleaseWork;

static void do_release(void *arg) {
    ReleaseWork *work = arg;
    Store *store = work->engine->options.store;
    work->result = work->forget ? store_forget(store, &work->owner, &work->err)
                                : store_release(store, &work->owner, &work->err);
}

static void release_end(ReleaseWork *work) {
    if (work->result < 0) /* its leases end with it: they are known to be nobody's */
        log_warn("%s: its ports are not released: %s", work->owner.slug, work->err.msg);
    arena_deinit(&work->arena);
    free(work);
}

static void on_released(void *arg) {
    ReleaseWork *work = arg;
    Session *session = session_find(work->engine, work->owner.slug);
    if (session && session->ports && session->ports->release == RELEASE_ASKED) {
        session->ports->release = RELEASE_DONE;
        engine_changed(work->engine, session);
    }
    release_end(work);
}

/* True: it is over already, and nobody is told. */
static bool release(Engine *engine, const ReleaseWork *what) {
    ReleaseWork *work = xcalloc(1, sizeof(*work));
    Err err;
    *work = *what;
    work->engine = engine;
    if (!engine->store_worker) {
        do_release(work);
    } else if (worker_run(engine->store_worker, do_release, on_released, work, &err) < 0) {
        work->result = -1;
        work->err = err;
    } else {
        return false;
    }
    release_end(work);
    return true;
}

bool ports_release(Session *session) {
    ReleaseWork work = {.forget = session->purge};
    if (!session->engine->options.store || (!session->ports && !session->purge))
        return true;
    Ports *ports = ports_of_session(session);
    if (ports->release == RELEASE_DONE)
        return true;
    if (ports->release == RELEASE_ASKED)
        return false;
    ports->release = RELEASE_ASKED;
    ports_drop_kept(session);
    arena_init(&work.arena);
    work.owner = ports_owner(session, &work.arena);
    if (release(session->engine, &work))
        ports->release = RELEASE_DONE;
    return ports->release == RELEASE_DONE;
}

void engine_forget_ports(Engine *engine, const char *file, const char *session) {
    ReleaseWork work = {.forget = true};
    if (!engine->options.store)
        return;
    arena_init(&work.arena);
    work.owner = (LeaseOwner){.file = arena_strdup(&work.arena, file),
                              .session = arena_strdup(&work.arena, session ? session : ""),
                              .slug = ""};
    release(engine, &work);
}
