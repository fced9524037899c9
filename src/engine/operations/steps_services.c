/* SPDX-License-Identifier: Apache-2.0 */
/* start_services and stop_services: the session of the worktree, with the ports of the environment.
 * It is done when all that starts by itself is ready, or has done its job. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/compute/git_tree.h"
#include "engine/operations/steps.h"
#include "engine/sessions/session_elsewhere.h"
#include "engine/sessions/session_environment.h"
#include "engine/sessions/reload.h"
#include "engine/sessions/stopped.h"
#include "engine/targets/target.h"
#include "spec/digest.h"

/* The config file as the worktree has it. */
static char *file_of(const Operation *operation) {
    return path_join(entry_root(&operation->entry), path_base(operation->config->file));
}

static Session *session_of_operation(const Operation *operation) {
    AUTO_FREE char *file = file_of(operation);
    return session_of_file(operation->engine, file, NULL);
}

/* ---- is all of it there? ---- */

/* What `thole ci` takes for a failure: a server that ended is one, though it is tried again. */
static bool failed_early(const Operation *operation, const TargetFacts *facts) {
    int64_t waited_ms = loop_now_ms(operation->engine->loop) - operation->doing.since_ms;
    return facts->failure && waited_ms >= operation->config->ci.grace_ms;
}

/* Why a target that somebody asked for is not what it should be yet; NULL: it is. */
static const char *pending(const Operation *operation, const Session *session, size_t i,
                           bool *ret_failed) {
    const TargetStatus *status = &session->statuses[i];
    const TargetState *state = &status->state;
    bool job = session->graph.targets[i].type == TARGET_JOB;
    if (!session->chosen[i] && i != session->graph.tiltfile)
        return NULL;
    switch (state->phase) {
    case PHASE_DISABLED: return NULL;
    case PHASE_NONE: return session->facts[i].want == WANT_STOPPED ? NULL : "it was not begun yet";
    case PHASE_ACTIVE:
        return !job && state->ready ? NULL : status->message ? status->message : "it runs";
    case PHASE_TERMINATED:
        *ret_failed |= state->error != NULL;
        return state->error || !job ? state->error : NULL;
    case PHASE_WAITING:
        if (str_same(state->wait_reason, hold_reason(HOLD_SCHEDULE)) ||
            str_same(state->wait_reason, "waiting-for-connection"))
            return NULL;
        *ret_failed |= str_same(state->wait_reason, hold_reason(HOLD_BACKOFF)) &&
                       failed_early(operation, &session->facts[i]);
        if (*ret_failed)
            return session->facts[i].failure;
        return status->message ? status->message : "it waits";
    }
    return NULL;
}

typedef struct Found {
    const char *target, *why; /* the first that is not there; NULL: all are */
    bool failed;
} Found;

static Found find(const Operation *operation, const Session *session) {
    Found found = {0};
    if (!session->ready || session->adopting)
        return (Found){.target = "the session", .why = "it is being set up"};
    for (size_t i = 0; i < session->graph.n && !found.failed; i++) {
        bool failed = false;
        const char *why = pending(operation, session, i, &failed);
        if (why && (!found.target || failed))
            found = (Found){session->graph.targets[i].name, why, failed};
    }
    return found;
}

/* ---- start ---- */

static void look_away(Operation *operation) {
    watcher_remove(&operation->watcher);
    operation->watching = false;
    operation->limit = timer_free(operation->limit);
}

static void end(Operation *operation, const Err *err) {
    look_away(operation);
    operation_step_ended(operation, err);
}

static void look_at(Operation *operation) {
    const Session *session = session_of_operation(operation);
    Err err;
    if (operation->canceled) {
        err_set(&err, ERR_CANCELLED, "canceled");
        end(operation, &err);
        return;
    }
    if (!session || session->deleting) {
        err_set(&err, ERR_CANCELLED, "its services were stopped meanwhile");
        end(operation, &err);
        return;
    }
    Found found = find(operation, session);
    if (found.failed) {
        err_set(&err, ERR_FAILED, "%s: %s; `thole -C %s logs` shows what it wrote", found.target,
                found.why, entry_root(&operation->entry));
        end(operation, &err);
    } else if (!found.target) {
        end(operation, NULL);
    }
}

/* What was asked of it a moment ago shows once that is drained: then it is looked at again. */
static void watch(Operation *operation, LoopFn fn) {
    operation->watcher = (Watcher){.fn = fn, .arg = operation};
    watcher_add(operation->engine->objects, &operation->watcher);
    operation->watching = true;
    objects_tell(operation->engine->objects);
}

static bool shows(const Operation *operation) {
    if (operation->engine->drain)
        objects_tell(operation->engine->objects);
    return !operation->engine->drain;
}

static void on_change(void *arg) {
    if (shows(arg))
        look_at(arg);
}

static void on_late(void *arg) {
    Operation *operation = arg;
    const Session *session = session_of_operation(operation);
    char limit[DURATION_TEXT];
    Found found = session ? find(operation, session) : (Found){0};
    Err err;
    duration_format_go(operation->config->ci.readiness_timeout_ms, limit);
    err_set(&err, ERR_FAILED, "%s was not ready after %s: %s",
            found.target ? found.target : "the session", limit, found.why ? found.why : "");
    end(operation, &err);
}

static void wait_for_services(Operation *operation) {
    int64_t limit_ms = operation->config->ci.readiness_timeout_ms;
    operation->doing.since_ms = loop_now_ms(operation->engine->loop);
    if (limit_ms)
        operation->limit = timer_new(operation->engine->loop, limit_ms, on_late, operation);
    watch(operation, on_change);
}

/* What is wrong with the file says more than that it is; and whose file it is. */
static int first_problem(Operation *operation, const char *file, const Report *report, Err *err) {
    const char *branch = operation->entry.branch;
    if (access(file, F_OK) < 0)
        return err_set(err, ERR_INVALID, "branch %s has no %s: commit it there, in %s", branch,
                       path_base(file), entry_root(&operation->entry));
    if (report->errors)
        err_set(err, ERR_INVALID, "the %s of branch %s is not valid: %s", path_base(file), branch,
                report_line(&report->at[0], &operation->arena));
    return -1;
}

static int create(Operation *operation, const char *file, Err *err) {
    SessionAsk ask = {.file = file,
                      .ci_timeout_ms = -1,
                      .ci_readiness_timeout_ms = -1,
                      .client = operation->ask.client,
                      .environment = &operation->entry};
    Report report;
    report_init(&report, &operation->arena);
    Session *session = session_create(operation->engine, &ask, &report, err);
    if (session) { /* which leases them in a moment */
        operation_give_ports(operation, session);
        return 0;
    }
    return first_problem(operation, file, &report, err);
}

/* One that is up already takes up what has changed, and what was stopped is started again. */
static int take_up(Operation *operation, Session *session, Err *err) {
    static const StrList all;
    Report report;
    report_init(&report, &operation->arena);
    operation_give_ports(operation, session);
    if (session_set_environment(session, &operation->entry, err) < 0)
        return -1;
    if (session_reload(session, &report, err) < 0)
        return first_problem(operation, session->config->file, &report, err);
    return session_start(session, &(StartAsk){.names = &all}, err);
}

static void begin(Operation *operation) {
    AUTO_FREE char *file = file_of(operation);
    Session *session = session_of_file(operation->engine, file, NULL);
    Err err;
    int r = session && !session->done ? take_up(operation, session, &err)
                                      : create(operation, file, &err);
    if (r < 0)
        operation_step_ended(operation, &err);
    else
        wait_for_services(operation);
}

/* On a worker: of which file they are. Whether they run, with what the environment gives them now,
 * is looked at on the loop. */
static int look(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    AUTO_FREE char *file = file_of(operation);
    Digest *digest = digest_new();
    digest_add_text(digest, file);
    ret->own = digest_end(digest, arena);
    return 0;
}

static void look_on_loop(Operation *operation, StepFound *ret) {
    const Session *session = session_of_operation(operation);
    if (!session || session->done || session->deleting || !session->all ||
        find(operation, session).target)
        ret->why = "not all services run";
    else if (!session->environment || !entry_gives_same(session->environment, &operation->entry))
        ret->why = "services have not been told what changed in the environment";
    ret->stands = ret->why == NULL;
}

/* Services that only the config of the project itself has, as it is on disk: "a, b"; "": none. */
static const char *not_in_branch(Operation *operation, const Config *branch) {
    const Config *config = operation->config;
    const char *names = "";
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        if (service->command.argv.n && !config_service(branch, service->name))
            names =
                arena_printf(&operation->arena, "%s%s%s", names, *names ? ", " : "", service->name);
    }
    return names;
}

static void note_not_in_branch(Operation *operation) {
    const Session *session = session_of_operation(operation);
    const char *names = session ? not_in_branch(operation, session->config) : "";
    if (*names)
        operation->note = arena_printf(
            &operation->arena,
            "not started: %s; only %s and the overlay beside it have that, not those of the "
            "branch in %s: commit it there",
            names, operation->config->file, entry_root(&operation->entry));
}

/* Whose session runs them. */
static int take(Operation *operation, Err *err) {
    note_not_in_branch(operation);
    operation->doing.produced = operation_started_here(operation);
    return 0;
}

const StepDoer start_services_doer = {
    .look = look, .look_on_loop = look_on_loop, .begin = begin, .take = take};

/* ---- stop ---- */

/* What somebody has written into a state is not believed: of a directory that other things are in
 * all that runs would be ended. One that is gone, or whose repository is, was ours. */
static bool is_our_tree(const Operation *operation, const char *path) {
    Arena arena;
    GitTree tree, project;
    Err err;
    arena_init(&arena);
    bool ours = access(path, F_OK) < 0;
    if (!ours && git_tree_of(path, &arena, &tree, &err) < 0)
        ours = err.kind == ERR_INVALID;
    else if (!ours && !*tree.prefix)
        ours = git_tree_of(operation->config->root, &arena, &project, NULL) < 0 ||
               (strcmp(tree.common, project.common) == 0 && strcmp(tree.top, project.top) != 0);
    arena_deinit(&arena);
    return ours;
}

/* Of a tree that goes every session, whatever its name or its file; else that of its services. (To
 * stop ends the others in a tree of ours, too, and forgets nothing of them.) */
static bool goes_whole(const Operation *operation) {
    const char *path = entry_path(&operation->entry); /* "": it is on another machine */
    return operation->ask.kind == OPERATION_DELETE && !operation->ask.keep_worktree && *path &&
           operation->entry.compute->managed && is_our_tree(operation, path);
}

/* That of which they are, or all are below. Returns owned. */
static char *place_of_sessions(const Operation *operation) {
    return goes_whole(operation) ? xstrdup(entry_path(&operation->entry)) : file_of(operation);
}

/* The next one that is to end; NULL: none is left. */
static Session *next_session(const Operation *operation) {
    AUTO_FREE char *where = place_of_sessions(operation);
    bool all = goes_whole(operation), stops = operation->ask.kind == OPERATION_STOP &&
                                              is_our_tree(operation, entry_path(&operation->entry));
    Session *session;
    LIST_FOREACH (session, &operation->engine->sessions, link)
        if ((path_below(session->config->file, where) && (all || !session->name)) ||
            (stops && environment_has(operation->environment, session)))
            return session;
    return NULL;
}

/* Why one of its targets could not be stopped; NULL: all may be yet. */
static const char *survivor(const Session *session) {
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->facts[i].stop_failed && session->targets[i]->stop_failed[0])
            return session->targets[i]->stop_failed;
    return NULL;
}

static void on_gone(void *arg) {
    Operation *operation = arg;
    Err err;
    if (!shows(operation))
        return;
    Session *session = next_session(operation);
    const char *why = session ? survivor(session) : NULL;
    if (!session) {
        end(operation, NULL);
    } else if (operation->canceled) {
        err_set(&err, ERR_CANCELLED, "canceled; its services are still being stopped");
        end(operation, &err);
    } else if (why) {
        err_set(&err, ERR_DENIED, "%s", why);
        end(operation, &err);
    } else if (!session->deleting) {
        session_delete(session, -1, operation->ask.kind == OPERATION_DELETE);
    }
}

/* Of those that are down already something may linger: they come up once more to end it. Files of
 * the others are removed by cleanup_env. */
static void take_those_down(const Operation *operation) {
    Engine *engine = operation->engine;
    AUTO_FREE char *where = place_of_sessions(operation);
    Arena arena;
    StoppedList list;
    Err err;
    arena_init(&arena);
    stopped_list(engine->state_dir, &arena, &list);
    for (size_t i = 0; i < list.n; i++)
        if (!path_below(list.at[i].file, where))
            continue;
        else if (!list.at[i].helpers)
            engine_forget_ports(engine, list.at[i].file, list.at[i].name);
        else if (session_purge_down(engine, list.at[i].slug, &err) < 0)
            log_warn("%s: %s", list.at[i].slug, err.msg);
    arena_deinit(&arena);
}

static void begin_stop(Operation *operation) {
    if (operation->ask.kind == OPERATION_DELETE)
        take_those_down(operation);
    Session *session = next_session(operation);
    if (!session) {
        operation_step_ended(operation, NULL);
        return;
    }
    session_delete(session, -1, operation->ask.kind == OPERATION_DELETE);
    watch(operation, on_gone);
}

const StepDoer stop_services_doer = {.begin = begin_stop};

bool steps_sessions_down(const Operation *operation, const char *state_dir) {
    AUTO_FREE char *where = place_of_sessions(operation);
    return stopped_all_below(state_dir, where);
}

const char *steps_sessions_elsewhere(const Operation *operation, Arena *arena) {
    if (!entry_path(&operation->entry)[0] ||
        (operation->ask.kind == OPERATION_DELETE && !goes_whole(operation)))
        return NULL;
    AUTO_FREE char *where = place_of_sessions(operation);
    return session_elsewhere(operation->engine->state_dir, where, arena);
}

int steps_purge_sessions(const Operation *operation, Err *err) {
    AUTO_FREE char *where = place_of_sessions(operation);
    return stopped_purge_below(operation->engine->state_dir, where, err);
}
