/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/targets/service_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/glob.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/files/circle.h"
#include "engine/files/own_files.h"
#include "engine/sessions/session_files.h"
#include "spec/digest.h"

enum { PENDING_MAX = 1000, LATER_MS = 1000, LATER_MAX_MS = 60 * 1000, CAUSE_TEXT = 200 };

struct ServiceWatch {
    Target *target; /* of the command */
    char *key;      /* what it was made from */
    FileWatch *files;
    GlobSet *outputs; /* NULL: none */
    OwnFiles built, served;
    Map pending; /* paths; values mean nothing */
    char *pending_first;
    size_t recalled;      /* pending ones of an earlier server, whose paths are not known */
    char own[CAUSE_TEXT]; /* a file of its own that has changed */
    Circle circle;
    bool goes_round; /* `own` is not its own, but changes again and again */
    Timer *later;    /* after which it is started again all the same */
    int64_t later_ms;
    Op *signal;
};

/* ---- the targets of a service ---- */

static Target *target_at(const Session *session, uint32_t index) {
    return index == TARGET_NONE ? NULL : session->targets[index];
}

static ServiceTargets targets_of(const Target *target) {
    const Session *session = target->session;
    const Service *service = target_spec(target)->service;
    return session->graph.of[service - session->config->services.at];
}

Target *target_main(const Target *target) {
    if (!target_spec(target)->service)
        return NULL;
    ServiceTargets of = targets_of(target);
    return target_at(target->session, of.serve != TARGET_NONE ? of.serve : of.update);
}

Target *target_build(const Target *target) {
    ServiceTargets of = targets_of(target);
    return of.serve != TARGET_NONE ? target_at(target->session, of.update) : NULL;
}

static OnChange on_change(const Target *main) {
    const Service *service = target_spec(main)->service;
    if (service->watch.on_change != CHANGE_DEFAULT)
        return service->watch.on_change;
    return target_spec(main)->type == TARGET_JOB || target_build(main) ? CHANGE_REBUILD
                                                                       : CHANGE_RESTART;
}

bool target_patient(const Target *target) {
    return target_spec(target)->type == TARGET_JOB &&
           on_change(target_main(target)) != CHANGE_RESTART;
}

/* ---- acting on a change ---- */

static void run_again(Target *target, const char *cause) {
    Loop *loop = target->session->engine->loop;
    fact_changed(target_facts(target), loop_wall_us(loop), target_patient(target), cause);
    event_record(target->session, &(Event){.target = target_name(target),
                                           .kind = EVENT_ASKED,
                                           .reason = "FileChanged",
                                           .message = cause});
    target_mark(target);
}

static void on_signalled(void *arg, const void *result, const Err *err) {
    ServiceWatch *watch = arg;
    watch->signal = NULL;
    if (err)
        log_warn("%s %s: %s", watch->target->session->slug, target_name(watch->target), err->msg);
}

static void send_signal(Target *main, const char *cause) {
    const TargetFacts *facts = target_facts(main);
    char message[CAUSE_TEXT + 40];
    op_drop(main->watch->signal);
    main->watch->signal = backend_signal_step(
        main->session->engine->backend, target_step_id(main, facts->run),
        (int)target_spec(main)->service->watch.signal, on_signalled, main->watch);
    snprintf(message, sizeof(message), "%s: it was sent a signal", cause);
    fact_noted(target_facts(main), message);
    event_record(main->session, &(Event){.target = target_name(main),
                                         .run = facts->run,
                                         .kind = EVENT_WATCH,
                                         .reason = "Signalled",
                                         .message = message});
    target_mark(main);
}

void service_watch_apply(Target *main, const char *cause) {
    OnChange how = on_change(main);
    bool running = target_facts(main)->run_state == RUN_RUNNING;
    Target *build = how == CHANGE_REBUILD ? target_build(main) : NULL;
    Err err;
    if (how == CHANGE_SIGNAL && running && main->watch) {
        send_signal(main, cause);
        return;
    }
    if (build)
        run_again(build, cause);
    run_again(main, cause);
    if (session_save(main->session, &err) < 0)
        log_warn("%s: %s", main->session->slug, err.msg);
}

/* ---- what waits to be applied ---- */

static void show(ServiceWatch *watch) {
    target_retold(watch->target);
}

static void remember(ServiceWatch *watch, const char *path) {
    if (!watch->pending_first)
        watch->pending_first = xstrdup(path);
    if (watch->pending.n < PENDING_MAX)
        map_put(&watch->pending, path, watch);
}

static void forget(ServiceWatch *watch) {
    map_deinit(&watch->pending);
    map_init(&watch->pending);
    free(watch->pending_first);
    watch->pending_first = NULL;
    watch->recalled = 0;
}

static void say_cause(const char *first, size_t n, char *text, size_t size) {
    if (n > 1)
        snprintf(text, size, "%.*s changed (and %zu more)", CAUSE_TEXT - 50, first, n - 1);
    else
        snprintf(text, size, "%.*s changed", CAUSE_TEXT - 50, first);
}

static size_t pending_n(const ServiceWatch *watch) {
    return watch->recalled + watch->pending.n;
}

bool service_watch_take(ServiceWatch *watch, char *cause, size_t size) {
    if (!watch || !watch->pending_first)
        return false;
    say_cause(watch->pending_first, pending_n(watch), cause, size);
    forget(watch);
    show(watch);
    return true;
}

PendingChanges service_watch_pending(const Target *main) {
    const ServiceWatch *watch = main->watch;
    if (!watch || !watch->pending_first)
        return (PendingChanges){0};
    return (PendingChanges){pending_n(watch), watch->pending_first};
}

static void keep(ServiceWatch *watch, const char *cause) {
    Session *session = watch->target->session;
    Err err;
    event_record(session, &(Event){.target = target_name(watch->target),
                                   .kind = EVENT_WATCH,
                                   .reason = "Changed",
                                   .message = cause});
    if (session_save(session, &err) < 0)
        log_warn("%s: %s", session->slug, err.msg);
    show(watch);
}

/* ---- changes ---- */

static void on_later(void *arg) {
    ServiceWatch *watch = arg;
    char cause[CAUSE_TEXT];
    watch->own[0] = '\0';
    if (watch->target->session->deleting || !service_watch_take(watch, cause, sizeof(cause)))
        return;
    watch->circle.at_ms = loop_now_ms(watch->target->session->engine->loop);
    service_watch_apply(watch->target, cause);
}

static void say_own(ServiceWatch *watch, const char *path) {
    if (!watch->own[0])
        event_record(watch->target->session, &(Event){.target = target_name(watch->target),
                                                      .kind = EVENT_WATCH,
                                                      .reason = "OwnFile",
                                                      .message = path});
    str_copy(watch->own, sizeof(watch->own), path);
}

/* After a pause that grows. */
static void apply_later(ServiceWatch *watch, const char *path) {
    remember(watch, path);
    watch->later_ms = watch->later_ms ? watch->later_ms * 2 : LATER_MS;
    if (watch->later_ms > LATER_MAX_MS)
        watch->later_ms = LATER_MAX_MS;
    timer_set(watch->later, watch->later_ms);
}

/* Its own doing: nothing follows, but of a server, of which somebody may have written it, after a
 * pause. */
static void on_own(ServiceWatch *watch, const char *path) {
    watch->goes_round = false;
    say_own(watch, path);
    if (target_spec(watch->target)->type == TARGET_SERVER)
        apply_later(watch, path);
    show(watch);
}

/* Two that write what the other one watches: each is the cause of the other. */
static void on_circle(ServiceWatch *watch, const char *path) {
    watch->goes_round = true;
    say_own(watch, path);
    if (watch->pending_first)
        remember(watch, path);
    else
        apply_later(watch, path);
    show(watch);
}

/* Who is not running wrote nothing. */
static bool is_own(ServiceWatch *watch, const FileChange *change) {
    Target *build = target_build(watch->target);
    PlanWorld world = session_world(watch->target->session);
    if (build && own_files_has(&watch->built, target_facts(build), change, &world))
        return true;
    return own_files_has(&watch->served, target_facts(watch->target), change, &world);
}

static void on_changed(void *arg, const FileChanges *changes) {
    ServiceWatch *watch = arg;
    Session *session = watch->target->session;
    const Service *service = target_spec(watch->target)->service;
    const char *first = NULL, *own = NULL;
    size_t n = changes->total - changes->n; /* those that are not named */
    char cause[CAUSE_TEXT];
    if (session->deleting || session->done || target_facts(watch->target)->want != WANT_RUN)
        return;
    for (size_t i = 0; i < changes->n; i++) {
        const char *path = changes->at[i].path;
        if (watch->outputs && glob_set_match(watch->outputs, path))
            continue;
        if (is_own(watch, &changes->at[i])) {
            own = own ? own : path;
            continue;
        }
        n++;
        first = first ? first : path;
        if (service->trigger == TRIGGER_MANUAL)
            remember(watch, path);
    }
    if (!first && own)
        on_own(watch, own);
    if (!first)
        return;
    say_cause(first, n, cause, sizeof(cause));
    if (service->trigger == TRIGGER_MANUAL) {
        keep(watch, cause);
        return;
    }
    if (circle_goes_on(&watch->circle, first, loop_now_ms(session->engine->loop),
                       watch->later_ms)) {
        on_circle(watch, first);
        return;
    }
    watch->own[0] = '\0';
    watch->later_ms = 0;
    timer_clear(watch->later);
    forget(watch);
    service_watch_apply(watch->target, cause);
}

static void watched(ServiceWatch *watch) {
    Target *build = target_build(watch->target);
    fact_watched(target_facts(watch->target));
    target_mark(watch->target);
    if (!build)
        return;
    fact_watched(target_facts(build));
    target_mark(build);
}

static void on_begun(void *arg) {
    watched(arg);
}

static void on_troubled(void *arg, const char *why) {
    ServiceWatch *watch = arg;
    event_record(watch->target->session,
                 &(Event){.target = target_name(watch->target),
                          .kind = EVENT_WATCH,
                          .reason = why ? "Degraded" : "Restored",
                          .message = why ? why : "files are watched again"});
    show(watch);
}

static const FileWatchEvents file_events = {on_begun, on_changed, on_troubled};

void service_watch_describe(const ServiceWatch *watch, char *text, size_t size) {
    const char *trouble = watch && watch->files ? file_watch_trouble(watch->files) : NULL;
    text[0] = '\0';
    if (!watch)
        return;
    const char *name = target_spec(watch->target)->resource;
    size_t n = pending_n(watch);
    if (watch->own[0] && watch->goes_round)
        snprintf(
            text, size,
            "%s changes again and again, so each run waits a while; name it in `ignore`, or in "
            "`outputs` of who writes it",
            watch->own);
    else if (watch->own[0])
        snprintf(text, size,
                 "each of its runs writes %s, which does not start it again; name it in `outputs`",
                 watch->own);
    else if (watch->pending_first && n > 1)
        snprintf(text, size, "%zu files changed, `thole trigger %s` applies them", n, name);
    else if (watch->pending_first)
        snprintf(text, size, "%s changed, `thole trigger %s` applies it", watch->pending_first,
                 name);
    size_t at = strlen(text);
    if (trouble && at < size)
        snprintf(text + at, size - at, "%s%s", at ? "; " : "", trouble);
}

/* ---- life ---- */

static void add_list(Digest *digest, const StrList *list) {
    for (size_t i = 0; i < list->n; i++)
        digest_add_text(digest, list->at[i]);
    digest_add_text(digest, "");
}

/* All that it is made from; owned. */
static char *make_key(const Target *main) {
    const Service *service = target_spec(main)->service;
    uint8_t bytes[DIGEST_BYTES];
    char hex[2 * DIGEST_BYTES + 1];
    Digest *digest = digest_new();
    add_list(digest, &service->watch.paths);
    add_list(digest, &service->watch.ignore);
    add_list(digest, &service->outputs);
    digest_add(digest, &service->watch.debounce_ms, sizeof(service->watch.debounce_ms));
    digest_add_text(digest, main->session->config->root);
    digest_take(digest, bytes);
    digest_free(digest);
    str_hex(hex, bytes, sizeof(bytes));
    return xstrdup(hex);
}

static void wait_for_watch(Target *target) {
    if (target && !facts_alive(target_facts(target)))
        fact_unwatched(target_facts(target));
}

static void begin_files(ServiceWatch *watch) {
    Target *main = watch->target, *build = target_build(main);
    const Service *service = target_spec(main)->service;
    FileWatchAsk ask = {.root = main->session->config->root,
                        .globs = &service->watch.paths,
                        .ignore = &service->watch.ignore,
                        .debounce_ms = service->watch.debounce_ms};
    Err err;
    own_files_begin(&watch->served, target_spec(main)->type, target_facts(main));
    if (build)
        own_files_begin(&watch->built, TARGET_JOB, target_facts(build));
    if (service->outputs.n)
        watch->outputs = glob_set_new(service->outputs.at, service->outputs.n, &err);
    watch->files = file_watch_new(main->session->engine->files, &ask, &file_events, watch, &err);
    if (!watch->files) { /* the config was checked */
        log_error("%s %s: %s", main->session->slug, target_name(main), err.msg);
        return;
    }
    wait_for_watch(main);
    wait_for_watch(build);
}

static void end_files(ServiceWatch *watch) {
    watch->files = file_watch_free(watch->files);
    watch->outputs = glob_set_free(watch->outputs);
    own_files_deinit(&watch->built);
    own_files_deinit(&watch->served);
    watch->circle = (Circle){.row = 0};
}

static ServiceWatch *service_watch_new(Target *main) {
    ServiceWatch *watch = xcalloc(1, sizeof(*watch));
    watch->target = main;
    watch->later = timer_idle(main->session->engine->loop, on_later, watch);
    map_init(&watch->pending);
    return watch;
}

ServiceWatch *service_watch_free(ServiceWatch *watch) {
    if (!watch)
        return NULL;
    end_files(watch);
    timer_free(watch->later);
    op_drop(watch->signal);
    forget(watch);
    map_deinit(&watch->pending);
    free(watch->key);
    free(watch);
    return NULL;
}

void service_watch_remember(Target *main, const PendingChanges *pending) {
    if (!pending->n || !pending->first)
        return;
    if (!main->watch)
        main->watch = service_watch_new(main);
    main->watch->recalled = pending->n;
    main->watch->pending_first = xstrdup(pending->first);
}

static bool should_watch(const Target *target) {
    const Session *session = target->session;
    const Service *service = target_spec(target)->service;
    return service && service->watch.paths.n && !session->ci && !session->deleting &&
           session->engine->files && target_main(target) == target;
}

static void follow(Target *target) {
    if (!should_watch(target)) {
        if (target->watch)
            watched(target->watch);
        target->watch = service_watch_free(target->watch);
        return;
    }
    AUTO_FREE char *key = make_key(target);
    if (!target->watch)
        target->watch = service_watch_new(target);
    ServiceWatch *watch = target->watch;
    if (str_same(watch->key, key))
        return;
    free(watch->key);
    watch->key = TAKE(key);
    end_files(watch);
    begin_files(watch);
}

void watches_follow(Session *session) {
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->targets[i]->watch ||
            (session->graph.targets[i].service && session->graph.targets[i].service->watch.paths.n))
            follow(session->targets[i]);
}
