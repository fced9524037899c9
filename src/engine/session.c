/* SPDX-License-Identifier: Apache-2.0 */
/* A session: the targets of one config file, what was asked of them, and when it is over. */
#include "base/str.h"
#include "engine/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/run_files.h"

enum { HOLD_MS = 30 * 1000 };

const char *session_slug(const Session *session) {
    return session->slug;
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

/* ---- what was asked ---- */

static bool has_labels(const Service *service, const StrMap *labels) {
    for (size_t i = 0; i < labels->n; i++) {
        const char *value = strmap_get(&service->labels, labels->at[i].name);
        if (!value || (labels->at[i].value && strcmp(value, labels->at[i].value) != 0))
            return false;
    }
    return true;
}

static int nothing_labelled(const Session *session, const StrMap *labels, Err *err) {
    Arena arena;
    arena_init(&arena);
    const char *text = "";
    for (size_t i = 0; i < labels->n; i++)
        text = arena_printf(&arena, "%s%s%s%s%s", text, i ? " and " : "", labels->at[i].name,
                            labels->at[i].value ? "=" : "",
                            labels->at[i].value ? labels->at[i].value : "");
    err_set(err, ERR_NOT_FOUND, "no service of %s carries the label%s %s", session->config->file,
            labels->n > 1 ? "s" : "", text);
    arena_deinit(&arena);
    return -1;
}

/* What names and labels choose, in `chosen` (graph.n bytes). */
static int choose(const Session *session, const StrList *names, const StrMap *labels,
                  unsigned char *chosen, Err *err) {
    const Graph *graph = &session->graph;
    if (!labels || !labels->n)
        return graph_choose(graph, names->n ? names->at : NULL, names->n, chosen, err);
    Arena arena;
    arena_init(&arena);
    const char **labelled = arena_alloc(&arena, (graph->n + names->n + 1) * sizeof(*labelled));
    size_t n = 0;
    for (size_t i = 0; i < names->n; i++)
        labelled[n++] = names->at[i];
    for (size_t i = 0; i < graph->n; i++)
        if (graph->targets[i].service && has_labels(graph->targets[i].service, labels))
            labelled[n++] = graph->targets[i].name;
    int r = n > names->n ? graph_choose(graph, labelled, n, chosen, err)
                         : nothing_labelled(session, labels, err);
    arena_deinit(&arena);
    return r;
}

void session_want(Session *session, const unsigned char *chosen) {
    int64_t now_us = loop_wall_us(session->engine->loop);
    for (size_t i = 0; i < session->graph.n; i++) {
        if (!chosen[i])
            continue;
        session->chosen[i] = 1;
        fact_wanted(&session->facts[i], WANT_RUN, now_us, "");
        target_mark(&session->targets[i]);
    }
}

static void copy_client(Session *session, const ClientSetup *client) {
    Arena *arena = &session->client_arena;
    arena_reset(arena);
    ClientSetup *own = &session->client;
    *own = *client;
    own->env = strmap_merge(&client->env, &(StrMap){0}, arena);
    for (size_t i = 0; i < own->env.n; i++) {
        own->env.at[i].name = arena_strdup(arena, own->env.at[i].name);
        own->env.at[i].value = arena_strdup(arena, own->env.at[i].value);
    }
    ProcessLimit *limits = arena_alloc(arena, (client->process.limit_n + 1) * sizeof(*limits));
    if (client->process.limit_n)
        memcpy(limits, client->process.limits, client->process.limit_n * sizeof(*limits));
    own->process.limits = limits;
}

/* ---- create ---- */

static Session *find_by_file(Engine *engine, const char *file, const char *name) {
    Session *session;
    LIST_FOREACH (session, &engine->sessions, link) {
        if (strcmp(session->config->file, file) == 0 &&
            strcmp(session->name ? session->name : "", name ? name : "") == 0)
            return session;
    }
    return NULL;
}

/* A ci session that is over gives way to the next one of its file, but not to whoever asked for it. */
static int make_room(Engine *engine, const SessionAsk *ask, Err *err) {
    Session *old = find_by_file(engine, ask->file, ask->session);
    if (!old)
        return 0;
    if (old->deleting)
        return err_set(err, ERR_CONFLICT,
                       "session %s is being stopped; wait until `thole ps` no longer shows it",
                       old->slug);
    bool again = ask->uid && strcmp(ask->uid, old->object.uid) == 0; /* it is the very same wish */
    if (again || !(old->ci && old->done && old->alive == 0))
        return err_set(err, ERR_CONFLICT, "session %s of %s exists already", old->slug, ask->file);
    session_unpublish(old);
    session_free(old);
    return 0;
}

static void on_setup(void *arg, const void *result, const Err *err) {
    (void)result;
    Session *session = arg;
    session->setup = NULL;
    session->ready = !err;
    if (err) {
        session->done = true;
        snprintf(session->error, sizeof(session->error), "could not set up: %s", err->msg);
        session_touch(session);
        return;
    }
    for (size_t i = 0; i < session->graph.n; i++)
        target_mark(&session->targets[i]);
}

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

static void take_settings(Session *session, const SessionAsk *ask) {
    session->ci = ask->ci;
    session->hold = ask->hold;
    session->ci_config = session->config->ci;
    if (ask->ci_timeout_ms >= 0)
        session->ci_config.timeout_ms = ask->ci_timeout_ms;
    if (ask->ci_readiness_timeout_ms >= 0)
        session->ci_config.readiness_timeout_ms = ask->ci_readiness_timeout_ms;
    session->started_us = loop_wall_us(session->engine->loop);
    session->started_ms = loop_now_ms(session->engine->loop);
}

static int prepare(Session *session, const Config *config, const SessionAsk *ask,
                   unsigned char *chosen, Err *err) {
    if (path_mkdirs(session->dir, 0700, err) < 0)
        return -1;
    if (ask->uid)
        str_copy(session->object.uid, sizeof(session->object.uid), ask->uid);
    else
        random_uuid(session->object.uid);
    session->object.created_us = loop_wall_us(session->engine->loop);
    session_set_config(session, config);
    take_settings(session, ask);
    copy_client(session, ask->client);
    session->name = ask->session ? arena_strdup(&session->arena, ask->session) : NULL;
    if (choose(session, &ask->names, &ask->labels, chosen, err) < 0 ||
        step_check_secrets(session, err) < 0)
        return -1;
    return 0;
}

static void hold_changed(Session *session);

Session *session_create(Engine *engine, const SessionAsk *ask, Report *report, Err *err) {
    if (make_room(engine, ask, err) < 0)
        return NULL;
    Arena arena;
    arena_init(&arena);
    int64_t started_us = loop_wall_us(engine->loop);
    const Config *config = config_load(ask->file, &arena, report);
    if (!config) {
        arena_deinit(&arena);
        err_set(err, ERR_INVALID, "%s is not valid", ask->file);
        return NULL;
    }
    const char *slug =
        ask->session ? arena_printf(&arena, "%s-%s", config->slug, ask->session) : config->slug;
    Session *session = session_new(engine, slug);
    arena_adopt(&session->arena, &arena);
    /* at most so many targets */
    unsigned char *chosen = arena_alloc(&session->arena, config->services.n * 2 + 1);
    if (prepare(session, config, ask, chosen, err) < 0 || session_check_former(session, err) < 0)
        return session_free(session);
    session_file_read(session, started_us, loop_wall_us(engine->loop));
    session->spec_generation = session_newest_spec(session) + 1;
    session_want(session, chosen);
    if (session_save_spec(session, err) < 0 || session_save_client(session, err) < 0 ||
        session_save(session, err) < 0)
        return session_free(session);
    session_publish(session);
    session_set_up(session, on_setup);
    hold_changed(session);
    log_info("%s: created for %s (%s)", session->slug, config->file, session->ci ? "ci" : "manual");
    engine_changed(engine, session);
    sys_point("created");
    return session;
}

/* `up` again: a job that has succeeded is done, and is not run once more. */
static void leave_done(Session *session, unsigned char *chosen) {
    for (size_t i = 0; i < session->graph.n; i++) {
        const TargetFacts *facts = &session->facts[i];
        if (session->graph.targets[i].type == TARGET_JOB && facts->ever_succeeded &&
            facts->want == WANT_RUN && !facts->failure)
            chosen[i] = 0;
    }
}

/* ... and who names nothing has not asked for what was stopped by request. */
static void leave_stopped(Session *session, unsigned char *chosen) {
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->facts[i].want == WANT_STOPPED)
            chosen[i] = 0;
}

/* What starts from now on inherits from this client; what runs keeps what it has. */
static int refresh_client(Session *session, const ClientSetup *client, Err *err) {
    ClientSetup old = session->client;
    session->client = *client;
    int r = step_check_secrets(session, err);
    session->client = old;
    if (r < 0)
        return -1;
    copy_client(session, client);
    return session_save_client(session, err);
}

int session_start(Session *session, const StrList *names, const StrMap *labels,
                  const ClientSetup *client, Err *err) {
    if (session->deleting)
        return err_set(err, ERR_CONFLICT, "session %s is being stopped", session->slug);
    unsigned char *chosen = xcalloc(session->graph.n, 1);
    int r = choose(session, names, labels, chosen, err);
    if (r == 0 && client)
        r = refresh_client(session, client, err);
    if (r == 0) {
        leave_done(session, chosen);
        if (!names->n && !(labels && labels->n))
            leave_stopped(session, chosen);
        session_want(session, chosen);
        r = session_save(session, err);
    }
    free(chosen);
    session_touch(session);
    return r;
}

/* ---- the end ---- */

/* What nobody asked for keeps saying so, and what has ended has its own reasons. */
static void want_down(Session *session, const char *why) {
    int64_t now_us = loop_wall_us(session->engine->loop);
    for (size_t i = 0; i < session->graph.n; i++) {
        TargetFacts *facts = &session->facts[i];
        if (i == session->graph.tiltfile || facts->want == WANT_NOTHING)
            continue;
        char note[80] = "";
        if (facts_alive(facts) || facts->run_state == RUN_NONE)
            snprintf(note, sizeof note, "%s: %s", facts_alive(facts) ? "stopped" : "not started",
                     why);
        fact_wanted(facts, WANT_DOWN, now_us, note);
        target_mark(&session->targets[i]);
    }
}

static void retry_survivors(Session *session) {
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->facts[i].stop_failed)
            target_kill(&session->targets[i]);
        else
            session->targets[i].stop_failed[0] = '\0';
}

/* What `linger` keeps is left alone, unless nothing is to be left. True: it is as it should be. */
static bool helpers_settled(Session *session) {
    bool settled = true;
    for (size_t i = 0; i < session->graph.n; i++) {
        Target *target = &session->targets[i];
        if (target->helpers.runs.n)
            target_look(target);
        settled = (!session->purge || target_end_helpers(target)) && settled;
    }
    return settled;
}

void session_delete(Session *session, int64_t grace_ms, bool purge) {
    Err err;
    session->purge |= purge;
    if (!session->deleting) {
        session->deleting = true;
        session->object.deleted_us = loop_wall_us(session->engine->loop);
        if (session_save(session, &err) < 0)
            log_warn("%s: %s", session->slug, err.msg);
        want_down(session, "its session is stopped");
    } else {
        retry_survivors(session);
    }
    if (grace_ms == 0)
        for (size_t i = 0; i < session->graph.n; i++)
            target_kill(&session->targets[i]);
    session_touch(session);
}

static void finish_delete(Session *session) {
    Err err;
    session->down = true;
    sys_point("down");
    int r = session->purge ? path_remove_tree(session->dir, &err) : session_save(session, &err);
    if (r < 0)
        log_warn("%s: %s", session->slug, err.msg);
    log_info("%s: gone", session->slug);
    session_unpublish(session);
    session_free(session);
}

static void on_exit_timer(void *arg) {
    engine_changed(((Session *)arg)->engine, arg);
}

static void check_exit(Session *session) {
    ExitVerdict verdict;
    ExitInput input = {.graph = &session->graph,
                       .facts = session->facts,
                       .chosen = session->chosen,
                       .shown = session->statuses,
                       .started_ms = session->started_ms,
                       .healthy_since_ms = session->healthy_since_ms,
                       .now_ms = loop_now_ms(session->engine->loop),
                       .ci = &session->ci_config};
    exit_check(&input, &verdict);
    session->healthy_since_ms = verdict.healthy_since_ms;
    session->exit_timer = timer_free(session->exit_timer);
    if (!verdict.done) {
        if (verdict.wake_ms)
            session->exit_timer = timer_new(session->engine->loop, verdict.wake_ms - input.now_ms,
                                            on_exit_timer, session);
        return;
    }
    Err err;
    session->done = true;
    str_copy(session->error, sizeof(session->error), verdict.error);
    if (verdict.culprit >= 0)
        session->culprit = session->graph.targets[verdict.culprit].name;
    log_info("%s: done%s%s", session->slug, verdict.error[0] ? ": " : "", verdict.error);
    if (session_save(session, &err) < 0)
        log_warn("%s: %s", session->slug, err.msg);
    object_touch(session->engine->objects, &session->object);
    want_down(session, "the session is done");
}

void session_settle(Session *session) {
    if (session->touched) {
        session->touched = false;
        object_touch(session->engine->objects, &session->object);
        state_view_changed(session->view);
    }
    if (session->adopting)
        return;
    if (session->ci && session->ready && !session->done && !session->deleting)
        check_exit(session);
    if (session->deleting && session->alive == 0 && helpers_settled(session) &&
        state_view_finish(session->view, session->purge))
        finish_delete(session);
}

/* ---- held by a client ---- */

static void on_unheld(void *arg) {
    Session *session = arg;
    session->hold_timer = timer_free(session->hold_timer);
    log_info("%s: its client has been gone for %d s", session->slug, HOLD_MS / 1000);
    session_delete(session, -1, false);
}

static void hold_changed(Session *session) {
    session->hold_timer = timer_free(session->hold_timer);
    if (session->hold && session->holders == 0 && !session->deleting)
        session->hold_timer = timer_new(session->engine->loop, HOLD_MS, on_unheld, session);
}

void session_hold(Session *session, int change) {
    session->holders += change;
    assert(session->holders >= 0);
    hold_changed(session);
}
