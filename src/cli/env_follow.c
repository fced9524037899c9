/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env_follow.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/env.h"
#include "cli/streams.h"
#include "data/json.h"

enum { AGAIN_MS = 20, LOG_AGAIN_MS = 200 };

typedef struct Follow {
    const EnvFollow *ask;
    EnvOutcome *outcome;
    Client *client;
    HttpLines *events;
    int64_t seq;    /* of the last event that was heard */
    bool heard;     /* a stream of events has ended or broken off */
    bool over;      /* the end was told */
    int64_t log_ms; /* when the log is opened again that has ended by itself */
    LogFeed feed;
    char *step;       /* owned; whose hook `feed` is of; NULL: none */
    const char *name; /* the same, of which `names` is made */
    TextList names;
    int64_t run;
} Follow;

/* ---- what hooks write ---- */

static void on_line(void *arg, const LogEntry *entry) {
    Follow *f = arg;
    if (entry->stream != LOG_END)
        env_report_line(f->ask->report, entry);
}

/* Whatever it has written until now is told before what became of it. */
static void hang_up(Follow *f) {
    if (!f->step)
        return;
    log_feed_finish(&f->feed);
    log_feed_deinit(&f->feed);
    free(f->step);
    f->step = NULL;
}

static void listen_to(Follow *f, const EnvEvent *event) {
    if (f->step && strcmp(f->step, event->step) == 0 && f->run == event->run)
        return;
    hang_up(f);
    f->step = xstrdup(event->step);
    f->run = event->run;
    f->name = f->step;
    f->names = (TextList){&f->name, 1};
    const LogAsk log = {
        .of = f->ask->env->path, .names = &f->names, .run = event->run, .follow = true, .tail = -1};
    log_feed_init(&f->feed, f->client, &log, on_line, f);
}

/* A log that has ended by itself may have ended with its server; the next one takes a moment until
 * it knows that the hook goes on. */
static bool is_silent(const Follow *f) {
    return f->step && f->feed.over && !f->feed.ended;
}

static void open_log(Follow *f) {
    Err err;
    if (!f->step || f->feed.ended || f->feed.lines || (f->feed.over && clock_mono_ms() < f->log_ms))
        return;
    if (log_feed_open(&f->feed, &err) < 0)
        f->feed.over = true;
    f->log_ms = clock_mono_ms() + LOG_AGAIN_MS;
}

static int timeout_of(const Follow *f) {
    int timeout = f->events ? env_report_timeout(f->ask->report) : AGAIN_MS;
    int64_t left_ms = f->log_ms - clock_mono_ms();
    left_ms = left_ms < 0 ? 0 : left_ms;
    if (!is_silent(f) || (timeout >= 0 && timeout < left_ms))
        return timeout;
    return (int)left_ms;
}

/* ---- what happens ---- */

static void set(char **member, const char *text) {
    free(*member);
    *member = text && *text ? xstrdup(text) : NULL;
}

static void keep_note(Follow *f, const EnvEvent *event) {
    if (*event->note)
        VEC_PUSH(f->outcome->notes,
                 xasprintf("%s%s%s", event->step, *event->step ? ": " : "", event->note));
}

static void note_end(Follow *f, const EnvEvent *event) {
    f->over = true;
    f->outcome->end = event->what;
    set(&f->outcome->resume, event->resume);
    f->outcome->kind = err_kind_of_reason(event->reason);
    if (*event->error || !f->outcome->error)
        set(&f->outcome->error, *event->error ? event->error : event->message);
}

static void note_step(Follow *f, const EnvEvent *event) {
    EnvOutcome *outcome = f->outcome;
    if (event->what == ENV_STREAMING) {
        listen_to(f, event);
        return;
    }
    if (event->what != ENV_FAILED)
        return;
    set(&outcome->step, event->step);
    set(&outcome->error, event->error);
    outcome->run = event->run;
}

static bool is_over(const EnvEvent *event) {
    return event->what != ENV_STARTED && event->what != ENV_STREAMING && event->what != ENV_OTHER;
}

static void take(Follow *f, const char *line, size_t size) {
    const Value *tree;
    Arena arena;
    arena_init(&arena);
    EnvEvent event = {0};
    if (json_parse(line, size, &arena, &tree, NULL) == 0)
        event = env_event_of(tree);
    if (event.seq > f->seq) {
        f->seq = event.seq;
        if (is_over(&event))
            hang_up(f);
        env_report_event(f->ask->report, &event, line, size);
        keep_note(f, &event);
        if (*event.step)
            note_step(f, &event);
        else if (env_event_is_end(&event))
            note_end(f, &event);
    }
    arena_deinit(&arena);
}

static void take_all(Follow *f, bool broken) {
    size_t size;
    for (const char *line; (line = http_lines_next(f->events, &size));)
        take(f, line, size);
    if (!broken && !http_lines_done(f->events))
        return;
    f->events = http_lines_close(f->events);
    f->heard = true;
}

static char *path_of(const Follow *f, bool follow) {
    return xasprintf("%s/events?operation=%lld&after=%lld%s", f->ask->env->path,
                     (long long)f->ask->number, (long long)f->seq, follow ? "&follow=true" : "");
}

/* ---- streams, opened again when the server was replaced ---- */

/* The server knows that it is over, though its last events have not reached us. */
static int take_rest(Follow *f, Err *err) {
    AUTO_FREE char *path = path_of(f, false);
    f->events = client_lines(f->client, path, err);
    if (!f->events)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    take_all(f, false);
    while (f->events) {
        struct pollfd p = {.fd = http_lines_fd(f->events), .events = POLLIN};
        (void)!poll(&p, 1, -1);
        int r = http_lines_fill(f->events, NULL);
        take_all(f, r < 0);
    }
    return 0;
}

static bool is_live(const char *state) {
    return str_same(state, "waiting") || str_same(state, "running");
}

/* It is under way, or waits until what it ends is over. */
static bool is_to_come(const Follow *f, const Value *status) {
    const Value *operation = value_get(status, "operation");
    return value_get_int(value_get(status, "next"), "number", 0) == f->ask->number ||
           (value_get_int(operation, "number", 0) == f->ask->number &&
            is_live(value_get_str(operation, "state")));
}

static void end_by(Follow *f, const Value *operation) {
    const char *state = env_text(operation, "state");
    const EnvEvent end = {.what = str_same(state, "done")       ? ENV_COMPLETED
                                  : str_same(state, "canceled") ? ENV_CANCELED
                                  : str_same(state, "failed")   ? ENV_FAILED
                                                                : ENV_OTHER,
                          .error = env_text(operation, "error"),
                          .message = "",
                          .resume = ""};
    note_end(f, &end);
}

/* The events have ended, and did not say how the whole did: with their server, or because the
 * environment is gone. */
static int look(Follow *f, Err *err) {
    const Value *object;
    Arena arena;
    arena_init(&arena);
    int r = client_ask(f->client, "GET", f->ask->env->path, NULL, &arena, &object, err);
    if (r < 0 && err->kind == ERR_NOT_FOUND) {
        f->over = f->outcome->gone = true;
        r = 0;
    } else if (r == 0) {
        const Value *status = value_get(object, "status");
        const Value *operation = value_get(status, "operation");
        bool ours = value_get_int(operation, "number", 0) == f->ask->number;
        if (!is_to_come(f, status)) {
            r = take_rest(f, err);
            if (r == 0 && !f->over)
                end_by(f, ours ? operation : NULL);
        }
    }
    arena_deinit(&arena);
    return r;
}

static int open_events(Follow *f, Err *err) {
    if (f->events || f->over)
        return 0;
    if (f->heard && look(f, err) < 0)
        return -1;
    f->heard = false;
    if (f->over)
        return 0;
    AUTO_FREE char *path = path_of(f, true);
    f->events = client_lines(f->client, path, err);
    if (f->events)
        take_all(f, false);
    else if (err->kind == ERR_NOT_FOUND)
        f->heard = true;
    else
        return -1;
    return 0;
}

/* ---- signals ---- */

static void cancel(Follow *f) {
    const Value *reply;
    Err err;
    Arena arena;
    AUTO_FREE char *path = env_below(f->ask->env, "cancel");
    env_report_pause(f->ask->report);
    cli_say("stopping; ^C again leaves it alone");
    arena_init(&arena);
    if (client_ask(f->client, "POST", path, "{}", &arena, &reply, &err) < 0)
        cli_say("%s", err.msg);
    arena_deinit(&arena);
}

static void hear_signal(Follow *f) {
    struct signalfd_siginfo info;
    EnvOutcome *outcome = f->outcome;
    if (read(f->ask->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP || outcome->interrupted) {
        outcome->left = true;
        if (!outcome->interrupted)
            outcome->interrupted = (int)info.ssi_signo;
        return;
    }
    outcome->interrupted = (int)info.ssi_signo;
    cancel(f);
}

/* ---- the loop ---- */

static void turn(Follow *f) {
    StreamsHeard heard = streams_wait(&(Streams){.log = f->step ? &f->feed : NULL,
                                                 .events = f->events,
                                                 .signals = f->ask->signals,
                                                 .timeout_ms = timeout_of(f)});
    if (heard.signal)
        hear_signal(f);
    if (heard.events)
        take_all(f, heard.cut);
}

static int look_on(Follow *f, Err *err) {
    for (;;) {
        if (open_events(f, err) < 0)
            return -1;
        open_log(f);
        if (f->over || f->outcome->left)
            return 0;
        env_report_draw(f->ask->report);
        turn(f);
    }
}

int env_follow(const EnvFollow *ask, EnvOutcome *ret, Err *err) {
    *ret = (EnvOutcome){.end = ENV_OTHER};
    Follow f = {.ask = ask, .outcome = ret, .client = &ask->cli->client};
    int r = look_on(&f, err);
    if (ret->left && f.step) { /* at once */
        log_feed_deinit(&f.feed);
        free(f.step);
        f.step = NULL;
    }
    hang_up(&f);
    f.events = http_lines_close(f.events);
    return r;
}

void env_outcome_free(EnvOutcome *outcome) {
    free(outcome->error);
    free(outcome->resume);
    free(outcome->step);
    for (size_t i = 0; i < outcome->notes.n; i++)
        free(outcome->notes.at[i]);
    VEC_FREE(outcome->notes);
}
