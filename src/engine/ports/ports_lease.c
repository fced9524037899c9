/* SPDX-License-Identifier: Apache-2.0 */
/* Leases in flight: asked for, taken, refused. */
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/ports/port_sockets.h"
#include "engine/ports/ports_inside.h"
#include "engine/targets/target.h"

static bool same_entry(const PortEntry *a, const PortEntry *b) {
    return strcmp(a->service, b->service) == 0 && strcmp(a->name, b->name) == 0 &&
           a->automatic == b->automatic && a->number == b->number && a->leased == b->leased;
}

static bool same_table(const PortTable *a, const PortTable *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = same_entry(&a->at[i], &b->at[i]);
    return same;
}

static PortTable copy_table(const PortTable *table, Arena *arena) {
    PortTable copy = {.at = arena_alloc(arena, table->n * sizeof(*copy.at)), .n = table->n};
    for (size_t i = 0; i < table->n; i++) {
        copy.at[i] = table->at[i];
        copy.at[i].service = arena_strdup(arena, table->at[i].service);
        copy.at[i].name = arena_strdup(arena, table->at[i].name);
    }
    return copy;
}

static void work_free(LeaseWork *work) {
    generation_unref(work->generation);
    deferred_free(work->deferred);
    arena_deinit(&work->arena);
    free(work);
}

static void work_drop(LeaseWork *work) {
    for (size_t i = 0; work->result == 0 && i < work->ask.ports.n; i++)
        port_hold_deinit(&work->ask.holds[i]);
    work_free(work);
}

static void do_lease(void *arg) {
    LeaseWork *work = arg;
    work->result = lease_ports(work->store, &work->ask, &work->err);
}

/* What was leased is the session's: first on disk, then for its targets. */
static int take_leased(LeaseWork *work, Err *err) {
    Session *session = work->session;
    Ports *ports = session->ports;
    sys_point("leased");
    if (ports_save(session, &work->ask.ports, err) < 0)
        return -1;
    arena_reset(&ports->arena);
    ports->table = copy_table(&work->ask.ports, &ports->arena);
    for (size_t i = 0; i < work->ask.ports.n; i++) {
        work->generation->ports.at[i].number = work->ask.ports.at[i].number;
        work->generation->ports.at[i].leased = work->ask.ports.at[i].leased;
        ports_add_hold(ports, &work->ask.holds[i]);
    }
    work->ask.ports.n = 0; /* nothing is left to be dropped with it */
    ports_drop_holds(ports);
    ports_now_known(work->generation);
    ports_listen(session);
    for (size_t i = 0; i < session->graph.n; i++) /* they show them */
        object_touch(session->engine->objects, &session->targets[i]->object);
    return 0;
}

static void begin(LeaseWork *work);

static void on_leased(void *arg) {
    LeaseWork *work = arg;
    Err err = work->err;
    work->deferred = NULL;
    Ports *ports = work->session ? work->session->ports : NULL;
    LeaseWork *next = ports ? ports->next : NULL;
    int r = work->result;
    if (ports && !next && r == 0)
        r = take_leased(work, &err);
    OpFn fn = ports && !next ? work->fn : NULL;
    void *fn_arg = work->arg;
    work_drop(work);
    if (ports) {
        ports->work = NULL;
        ports->next = NULL;
    }
    if (next)
        begin(next);
    else if (fn)
        fn(fn_arg, NULL, r < 0 ? &err : NULL);
}

static void name_living(const Engine *engine, Arena *arena, StrList *ret) {
    const Session *session;
    size_t n = 0;
    LIST_FOREACH (session, &engine->sessions, link)
        n++;
    *ret = (StrList){.at = arena_alloc(arena, (n + 1) * sizeof(*ret->at))};
    LIST_FOREACH (session, &engine->sessions, link)
        if (session->ports && !ports_are_over(session))
            ret->at[ret->n++] = arena_strdup(arena, session->slug);
}

static LeaseWork *work_new(Session *session, Generation *generation) {
    LeaseWork *work = xcalloc(1, sizeof(*work));
    work->session = session;
    work->generation = generation_ref(generation);
    work->store = session->engine->options.store;
    arena_init(&work->arena);
    return work;
}

/* As it is right before the worker has it: the sessions that live are those of now. */
static void make_ask(LeaseWork *work) {
    Session *session = work->session;
    Generation *generation = work->generation;
    LeaseAsk *ask = &work->ask;
    Err ignored; /* ports_check has told */
    ask->owner = ports_owner(session, &work->arena);
    ask->range = ports_range(session, &ignored);
    ask->ports = copy_table(&generation->ports, &work->arena);
    ask->hold = arena_alloc(&work->arena, ask->ports.n * sizeof(*ask->hold));
    ask->holds = arena_alloc(&work->arena, ask->ports.n * sizeof(*ask->holds));
    for (size_t i = 0; i < ask->ports.n; i++)
        ask->hold[i] = !ports_find_hold(session->ports, ask->ports.at[i].number);
    name_living(session->engine, &work->arena, &ask->living);
}

/* On the worker where there is one; scripted engines have none. */
static int in_background(Engine *engine, LeaseWork *work, Err *err) {
    if (engine->store_worker)
        return worker_run(engine->store_worker, do_lease, on_leased, work, err);
    do_lease(work);
    work->deferred = loop_defer(engine->loop, on_leased, work);
    return 0;
}

static void begin(LeaseWork *work) {
    Engine *engine = work->session->engine;
    work->session->ports->work = work;
    make_ask(work);
    if (in_background(engine, work, &work->err) == 0)
        return;
    /* The queue is full, of all things: told as the worker would tell. */
    work->result = -1;
    work->deferred = loop_defer(engine->loop, on_leased, work);
}

void ports_drop_leases(Ports *ports) {
    if (ports->work && ports->work->deferred)
        work_drop(ports->work);
    else if (ports->work)
        ports->work->session = NULL;
    if (ports->next)
        work_free(ports->next);
}

/* What another session has stays its own: who is started all the same is told so. */
static void ask_wanted(const Session *session, Generation *generation) {
    for (size_t i = 0; i < generation->ports.n; i++) {
        PortEntry *port = &generation->ports.at[i];
        Err ignored;
        if (!port->leased)
            port->leased = port->automatic ||
                           (ports_wanted(session, generation, port) &&
                            ports_check_fixed(session->engine, session, port, &ignored) == 0);
    }
}

bool ports_lease(Session *session, Generation *generation, OpFn fn, void *arg) {
    if (!session->ports && !generation->ports.n)
        return false;
    Ports *ports = ports_of_session(session);
    ports_take_known(&ports->table, &generation->ports);
    ask_wanted(session, generation);
    if (!ports->work && same_table(&ports->table, &generation->ports)) {
        ports_now_known(generation);
        ports_hold_again(session);
        return false;
    }
    LeaseWork *work = work_new(session, generation);
    work->fn = fn;
    work->arg = arg;
    if (!ports->work) {
        begin(work);
        return true;
    }
    /* Not at once: sockets that the one in flight has bound would be in its way. */
    if (ports->next)
        work_free(ports->next);
    ports->next = work;
    return true;
}

static void refuse_targets(Session *session, const Err *err) {
    int64_t now_us = loop_wall_us(session->engine->loop);
    size_t file = session->graph.tiltfile;
    fact_file_read(&session->facts[file], session->read_started_us, now_us, err->msg);
    for (size_t i = 0; i < session->generation->ports.n; i++) {
        PortEntry *port = &session->generation->ports.at[i];
        const PortEntry *had = port_table_find(&session->ports->table, port->service, port->name);
        bool lacks = port->leased && !(had && had->leased && had->number == port->number);
        int64_t target = lacks ? ports_listener(session->generation, port) : -1;
        if (target >= 0)
            fact_wanted(&session->facts[target], WANT_STOPPED, now_us, err->msg);
        port->leased = port->leased && !lacks;
    }
    session_touch(session);
}

static void on_followed(void *arg, const void *result, const Err *err) {
    Session *session = arg;
    session->ready = true;
    if (err)
        refuse_targets(session, err);
    ports_now_known(session->generation);
    for (size_t i = 0; i < session->graph.n; i++)
        target_mark(session->targets[i]);
}

static const LeaseWork *newest_work(const Ports *ports) {
    return ports->next ? ports->next : ports->work;
}

/* A lease in flight was for a generation that is gone: who waits for it waits for this one. */
void ports_follow(Session *session) {
    const LeaseWork *former = session->ports ? newest_work(session->ports) : NULL;
    OpFn fn = former ? former->fn : on_followed;
    void *arg = former ? former->arg : session;
    if (!former && !session->ready) /* it is being set up, and has not come to its ports */
        return;
    if (ports_lease(session, session->generation, fn, arg))
        session->ready = false;
}

bool ports_lease_wanted(Target *target) {
    Session *session = target->session;
    size_t n;
    const PortEntry *port = ports_of_target(target, &n);
    bool lacks = false;
    Err ignored;
    for (size_t i = 0; session->ready && i < n; i++)
        lacks |=
            !port[i].leased && ports_check_fixed(session->engine, session, &port[i], &ignored) == 0;
    if (lacks)
        ports_follow(session);
    return n && !session->ready;
}
