/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/ports/ports.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "engine/ports/ports_inside.h"
#include "engine/targets/target.h"

enum { PORTS_FORMAT = 1 };

Ports *ports_of_session(Session *session) {
    if (!session->ports) {
        session->ports = xcalloc(1, sizeof(Ports));
        arena_init(&session->ports->arena);
    }
    return session->ports;
}

/* ---- the table ---- */

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

/* `auto` stays what it is for as long as the session lives, and what was leased is kept. */
static void take_known(const PortTable *known, PortTable *table) {
    for (size_t i = 0; i < table->n; i++) {
        PortEntry *port = &table->at[i];
        const PortEntry *had = port_table_find(known, port->service, port->name);
        if (had && had->automatic && port->automatic)
            port->number = had->number;
        port->leased = had && had->leased && had->number == port->number;
    }
}

static void now_known(Generation *generation) {
    generation->port_env = port_env_shared(&generation->ports, &generation->arena);
}

/* ---- ports.json ---- */

static int save(const Session *session, const PortTable *table, Err *err) {
    AUTO_FREE char *path = path_join(session->dir, "ports.json");
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_int(&out, "format", PORTS_FORMAT);
    json_kv_array(&out, "ports");
    for (size_t i = 0; i < table->n; i++) {
        json_object_begin(&out);
        json_kv_string(&out, "service", table->at[i].service);
        json_kv_string(&out, "name", table->at[i].name);
        json_kv_int(&out, "port", table->at[i].number);
        json_kv_bool(&out, "auto", table->at[i].automatic);
        json_kv_bool(&out, "leased", table->at[i].leased);
        json_object_end(&out);
    }
    json_array_end(&out);
    json_object_end(&out);
    int r = file_write_atomic(path, buf_cstr(&buf), buf.n, 0600, false, err);
    buf_deinit(&buf);
    return r;
}

static void read_table(const Value *list, Arena *arena, PortTable *ret) {
    PortTable table = {.at = arena_alloc(arena, value_count(list) * sizeof(*table.at))};
    for (size_t i = 0; i < value_count(list); i++) {
        const Value *v = value_at(list, i);
        const char *service = value_get_str(v, "service"), *name = value_get_str(v, "name");
        int64_t number = value_get_int(v, "port", 0);
        if (service && name && number > 0 && number <= UINT16_MAX)
            table.at[table.n++] = (PortEntry){.service = arena_strdup(arena, service),
                                              .name = arena_strdup(arena, name),
                                              .number = number,
                                              .automatic = value_get_bool(v, "auto", false),
                                              .leased = value_get_bool(v, "leased", true)};
    }
    *ret = table;
}

void ports_begin(Session *session) {
    AUTO_FREE char *path = path_join(session->dir, "ports.json");
    if (unlink(path) == 0)
        ports_of_session(session); /* what is remembered of it is its own matter still */
}

int ports_load(Session *session, Generation *generation, Err *err) {
    AUTO_FREE char *path = path_join(session->dir, "ports.json");
    AUTO_FREE char *text = NULL;
    const Value *v;
    size_t size;
    Arena arena;
    Err why = {.kind = ERR_NONE};
    if (file_read(path, MAX_STATE_BYTES, &text, &size, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND)
            return 0; /* it was not written yet, or there is nothing to write */
        *err = why;
        return -1;
    }
    arena_init(&arena);
    int r = json_parse(text, size, &arena, &v, &why);
    if (r == 0)
        r = value_check_format(v, PORTS_FORMAT, &why);
    if (r == 0) {
        Ports *ports = ports_of_session(session);
        read_table(value_get(v, "ports"), &ports->arena, &ports->table);
        take_known(&ports->table, &generation->ports);
        now_known(generation);
    }
    arena_deinit(&arena);
    if (r == 0)
        return 0;
    err_in(&why, "%s", path);
    if (why.kind == ERR_UNAVAILABLE) {
        *err = why;
        return -1;
    }
    log_warn("%s; its ports are leased again", why.msg);
    return 0;
}

/* ---- checks ---- */

static PortRange range_of(const Session *session, Err *err) {
    const char *text = strmap_get(&session->client.env, "THOLE_PORT_RANGE");
    PortRange range = PORT_RANGE_DEFAULT;
    if (text && *text && port_range_parse(text, &range) < 0)
        err_set(err, ERR_INVALID, "THOLE_PORT_RANGE is \"%.60s\", no range such as 20000-29999",
                text);
    return range;
}

/* One of which nothing runs any more, and nothing will, has no use for its ports. */
static bool is_over(const Session *session) {
    return session->done && !session->alive;
}

/* The target whose process listens: which runs `command`. -1: there is none. */
static int64_t listener_of(const Generation *generation, const PortEntry *port) {
    const Service *service = config_service(generation->config, port->service);
    if (!service)
        return -1;
    const ServiceTargets *of = &generation->graph.of[service - generation->config->services.at];
    uint32_t target = of->serve != TARGET_NONE ? of->serve : of->update;
    return target == TARGET_NONE ? -1 : (int64_t)target;
}

static const char *target_of_port(const Session *session, const PortEntry *port) {
    int64_t i = listener_of(session->generation, port);
    return i < 0 ? port->service : session->graph.targets[i].name;
}

/* Will it be listened on, in that generation of the session? What is new in it and not named is
 * started if all is. */
static bool is_wanted(const Session *session, const Generation *generation, const PortEntry *port) {
    int64_t i = listener_of(generation, port);
    if (i < 0)
        return false;
    const TargetSpec *spec = &generation->graph.targets[i];
    int64_t now = graph_find(&session->graph, spec->name);
    if (now < 0)
        return session->all && spec->service->auto_start && spec->service->enabled;
    return session->facts[now].want == WANT_RUN || facts_busy(&session->facts[now]);
}

static int conflict(const PortEntry *port, const Session *other, const PortEntry *theirs,
                    Err *err) {
    return err_set(err, ERR_CONFLICT,
                   "port %" PRId64
                   " (services.%s.%s%s) is that of %s of session %s (%s); stop that "
                   "one, or use another number or auto",
                   port->number, port->service, *port->name ? "ports." : "port", port->name,
                   target_of_port(other, theirs), other->slug, other->config->file);
}

static const PortEntry *find_number(const PortTable *table, int64_t number) {
    for (size_t i = 0; i < table->n; i++)
        if (table->at[i].number == number)
            return &table->at[i];
    return NULL;
}

/* What the session has of that number, or will have when its lease in flight comes back. */
static const PortEntry *find_taken(const Session *session, int64_t number) {
    const PortTable *all = &session->generation->ports;
    for (size_t i = 0; !is_over(session) && i < all->n; i++)
        if (all->at[i].number == number &&
            (all->at[i].leased || is_wanted(session, session->generation, &all->at[i])))
            return &all->at[i];
    return NULL;
}

/* Another session has it. */
static int check_fixed(const Session *session, const PortEntry *port, Err *err) {
    const Session *other;
    LIST_FOREACH (other, &session->engine->sessions, link) {
        const PortEntry *theirs = other != session ? find_taken(other, port->number) : NULL;
        if (theirs)
            return conflict(port, other, theirs, err);
    }
    return 0;
}

int ports_check(const Session *session, const Generation *generation, Err *err) {
    const PortTable *table = &generation->ports;
    Err why = {.kind = ERR_NONE};
    if (table->n)
        range_of(session, &why);
    for (size_t i = 0; i < table->n && !why.kind; i++)
        if (!table->at[i].automatic && is_wanted(session, generation, &table->at[i]) &&
            check_fixed(session, &table->at[i], &why) < 0)
            break;
    if (!why.kind)
        return 0;
    *err = why;
    return -1;
}

/* ---- holding ---- */

PortHold *ports_add_hold(Ports *ports, const PortHold *hold) {
    if (hold->socket < 0 && hold->name < 0)
        return NULL;
    VEC_PUSH(ports->holds, *hold);
    return &ports->holds.at[ports->holds.n - 1];
}

PortHold *ports_find_hold(const Ports *ports, int64_t number) {
    for (size_t i = 0; ports && i < ports->holds.n; i++)
        if (ports->holds.at[i].port == number)
            return &ports->holds.at[i];
    return NULL;
}

/* Those of ports that are no longer ours. */
static void drop_holds(Ports *ports) {
    size_t n = 0;
    for (size_t i = 0; i < ports->holds.n; i++) {
        if (find_number(&ports->table, ports->holds.at[i].port))
            ports->holds.at[n++] = ports->holds.at[i];
        else
            port_hold_deinit(&ports->holds.at[i]);
    }
    ports->holds.n = n;
}

/* The next server keeps them as the one before: with a socket where nothing of ours can listen
 * yet. */
static void hold_again(Session *session) {
    Ports *ports = session->ports;
    for (size_t i = 0; i < ports->table.n; i++) {
        const PortEntry *port = &ports->table.at[i];
        int64_t target = listener_of(session->generation, port);
        bool ran = target < 0 || session->facts[target].run > session->targets[target]->base_run;
        PortHold hold;
        if (!port->leased || ports_find_hold(ports, port->number))
            continue;
        if (ran || port_hold((uint16_t)port->number, &hold, NULL) < 0)
            hold = port_hold_name((uint16_t)port->number);
        ports_add_hold(ports, &hold);
    }
    ports_listen(session);
}

static const PortEntry *ports_of(const Target *target, size_t *ret_n) {
    const TargetSpec *spec = target_spec(target);
    *ret_n = 0;
    if (!spec->service || spec->command != &spec->service->command)
        return NULL; /* a build listens on nothing */
    return port_table_service(&target->session->generation->ports, spec->resource, ret_n);
}

void ports_let_go(const Target *target) {
    size_t n;
    const PortEntry *port = ports_of(target, &n);
    for (size_t i = 0; i < n; i++) {
        PortHold *hold = ports_find_hold(target->session->ports, port[i].number);
        if (hold && !ports_passes(target->session, port[i].service))
            port_hold_let_go(hold);
    }
}

void ports_encode(const Target *target, JsonWriter *out) {
    size_t n;
    const PortEntry *port = ports_of(target, &n);
    if (!n || !port[0].number)
        return;
    json_kv_array(out, "ports");
    for (size_t i = 0; i < n; i++) {
        json_object_begin(out);
        if (*port[i].name)
            json_kv_string(out, "name", port[i].name);
        json_kv_int(out, "port", port[i].number);
        json_kv_bool(out, "auto", port[i].automatic);
        json_object_end(out);
    }
    json_array_end(out);
}

uint16_t ports_in_use(const Target *target) {
    size_t n;
    const PortEntry *port = ports_of(target, &n);
    uint16_t ready = target_spec(target)->type == TARGET_SERVER ? target_ready_port(target) : 0;
    bool held = false;
    for (size_t i = 0; i < n; i++) {
        const PortHold *hold = ports_find_hold(target->session->ports, port[i].number);
        bool ours = hold && hold->socket >= 0;
        held = held || (ours && port[i].number == ready);
        if (!ours && port_in_use((uint16_t)port[i].number))
            return (uint16_t)port[i].number;
    }
    return ready && !held && port_in_use(ready) ? ready : 0;
}

/* ---- leasing ---- */

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
    if (save(session, &work->ask.ports, err) < 0)
        return -1;
    arena_reset(&ports->arena);
    ports->table = copy_table(&work->ask.ports, &ports->arena);
    for (size_t i = 0; i < work->ask.ports.n; i++) {
        work->generation->ports.at[i].number = work->ask.ports.at[i].number;
        work->generation->ports.at[i].leased = work->ask.ports.at[i].leased;
        ports_add_hold(ports, &work->ask.holds[i]);
    }
    work->ask.ports.n = 0; /* nothing is left to be dropped with it */
    drop_holds(ports);
    now_known(work->generation);
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

static LeaseOwner owner_of(const Session *session, Arena *arena) {
    return (LeaseOwner){.file = arena_strdup(arena, session->config->file),
                        .session = arena_strdup(arena, session->name ? session->name : ""),
                        .slug = arena_strdup(arena, session->slug)};
}

static void name_living(const Engine *engine, Arena *arena, StrList *ret) {
    const Session *session;
    size_t n = 0;
    LIST_FOREACH (session, &engine->sessions, link)
        n++;
    *ret = (StrList){.at = arena_alloc(arena, (n + 1) * sizeof(*ret->at))};
    LIST_FOREACH (session, &engine->sessions, link)
        if (session->ports && !is_over(session))
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
    ask->owner = owner_of(session, &work->arena);
    ask->range = range_of(session, &ignored);
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

/* What another session has stays its own: who is started all the same is told so. */
static void ask_wanted(const Session *session, Generation *generation) {
    for (size_t i = 0; i < generation->ports.n; i++) {
        PortEntry *port = &generation->ports.at[i];
        Err ignored;
        if (!port->leased)
            port->leased = port->automatic || (is_wanted(session, generation, port) &&
                                               check_fixed(session, port, &ignored) == 0);
    }
}

bool ports_lease(Session *session, Generation *generation, OpFn fn, void *arg) {
    if (!session->ports && !generation->ports.n)
        return false;
    Ports *ports = ports_of_session(session);
    take_known(&ports->table, &generation->ports);
    ask_wanted(session, generation);
    if (!ports->work && same_table(&ports->table, &generation->ports)) {
        now_known(generation);
        hold_again(session);
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
        int64_t target = lacks ? listener_of(session->generation, port) : -1;
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
    now_known(session->generation);
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

bool ports_want(Target *target) {
    Session *session = target->session;
    size_t n;
    const PortEntry *port = ports_of(target, &n);
    bool lacks = false;
    Err ignored;
    for (size_t i = 0; session->ready && i < n; i++)
        lacks |= !port[i].leased && check_fixed(session, &port[i], &ignored) == 0;
    if (lacks)
        ports_follow(session);
    return n && !session->ready;
}

int ports_own(const Target *target, Err *err) {
    size_t n;
    const PortEntry *port = ports_of(target, &n);
    for (size_t i = 0; i < n; i++)
        if (!port[i].leased && check_fixed(target->session, &port[i], err) < 0)
            return -1;
    return 0;
}

/* ---- the end ---- */

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

bool ports_released(Session *session) {
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
    work.owner = owner_of(session, &work.arena);
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

Ports *ports_free(Ports *ports) {
    if (!ports)
        return NULL;
    if (ports->work && ports->work->deferred)
        work_drop(ports->work);
    else if (ports->work)
        ports->work->session = NULL;
    if (ports->next)
        work_free(ports->next);
    for (size_t i = 0; i < ports->holds.n; i++)
        port_hold_deinit(&ports->holds.at[i]);
    VEC_FREE(ports->holds);
    arena_deinit(&ports->arena);
    free(ports);
    return NULL;
}

TemplateValues ports_values(const Generation *generation, const char *service) {
    return (TemplateValues){
        .config = generation->config, .ports = &generation->ports, .self = service};
}
