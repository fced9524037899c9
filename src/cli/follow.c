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
#include "cli/prefix.h"
#include "data/json.h"
#include "spec/routes.h"

enum { LOG_FD, WATCH_FD, HOLD_FD, SIGNAL_FD, FDS, AGAIN_MS = 100 };

typedef struct Follow {
    Cli *cli;
    const FollowAsk *ask;
    HttpLines *log, *watch, *hold;
    int signals;
    Prefix prefix;
    int64_t deadline_ms;
    bool gone, done, settled, failed, stopping;
    int interrupts;
    int code; /* -1: go on */
    char last_time[TIME_TEXT]; /* of the newest log line */
    char error[1024];
} Follow;

/* ---- streams, opened again when the server was replaced ---- */

static HttpLines *open_log(Follow *f, Err *err) {
    Buf path;
    buf_init(&path, 4096);
    buf_printf(&path, TILT_API "/sessions/%s/log?follow=true", f->ask->slug);
    if (f->last_time[0])
        client_param(&path, "since", f->last_time);
    else if (f->ask->since)
        client_param(&path, "since", f->ask->since);
    HttpLines *lines = client_lines(&f->cli->client, buf_cstr(&path), err);
    buf_deinit(&path);
    return lines;
}

static HttpLines *open_watch(Follow *f, Err *err) {
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions?watch=true&fieldSelector=metadata.name%%3D%s", f->ask->slug);
    return client_lines(&f->cli->client, path, err);
}

static HttpLines *open_hold(Follow *f, Err *err) {
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s/hold", f->ask->slug);
    return client_lines(&f->cli->client, path, err);
}

static int connect_all(Follow *f, Err *err) {
    if (!f->watch && !(f->watch = open_watch(f, err)))
        return -1;
    if (!f->ask->quiet && !f->log && !(f->log = open_log(f, err)))
        return -1;
    if (f->ask->hold && !f->hold && !(f->hold = open_hold(f, err)))
        return -1;
    return 0;
}

/* ---- what the session says ---- */

static bool is_settled(const Value *target, bool *ret_failed) {
    const Value *state = value_get(target, "state"), *active = value_get(state, "active"), *ended = value_get(state, "terminated");
    bool job = str_same(value_get_str(target, "type"), "job");
    if (value_get_str(ended, "error"))
        *ret_failed = true;
    if (value_get(state, "waiting"))
        return false;
    return !active || (!job && value_get_bool(active, "ready", false));
}

static void hear_session(Follow *f, const Value *session) {
    const Value *status = value_get(session, "status"), *targets = value_get(status, "targets");
    const char *error = value_get_str(status, "error");
    f->done = value_get_bool(status, "done", false);
    f->settled = value_count(targets) > 0;
    f->failed = false;
    str_copy(f->error, sizeof(f->error), error ? error : "");
    for (size_t i = 0; i < value_count(targets); i++) {
        bool failed = false, settled = is_settled(value_at(targets, i), &failed);
        f->settled = f->settled && settled;
        if (failed && !f->failed) {
            f->failed = true;
            if (f->ask->until == FOLLOW_SETTLED)
                snprintf(f->error, sizeof(f->error), "%s: %s", value_get_str(value_at(targets, i), "name"),
                         value_get_str(value_get(value_get(value_at(targets, i), "state"), "terminated"), "error"));
        }
    }
}

static void hear_watch(Follow *f, const char *json, size_t size) {
    Arena arena;
    const Value *event;
    arena_init(&arena);
    if (json_parse(json, size, &arena, &event, NULL) == 0) {
        const char *type = value_get_str(event, "type");
        if (str_same(type, "DELETED"))
            f->gone = true;
        else if (str_same(type, "ADDED") || str_same(type, "MODIFIED"))
            hear_session(f, value_get(event, "object"));
    }
    arena_deinit(&arena);
}

static void remember_time(Follow *f, const char *json) {
    const char *at = strstr(json, "\"time\":\"");
    if (at)
        snprintf(f->last_time, sizeof(f->last_time), "%.27s", at + strlen("\"time\":\""));
}

/* ---- signals ---- */

static void stop_session(Follow *f, bool kill) {
    Arena arena;
    const Value *reply;
    Err err;
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s%s", f->ask->slug, kill ? "?gracePeriodSeconds=0" : "");
    arena_init(&arena);
    if (client_ask(&f->cli->client, "DELETE", path, NULL, &arena, &reply, &err) < 0 && err.kind != ERR_NOT_FOUND)
        cli_say("%s", err.msg);
    arena_deinit(&arena);
}

static void on_signal(Follow *f, int signal) {
    if (signal == SIGINT && f->ask->owner) {
        f->interrupts++;
        f->stopping = true;
        cli_say(f->interrupts == 1 ? "stopping; ^C again kills" : "killing");
        stop_session(f, f->interrupts > 1);
        return;
    }
    if (signal != SIGHUP)
        cli_say("detached; the session goes on: `thole down` stops it");
    f->code = signal == SIGINT ? EXIT_DONE : EXIT_TERMINATED;
}

/* ---- the loop ---- */

static int pump(HttpLines **lines, Err *err) {
    int r = http_lines_fill(*lines, err);
    return r;
}

static void lost(HttpLines **lines) {
    *lines = http_lines_close(*lines);
}

static void pump_log(Follow *f) {
    Err err;
    int r = pump(&f->log, &err);
    size_t size;
    for (const char *line; (line = http_lines_next(f->log, &size));) {
        remember_time(f, line);
        prefix_print(&f->prefix, line, size, false);
    }
    fflush(stdout);
    if (r <= 0)
        lost(&f->log);
}

static void pump_watch(Follow *f) {
    Err err;
    int r = pump(&f->watch, &err);
    size_t size;
    for (const char *line; (line = http_lines_next(f->watch, &size));)
        hear_watch(f, line, size);
    if (r <= 0)
        lost(&f->watch);
}

static int verdict(Follow *f) {
    const FollowAsk *ask = f->ask;
    if (f->code >= 0)
        return f->code;
    if (f->gone)
        return f->interrupts ? EXIT_INTERRUPTED : ask->until == FOLLOW_GONE ? EXIT_DONE : EXIT_FAILED;
    if (ask->until == FOLLOW_DONE && f->done && !f->stopping) {
        bool timeout = str_starts(f->error, "Timeout ") || str_starts(f->error, "Readiness timeout ");
        return !f->error[0] ? EXIT_DONE : timeout ? EXIT_TIMEOUT : EXIT_FAILED;
    }
    if (ask->until == FOLLOW_SETTLED && (f->settled || f->failed))
        return f->failed ? EXIT_FAILED : EXIT_DONE;
    if (f->deadline_ms && clock_mono_ms() >= f->deadline_ms)
        return EXIT_TIMEOUT;
    return -1;
}

static int timeout_of(const Follow *f) {
    if (!f->deadline_ms)
        return -1;
    int64_t left = f->deadline_ms - clock_mono_ms();
    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static int fd_of(const HttpLines *lines) {
    return lines ? http_lines_fd(lines) : -1;
}

static void turn(Follow *f) {
    struct pollfd fds[FDS] = {[LOG_FD] = {fd_of(f->log), POLLIN, 0}, [WATCH_FD] = {fd_of(f->watch), POLLIN, 0},
                              [HOLD_FD] = {fd_of(f->hold), POLLIN, 0}, [SIGNAL_FD] = {f->signals, POLLIN, 0}};
    if (poll(fds, FDS, timeout_of(f)) < 0)
        return;
    if (fds[LOG_FD].revents)
        pump_log(f);
    if (fds[WATCH_FD].revents)
        pump_watch(f);
    if (fds[HOLD_FD].revents) {
        Err err;
        if (pump(&f->hold, &err) <= 0)
            lost(&f->hold);
    }
    if (fds[SIGNAL_FD].revents) {
        struct signalfd_siginfo info;
        if (read(f->signals, &info, sizeof(info)) == sizeof(info))
            on_signal(f, (int)info.ssi_signo);
    }
}

/* The end of a session is seen by the watch; until it says so, a stream that broke off is opened again. */
static int keep_connected(Follow *f, Err *err) {
    if (f->watch && (f->log || f->ask->quiet) && (f->hold || !f->ask->hold))
        return 0;
    if (connect_all(f, err) == 0)
        return 0;
    if (err->kind != ERR_NOT_FOUND)
        return -1;
    f->gone = true;
    return 0;
}

static int catch_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int follow(Cli *cli, const FollowAsk *ask) {
    Follow f = {.cli = cli, .ask = ask, .code = -1, .prefix = {.color = cli->color, .width = 8}};
    Err err;
    int r;
    f.signals = catch_signals();
    f.deadline_ms = ask->timeout_ms ? clock_mono_ms() + ask->timeout_ms : 0;
    cli->client.may_start = true;
    while ((r = verdict(&f)) < 0) {
        if (keep_connected(&f, &err) < 0) {
            r = cli_fail(&err);
            break;
        }
        if (!f.gone)
            turn(&f);
    }
    if (f.error[0] && r != EXIT_DONE && !f.interrupts)
        cli_say("%s", f.error);
    http_lines_close(f.log);
    http_lines_close(f.watch);
    http_lines_close(f.hold);
    close(f.signals);
    return r;
}
