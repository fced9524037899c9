/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/backends/orphans.h"
#include "engine/environments/blocking.h"
#include "engine/environments/environment.h"
#include "engine/sessions/enablement.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/target.h"
#include "engine/workflows/workflow.h"

enum { SLOTS_LEAST = 4, CALM_MS = 300, TIDY_AT_ONCE = 64, LOOKER_THREADS = WORKER_THREADS_MAX };

static int default_slots(void) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return cpus > SLOTS_LEAST ? (int)cpus : SLOTS_LEAST;
}

void engine_count_slots(Engine *engine) {
    int64_t most = 0;
    Session *session;
    LIST_FOREACH (session, &engine->sessions, link) {
        int64_t own = session->config->parallelism ? session->config->parallelism : default_slots();
        if (own > most)
            most = own;
    }
    engine->slots = most ? (int)most : default_slots();
}

/* ---- when things have calmed down ---- */

/* Why a target waits may lie far up: its sentence is made anew once something has changed there. */
static void renew_whys(Engine *engine) {
    Session *session;
    LIST_FOREACH (session, &engine->sessions, link) {
        for (size_t i = 0; session->restated && i < session->graph.n; i++)
            if (session->statuses[i].state.phase == PHASE_WAITING)
                target_mark_alone(session->targets[i]);
        session->restated = false;
    }
}

static void save_rest(Engine *engine) {
    Session *session;
    Err err;
    LIST_FOREACH (session, &engine->sessions, link)
        if (session->unsaved && session_save(session, &err) < 0)
            log_warn("%s: %s", session->slug, err.msg);
}

static void on_calm(void *arg) {
    Engine *engine = arg;
    engine->calming = false;
    renew_whys(engine);
    save_rest(engine);
    for (int i = 0; i < TIDY_AT_ONCE && !list_empty(&engine->tidy); i++) {
        Target *target = container_of(engine->tidy.next, Target, tidy);
        list_remove(&target->tidy);
        target_tidy(target);
    }
    if (!list_empty(&engine->tidy))
        engine_calm_later(engine);
}

void engine_calm_later(Engine *engine) {
    if (engine->calming)
        return;
    engine->calming = true;
    timer_set(engine->calm, CALM_MS);
}

void engine_tidy_later(Engine *engine, Target *target) {
    list_remove(&target->tidy);
    list_append(&engine->tidy, &target->tidy);
    engine_calm_later(engine);
}

Engine *engine_new(const EngineOptions *options) {
    Engine *engine = xcalloc(1, sizeof(*engine));
    engine->options = *options;
    engine->loop = options->loop;
    engine->backend = options->backend;
    engine->pool = backend_pool_new(options->loop, options->kinds, options->kind_n);
    engine->state_dir = xstrdup(options->state_dir);
    engine->owner = xstrdup(options->owner ? options->owner : "");
    engine->holder = environments_holder(engine);
    engine->objects = objects_new(options->loop);
    engine->http = options->scripted ? NULL : http_client_new(options->loop);
    engine->worker = options->scripted ? NULL : worker_new(options->loop, 1);
    engine->reader = options->scripted ? NULL : worker_new(options->loop, 1);
    engine->looker = options->scripted ? NULL : worker_new(options->loop, LOOKER_THREADS);
    engine->files = options->scripted ? NULL : file_watcher_new(options->loop);
    engine->store_worker = options->scripted ? NULL : worker_new(options->loop, 1);
    engine->random = options->scripted ? 1 : (uint32_t)clock_wall_us();
    list_init(&engine->sessions);
    list_init(&engine->dirty);
    list_init(&engine->workflows);
    list_init(&engine->sweeps);
    list_init(&engine->environments);
    list_init(&engine->blocking);
    list_init(&engine->refreshes);
    list_init(&engine->dirty_workflows);
    list_init(&engine->slot_wait);
    list_init(&engine->unsettled);
    list_init(&engine->tidy);
    list_init(&engine->lingering);
    list_init(&engine->scheduled);
    events_begin(engine);
    engine->calm = timer_idle(engine->loop, on_calm, engine);
    engine_count_slots(engine);
    return engine;
}

Engine *engine_free(Engine *engine) {
    if (!engine)
        return NULL;
    Session *session;
    LIST_FOREACH_SAFE (session, &engine->sessions, link) {
        session_unpublish(session);
        session_free(session);
    }
    workflows_free(engine);
    environments_leave(engine);
    orphans_free(engine);
    backend_pool_free(engine->pool);
    events_end(engine);
    worker_free(engine->worker); /* what was to be written is */
    worker_free(engine->reader);
    worker_free(engine->looker);
    file_watcher_free(engine->files);
    worker_free(engine->store_worker);
    blocking_finish(engine);
    environments_free(engine); /* no worker has anything of them any more */
    deferred_free(engine->drain);
    timer_free(engine->calm);
    engine->alarm = alarm_free(engine->alarm);
    engine->http = http_client_free(engine->http);
    objects_free(engine->objects);
    free(engine->state_dir);
    free(engine->owner);
    free(engine->holder);
    free(engine);
    return NULL;
}

const char *engine_store_file(const Engine *engine) {
    return engine->options.store_file;
}

Objects *engine_objects(Engine *engine) {
    return engine->objects;
}

/* xorshift32: jitter needs no more, and scripted tests want the same each time. */
uint32_t engine_random(Engine *engine) {
    uint32_t x = engine->random ? engine->random : 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return engine->random = x;
}

/* ---- the drain ---- */

static void drain_targets(Engine *engine) {
    while (!list_empty(&engine->dirty)) {
        Target *target = container_of(engine->dirty.next, Target, dirty);
        list_remove(&target->dirty);
        target->follower_marked = false;
        if (target->session->ready && !target->session->adopting)
            target_drain(target, 0);
    }
}

/* Gives free slots to those who have waited longest, then shows the others as waiting. */
static bool drain_slots(Engine *engine) {
    bool any = false;
    while (engine->slots_used < engine->slots && !list_empty(&engine->slot_wait)) {
        Target *target = container_of(engine->slot_wait.next, Target, slot_wait);
        list_remove(&target->slot_wait);
        target_drain(target, 1);
        any = true;
    }
    for (List *at = engine->slot_wait.next, *next; at != &engine->slot_wait; at = next) {
        Target *target = container_of(at, Target, slot_wait);
        next = at->next;
        if (target->slot_pending)
            target_drain(target, 0);
    }
    return any;
}

static bool any_adopting(const Engine *engine) {
    const Session *session;
    LIST_FOREACH (session, &engine->sessions, link)
        if (session->adopting)
            return true;
    return workflows_adopting(engine);
}

/* What was to be looked up is known, and shown. */
static void tell_adopted(Engine *engine) {
    LoopFn adopted = engine->adopted;
    if (!engine->looking_up || any_adopting(engine))
        return;
    engine->looking_up = false;
    engine->adopted = NULL;
    environments_go_on(engine);
    if (adopted)
        adopted(engine->adopted_arg);
}

/* Targets first, and who gets a slot; only then sessions, whose end is judged by what their targets
 * show. */
static void drain(Engine *engine) {
    for (;;) {
        workflows_drain(engine);
        drain_targets(engine);
        if (drain_slots(engine))
            continue;
        if (list_empty(&engine->unsettled))
            break;
        Session *session = container_of(engine->unsettled.next, Session, unsettled);
        list_remove(&session->unsettled);
        session_settle(session); /* may free it */
    }
    tell_adopted(engine);
}

static void on_drain(void *arg) {
    Engine *engine = arg;
    engine->drain = NULL;
    drain(engine);
}

void engine_wants_drain(Engine *engine) {
    if (!engine->drain)
        engine->drain = loop_defer(engine->loop, on_drain, engine);
}

void engine_changed(Engine *engine, Session *session) {
    if (list_empty(&session->unsettled))
        list_append(&engine->unsettled, &session->unsettled);
    engine_wants_drain(engine);
}

/* ---- looking things up ---- */

Session *session_find(Engine *engine, const char *slug) {
    Session *session;
    LIST_FOREACH (session, &engine->sessions, link) {
        if (strcmp(session->slug, slug) == 0)
            return session;
    }
    return NULL;
}

void engine_look(Engine *engine) {
    Target *target;
    LIST_FOREACH_SAFE (target, &engine->lingering, lingers)
        target_look(target);
}

bool engine_idle(const Engine *engine) {
    const Session *session;
    LIST_FOREACH (session, &engine->sessions, link) {
        if (session->alive || session->deleting || session->adopting || !session->ready)
            return false;
        for (size_t i = 0; i < session->graph.n; i++)
            if ((session->facts[i].queued || session->facts[i].due_us ||
                 session->targets[i]->watch) &&
                session->facts[i].want == WANT_RUN && !session->done)
                return false;
    }
    return workflows_idle(engine) && environments_idle(engine);
}

bool engine_empty(const Engine *engine) {
    return list_empty(&engine->sessions) && workflows_idle(engine) && environments_idle(engine);
}

void engine_stop_all(Engine *engine) {
    Session *session;
    LIST_FOREACH (session, &engine->sessions, link)
        session_delete(session, -1, false);
    environments_stop_all(engine);
    workflows_stop_all(engine);
}

/* ---- what people ask of targets ---- */

bool target_refuses(const Target *target, const char *done, Err *err) {
    const Session *session = target->session;
    if (target_spec(target)->command == NULL)
        err_set(err, ERR_INVALID, "%s is the config file itself and cannot be %s",
                target_spec(target)->name, done);
    else
        return session_refuses(session, err);
    return true;
}

static int asked(Target *target, Err *err) {
    target_mark(target);
    return session_save(target->session, err);
}

static void record_start(Target *target, unsigned char *marks) {
    char needed[EVENT_NAME + 40];
    event_record(target->session, &(Event){.target = target_name(target),
                                           .kind = EVENT_ASKED,
                                           .reason = REASON_START,
                                           .message = "started by request"});
    marks[target->index] = 0;
    snprintf(needed, sizeof(needed), "%s was started by request and needs it", target_name(target));
    events_asked(target->session, marks,
                 &(Event){.kind = EVENT_ASKED,
                          .reason = "Needed",
                          .message = needed,
                          .cause = {.target = target_name(target)}});
}

int target_start(Target *target, Err *err) {
    if (target_refuses(target, "started or stopped", err) ||
        target_refuse_disabled(target, err) < 0 || session_could_save(target->session, err) < 0)
        return -1;
    Session *session = target->session;
    unsigned char *marks = xcalloc(session->graph.n, 1);
    plan_needed(&session->graph, session->facts, target->index, marks);
    session_want(session, marks);
    if (schedule_has(target)) /* now, not when it is due */
        fact_wanted(target_facts(target), WANT_RUN, loop_wall_us(session->engine->loop), NULL);
    int r = session_save(session, err);
    record_start(target, marks);
    free(marks);
    return r;
}

int target_stop(Target *target, Err *err) {
    if (target_refuses(target, "started or stopped", err))
        return -1;
    TargetFacts *facts = target_facts(target);
    if (facts->stop_failed)
        target_kill(target);
    if (facts->want == WANT_DISABLED) /* is stopped, and stays disabled */
        return asked(target, err);
    fact_wanted(facts, WANT_STOPPED, loop_wall_us(target->session->engine->loop),
                "stopped by request");
    if (!facts_alive(facts))
        event_record(target->session, &(Event){.target = target_name(target),
                                               .kind = EVENT_STOPPING,
                                               .reason = REASON_REQUESTED,
                                               .message = "stopped by request"});
    return asked(target, err);
}

int target_restart(Target *target, Err *err) {
    if (target_refuses(target, "started or stopped", err) ||
        target_refuse_disabled(target, err) < 0 || session_could_save(target->session, err) < 0)
        return -1;
    target->session->chosen[target->index] = 1;
    fact_restart_asked(target_facts(target), loop_wall_us(target->session->engine->loop),
                       "restarted by request");
    event_record(target->session, &(Event){.target = target_name(target),
                                           .kind = EVENT_ASKED,
                                           .reason = REASON_RESTART,
                                           .message = "restarted by request"});
    return asked(target, err);
}

/* ---- review ---- */

bool engine_review(const ConfigAsk *ask, Report *report, JsonWriter *resolved) {
    const Config *config = config_review(ask, report->arena, report);
    if (config)
        config_encode(config, true, resolved);
    return report->errors == 0;
}

bool engine_translate(const char *file, const StrMap *client, JsonWriter *written) {
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    const Value *value = config_translate(file, client, true, &arena, &report);
    if (value)
        json_value(written, value);
    arena_deinit(&arena);
    return value != NULL;
}
