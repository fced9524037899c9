/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/sessions/reload.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/events/events.h"
#include "engine/sessions/session_environment.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/step_build.h"
#include "engine/targets/target.h"

/* ---- reading ---- */

/* The slug is given once: a project that gets another name keeps its session. */
static const Config *read_file(const Session *session, Arena *arena, Report *report, Err *err) {
    ConfigAsk ask = session_config_ask(session);
    const Config *read = session_read_config(&ask, arena, report, err);
    if (!read)
        return NULL;
    Config *config = arena_dup(arena, read, sizeof(*config));
    config->slug = arena_strdup(arena, session->config->slug);
    return config;
}

/* A generation of what the file says now; NULL: it cannot be taken up. */
static Generation *read_generation(const Session *session, Report *report, Err *err) {
    Arena arena;
    arena_init(&arena);
    const Config *config = read_file(session, &arena, report, err);
    Generation *next = NULL;
    if (config && step_check_secrets(config, &session->client.env, err) == 0)
        next = generation_new(config, &arena);
    if (next && ports_check(session, next, err) < 0)
        next = generation_unref(next);
    arena_deinit(&arena);
    return next;
}

/* What is in it may stem from several generations: all of it is copied, by way of what is stored
 * anyway. */
static Generation *copy_generation(const Config *config, Err *err) {
    Arena arena;
    Buf buf;
    JsonWriter out;
    arena_init(&arena);
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    config_encode(config, false, &out);
    const char *text = arena_strndup(&arena, buf_cstr(&buf), buf.n);
    const Config *copy = buf.failed ? NULL : config_decode(text, buf.n, &arena, err);
    if (buf.failed)
        err_set(err, ERR_LIMIT, "%s would be too large", config->file);
    buf_deinit(&buf);
    if (copy)
        return generation_new(copy, &arena);
    arena_deinit(&arena);
    return NULL;
}

/* ---- what is still there of what the file has no more ---- */

static bool is_there(const Session *session, size_t i) {
    return facts_busy(&session->facts[i]) || session->targets[i]->helpers.runs.n;
}

/* `next`, with what must stay for a while. Takes `next`. */
static Generation *with_leaving(Session *session, Generation *next, Err *err) {
    Arena arena;
    arena_init(&arena);
    AUTO_FREE unsigned char *stay = xcalloc(session->graph.n, 1);
    bool any = false;
    for (size_t i = 0; i < session->graph.n; i++) {
        stay[i] = is_there(session, i);
        any |= stay[i] && graph_find(&next->graph, session->graph.targets[i].name) < 0;
    }
    if (any) {
        const Config *merged =
            reload_merge(&session->graph, &next->graph, stay, &arena, &session->reload_again);
        Generation *copy = copy_generation(merged, err);
        generation_unref(next);
        next = copy;
    }
    arena_deinit(&arena);
    return next;
}

/* ---- taking it up ---- */

/* It is on disk before it counts. */
static int swap(Session *session, Generation *next, Err *err) {
    uint64_t number = session->spec_generation + 1;
    if (session_save_spec(session, next->config, number, err) < 0) {
        generation_unref(next);
        return -1;
    }
    session->spec_generation = number;
    session->object.generation++;
    session_set_generation(session, next);
    ports_follow(session);
    engine_count_slots(session->engine);
    return 0;
}

static void follow(Session *session, const TargetChange *change, Arena *arena) {
    int64_t i = graph_find(&session->graph, change->target);
    int64_t now_us = loop_wall_us(session->engine->loop);
    const char *why = reload_why(change, path_base(session->config->file), arena);
    log_info("%s %s: %s%s%s", session->slug, change->target, reload_action_name(change->action),
             *why ? ": " : "", why);
    if (i < 0)
        return;
    TargetFacts *facts = &session->facts[i];
    if (change->action == RELOAD_STOP) {
        fact_wanted(facts, WANT_STOPPED, now_us, why);
        facts->ever_started = facts->ever_ready = facts->ever_succeeded = false;
    } else if (schedule_has(session->targets[i]) && !facts_alive(facts)) {
        return; /* it runs when it is due */
    } else if (change->action == RELOAD_RESTART && facts->want == WANT_RUN) {
        fact_restart_asked(facts, now_us, why);
        event_record(session, &(Event){.target = change->target,
                                       .kind = EVENT_ASKED,
                                       .reason = "ConfigChanged",
                                       .message = why,
                                       .cause = {.target = TARGET_FILE}});
    }
}

/* What is chosen by the names that were given, now that there is more, or less, to choose from. */
static void choose_again(Session *session) {
    const Graph *graph = &session->graph;
    AUTO_FREE unsigned char *chosen = xcalloc(graph->n, 1);
    AUTO_FREE const char **names = xcalloc(graph->n, sizeof(*names));
    size_t n = 0;
    Err err;
    for (size_t i = 0; i < graph->n; i++)
        if (session->chosen[i] && graph->targets[i].service && !graph->targets[i].service->leaving)
            names[n++] = graph->targets[i].name;
    AUTO_FREE unsigned char *all = xcalloc(graph->n, 1);
    if (graph_choose(graph, names, n, chosen, &err) < 0 ||
        (session->all && graph_choose(graph, NULL, 0, all, &err) < 0))
        return; /* unknown names alone are refused, and these are known */
    for (size_t i = 0; i < graph->n; i++)
        chosen[i] = (chosen[i] || all[i]) && !session->chosen[i];
    session_want(session, chosen);
    events_asked(session, chosen,
                 &(Event){.kind = EVENT_ASKED,
                          .reason = "ConfigChanged",
                          .message = "it is new in the config file",
                          .cause = {.target = TARGET_FILE}});
}

static void save(Session *session) {
    Err err;
    if (session_save(session, &err) < 0)
        log_warn("%s: %s", session->slug, err.msg);
    else
        session_drop_specs(session);
    session_touch(session);
    sys_point("reloaded");
}

/* Whoever looks on sees it at the file's own target. */
static void tell(Session *session, const char *summary) {
    fact_noted(&session->facts[session->graph.tiltfile], summary);
    event_record(session, &(Event){.kind = EVENT_CONFIG, .reason = "Reloaded", .message = summary});
}

/* Takes `next`. */
static int take_up(Session *session, Generation *next, Err *err) {
    Arena arena;
    ReloadPlan plan;
    arena_init(&arena);
    reload_plan(&session->graph, &next->graph, &arena, &plan);
    /* names in the plan are those of generations that may go */
    for (size_t i = 0; i < plan.n; i++)
        plan.at[i].target = arena_strdup(&arena, plan.at[i].target);
    int r = 0;
    session->reload_again = false;
    if (!plan.any)
        generation_unref(next);
    else if (!(next = with_leaving(session, next, err)) || swap(session, next, err) < 0)
        r = -1;
    if (plan.any && r == 0) {
        session->leaving = true; /* looked at when the session is settled */
        for (size_t i = 0; i < plan.n; i++)
            if (plan.at[i].action != RELOAD_KEEP)
                follow(session, &plan.at[i], &arena);
        choose_again(session);
        tell(session, reload_summary(&plan, path_base(session->config->file), &arena));
        save(session);
    }
    arena_deinit(&arena);
    return r;
}

/* ---- what is asked ---- */

static int refuse(const Session *session, Err *err) {
    if (session_refuses(session, err))
        return -1;
    if (session->ci)
        return err_set(err, ERR_CONFLICT,
                       "session %s is a ci run: it goes on with the file as it was when it began",
                       session->slug);
    return 0;
}

/* The first problem stands for all of them. */
static void file_failed(Session *session, int64_t started_us, const Report *report,
                        const Err *err) {
    Arena arena;
    arena_init(&arena);
    const char *text = err->msg;
    if (report->errors) {
        size_t first = 0;
        while (report->at[first].warning)
            first++;
        text = report_line(&report->at[first], &arena);
        if (report->errors > 1)
            text = arena_printf(&arena, "%s (and %zu more; `thole vet` shows them)", text,
                                report->errors - 1);
    }
    fact_file_read(&session->facts[session->graph.tiltfile], started_us,
                   loop_wall_us(session->engine->loop), text);
    target_mark(session->targets[session->graph.tiltfile]);
    session_touch(session);
    event_record(session, &(Event){.kind = EVENT_CONFIG, .reason = "Refused", .message = text});
    arena_deinit(&arena);
}

int session_reload(Session *session, Report *report, Err *err) {
    int64_t started_us = loop_wall_us(session->engine->loop);
    if (session->ci && !session_refuses(session, err) && !config_changed(session))
        return 0; /* as it was when it began */
    if (refuse(session, err) < 0)
        return -1;
    Generation *next = read_generation(session, report, err);
    if (!next || take_up(session, next, err) < 0) {
        file_failed(session, started_us, report, err);
        return -1;
    }
    session_file_read(session, started_us, loop_wall_us(session->engine->loop));
    return 0;
}

/* ---- what would happen ---- */

static bool is_running(const Session *session, const char *name) {
    int64_t i = session ? graph_find(&session->graph, name) : -1;
    if (i < 0)
        return false;
    const TargetFacts *facts = &session->facts[i];
    bool done = session->graph.targets[i].type == TARGET_JOB && facts->ever_succeeded;
    return facts->want == WANT_RUN && (facts->queued || facts_alive(facts) || done);
}

/* What has changed of what is not to run is only taken up. */
static bool is_wanted(const Session *session, const char *name) {
    int64_t i = graph_find(&session->graph, name);
    return i >= 0 && session->facts[i].want == WANT_RUN;
}

/* What starts because the names of the ask choose it; what nobody has asked for does not. Who names
 * nothing only looks on at what a session has already. */
static void preview_names(const Session *session, const Graph *next, const unsigned char *chosen,
                          bool named, ReloadPlan *plan) {
    for (size_t i = 0; i < plan->n; i++) {
        TargetChange *change = &plan->at[i];
        int64_t t = graph_find(next, change->target);
        bool wanted = t >= 0 && chosen[t];
        if (change->action == RELOAD_RESTART && !is_wanted(session, change->target))
            change->action = RELOAD_UPDATE;
        if (change->action == RELOAD_START && !wanted)
            change->action = RELOAD_KEEP;
        else if (change->action <= RELOAD_UPDATE && named && wanted &&
                 !is_running(session, change->target))
            *change = (TargetChange){change->target, RELOAD_START, "", "asked for"};
    }
}

static void preview_followers(const Session *session, const Graph *next, Arena *arena,
                              ReloadPlan *plan) {
    AUTO_FREE unsigned char *follows = xcalloc(next->n, 1);
    for (size_t t = 0; session && t < next->n; t++) {
        int64_t i = graph_find(&session->graph, next->targets[t].name);
        follows[t] = i >= 0 && facts_may_follow(&session->facts[i]);
    }
    reload_follow(next, follows, arena, plan);
}

/* Of a file without a session. */
static Generation *read_first(const SessionAsk *ask, Report *report, Err *err) {
    const ConfigAsk config_ask = session_config_first(ask);
    Arena arena;
    arena_init(&arena);
    const Config *config = session_read_config(&config_ask, &arena, report, err);
    if (config)
        return generation_new(config, &arena);
    arena_deinit(&arena);
    return NULL;
}

int session_preview(Engine *engine, const SessionAsk *ask, Report *report, ReloadPlan *ret,
                    Err *err) {
    const Graph nothing = {.config = NULL};
    Session *session = session_of_file(engine, ask->file, ask->session);
    if (session && session->ci && session->done)
        session = NULL; /* it gives way to the next one */
    if (session && refuse(session, err) < 0)
        return -1;
    Generation *next =
        session ? read_generation(session, report, err) : read_first(ask, report, err);
    if (!next)
        return -1;
    AUTO_FREE unsigned char *chosen = xcalloc(next->graph.n, 1);
    if (session_choose(next, &ask->names, &ask->labels, chosen, err) < 0) {
        generation_unref(next);
        return -1;
    }
    reload_plan(session ? &session->graph : &nothing, &next->graph, report->arena, ret);
    preview_names(session, &next->graph, chosen, !session || ask->names.n || ask->labels.n, ret);
    preview_followers(session, &next->graph, report->arena, ret);
    for (size_t i = 0; i < ret->n; i++)
        ret->at[i].target = arena_strdup(report->arena, ret->at[i].target);
    generation_unref(next);
    return 0;
}

/* The present config without what has left it; NULL: nothing has. */
static const Config *without_leaving(const Session *session, Arena *arena) {
    const Config *config = session->config;
    size_t n = 0;
    for (size_t i = 0; i < config->services.n; i++)
        n += !config->services.at[i].leaving;
    if (n == config->services.n)
        return NULL;
    Config *rest = arena_dup(arena, config, sizeof(*rest));
    rest->services.at = arena_alloc(arena, (n + 1) * sizeof(Service));
    rest->services.n = 0;
    for (size_t i = 0; i < config->services.n; i++)
        if (!config->services.at[i].leaving)
            rest->services.at[rest->services.n++] = config->services.at[i];
    return rest;
}

bool session_drop_leaving(Session *session) {
    Err err;
    if (!session->leaving || session->adopting)
        return false;
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->graph.targets[i].service && session->graph.targets[i].service->leaving &&
            is_there(session, i))
            return false;
    session->leaving = false;
    Arena arena;
    arena_init(&arena);
    const Config *rest = without_leaving(session, &arena);
    Generation *next = rest ? copy_generation(rest, &err) : NULL;
    arena_deinit(&arena);
    if (!rest)
        return false;
    if (!next || swap(session, next, &err) < 0) {
        log_warn("%s: %s", session->slug, err.msg);
        return false;
    }
    save(session);
    return true;
}
