/* SPDX-License-Identifier: Apache-2.0 */
/* A session: the targets of one config file. What is asked of it is in session_ask.c, how it ends
 * in session_end.c. */
#include "engine/sessions/session.h"
#include "engine/sessions/enablement.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/target.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/environments/environment.h"
#include "engine/ports/port_sockets.h"
#include "engine/targets/run_files.h"
#include "engine/targets/service_watch.h"

const char *session_slug(const Session *session) {
    return session->slug;
}

const char *session_file(const Session *session) {
    return session->config->file;
}

Object *session_object(Session *session) {
    return &session->object;
}

Session *session_of(Object *object) {
    assert(object->kind == OBJECT_SESSION);
    return container_of(object, Session, object);
}

PlanWorld session_world(const Session *session) {
    Engine *engine = session->engine;
    return (PlanWorld){
        .now_ms = loop_now_ms(engine->loop),
        .now_us = loop_wall_us(engine->loop),
        .boot_ms = loop_boot_ms(engine->loop),
        .ci = session->ci,
        .done = session->done,
        .ci_grace_ms = session->ci_config.grace_ms,
        .random = engine_random(engine),
    };
}

/* ---- the object ---- */

static void encode(Object *object, JsonWriter *out) {
    const Session *session = container_of(object, Session, object);
    SessionSpec spec = {
        .tiltfile_path = session->config->file,
        .exit_condition = session->ci ? "ci" : "manual",
        .ci_timeout_ms = session->ci_config.timeout_ms,
        .ci_readiness_timeout_ms = session->ci_config.readiness_timeout_ms,
        .ci_grace_ms = session->ci_config.grace_ms,
        .ci_soak_ms = session->ci_config.soak_ms,
    };
    SessionStatus status = {
        .pid = getpid(),
        .start_us = session->started_us,
        .targets = session->statuses,
        .target_n = session->graph.n,
        .done = session->done,
        .error = session->done && session->error[0] ? session->error : NULL,
        .late = session->done && session->late,
        .culprit = session->done ? session->culprit : NULL,
        .slug = session->slug,
        .session = session->name,
    };
    json_key(out, "spec");
    session_encode_spec(&spec, out);
    json_key(out, "status");
    session_encode_status(&status, out);
}

void session_touch(Session *session) {
    session->touched = true;
    object_touch(session->engine->objects, &session->object);
    engine_changed(session->engine, session);
}

/* ---- making ---- */

Session *session_new(Engine *engine, const char *slug) {
    Session *session = xcalloc(1, sizeof(*session));
    session->engine = engine;
    arena_init(&session->arena);
    arena_init(&session->client_arena);
    arena_init(&session->environment_arena);
    session->slug = arena_strdup(&session->arena, slug);
    char *sessions = path_join(engine->state_dir, "sessions");
    session->dir = path_join(sessions, slug);
    free(sessions);
    session->object = (Object){.kind = OBJECT_SESSION, .name = session->slug, .encode = encode};
    session->events = event_log_new(engine, session->dir);
    list_init(&session->link);
    list_init(&session->unsettled);
    return session;
}

Session *session_free(Session *session) {
    if (!session)
        return NULL;
    session->view = state_view_free(session->view);
    session->config_watch = config_watch_free(session->config_watch);
    session->ports = ports_free(session->ports);
    for (size_t i = 0; i < session->graph.n; i++)
        target_free(session->targets[i]);
    for (size_t i = 0; i < session->graph.n; i++)
        facts_deinit(&session->facts[i]);
    free(session->facts);
    free(session->targets);
    free(session->statuses);
    free(session->chosen);
    session->events = event_log_free(session->events);
    session->exit_timer = timer_free(session->exit_timer);
    session->hold_timer = timer_free(session->hold_timer);
    op_forget(session->setup);
    list_remove(&session->link);
    list_remove(&session->unsettled);
    object_deinit(&session->object);
    free(session->dir);
    generation_unref(session->generation);
    arena_deinit(&session->arena);
    arena_deinit(&session->client_arena);
    arena_deinit(&session->environment_arena);
    free(session);
    return NULL;
}

/* ---- generations ---- */

/* What a session has per target, parallel to the targets of a graph. */
typedef struct Shape {
    TargetFacts *facts;
    Target **targets;
    TargetStatus *statuses;
    unsigned char *chosen;
} Shape;

static void make_target(Session *session, uint32_t i) {
    TargetFacts *facts = &session->facts[i];
    Target *target = session->targets[i] = target_new(session, i);
    facts->run = target->base_run = run_files_newest(session->dir, session->graph.targets[i].name);
    target->events = (EventsSeen){.started = facts->run, .ended = facts->run};
    target->older_bytes = facts->run ? -1 : 0;
    if (!list_empty(&session->link)) /* it is published */
        object_add(session->engine->objects, &target->object);
}

static void take_target(Session *session, const Shape *old, size_t from, uint32_t to) {
    session->facts[to] = old->facts[from];
    session->statuses[to] = old->statuses[from];
    session->chosen[to] = old->chosen[from];
    session->targets[to] = old->targets[from];
    old->targets[from] = NULL;
    target_move(session->targets[to], to);
}

/* What the next generation has not: while the present one still shows it. */
static void drop_targets(Session *session, const Graph *next) {
    for (size_t i = 0; i < session->graph.n; i++) {
        if (graph_find(next, session->graph.targets[i].name) >= 0)
            continue;
        assert(!facts_alive(&session->facts[i]));
        if (!list_empty(&session->link))
            object_remove(session->engine->objects, &session->targets[i]->object);
        session->targets[i] = target_free(session->targets[i]);
        facts_deinit(&session->facts[i]);
    }
}

void session_set_generation(Session *session, Generation *generation) {
    Shape old = {session->facts, session->targets, session->statuses, session->chosen};
    Generation *former = session->generation;
    const Graph *graph = &generation->graph;
    size_t n = graph->n;
    drop_targets(session, graph);
    session->generation = generation;
    session->config = generation->config;
    session->graph = *graph;
    session->groups = generation->groups;
    session->facts = xcalloc(n, sizeof(*session->facts));
    session->targets = xcalloc(n, sizeof(*session->targets));
    session->statuses = xcalloc(n, sizeof(*session->statuses));
    session->chosen = xcalloc(n, 1);
    for (uint32_t i = 0; i < n; i++) {
        int64_t from = former ? graph_find(&former->graph, graph->targets[i].name) : -1;
        if (from < 0)
            make_target(session, i);
        else
            take_target(session, &old, (size_t)from, i);
    }
    free(old.facts);
    free(old.targets);
    free(old.statuses);
    free(old.chosen);
    if (former)
        state_view_move(session->view, former->config);
    if (former)
        session_apply_enablement(session);
    generation_unref(former);
    if (session->ready) {
        watches_follow(session);
        config_watch_follow(session);
    }
}

void session_file_read(Session *session, int64_t started_us, int64_t ended_us) {
    session->read_started_us = started_us;
    session->read_ended_us = ended_us;
    fact_file_read(&session->facts[session->graph.tiltfile], started_us, ended_us, NULL);
    target_mark(session->targets[session->graph.tiltfile]);
}

/* It shows which session it has, and whether that is up. */
void session_touch_environment(const Session *session) {
    Environment *environment = environment_at(session->engine, session->config->file);
    if (environment)
        object_touch(session->engine->objects, environment_object(environment));
}

void session_publish(Session *session) {
    Objects *objects = session->engine->objects;
    list_append(&session->engine->sessions, &session->link);
    object_add(objects, &session->object);
    for (size_t i = 0; i < session->graph.n; i++)
        object_add(objects, &session->targets[i]->object);
    if (session->engine->worker)
        session->view = state_view_new(session);
    state_view_changed(session->view);
    engine_count_slots(session->engine);
    session_touch_environment(session);
}

/* Takes it out of sight and memory; what is on disk stays. */
void session_unpublish(Session *session) {
    Objects *objects = session->engine->objects;
    for (size_t i = 0; i < session->graph.n; i++)
        object_remove(objects, &session->targets[i]->object);
    object_remove(objects, &session->object);
    list_remove(&session->link);
    engine_count_slots(session->engine);
    session_touch_environment(session);
}

/* ---- at the backend ---- */

static void on_cleared(void *arg, const void *result, const Err *err) {
    Session *session = arg;
    Err why;
    session->setup = NULL;
    if (err)
        log_warn("%s: of its former session: %s", session->slug, err->msg);
    session->unclear = false;
    if (session_save(session, &why) < 0)
        log_warn("%s: %s", session->slug, why.msg);
    session_set_up(session, session->when_set_up);
}

static void on_unclear(void *arg, const void *result, const Err *err) {
    Session *session = arg;
    if (err)
        session->when_set_up(arg, result, err);
    else
        session->setup = backend_destroy_workflow(session->engine->backend, session->slug, NULL,
                                                  on_cleared, session);
}

void session_set_up_failed(Session *session, const Err *err) {
    Err why;
    size_t file = session->graph.tiltfile;
    int64_t now_us = loop_wall_us(session->engine->loop);
    session->ready = session->done = true;
    snprintf(session->error, sizeof(session->error), "could not set up: %s", err->msg);
    session->culprit = session->graph.targets[file].name;
    log_error("%s: %s", session->slug, session->error);
    fact_file_read(&session->facts[file], session->read_started_us, now_us, session->error);
    target_mark(session->targets[file]);
    session_want_down(session, "the session could not be set up");
    if (session_save(session, &why) < 0)
        log_warn("%s: %s", session->slug, why.msg);
    session_touch(session);
}

/* Without its ports nothing of it can be started. */
static void on_ports(void *arg, const void *result, const Err *err) {
    Session *session = arg;
    if (err)
        session_set_up_failed(session, err);
    session->when_set_up(session, result, err);
}

static void lease(Session *session) {
    if (!ports_lease(session, session->generation, on_ports, session))
        session->when_set_up(session, NULL, NULL);
}

static void on_kept(void *arg, const void *result, const Err *err) {
    Session *session = arg;
    session->setup = NULL;
    if (!err)
        ports_take_kept(session, result);
    lease(session);
}

static void on_backend(void *arg, const void *result, const Err *err) {
    Session *session = arg;
    session->setup = NULL;
    bool over = session->done || session->deleting; /* nothing of it will be started */
    if (err || over)
        session->when_set_up(session, result, err);
    else if (ports_pass_sockets(session->generation))
        session->setup = backend_kept_sockets(session->engine->backend, on_kept, session);
    else
        lease(session);
}

void session_set_up(Session *session, OpFn fn) {
    session->when_set_up = fn;
    session->setup =
        backend_setup_workflow(session->engine->backend, session->slug, session->dir, NULL,
                               session->unclear ? on_unclear : on_backend, session);
}
