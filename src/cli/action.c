/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/action.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/helpers.h"
#include "cli/last_words.h"
#include "cli/request.h"
#include "cli/targets.h"
#include "spec/routes.h"

const Option action_options[ACTION_OPTION_ALL] = {
    OPTION_LABELS(ActionOptions),
    {"timeout", 0, OPTION_DURATION, offsetof(ActionOptions, timeout_ms), "DURATION",
     "give up after this long (exit code 4)", NULL},
    {"with-deps", 0, OPTION_FLAG, offsetof(ActionOptions, with_deps), NULL,
     "also what it depends on, or what depends on it", NULL},
};

const Option run_options[RUN_OPTION_N] = {
    OPTION_LABELS(ActionOptions),
    {"timeout", 0, OPTION_DURATION, offsetof(ActionOptions, timeout_ms), "DURATION",
     "give up after this long (exit code 4)", NULL},
    {"force", 0, OPTION_FLAG, offsetof(ActionOptions, force), NULL,
     "run jobs even if nothing has changed", NULL},
};

typedef struct Wish {
    Cli *cli;
    Action action;
    const ActionOptions *options;
    const char *slug;
    Targets targets;
    int64_t *runs;     /* of each target: the last one that does not count */
    int64_t *versions; /* of each target: what it was before the wish was taken */
} Wish;

/* ---- asking ---- */

/* Tells the version at which it was taken. */
static int post(Wish *w, const char *path, const char *body, int64_t *ret_version, Err *err) {
    Arena arena;
    const Value *reply;
    arena_init(&arena);
    int r = client_ask(&w->cli->client, "POST", path, body, &arena, &reply, err);
    if (r == 0)
        *ret_version = object_version(reply);
    arena_deinit(&arena);
    return r;
}

static int post_target(Wish *w, size_t i, const char *verb, Err *err) {
    const char *body = w->options->with_deps ? "{\"withDeps\":true}"
                       : w->options->force   ? "{\"force\":true}"
                                             : "{}";
    const TargetView *view = &w->targets.all.at[i]->view;
    AUTO_FREE char *path =
        xasprintf(THOLE_API "/namespaces/%s/targets/%s/%s", w->slug, view->object, verb);
    if (post(w, path, body, &w->versions[i], err) == 0)
        return 0;
    return str_starts(err->msg, view->name) ? -1 : err_in(err, "%s", view->name);
}

/* With its dependencies, which is why the session is asked. */
static int post_start(Wish *w, Err *err) {
    UpAsk ask = {.timeout_ms = -1,
                 .readiness_timeout_ms = -1,
                 .labels = w->options->labels,
                 .force = w->options->force};
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s/start", w->slug);
    AUTO_FREE char *body = request_up(w->cli, &ask, true, err);
    int64_t version = 0;
    if (!body || post(w, path, body, &version, err) < 0)
        return -1;
    for (size_t i = 0; i < w->targets.all.n; i++)
        w->versions[i] = version;
    return 0;
}

static bool is_named(const Wish *w, const char *name) {
    for (size_t i = 0; i < w->cli->names.n; i++)
        if (strcmp(w->cli->names.at[i], name) == 0)
            return true;
    return false;
}

static bool has_server(const Wish *w, const Seen *job) {
    for (size_t i = 0; i < w->targets.all.n; i++) {
        const Seen *server = w->targets.all.at[i];
        if (server->chosen && !server->view.job &&
            str_same(server->view.resource, job->view.resource))
            return true;
    }
    return false;
}

/* Chosen for its server's sake: a resource is started by its server, its build is a target of its
 * own. */
static bool is_build(const Wish *w, const Seen *seen) {
    return seen->view.job && !is_named(w, seen->view.name) && has_server(w, seen);
}

static void leave_builds(Wish *w) {
    for (size_t i = 0; i < w->targets.all.n; i++) {
        Seen *seen = w->targets.all.at[i];
        if (seen->chosen && is_build(w, seen))
            seen->chosen = false;
    }
}

static bool is_done(const Seen *seen) {
    return target_scheduled(&seen->view) ||
           (seen->view.job && seen->view.phase == PHASE_TERMINATED && !seen->view.error);
}

/* A job that is done runs again if it is named itself, not for the sake of a group or of its
 * server. */
static bool runs_again(const Wish *w, const Seen *seen) {
    return is_done(seen) &&
           (is_named(w, seen->view.name) ||
            (seen->view.resource && is_named(w, seen->view.resource) && !has_server(w, seen)));
}

/* Is the run that we see good enough? A job that failed or was done before must run anew. */
static bool stays(const Wish *w, const Seen *seen) {
    if (w->action != ACTION_START || !seen->view.job)
        return false;
    return seen->view.phase == PHASE_ACTIVE ||
           (is_done(seen) && !runs_again(w, seen) && !w->options->force);
}

static int start_all(Wish *w, Err *err) {
    int r = post_start(w, err);
    for (size_t i = 0; r == 0 && i < w->targets.all.n; i++) {
        const Seen *seen = w->targets.all.at[i];
        if (seen->chosen && runs_again(w, seen))
            r = post_target(w, i, "start", err);
    }
    return r;
}

static int wish(Wish *w, Err *err) {
    static const char *const verbs[] = {[ACTION_STOP] = "stop",
                                        [ACTION_RESTART] = "restart",
                                        [ACTION_ENABLE] = "enable",
                                        [ACTION_DISABLE] = "disable"};
    if (w->action == ACTION_RESTART)
        leave_builds(w);
    for (size_t i = 0; i < w->targets.all.n; i++) {
        const Seen *seen = w->targets.all.at[i];
        w->runs[i] = seen->view.run - stays(w, seen);
    }
    if (w->action == ACTION_START)
        return start_all(w, err);
    for (size_t i = 0; i < w->targets.all.n; i++) {
        const Seen *seen = w->targets.all.at[i];
        if (seen->chosen && post_target(w, i, verbs[w->action], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- waiting ---- */

typedef enum Come { COME_NOT_YET, COME_TRUE, COME_FAILED, COME_STOPPED, COME_SURVIVED } Come;

enum { CHANGED = 1 }; /* since the wish */

static void on_change(void *arg, Seen *seen, const char *before) {
    seen->marks |= CHANGED;
}

/* Gone, or somebody started it again meanwhile: a later run is proof that ours had ended. */
static Come stopped(const Seen *seen, int64_t before) {
    const TargetView *view = &seen->view;
    bool is_new = view->run > before && !view->stopping;
    return is_new || (view->phase != PHASE_ACTIVE && view->phase != PHASE_WAITING) ? COME_TRUE
                                                                                   : COME_NOT_YET;
}

/* A server has been started when it runs, a job when it has ended: so the outcome does not hang on
 * who looks first. */
static Come started(const Wish *w, size_t i, bool fresh) {
    const Seen *seen = w->targets.all.at[i];
    const TargetView *view = &seen->view;
    int64_t before = w->runs[i];
    bool is_new = view->run > before || (view->skipped > before && seen->marks & CHANGED);
    if (view->phase == PHASE_ACTIVE && !view->job && !view->stopping && (is_new || !fresh))
        return COME_TRUE;
    if (view->phase == PHASE_WAITING && str_same(view->reason, "waiting-for-connection"))
        return COME_TRUE;       /* a lazy server: that is all that it is to do */
    if (target_scheduled(view)) /* its run is over, and the next is due some time */
        return view->version <= w->versions[i] ? COME_NOT_YET
               : target_failed_before(view)    ? COME_FAILED
                                               : COME_TRUE;
    if (seen_is(seen, "backoff") && seen->marks & CHANGED)
        return COME_FAILED; /* it is tried again, but that was not all well */
    if (view->phase == PHASE_TERMINATED && is_new)
        return view->error ? COME_FAILED : COME_TRUE;
    return COME_NOT_YET;
}

static Come state_of(const Wish *w, size_t i) {
    const Seen *seen = w->targets.all.at[i];
    if (seen->view.stop_failed && seen->marks & CHANGED && w->action != ACTION_START)
        return COME_SURVIVED;
    if (seen_unknown(seen))
        return COME_NOT_YET;
    bool later =
        seen->view.version > w->versions[i]; /* it was to run, until somebody wished else */
    bool stops = w->action == ACTION_STOP || w->action == ACTION_DISABLE;
    if (w->action != ACTION_ENABLE && !stops && seen->view.phase == PHASE_NONE && later)
        return COME_STOPPED;
    switch (w->action) {
    case ACTION_START: return started(w, i, seen->view.job);
    case ACTION_RESTART: return started(w, i, true);
    case ACTION_STOP:
    case ACTION_DISABLE: return stopped(seen, w->runs[i]);
    case ACTION_ENABLE:
        return seen->view.phase == PHASE_DISABLED && !later ? COME_NOT_YET : COME_TRUE;
    }
    UNREACHABLE();
}

/* It is stopped, but not as it was meant to be. */
static void say_how_stopped(const Wish *w) {
    for (size_t i = 0; i < w->targets.all.n; i++) {
        const TargetView *view = &w->targets.all.at[i]->view;
        bool rough = strstr(view->message, "; SIGKILL ended it") != NULL ||
                     strstr(view->message, "; the stop command ") != NULL;
        if (w->targets.all.at[i]->chosen && rough)
            cli_say("%s: %s", view->name, view->message);
    }
}

/* Enabling starts what was asked for before, and nothing else. */
static void say_not_started(const Wish *w) {
    for (size_t i = 0; i < w->targets.all.n; i++) {
        const Seen *seen = w->targets.all.at[i];
        if (seen->chosen && !seen_unknown(seen) && seen->view.phase == PHASE_NONE)
            cli_say("%s is enabled, and not started: nobody has asked for it (`thole start %s`)",
                    seen->view.name, seen->view.resource);
    }
}

static int report(Wish *w, const Seen *seen, Come come) {
    if (come == COME_SURVIVED) {
        cli_say("%s: %s", seen->view.name, seen->view.stop_failed);
        return EXIT_TROUBLE;
    }
    if (come == COME_STOPPED) {
        cli_say("%s was stopped meanwhile", seen->view.name);
        return EXIT_FAILED;
    }
    const TargetView *view = &seen->view;
    const char *before = target_failed_before(view); /* not when it is due again */
    cli_say("%s failed: %s", view->name, before ? before : target_why(view));
    (void)last_words_of(&w->cli->client, &(LastWords){.slug = w->slug,
                                                      .target = view->name,
                                                      .run = target_run(view),
                                                      .indent = 2,
                                                      .to = stderr});
    return EXIT_FAILED;
}

/* -1: not yet. What has to be said is said once, of all of them. */
static int look(Wish *w) {
    int worst = EXIT_DONE;
    for (size_t i = 0; i < w->targets.all.n; i++)
        if (w->targets.all.at[i]->chosen && state_of(w, i) == COME_NOT_YET)
            return -1;
    for (size_t i = 0; i < w->targets.all.n; i++) {
        const Seen *seen = w->targets.all.at[i];
        Come come = seen->chosen ? state_of(w, i) : COME_TRUE;
        if (come != COME_TRUE)
            worst = report(w, seen, come);
    }
    return worst;
}

static void say_waiting(const Wish *w) {
    for (size_t i = 0; i < w->targets.all.n; i++) {
        const Seen *seen = w->targets.all.at[i];
        if (!seen->chosen || state_of(w, i) != COME_NOT_YET)
            continue;
        AUTO_FREE char *sentence = target_sentence(&seen->view);
        cli_say("%s", sentence);
    }
}

static int wait_for(Wish *w, int64_t timeout_ms, Err *err) {
    int64_t deadline_ms = timeout_ms ? clock_mono_ms() + timeout_ms : 0;
    int r;
    while ((r = look(w)) < 0) {
        if (w->targets.gone)
            return w->action == ACTION_STOP || w->action == ACTION_DISABLE
                       ? EXIT_DONE
                       : err_set(err, ERR_CONFLICT, "session %s was stopped meanwhile", w->slug);
        if (targets_wait(&w->targets, deadline_ms, err) < 0) {
            if (err->kind == ERR_TIMEOUT)
                say_waiting(w);
            return -1;
        }
    }
    return r;
}

static int act(Wish *w, Err *err) {
    if (targets_read(&w->targets, err) < 0 ||
        targets_choose(&w->targets, &w->cli->names, &w->options->labels, err) < 0)
        return -1;
    if (w->options->with_deps && w->action == ACTION_DISABLE)
        targets_add_dependents(&w->targets);
    w->runs = xcalloc(w->targets.all.n + 1, sizeof(*w->runs));
    w->versions = xcalloc(w->targets.all.n + 1, sizeof(*w->versions));
    int r = wish(w, err);
    w->targets.changed = on_change;
    if (r == 0)
        r = targets_watch(&w->targets, err);
    r = r < 0 ? r : wait_for(w, w->options->timeout_ms, err);
    if (r == EXIT_DONE && (w->action == ACTION_STOP || w->action == ACTION_DISABLE))
        say_how_stopped(w);
    if (r == EXIT_DONE && w->action == ACTION_ENABLE)
        say_not_started(w);
    if (r >= 0 && w->action != ACTION_START)
        helpers_say_all(w->cli, &w->targets, true);
    return r;
}

int action_run(Cli *cli, Action action, const ActionOptions *options, Err *err) {
    Wish w = {.cli = cli, .action = action, .options = options};
    if (!cli->names.n && !options->labels.n)
        return err_set(err, ERR_INVALID,
                       "thole %s needs a NAME (a resource or a target) or -l LABEL",
                       cli->command->name);
    w.slug = cli_session(cli, NULL, err);
    if (!w.slug)
        return -1;
    targets_init(&w.targets, &cli->client, w.slug);
    int r = act(&w, err);
    targets_deinit(&w.targets);
    free(w.runs);
    free(w.versions);
    return r;
}
