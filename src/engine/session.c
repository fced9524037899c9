/* SPDX-License-Identifier: Apache-2.0 */
/* A session: the targets of one config file. What is asked of it is in session_ask.c, how it ends in session_end.c. */
#include "engine/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/run_files.h"

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
        .ci = session->ci,
        .done = session->done,
        .ci_grace_ms = session->ci_config.grace_ms,
        .random = engine_random(engine),
    };
}

/* ---- the object ---- */

static void encode(const Object *object, JsonWriter *out) {
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
        .culprit = session->done ? session->culprit : NULL,
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
    session->slug = arena_strdup(&session->arena, slug);
    char *sessions = path_join(engine->state_dir, "sessions");
    session->dir = path_join(sessions, slug);
    free(sessions);
    session->object = (Object){.kind = OBJECT_SESSION, .name = session->slug, .encode = encode};
    list_init(&session->link);
    list_init(&session->unsettled);
    return session;
}

Session *session_free(Session *session) {
    if (!session)
        return NULL;
    for (size_t i = 0; i < session->graph.n; i++)
        target_deinit(&session->targets[i]);
    for (size_t i = 0; i < session->graph.n; i++)
        facts_deinit(&session->facts[i]);
    session->view = state_view_free(session->view);
    session->exit_timer = timer_free(session->exit_timer);
    session->hold_timer = timer_free(session->hold_timer);
    op_forget(session->setup);
    list_remove(&session->link);
    list_remove(&session->unsettled);
    free(session->object.json);
    free(session->dir);
    arena_deinit(&session->arena);
    arena_deinit(&session->client_arena);
    free(session);
    return NULL;
}

void session_set_config(Session *session, const Config *config) {
    Arena *arena = &session->arena;
    session->config = config;
    graph_build(config, arena, &session->graph);
    session->groups = graph_groups(&session->graph, arena);
    size_t n = session->graph.n;
    session->facts = arena_alloc(arena, n * sizeof(*session->facts));
    session->targets = arena_alloc(arena, n * sizeof(*session->targets));
    session->statuses = arena_alloc(arena, n * sizeof(*session->statuses));
    session->chosen = arena_alloc(arena, n);
    for (uint32_t i = 0; i < n; i++) {
        target_init(&session->targets[i], session, i);
        uint32_t newest = run_files_newest(session->dir, session->graph.targets[i].name);
        session->facts[i].run = session->targets[i].base_run = newest;
        session->targets[i].older_bytes = newest ? -1 : 0;
    }
}

void session_file_read(Session *session, int64_t started_us, int64_t ended_us) {
    session->read_started_us = started_us;
    session->read_ended_us = ended_us;
    fact_file_read(&session->facts[session->graph.tiltfile], started_us, ended_us, NULL);
    target_mark(&session->targets[session->graph.tiltfile]);
}

void session_publish(Session *session) {
    Objects *objects = session->engine->objects;
    list_append(&session->engine->sessions, &session->link);
    object_add(objects, &session->object);
    for (size_t i = 0; i < session->graph.n; i++)
        object_add(objects, &session->targets[i].object);
    if (session->engine->worker)
        session->view = state_view_new(session);
    state_view_changed(session->view);
    engine_count_slots(session->engine);
}

/* Takes it out of sight and memory; what is on disk stays. */
void session_unpublish(Session *session) {
    Objects *objects = session->engine->objects;
    for (size_t i = 0; i < session->graph.n; i++)
        object_remove(objects, &session->targets[i].object);
    object_remove(objects, &session->object);
    list_remove(&session->link);
    engine_count_slots(session->engine);
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

void session_set_up(Session *session, OpFn fn) {
    session->when_set_up = fn;
    session->setup = backend_setup_workflow(session->engine->backend, session->slug, session->dir,
                                            NULL, session->unclear ? on_unclear : fn, session);
}
