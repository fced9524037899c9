/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/workflow_follow.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/follow.h"
#include "cli/progress.h"
#include "cli/workflow_view.h"
#include "data/json.h"
#include "spec/routes.h"

enum { LOG_FD, WATCH_FD, SIGNAL_FD, FDS };
enum { AGAIN_MS = 20 };

/* What was told of a step. */
typedef struct StepSeen {
    const char *state; /* a literal */
    int64_t since_ms;
} StepSeen;

typedef struct Follow {
    Cli *cli;
    const WorkflowFollow *ask;
    Map steps;         /* uuid → StepSeen */
    Arena event;       /* of the last one that was taken */
    const Value *last; /* in it; NULL: none yet */
    HttpLines *watch;
    bool heard_of; /* the watch was open before: is the workflow still there? */
    bool done;
    LogFeed feed;
    bool last_pass; /* of the log, without following: the workflow is over */
    Prefix prefix;
    Progress progress;
    int signals;     /* -1: they end us */
    int interrupted; /* by the first one; 0: none yet */
} Follow;

/* ---- what happens ---- */

static bool is_live(const char *state) {
    return str_same(state, "starting") || str_same(state, "running") || str_same(state, "stopping");
}

/* "b: failure, exit code 3, after 1.2s" */
static void tell(Follow *f, const Value *step) {
    Buf text;
    if (!f->ask->shown)
        return;
    buf_init(&text, CLI_PATH_BYTES);
    workflow_step_sentence(step, f->cli->color_err, &text);
    progress_clear(&f->progress);
    fflush(stdout);
    cli_say("%s", buf_cstr(&text));
    buf_deinit(&text);
}

static void take_step(Follow *f, const Value *step) {
    const char *uuid = value_get_str(step, "uuid");
    const char *state = workflow_state_literal(value_get_str(step, "state"));
    StepSeen *seen = map_get(&f->steps, uuid);
    if (!seen) {
        seen = xcalloc(1, sizeof(*seen));
        seen->state = "pending";
        map_put(&f->steps, uuid, seen);
        prefix_widen(&f->prefix, value_get_str(step, "name"));
    }
    if (seen->state == state || str_same(seen->state, state))
        return;
    if (!is_live(seen->state) || !is_live(state))
        seen->since_ms = clock_mono_ms();
    seen->state = state;
    progress_touch(&f->progress);
    if (!is_live(state) && !str_same(state, "pending"))
        tell(f, step);
}

/* -1: err. */
static int take(Follow *f, const char *line, size_t size, Err *err) {
    const Value *event;
    Arena arena;
    arena_init(&arena);
    if (json_parse(line, size, &arena, &event, NULL) < 0 ||
        str_same(value_get_str(event, "type"), "BOOKMARK")) {
        arena_deinit(&arena);
        return 0;
    }
    arena_deinit(&f->event);
    f->event = arena;
    f->last = value_get(event, "object");
    const Value *status = value_get(f->last, "status"), *steps = value_get(status, "steps");
    if (str_same(value_get_str(event, "type"), "DELETED") && !f->done)
        return err_set(err, ERR_CONFLICT, "workflow %s was deleted meanwhile", f->ask->name);
    for (size_t i = 0; i < value_count(steps); i++)
        take_step(f, value_at(steps, i));
    f->done = value_get_bool(status, "done", false);
    return 0;
}

static int take_all(Follow *f, bool broken, Err *err) {
    size_t size;
    for (const char *line; !f->done && (line = http_lines_next(f->watch, &size));)
        if (take(f, line, size, err) < 0)
            return -1;
    if (f->done || broken || http_lines_done(f->watch))
        f->watch = http_lines_close(f->watch);
    return 0;
}

static void on_line(void *arg, const LogEntry *entry) {
    Follow *f = arg;
    progress_clear(&f->progress);
    prefix_print(&f->prefix, entry, stdout);
}

/* ---- streams, opened again when the server was replaced ---- */

/* A watch of what is not there would wait for it for ever. */
static int check_there(Follow *f, Err *err) {
    const Value *workflow;
    Arena arena;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s", f->ask->name);
    arena_init(&arena);
    int r = client_ask(&f->cli->client, "GET", path, NULL, &arena, &workflow, err);
    arena_deinit(&arena);
    if (r < 0 && err->kind == ERR_NOT_FOUND)
        return err_set(err, ERR_CONFLICT, "workflow %s was deleted meanwhile", f->ask->name);
    return r;
}

static int open_watch(Follow *f, Err *err) {
    AUTO_FREE char *path =
        xasprintf(WORKFLOWS "?watch=true&fieldSelector=metadata.name%%3D%s", f->ask->name);
    if (f->done || f->watch)
        return 0;
    if (f->heard_of && check_there(f, err) < 0)
        return -1;
    f->heard_of = true;
    f->watch = client_lines(&f->cli->client, path, err);
    return f->watch ? take_all(f, false, err) : -1;
}

/* What followed the log until the end may have been cut off with its server: once it is over what
 * is left is asked for. */
static int open_log(Follow *f, Err *err) {
    if (!f->ask->shown || f->feed.lines)
        return 0;
    f->feed.over = false;
    if (f->done) {
        f->feed.ask.follow = false;
        f->last_pass = true;
    }
    int r = log_feed_open(&f->feed, err);
    return r < 0 && err->kind == ERR_NOT_FOUND && f->done ? (f->feed.ended = true, 0) : r;
}

static bool is_over(const Follow *f) {
    return f->done && (!f->ask->shown || (f->last_pass && f->feed.ended));
}

/* ---- signals ---- */

/* Whoever runs it ends it. */
static void cancel(Follow *f, bool again) {
    const Value *reply;
    Err err;
    Arena arena;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s/cancel", f->ask->name);
    progress_clear(&f->progress);
    cli_say("%s", again ? "killing" : "stopping; ^C again kills");
    arena_init(&arena);
    if (client_ask(&f->cli->client, "POST", path, again ? "{\"grace\":\"0s\"}" : "{}", &arena,
                   &reply, &err) < 0)
        cli_say("%s", err.msg);
    arena_deinit(&arena);
}

static void hear_signal(Follow *f) {
    struct signalfd_siginfo info;
    if (read(f->signals, &info, sizeof(info)) != sizeof(info))
        return;
    cancel(f, f->interrupted != 0);
    if (!f->interrupted)
        f->interrupted = (int)info.ssi_signo;
}

/* ---- the loop ---- */

static void draw(Follow *f) {
    const Value *steps = value_get(value_get(f->last, "status"), "steps");
    ProgressRow rows[PROGRESS_LINES_MOST];
    size_t n = 0, all = 0;
    if (!progress_due(&f->progress))
        return;
    for (size_t i = 0; i < value_count(steps); i++) {
        const Value *step = value_at(steps, i);
        const StepSeen *seen = map_get(&f->steps, value_get_str(step, "uuid"));
        if (!seen || !is_live(seen->state) || all++ >= COUNT(rows))
            continue;
        rows[n++] = (ProgressRow){value_get_str(step, "name"), seen->state, "",
                                  workflow_state_color(seen->state), seen->since_ms};
    }
    progress_rows(&f->progress, rows, n, all);
}

static int timeout_of(const Follow *f) {
    int timeout = progress_timeout(&f->progress);
    int64_t left_ms = f->ask->deadline_ms ? f->ask->deadline_ms - clock_mono_ms() : -1;
    if (left_ms < 0 || left_ms > INT32_MAX)
        return timeout;
    return timeout < 0 || left_ms < timeout ? (int)left_ms : timeout;
}

/* The log first: what a step wrote comes before what became of it. */
static int turn(Follow *f, Err *err) {
    struct pollfd fds[FDS] = {[LOG_FD] = {f->ask->shown ? log_feed_fd(&f->feed) : -1, POLLIN, 0},
                              [WATCH_FD] = {f->watch ? http_lines_fd(f->watch) : -1, POLLIN, 0},
                              [SIGNAL_FD] = {f->signals, POLLIN, 0}};
    bool broken = (!f->watch && !f->done) || (f->ask->shown && !f->feed.lines);
    fflush(stdout);
    if (poll(fds, FDS, broken ? AGAIN_MS : timeout_of(f)) < 0)
        return 0;
    if (fds[SIGNAL_FD].revents)
        hear_signal(f);
    if (fds[LOG_FD].revents) {
        log_feed_pump(&f->feed);
        return 0;
    }
    if (fds[WATCH_FD].revents) {
        bool cut = http_lines_fill(f->watch, NULL) < 0;
        return take_all(f, cut, err);
    }
    return 0;
}

static int look_on(Follow *f, Err *err) {
    for (;;) {
        if (open_watch(f, err) < 0 || open_log(f, err) < 0)
            return -1;
        if (is_over(f))
            return 0;
        if (f->ask->deadline_ms && clock_mono_ms() >= f->ask->deadline_ms)
            return err_set(err, ERR_TIMEOUT, "workflow %s is not over yet", f->ask->name);
        draw(f);
        if (turn(f, err) < 0)
            return -1;
    }
}

/* ---- the end ---- */

static int code_of(const Follow *f) {
    const char *result = value_get_str(value_get(f->last, "status"), "result");
    if (f->interrupted)
        return f->interrupted == SIGINT ? EXIT_INTERRUPTED : EXIT_TERMINATED;
    if (str_same(result, "success"))
        return EXIT_DONE;
    return str_same(result, "timeout") ? EXIT_TIMEOUT : EXIT_FAILED;
}

static void last_word(const Follow *f) {
    Buf text;
    buf_init(&text, CLI_PATH_BYTES);
    workflow_sentence(f->last, f->cli->color_err, &text);
    fflush(stdout);
    cli_say("%s", buf_cstr(&text));
    buf_deinit(&text);
}

static void init(Follow *f, Cli *cli, const WorkflowFollow *ask) {
    LogAsk log = {.workflow = ask->name, .follow = true, .tail = -1};
    *f = (Follow){.cli = cli, .ask = ask, .signals = ask->owner ? follow_catch_signals() : -1};
    f->prefix = (Prefix){.terminal = cli->terminal, .color = cli->color};
    map_init(&f->steps);
    arena_init(&f->event);
    progress_init(&f->progress, cli->color_err);
    log_feed_init(&f->feed, &cli->client, &log, on_line, f);
}

static void deinit(Follow *f) {
    const char *uuid;
    void *seen;
    for (size_t at = 0; map_next(&f->steps, &at, &uuid, &seen);)
        free(seen);
    map_deinit(&f->steps);
    log_feed_deinit(&f->feed);
    f->watch = http_lines_close(f->watch);
    arena_adopt(&f->cli->arena, &f->event);
    if (f->signals >= 0)
        close(f->signals);
}

int workflow_follow(Cli *cli, const WorkflowFollow *ask, const Value **ret, Err *err) {
    Follow f;
    init(&f, cli, ask);
    int r = look_on(&f, err);
    progress_clear(&f.progress);
    if (r == 0 && ask->shown)
        last_word(&f);
    if (r == 0)
        r = code_of(&f);
    *ret = f.last;
    deinit(&f);
    return r;
}
