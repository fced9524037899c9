/* SPDX-License-Identifier: Apache-2.0 */
/* What people ask of sessions: that there be one, and what is to run in it. */
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/client_setup.h"
#include "engine/sessions/enablement.h"
#include "engine/sessions/session_environment.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/step_build.h"
#include "engine/targets/target.h"
#include "engine/targets/service_watch.h"
#include "engine/workflows/workflow.h"

/* ---- what was asked ---- */

static bool has_labels(const StrMap *own, const StrMap *labels) {
    for (size_t i = 0; i < labels->n; i++) {
        const char *value = strmap_get(own, labels->at[i].name);
        if (!value || (labels->at[i].value && strcmp(value, labels->at[i].value) != 0))
            return false;
    }
    return true;
}

static int nothing_labelled(const Graph *graph, const StrMap *labels, Err *err) {
    Arena arena;
    arena_init(&arena);
    const char *text = "";
    for (size_t i = 0; i < labels->n; i++)
        text = arena_printf(&arena, "%s%s%s%s%s", text, i ? " and " : "", labels->at[i].name,
                            labels->at[i].value ? "=" : "",
                            labels->at[i].value ? labels->at[i].value : "");
    err_set(err, ERR_NOT_FOUND, "nothing that %s runs carries the label%s %s", graph->config->file,
            labels->n > 1 ? "s" : "", text);
    arena_deinit(&arena);
    return -1;
}

int session_choose(const Generation *generation, const StrList *names, const StrMap *labels,
                   unsigned char *chosen, Err *err) {
    const Graph *graph = &generation->graph;
    if (!labels || !labels->n)
        return graph_choose(graph, names->n ? names->at : NULL, names->n, chosen, err);
    Arena arena;
    arena_init(&arena);
    const char **labelled = arena_alloc(&arena, (graph->n + names->n + 1) * sizeof(*labelled));
    size_t n = 0;
    for (size_t i = 0; i < names->n; i++)
        labelled[n++] = names->at[i];
    for (size_t i = 0; i < graph->n; i++)
        if (graph->targets[i].service && has_labels(generation->labels[i], labels))
            labelled[n++] = graph->targets[i].name;
    int r = n > names->n ? graph_choose(graph, labelled, n, chosen, err)
                         : nothing_labelled(graph, labels, err);
    arena_deinit(&arena);
    return r;
}

void session_want(Session *session, const unsigned char *chosen) {
    int64_t now_us = loop_wall_us(session->engine->loop);
    for (size_t i = 0; i < session->graph.n; i++) {
        if (!chosen[i])
            continue;
        session->chosen[i] = 1;
        if (session->facts[i].want == WANT_DISABLED)
            continue;
        if (!schedule_takes(session->targets[i]))
            fact_wanted(&session->facts[i], WANT_RUN, now_us, "");
        target_mark(session->targets[i]);
    }
}

static void copy_client(Session *session, const ClientSetup *client) {
    arena_reset(&session->client_arena);
    client_setup_copy(client, &session->client_arena, &session->client);
}

bool session_refuses(const Session *session, Err *err) {
    const char *again = session->ci ? "thole ci" : "thole up";
    if (session->deleting)
        err_set(err, ERR_CONFLICT, "session %s is being stopped", session->slug);
    else if (session->done && session->alive)
        err_set(err, ERR_CONFLICT,
                "session %s is done, and what is left of it is being stopped; wait until nothing "
                "of it runs, then start it again with `%s`",
                session->slug, again);
    else if (session->done)
        err_set(err, ERR_CONFLICT, "session %s is done; start it again with `%s`", session->slug,
                again);
    else
        return false;
    return true;
}

/* ---- create ---- */

Session *session_of_file(Engine *engine, const char *file, const char *name) {
    Session *session;
    LIST_FOREACH (session, &engine->sessions, link) {
        if (strcmp(session->config->file, file) == 0 && str_same(session->name, name))
            return session;
    }
    return NULL;
}

/* A session that is over gives way to the next one of its file, but not to whoever asked for it. */
static int check_room(const Session *old, const SessionAsk *ask, Err *err) {
    if (!old)
        return 0;
    if (old->deleting)
        return err_set(err, ERR_CONFLICT,
                       "session %s is being stopped; wait until `thole ps` no longer shows it",
                       old->slug);
    bool again = ask->uid && strcmp(ask->uid, old->object.uid) == 0; /* it is the very same wish */
    if (again || !(old->done && old->alive == 0))
        return err_set(err, ERR_CONFLICT, "session %s of %s exists already", old->slug, ask->file);
    return 0;
}

static void give_way(Session *old) {
    if (!old)
        return;
    session_unpublish(old);
    session_free(old);
}

static void on_setup(void *arg, const void *result, const Err *err) {
    Session *session = arg;
    session->setup = NULL;
    if (err && !session->done)
        session_set_up_failed(session, err);
    session->ready = true;
    watches_follow(session);
    config_watch_follow(session);
    for (size_t i = 0; i < session->graph.n; i++)
        target_mark(session->targets[i]);
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

static int prepare(Session *session, Generation *generation, const SessionAsk *ask,
                   unsigned char *chosen, Err *err) {
    if (ask->uid)
        str_copy(session->object.uid, sizeof(session->object.uid), ask->uid);
    else
        random_uuid(session->object.uid);
    session->object.created_us = loop_wall_us(session->engine->loop);
    session_set_generation(session, generation); /* its targets' uids follow from the session's */
    if (path_mkdirs(session->dir, 0700, err) < 0)
        return -1;
    take_settings(session, ask);
    copy_client(session, ask->client);
    if (session_set_environment(session, ask->environment, err) < 0)
        return -1;
    session->name = ask->session ? arena_strdup(&session->arena, ask->session) : NULL;
    if (session_choose(session->generation, &ask->names, &ask->labels, chosen, err) < 0 ||
        step_check_secrets(session->config, &session->client.env, err) < 0)
        return -1;
    session->all = !ask->names.n && !ask->labels.n;
    return 0;
}

static void force(Session *session, const unsigned char *chosen) {
    for (size_t i = 0; i < session->graph.n; i++)
        if (chosen[i])
            fact_forced(&session->facts[i]);
}

/* Backends know a workflow by its task as they know a session by its slug. */
static int check_slug(Engine *engine, const char *slug, Err *err) {
    if (!workflow_find(engine, slug))
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "there is a workflow %s: remove it with `thole workflow delete %s`, or name the "
                   "session with --session",
                   slug, slug);
}

Session *session_create(Engine *engine, const SessionAsk *ask, Report *report, Err *err) {
    Session *old = session_of_file(engine, ask->file, ask->session);
    if (check_room(old, ask, err) < 0)
        return NULL;
    Arena arena;
    arena_init(&arena);
    int64_t started_us = loop_wall_us(engine->loop);
    const ConfigAsk config_ask = session_config_first(ask);
    const Config *config = session_read_config(&config_ask, &arena, report, err);
    if (!config) {
        arena_deinit(&arena);
        return NULL;
    }
    const char *slug =
        ask->session ? arena_printf(&arena, "%s-%s", config->slug, ask->session) : config->slug;
    if (check_slug(engine, slug, err) < 0) {
        arena_deinit(&arena);
        return NULL;
    }
    Session *session = session_new(engine, slug);
    Generation *generation = generation_new(config, &arena);
    AUTO_FREE unsigned char *chosen = xcalloc(generation->graph.n, 1);
    if (prepare(session, generation, ask, chosen, err) < 0 ||
        session_check_former(session, err) < 0)
        return session_free(session);
    session_file_read(session, started_us, loop_wall_us(engine->loop));
    session->spec_generation = session_newest_spec(session) + 1;
    session->object.generation = 1;
    session_apply_enablement(session);
    session_want(session, chosen);
    if (ports_check(session, generation, err) < 0)
        return session_free(session);
    ports_begin(session);
    if (ask->force)
        force(session, chosen);
    if (session_save_spec(session, session->config, session->spec_generation, err) < 0 ||
        session_save_client(session, err) < 0 || session_save(session, err) < 0)
        return session_free(session);
    give_way(old);
    session_drop_specs(session);
    event_record(session, &(Event){.kind = EVENT_SESSION,
                                   .reason = REASON_CREATED,
                                   .message = session->ci ? "`thole ci` began the session"
                                                          : "`thole up` began the session"});
    session_publish(session);
    session_set_up(session, on_setup);
    session_hold(session, 0);
    log_info("%s: created for %s (%s)", session->slug, config->file, session->ci ? "ci" : "manual");
    engine_changed(engine, session);
    sys_point("created");
    return session;
}

/* ---- patch ---- */

static int64_t patched_ms(int64_t said_ms, int64_t present_ms, int64_t file_ms) {
    return said_ms == SESSION_AS_IS ? present_ms : said_ms == SESSION_AS_FILE ? file_ms : said_ms;
}

/* A session that becomes a ci run is judged by what happens from now on. */
static void become(Session *session, bool ci) {
    if (ci == session->ci)
        return;
    session->ci = ci;
    session->started_ms = loop_now_ms(session->engine->loop);
    session->healthy_since_ms = 0;
    session->exit_timer = timer_free(session->exit_timer);
    config_watch_follow(session);
    watches_follow(session);
    for (size_t i = 0; i < session->graph.n; i++)
        target_mark(session->targets[i]);
}

int session_patch(Session *session, const SessionPatch *patch, Err *err) {
    if (session_refuses(session, err) || session_could_save(session, err) < 0)
        return -1;
    CiConfig *ci = &session->ci_config;
    const CiConfig *file = &session->config->ci;
    ci->timeout_ms = patched_ms(patch->timeout_ms, ci->timeout_ms, file->timeout_ms);
    ci->readiness_timeout_ms = patched_ms(patch->readiness_timeout_ms, ci->readiness_timeout_ms,
                                          file->readiness_timeout_ms);
    if (patch->ci != UNKNOWN)
        become(session, patch->ci == YES);
    session->object.generation++;
    session_touch(session);
    return session_save(session, err);
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
    if (step_check_secrets(session->config, &client->env, err) < 0)
        return -1;
    copy_client(session, client);
    return session_save_client(session, err);
}

int session_start(Session *session, const StartAsk *ask, Err *err) {
    const StrList *names = ask->names;
    const StrMap *labels = ask->labels;
    if (session_refuses(session, err))
        return -1;
    unsigned char *chosen = xcalloc(session->graph.n, 1);
    int r = session_choose(session->generation, names, labels, chosen, err);
    if (r == 0)
        r = session_refuse_disabled(session, names, err);
    if (r == 0)
        r = session_could_save(session, err);
    if (r == 0 && ask->client)
        r = refresh_client(session, ask->client, err);
    if (r == 0) {
        if (!ask->force)
            leave_done(session, chosen);
        if (!names->n && !(labels && labels->n))
            leave_stopped(session, chosen);
        session->all |= !names->n && !(labels && labels->n);
        session_want(session, chosen);
        if (ask->force)
            force(session, chosen);
        r = session_save(session, err);
        events_asked(
            session, chosen,
            &(Event){.kind = EVENT_ASKED, .reason = REASON_START, .message = "started by request"});
    }
    free(chosen);
    session_touch(session);
    return r;
}
