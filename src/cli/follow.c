/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/last_words.h"
#include "cli/log_feed.h"
#include "cli/prefix.h"
#include "cli/progress.h"
#include "cli/ready_line.h"
#include "cli/summary.h"
#include "cli/helpers.h"
#include "cli/targets.h"
#include "data/json.h"
#include "spec/routes.h"

enum { LOG_FD, TARGETS_FD, SESSION_FD, HOLD_FD, SIGNAL_FD, FDS };
enum {
    AGAIN_MS = 20,
    SURVIVOR_MS = 2000, /* a stop that had failed before is tried again meanwhile */
};

typedef struct Follow {
    Cli *cli;
    const FollowAsk *ask;
    Targets targets;
    Outcome outcome;
    LogFeed feed;
    Prefix prefix;
    Progress progress;
    ReadyLine ready;
    HttpLines *session, *hold;
    int signals;
    int64_t began_ms, deadline_ms;
    bool done, choose;
    int interrupts;
    bool terminated;  /* the first of them was TERM */
    int code;         /* -1: go on */
    char error[1024]; /* of the session */
    bool late;        /* ... which is that its time was up */
    char file[40];    /* when the config file was last read */
    bool lived;       /* something ran while we looked on */
} Follow;

/* ---- what happens ---- */

static bool is_stopping(const Follow *f) {
    return f->ask->stop || f->interrupts || f->done;
}

/* It was read again while we looked on, and something in it was new. */
static void on_file(Follow *f, const Seen *seen) {
    bool again = f->file[0] && !str_same(f->file, seen->view.finish);
    str_copy(f->file, sizeof(f->file), seen->view.finish ? seen->view.finish : "");
    if (!again || seen->view.error || !*seen->view.message || is_stopping(f))
        return;
    progress_clear(&f->progress);
    cli_say("%s", seen->view.message);
}

static void on_target(void *arg, Seen *seen, const char *before) {
    Follow *f = arg;
    bool fresh = !before[0];
    f->choose |= fresh;
    if (!target_is_file(&seen->view))
        prefix_widen(&f->prefix, seen->view.name);
    else
        on_file(f, seen);
    progress_touch(&f->progress);
    summary_note(seen);
    ready_line_note(&f->ready, seen, before);
    if (strcmp(before, seen->word) == 0 || is_stopping(f) || (fresh && !f->ask->owner))
        return;
    bool failed = seen_is(seen, "failed");
    if (failed && f->ask->quiet) /* it is told at the end, with its last words */
        return;
    if (!failed && !seen_is(seen, "backoff"))
        return;
    progress_clear(&f->progress);
    cli_say("%s %s: %s", seen->view.name, failed ? "failed" : "is to be restarted",
            target_why(&seen->view));
}

static void on_line(void *arg, const LogEntry *entry) {
    Follow *f = arg;
    progress_clear(&f->progress);
    prefix_print(&f->prefix, entry, stdout);
}

static void hear_session(Follow *f, const char *json, size_t size) {
    Arena arena;
    const Value *event;
    arena_init(&arena);
    if (json_parse(json, size, &arena, &event, NULL) == 0) {
        const Value *status = value_get(value_get(event, "object"), "status");
        const char *type = value_get_str(event, "type"), *error = value_get_str(status, "error");
        if (str_same(type, "ADDED") || str_same(type, "MODIFIED")) {
            f->done = value_get_bool(status, "done", false);
            f->late = str_same(value_get_str(status, "reason"), "Timeout");
            str_copy(f->error, sizeof(f->error), error ? error : "");
        }
    }
    arena_deinit(&arena);
}

static void take_session(Follow *f, bool broken) {
    size_t size;
    for (const char *line; (line = http_lines_next(f->session, &size));)
        hear_session(f, line, size);
    if (broken || http_lines_done(f->session))
        f->session = http_lines_close(f->session);
}

/* ---- streams, opened again when the server was replaced ---- */

static bool is_alive(const TargetView *view) {
    return view->phase == PHASE_ACTIVE || view->phase == PHASE_WAITING;
}

static bool anything_alive(const Follow *f) {
    for (size_t i = 0; i < f->targets.all.n; i++)
        if (is_alive(&f->targets.all.at[i]->view) && !f->targets.all.at[i]->deleted)
            return true;
    return false;
}

/* The Session has all targets in it, and changes with each of them: it is watched only when it may
 * be over. */
static bool wants_session(const Follow *f) {
    bool over = f->targets.all.n > 0 && !f->outcome.pending;
    if (f->ask->until == FOLLOW_GONE) /* it may have ended by itself, too */
        return f->lived && f->ask->owner && !anything_alive(f);
    return f->ask->until == FOLLOW_DONE && (f->outcome.failed || over);
}

static HttpLines *open_lines(Follow *f, const char *before, const char *after, Err *err) {
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions%s%s%s", before, f->ask->slug, after);
    return client_lines(&f->cli->client, path, err);
}

static int connect_all(Follow *f, Err *err) {
    if (targets_watch(&f->targets, err) < 0)
        return -1;
    if (f->targets.gone)
        return 0;
    if (!f->ask->quiet && log_feed_open(&f->feed, err) < 0)
        return -1;
    if (wants_session(f) && !f->session) {
        f->session = open_lines(f, "?watch=true&fieldSelector=metadata.name%3D", "", err);
        if (!f->session)
            return -1;
        take_session(f, false);
    }
    if (f->ask->hold && !f->hold && !(f->hold = open_lines(f, "/", "/hold", err)))
        return -1;
    return 0;
}

/* What has ended is seen in the targets; until then a stream that broke off is opened again. */
static int keep_connected(Follow *f, Err *err) {
    if (connect_all(f, err) == 0)
        return 0;
    if (err->kind != ERR_NOT_FOUND)
        return -1;
    f->targets.gone = true;
    return 0;
}

/* ---- signals ---- */

static void stop_session(Follow *f, bool kill) {
    Arena arena;
    const Value *reply;
    Err err;
    AUTO_FREE char *path =
        xasprintf(TILT_API "/sessions/%s%s", f->ask->slug, kill ? "?gracePeriodSeconds=0" : "");
    arena_init(&arena);
    if (client_ask(&f->cli->client, "DELETE", path, NULL, &arena, &reply, &err) < 0 &&
        err.kind != ERR_NOT_FOUND)
        cli_say("%s", err.msg);
    arena_deinit(&arena);
}

static void on_signal(Follow *f, int signal) {
    progress_clear(&f->progress);
    /* A ci run is nobody else's: whoever ends its client ends it. */
    if ((signal == SIGINT && f->ask->owner) || (signal == SIGTERM && f->ask->hold)) {
        f->interrupts++;
        f->terminated |= signal == SIGTERM;
        cli_say("%s", f->interrupts > 1   ? "killing"
                      : signal == SIGTERM ? "terminated: stopping; once more kills"
                                          : "stopping; ^C again kills");
        stop_session(f, f->interrupts > 1);
        return;
    }
    if (f->ask->stop)
        cli_say("the session is still being stopped");
    else if (f->ask->hold)
        cli_say("detached; the session ends in 30 s unless somebody holds it");
    else if (signal != SIGHUP)
        cli_say("detached; the session goes on: `%s` stops it", f->ask->down);
    f->code = signal != SIGINT ? EXIT_TERMINATED : f->ask->stop ? EXIT_INTERRUPTED : EXIT_DONE;
}

int follow_catch_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- the end ---- */

/* In a session that is done whatever waits is about to be called off. What still shows so may also
 * have begun since: the targets' stream can be behind the session's. */
static int say_survivors(Follow *f) {
    for (size_t i = 0; i < f->targets.all.n; i++) {
        const TargetView *view = &f->targets.all.at[i]->view;
        if (view->stop_failed)
            cli_say("%s: %s", view->name, view->stop_failed);
    }
    return EXIT_TROUBLE;
}

static int say_failed(Follow *f) {
    const TargetView *view = &f->outcome.failed->view;
    cli_say("%s failed: %s", view->name, target_why(view));
    if (f->ask->quiet)
        last_words(&f->cli->client, f->ask->slug, view);
    return EXIT_FAILED;
}

static int say_late(Follow *f) {
    cli_say("the time is up");
    for (size_t i = 0; i < f->targets.all.n; i++) {
        const Seen *seen = f->targets.all.at[i];
        if (!seen->chosen || !seen_pending(seen))
            continue;
        AUTO_FREE char *sentence = target_sentence(&seen->view);
        cli_say("  %s", sentence);
    }
    return EXIT_TIMEOUT;
}

static int say_done(Follow *f) {
    if (!f->ask->summed_up)
        summary_print(&f->targets, !f->error[0], f->cli->color_err);
    helpers_say_all(f->cli, &f->targets, false);
    if (f->error[0])
        cli_say("%s", f->error);
    else if (f->ask->until == FOLLOW_DONE)
        cli_say("done: everything succeeded");
    else
        cli_say("done: what ends %s has ended", f->ask->slug);
    return !f->error[0] ? EXIT_DONE : f->late ? EXIT_TIMEOUT : EXIT_FAILED;
}

static int after_gone(Follow *f) {
    helpers_say_all(f->cli, &f->targets, false);
    if (f->interrupts) {
        cli_say("%s is down", f->ask->slug);
        return f->terminated ? EXIT_TERMINATED : EXIT_INTERRUPTED;
    }
    if (f->ask->until == FOLLOW_GONE)
        return EXIT_DONE;
    cli_say("session %s was stopped meanwhile", f->ask->slug);
    return EXIT_FAILED;
}

static bool has_survivors(const Follow *f) {
    return is_stopping(f) && f->outcome.survivor && clock_mono_ms() >= f->began_ms + SURVIVOR_MS;
}

/* What is to be done, as a function that also says it; NULL: go on. */
typedef int (*EndFn)(Follow *f);

static int say_nothing(Follow *f) {
    return f->code < 0 ? EXIT_DONE : f->code;
}

static EndFn verdict(const Follow *f) {
    const FollowAsk *ask = f->ask;
    if (f->code >= 0)
        return say_nothing;
    if (f->targets.gone)
        return after_gone;
    if (has_survivors(f))
        return say_survivors;
    if (ask->until != FOLLOW_SETTLED && f->done && !f->interrupts && !anything_alive(f))
        return say_done;
    if (ask->until == FOLLOW_SETTLED && !f->interrupts && f->outcome.failed)
        return say_failed;
    if (ask->until == FOLLOW_SETTLED && !f->interrupts && !f->outcome.pending)
        return say_nothing;
    if (f->deadline_ms && clock_mono_ms() >= f->deadline_ms)
        return say_late;
    return NULL;
}

/* ---- the loop ---- */

static void weigh(Follow *f) {
    static const TextList none;
    Err err;
    f->lived = f->lived || anything_alive(f);
    if (f->choose) { /* the names are known to be good: the server took them */
        (void)!targets_choose(&f->targets, f->ask->names ? f->ask->names : &none, f->ask->labels,
                              &err);
        targets_add_dependencies(&f->targets);
        Seen *file = f->ask->owner ? targets_find(&f->targets, TARGET_FILE) : NULL;
        if (file) /* without it nothing begins */
            file->chosen = true;
        f->choose = false;
    }
    targets_outcome(&f->targets, &f->outcome);
}

/* Quiet programs leave a person before an empty screen. */
static void say_ready(Follow *f) {
    bool wanted = f->ask->until == FOLLOW_GONE && !f->ask->quiet && !f->cli->json;
    if (!wanted || is_stopping(f) || !ready_line_due(&f->ready, &f->targets, &f->outcome))
        return;
    AUTO_FREE char *text = ready_line_text(&f->targets);
    progress_clear(&f->progress);
    fflush(stdout);
    cli_say("%s is ready: %s; ^C %s", f->ask->slug, text, f->ask->owner ? "stops it" : "detaches");
}

static int sooner(int a, int64_t b) {
    int ms = b < 0 ? 0 : b > INT32_MAX ? INT32_MAX : (int)b;
    return a < 0 || ms < a ? ms : a;
}

static int timeout_of(const Follow *f) {
    int timeout = progress_timeout(&f->progress);
    if (f->deadline_ms)
        timeout = sooner(timeout, f->deadline_ms - clock_mono_ms());
    if (is_stopping(f) && f->outcome.survivor)
        timeout = sooner(timeout, f->began_ms + SURVIVOR_MS - clock_mono_ms());
    return timeout;
}

static int fd_of(const HttpLines *lines) {
    return lines ? http_lines_fd(lines) : -1;
}

static void hear_signal(Follow *f) {
    struct signalfd_siginfo info;
    if (read(f->signals, &info, sizeof(info)) == sizeof(info))
        on_signal(f, (int)info.ssi_signo);
}

static void turn(Follow *f) {
    struct pollfd fds[FDS] = {[LOG_FD] = {log_feed_fd(&f->feed), POLLIN, 0},
                              [TARGETS_FD] = {targets_fd(&f->targets), POLLIN, 0},
                              [SESSION_FD] = {fd_of(f->session), POLLIN, 0},
                              [HOLD_FD] = {fd_of(f->hold), POLLIN, 0},
                              [SIGNAL_FD] = {f->signals, POLLIN, 0}};
    bool broken = !f->targets.lines || (!f->ask->quiet && !f->feed.lines);
    fflush(stdout);
    if (poll(fds, FDS, broken ? AGAIN_MS : timeout_of(f)) < 0)
        return;
    if (fds[LOG_FD].revents)
        log_feed_pump(&f->feed);
    if (fds[TARGETS_FD].revents)
        targets_pump(&f->targets);
    if (fds[SESSION_FD].revents)
        take_session(f, http_lines_fill(f->session, NULL) < 0);
    if (fds[HOLD_FD].revents && http_lines_fill(f->hold, NULL) <= 0)
        f->hold = http_lines_close(f->hold);
    if (fds[SIGNAL_FD].revents)
        hear_signal(f);
}

static int look_on(Follow *f) {
    EndFn end;
    Err err;
    for (;;) {
        if (keep_connected(f, &err) < 0) {
            progress_clear(&f->progress);
            return cli_fail(&err);
        }
        weigh(f);
        if ((end = verdict(f)))
            break;
        if (wants_session(f) && !f->session) /* only now: nothing else may come any more */
            continue;
        say_ready(f);
        progress_draw(&f->progress, &f->targets);
        turn(f);
    }
    progress_clear(&f->progress);
    if (!f->ask->quiet && f->code < 0)
        log_feed_finish(&f->feed);
    fflush(stdout);
    if (f->ask->logged)
        f->ask->logged(f->ask->arg);
    return end(f);
}

int follow(Cli *cli, const FollowAsk *ask) {
    Follow f = {.cli = cli, .ask = ask, .code = -1};
    LogAsk log_ask = {.slug = ask->slug, .follow = true, .tail = -1, .since = ask->since};
    f.signals = ask->signals ? ask->signals : follow_catch_signals();
    f.began_ms = clock_mono_ms();
    f.deadline_ms = ask->timeout_ms > 0 ? f.began_ms + ask->timeout_ms : 0;
    f.prefix = (Prefix){.terminal = cli->terminal, .color = cli->color};
    progress_init(&f.progress, cli->color_err);
    targets_init(&f.targets, &cli->client, ask->slug);
    f.targets.changed = on_target;
    f.targets.arg = &f;
    log_feed_init(&f.feed, &cli->client, &log_ask, on_line, &f);
    int r = look_on(&f);
    log_feed_deinit(&f.feed);
    targets_deinit(&f.targets);
    http_lines_close(f.session);
    http_lines_close(f.hold);
    close(f.signals);
    return r;
}
