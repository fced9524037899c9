/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/workflow_view.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/follow.h"
#include "cli/table.h"
#include "data/json.h"
#include "spec/routes.h"

#define WORKFLOWS THOLE_API "/workflows"

/* ---- finding ---- */

const char *workflow_name(const Value *workflow) {
    return value_get_str(value_get(workflow, "metadata"), "name");
}

const Value *workflow_look(Cli *cli, const char *task, Err *err) {
    const Value *list;
    if (client_ask(&cli->client, "GET", WORKFLOWS, NULL, &cli->arena, &list, err) < 0)
        return NULL;
    const Value *items = value_get(list, "items");
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *workflow = value_at(items, i);
        const char *uuid = value_get_str(value_get(workflow, "spec"), "task");
        if (str_same(uuid, task) || str_same(workflow_name(workflow), task))
            return workflow;
    }
    err_set(err, ERR_NOT_FOUND, "there is no workflow %s; `thole workflow list` shows them", task);
    return NULL;
}

/* ---- following ---- */

enum { GOES_ON = -2, FAILED = -1 };

typedef struct Follow {
    Cli *cli;
    const WorkflowFollow *ask;
    Map states;        /* uuid of a step → its state, as it was printed; owned */
    Arena event;       /* of the last one that was taken */
    const Value *last; /* in it */
    int signals;       /* -1: they end us */
    int heard;         /* the last one; 0: none */
} Follow;

static void tell(Follow *f, const Value *status) {
    const Value *steps = value_get(status, "steps");
    for (size_t i = 0; i < value_count(steps); i++) {
        const Value *step = value_at(steps, i);
        const char *uuid = value_get_str(step, "uuid"), *state = value_get_str(step, "state");
        const char *error = value_get_str(step, "error"), *before = map_get(&f->states, uuid);
        if (str_same(state, before ? before : "pending") || str_same(state, "starting") ||
            str_same(state, "stopping"))
            continue;
        printf("%s: %s%s%s\n", value_get_str(step, "name"), state, error ? ": " : "",
               error ? error : "");
        free(map_put(&f->states, uuid, xstrdup(state)));
    }
    fflush(stdout);
}

static int exit_code(const char *result) {
    if (str_same(result, "success"))
        return EXIT_DONE;
    return str_same(result, "timeout") ? EXIT_TIMEOUT : EXIT_FAILED;
}

static int take(Follow *f, const char *line, size_t size, Err *err) {
    const Value *event;
    Arena arena;
    arena_init(&arena);
    if (json_parse(line, size, &arena, &event, NULL) < 0 ||
        str_same(value_get_str(event, "type"), "BOOKMARK")) {
        arena_deinit(&arena);
        return GOES_ON;
    }
    arena_deinit(&f->event);
    f->event = arena;
    f->last = value_get(event, "object");
    const Value *status = value_get(f->last, "status");
    if (str_same(value_get_str(event, "type"), "DELETED"))
        return err_set(err, ERR_CONFLICT, "workflow %s was deleted meanwhile", f->ask->name);
    if (f->ask->told)
        tell(f, status);
    return value_get_bool(status, "done", false) ? exit_code(value_get_str(status, "result"))
                                                 : GOES_ON;
}

/* Whoever runs it ends it. */
static void cancel(Follow *f, bool again) {
    const Value *reply;
    Err err;
    Arena arena;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s/cancel", f->ask->name);
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
    cancel(f, f->heard != 0);
    f->heard = (int)info.ssi_signo;
}

static int await(Follow *f, HttpLines *lines, Err *err) {
    struct pollfd fds[] = {{http_lines_fd(lines), POLLIN, 0}, {f->signals, POLLIN, 0}};
    int64_t left_ms = f->ask->deadline_ms ? f->ask->deadline_ms - clock_mono_ms() : -1;
    if (f->ask->deadline_ms && left_ms <= 0)
        return err_set(err, ERR_TIMEOUT, "workflow %s is not over yet", f->ask->name);
    (void)!poll(fds, COUNT(fds), left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);
    if (fds[1].revents & POLLIN)
        hear_signal(f);
    return 0;
}

/* Of one stream. GOES_ON: it has ended, the workflow has not. */
static int read_stream(Follow *f, HttpLines *lines, Err *err) {
    for (;;) {
        size_t size;
        const char *line;
        while ((line = http_lines_next(lines, &size))) {
            int r = take(f, line, size, err);
            if (r != GOES_ON)
                return r;
        }
        if (http_lines_done(lines))
            return GOES_ON;
        if (await(f, lines, err) < 0)
            return FAILED;
        if (http_lines_fill(lines, err) < 0)
            return GOES_ON;
    }
}

static void forget_states(Follow *f) {
    const char *uuid;
    void *state;
    for (size_t at = 0; map_next(&f->states, &at, &uuid, &state);)
        free(state);
    map_deinit(&f->states);
}

int workflow_follow(Cli *cli, const WorkflowFollow *ask, const Value **ret, Err *err) {
    AUTO_FREE char *path =
        xasprintf(WORKFLOWS "?watch=true&fieldSelector=metadata.name%%3D%s", ask->name);
    Follow f = {.cli = cli, .ask = ask, .signals = ask->owner ? follow_catch_signals() : -1};
    int r = GOES_ON;
    map_init(&f.states);
    arena_init(&f.event);
    while (r == GOES_ON) {
        HttpLines *lines = client_lines(&cli->client, path, err);
        r = lines ? read_stream(&f, lines, err) : FAILED;
        http_lines_close(lines);
    }
    arena_adopt(&cli->arena, &f.event);
    *ret = f.last;
    forget_states(&f);
    if (f.signals >= 0)
        close(f.signals);
    if (r >= 0 && f.heard)
        return f.heard == SIGINT ? EXIT_INTERRUPTED : EXIT_TERMINATED;
    return r;
}

/* ---- printing ---- */

static const char *text_of(const Value *map, const char *key) {
    const char *text = value_get_str(map, key);
    return text ? text : "";
}

static const char *word_of(const Value *status) {
    const char *result = value_get_str(status, "result");
    return value_get_bool(status, "done", false) && result ? result : text_of(status, "phase");
}

static const char *color_of(const char *state) {
    if (str_same(state, "success"))
        return "32";
    return str_same(state, "failure") || str_same(state, "error") ? "31" : NULL;
}

void workflow_print(const Cli *cli, const Value *workflow) {
    static const char *const columns[] = {"STEP", "STATE", "EXIT", "ERROR"};
    const Value *spec = value_get(workflow, "spec"), *status = value_get(workflow, "status");
    const Value *steps = value_get(status, "steps");
    const char *error = value_get_str(status, "error");
    printf("workflow %s on %s: %s%s%s\n\n", text_of(spec, "task"), text_of(spec, "backend"),
           word_of(status), error ? ": " : "", error ? error : "");
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < value_count(steps); i++) {
        const Value *step = value_at(steps, i);
        char code[24] = "";
        if (value_get(step, "exit_code"))
            snprintf(code, sizeof(code), "%lld", (long long)value_get_int(step, "exit_code", 0));
        const char *cells[] = {text_of(step, "name"), text_of(step, "state"), code,
                               text_of(step, "error")};
        table_row(table, cells, color_of(cells[1]));
    }
    table_print(table);
}

void workflow_print_list(const Cli *cli, const Value *items) {
    static const char *const columns[] = {"TASK", "STATE", "BACKEND", "SINCE", "ERROR"};
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *workflow = value_at(items, i), *status = value_get(workflow, "status");
        const Value *spec = value_get(workflow, "spec");
        const char *cells[] = {text_of(spec, "task"), word_of(status), text_of(spec, "backend"),
                               text_of(status, "startTime"), text_of(status, "error")};
        table_row(table, cells, color_of(cells[1]));
    }
    table_print(table);
}
