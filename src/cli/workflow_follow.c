/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/workflow_follow.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "cli/follow.h"
#include "cli/plain.h"
#include "cli/streams.h"
#include "cli/workflow_foot.h"
#include "cli/workflow_view.h"
#include "data/json.h"
#include "spec/event.h"
#include "spec/routes.h"

enum { AGAIN_MS = 20 };

/* What was told of a step. */
typedef struct StepSeen {
    char *uuid, *name; /* owned */
    const char *state; /* a literal */
    FootStep foot;
    char *told;      /* owned; what became of it, held back until its log has ended */
    int64_t run;     /* the newest that is known */
    int64_t written; /* the run whose log has ended */
    bool awaited;    /* it is over, the log of its last run is still to end */
    bool idle;       /* it has none: it is told of behind those that were known before it */
} StepSeen;

typedef struct Follow {
    Cli *cli;
    const WorkflowFollow *ask;
    Map steps;            /* uuid → StepSeen */
    VEC(StepSeen *) held; /* those with something to be told */
    size_t held_at;       /* before it all is told */
    HttpLines *events;
    bool cut;          /* it broke off: not all runs may be known */
    unsigned opening;  /* how often it was opened */
    unsigned beside;   /* ... when the log was */
    int64_t seq;       /* of the last event that was heard */
    bool heard;        /* the stream of events ended by itself, or broke: is it over? */
    const Value *last; /* the workflow when it was over; NULL: it is not, or was deleted */
    bool done, deleted;
    LogFeed feed;
    size_t awaited; /* StepSeen.awaited: how many */
    bool last_pass; /* of the log, without following: the workflow is over */
    Prefix prefix;
    WorkflowFoot foot;
    int signals;     /* -1: they end us */
    int interrupted; /* by the first one; 0: none yet */
    bool left;       /* the terminal was closed: it goes on alone */
} Follow;

/* ---- what happens ---- */

static bool is_written(const StepSeen *seen) {
    return seen->written > 0 && seen->written >= seen->run;
}

static void say_told(Follow *f, StepSeen *seen) {
    progress_clear(&f->foot.progress);
    fflush(stdout);
    cli_say("%s", seen->told);
    free(seen->told);
    seen->told = NULL;
}

/* "b: failure, exit code 3, after 1.2s", behind the last line that it wrote. */
static void tell(Follow *f, StepSeen *seen, const Value *step) {
    Buf text;
    if (!f->ask->shown || seen->told)
        return;
    buf_init(&text, CLI_PATH_BYTES);
    workflow_step_sentence(step, f->cli->color_err, &text);
    seen->told = buf_take(&text);
    buf_deinit(&text);
    seen->idle = !value_get(step, "started");
    if (is_written(seen) || (seen->idle && f->held_at == f->held.n))
        say_told(f, seen);
    else
        VEC_PUSH(f->held, seen);
}

/* Its log has ended: that, and who was waiting for it. */
static void let_go(Follow *f, StepSeen *seen) {
    say_told(f, seen);
    for (; f->held_at < f->held.n; f->held_at++) {
        StepSeen *next = f->held.at[f->held_at];
        if (next->told && !next->idle)
            return;
        if (next->told)
            say_told(f, next);
    }
}

static void say_held(Follow *f) {
    for (size_t i = 0; i < f->held.n; i++)
        if (f->held.at[i]->told)
            say_told(f, f->held.at[i]);
    f->held.n = f->held_at = 0;
}

static StepSeen *seen_of(Follow *f, const char *uuid, const char *name) {
    StepSeen *seen = uuid ? map_get(&f->steps, uuid) : NULL;
    if (seen || !uuid || !name)
        return seen;
    seen = xcalloc(1, sizeof(*seen));
    *seen = (StepSeen){.uuid = xstrdup(uuid), .name = plain_copy(name), .state = "pending"};
    seen->foot.uuid = seen->uuid;
    seen->foot.name = seen->name;
    map_put(&f->steps, uuid, seen);
    prefix_widen(&f->prefix, seen->name);
    return seen;
}

static bool is_end(const char *state) {
    return !str_same(state, "starting") && !str_same(state, "running") &&
           !str_same(state, "stopping") && !str_same(state, "pending");
}

static void take_step(Follow *f, const Value *step, int64_t run) {
    const char *state = workflow_state_literal(value_get_str(step, "state"));
    StepSeen *seen = seen_of(f, value_get_str(step, "uuid"), value_get_str(step, "name"));
    if (seen && run > seen->run)
        seen->run = run;
    if (!seen || str_same(seen->state, state))
        return;
    seen->state = state;
    seen->foot.service = str_same(value_get_str(step, "type"), "service");
    workflow_foot_take(&f->foot, &seen->foot, state);
    if (is_end(state))
        tell(f, seen, step);
}

static void take_whole(Follow *f, const char *reason) {
    if (str_same(reason, "SetUp"))
        workflow_foot_set_up(&f->foot);
    else if (str_same(reason, REASON_CANCELED) || str_same(reason, REASON_TIMED_OUT))
        workflow_foot_cancel(&f->foot);
}

static void take(Follow *f, const char *line, size_t size) {
    const Value *event;
    Arena arena;
    arena_init(&arena);
    if (json_parse(line, size, &arena, &event, NULL) == 0 &&
        value_get_int(event, "seq", 0) > f->seq) {
        f->seq = value_get_int(event, "seq", 0);
        if (value_get(event, "step"))
            take_step(f, value_get(event, "step"), value_get_int(event, "run", 0));
        else
            take_whole(f, value_get_str(event, "reason"));
    }
    arena_deinit(&arena);
}

static void take_all(Follow *f, bool broken) {
    size_t size;
    for (const char *line; (line = http_lines_next(f->events, &size));)
        take(f, line, size);
    bool done = http_lines_done(f->events);
    if (!broken && !done)
        return;
    f->cut |= !done;
    f->events = http_lines_close(f->events);
    f->heard = true;
}

static void on_line(void *arg, const LogEntry *entry) {
    Follow *f = arg;
    if (entry->stream == LOG_END) {
        StepSeen *seen = seen_of(f, entry->object, entry->target);
        seen->written = entry->run > seen->written ? entry->run : seen->written;
        if (seen->told && is_written(seen))
            let_go(f, seen);
        if (seen->awaited && is_written(seen)) {
            seen->awaited = false;
            f->awaited--;
        }
        return;
    }
    progress_clear(&f->foot.progress);
    prefix_print(&f->prefix, entry, stdout);
}

/* ---- streams, opened again when the server was replaced ---- */

static void await(Follow *f, const Value *step) {
    StepSeen *seen = seen_of(f, value_get_str(step, "uuid"), value_get_str(step, "name"));
    if (!seen || seen->awaited || is_written(seen) || !value_get_bool(step, "exited", false))
        return;
    seen->awaited = true;
    f->awaited++;
}

/* What never had its turn has no event. */
static void take_end(Follow *f, const Value *workflow) {
    const Value *steps = value_get(value_get(workflow, "status"), "steps");
    for (size_t i = 0; i < value_count(steps); i++) {
        take_step(f, value_at(steps, i), 0);
        await(f, value_at(steps, i));
    }
    f->last = workflow;
    f->done = true;
}

/* The events have ended: because it is over, because it is deleted, or with their server. */
static int look(Follow *f, Err *err) {
    const Value *workflow;
    Arena arena;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s", f->ask->name);
    arena_init(&arena);
    int r = client_ask(&f->cli->client, "GET", path, NULL, &arena, &workflow, err);
    if (r < 0 && err->kind == ERR_NOT_FOUND) {
        f->done = f->deleted = true;
        r = 0;
    } else if (r == 0 && value_get_bool(value_get(workflow, "status"), "done", false)) {
        f->deleted = value_get(value_get(workflow, "metadata"), "deletionTimestamp") != NULL;
        take_end(f, workflow);
        arena_adopt(&f->cli->arena, &arena);
        return 0;
    }
    arena_deinit(&arena);
    return r;
}

static int open_events(Follow *f, Err *err) {
    if (f->done || f->events)
        return 0;
    if (f->heard && look(f, err) < 0)
        return -1;
    f->heard = false;
    if (f->done)
        return 0;
    AUTO_FREE char *path =
        xasprintf(WORKFLOWS "/%s/events?follow=true&after=%lld", f->ask->name, (long long)f->seq);
    f->events = client_lines(&f->cli->client, path, err);
    f->opening++;
    if (f->events)
        take_all(f, false);
    else if (err->kind == ERR_NOT_FOUND)
        f->done = f->deleted = true;
    return f->events || f->heard || f->done ? 0 : -1;
}

/* By streams that were never cut off all that is to be known of its runs was heard. */
static bool is_all_heard(const Follow *f) {
    return f->done && !f->deleted && f->awaited == 0 && !f->cut && f->feed.opening == 1;
}

/* It ended by itself: is it over, or has its server left? The events that were opened beside it
 * will say so, or end as well. */
static bool log_waits(const Follow *f) {
    return f->feed.over && f->events && !f->done && f->beside == f->opening;
}

/* What followed the log until the end may have been cut off with its server: once it is over what
 * is left is asked for. */
static int open_log(Follow *f, Err *err) {
    if (!f->ask->shown || f->feed.lines || f->feed.ended || is_all_heard(f))
        return 0;
    if (log_waits(f))
        return 0;
    f->feed.over = false;
    if (f->done) {
        f->feed.ask.follow = false;
        f->last_pass = true;
    }
    f->beside = f->opening;
    int r = log_feed_open(&f->feed, err);
    if (r == 0 || err->kind != ERR_NOT_FOUND)
        return r;
    f->feed.ended = f->last_pass = true; /* it was deleted */
    return 0;
}

static bool is_over(const Follow *f) {
    return f->done && (!f->ask->shown || is_all_heard(f) || (f->last_pass && f->feed.ended));
}

/* ---- signals ---- */

/* Whoever runs it ends it; but not because a terminal was closed. */
static void cancel(Follow *f, bool again) {
    const Value *reply;
    Err err;
    Arena arena;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s/cancel", f->ask->name);
    progress_clear(&f->foot.progress);
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
    if (info.ssi_signo == SIGHUP) {
        f->left = true;
        return;
    }
    cancel(f, f->interrupted != 0);
    if (!f->interrupted)
        f->interrupted = (int)info.ssi_signo;
}

/* ---- the loop ---- */

/* What is being started, and what it waits for, is no event. */
static void ask_why(Follow *f) {
    const Value *workflow;
    Arena arena;
    Err err;
    if (!workflow_foot_asks(&f->foot))
        return;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s", f->ask->name);
    arena_init(&arena);
    if (client_ask(&f->cli->client, "GET", path, NULL, &arena, &workflow, &err) == 0)
        workflow_foot_hear(&f->foot, workflow);
    arena_deinit(&arena);
}

static int timeout_of(const Follow *f) {
    int timeout = workflow_foot_timeout(&f->foot);
    int64_t left_ms = f->ask->deadline_ms ? f->ask->deadline_ms - clock_mono_ms() : -1;
    if (left_ms < 0 || left_ms > INT32_MAX)
        return timeout;
    return timeout < 0 || left_ms < timeout ? (int)left_ms : timeout;
}

static void turn(Follow *f) {
    bool broken = (!f->events && !f->done) || (f->ask->shown && !f->feed.lines && !log_waits(f));
    StreamsHeard heard = streams_wait(&(Streams){.log = f->ask->shown ? &f->feed : NULL,
                                                 .events = f->events,
                                                 .signals = f->signals,
                                                 .timeout_ms = broken ? AGAIN_MS : timeout_of(f)});
    if (heard.signal)
        hear_signal(f);
    if (heard.events)
        take_all(f, heard.cut);
}

static int look_on(Follow *f, Err *err) {
    for (;;) {
        if (open_events(f, err) < 0 || open_log(f, err) < 0)
            return -1;
        if (is_over(f))
            return 0;
        if (f->ask->deadline_ms && clock_mono_ms() >= f->ask->deadline_ms)
            return err_set(err, ERR_TIMEOUT, "workflow %s is not over yet", f->ask->name);
        ask_why(f);
        workflow_foot_draw(&f->foot);
        turn(f);
        if (f->left)
            return 0;
    }
}

/* ---- the end ---- */

static int code_of(const Follow *f) {
    const char *result = value_get_str(value_get(f->last, "status"), "result");
    if (f->left)
        return EXIT_TERMINATED;
    if (f->interrupted)
        return f->interrupted == SIGINT ? EXIT_INTERRUPTED : EXIT_TERMINATED;
    if (f->deleted)
        return EXIT_FAILED;
    if (str_same(result, "success"))
        return EXIT_DONE;
    return str_same(result, "timeout") ? EXIT_TIMEOUT : EXIT_FAILED;
}

/* The sentence about the whole may have said it. */
static void say_left(const Value *status) {
    const char *left = value_get_str(status, "left"), *error = value_get_str(status, "error");
    if (left && !(error && strstr(error, left)))
        cli_say("not all that it made is gone: %s", left);
}

static void last_word(Follow *f) {
    Buf text;
    say_held(f);
    fflush(stdout);
    if (f->deleted) {
        cli_say("workflow %s: deleted meanwhile", f->ask->task);
        return;
    }
    say_left(value_get(f->last, "status"));
    buf_init(&text, CLI_PATH_BYTES);
    workflow_sentence(f->last, f->cli->color_err, &text);
    cli_say("%s", buf_cstr(&text));
    buf_deinit(&text);
}

static void init(Follow *f, Cli *cli, const WorkflowFollow *ask) {
    LogAsk log = {.workflow = ask->name, .follow = true, .ends = true, .tail = -1};
    *f = (Follow){.cli = cli, .ask = ask, .signals = ask->owner ? follow_catch_signals() : -1};
    f->prefix = (Prefix){.terminal = cli->terminal, .color = cli->color};
    for (size_t i = 0; i < value_count(ask->steps); i++)
        prefix_widen(&f->prefix, value_get_str(value_at(ask->steps, i), "name"));
    map_init(&f->steps);
    workflow_foot_init(&f->foot, ask->task, &f->prefix, cli->color_err);
    log_feed_init(&f->feed, &cli->client, &log, on_line, f);
}

static void deinit(Follow *f) {
    const char *uuid;
    void *at;
    workflow_foot_deinit(&f->foot);
    for (size_t i = 0; map_next(&f->steps, &i, &uuid, &at);) {
        StepSeen *seen = at;
        free(seen->name);
        free(seen->uuid);
        free(seen->told);
        free(seen);
    }
    map_deinit(&f->steps);
    VEC_FREE(f->held);
    log_feed_deinit(&f->feed);
    f->events = http_lines_close(f->events);
    if (f->signals >= 0)
        close(f->signals);
}

int workflow_follow(Cli *cli, const WorkflowFollow *ask, const Value **ret, Err *err) {
    Follow f;
    init(&f, cli, ask);
    int r = look_on(&f, err);
    progress_clear(&f.foot.progress);
    if (r == 0 && !f.left && (ask->shown || f.deleted))
        last_word(&f);
    if (r == 0)
        r = code_of(&f);
    *ret = f.last;
    deinit(&f);
    return r;
}
