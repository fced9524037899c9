/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env_operate.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/env_follow.h"
#include "cli/env_view.h"
#include "cli/follow.h"
#include "cli/plain.h"
#include "cli/report_print.h"
#include "cli/request.h"

enum { TRIES_MOST = 5, LAST_LINES = 10, LAST_INDENT = 8 };

/* ---- bodies ---- */

void env_body_begin(Buf *buf, JsonWriter *out) {
    buf_init(buf, MAX_REQUEST_BYTES);
    json_writer_init(out, buf);
    json_object_begin(out);
}

char *env_body_end(Buf *buf, JsonWriter *out, Err *err) {
    request_client(out);
    json_object_end(out);
    char *body = buf->failed ? NULL : buf_take(buf);
    if (!body)
        err_set(err, ERR_LIMIT, "the environment is too large to be sent (%d bytes at most)",
                MAX_REQUEST_BYTES);
    buf_deinit(buf);
    return body;
}

/* ---- asking ---- */

static bool deletes(const EnvRequest *request) {
    return strcmp(request->verb, "delete") == 0;
}

/* A delete waits until what it ends is over. NULL: nothing waits. */
static const Value *waiting_of(const EnvRequest *request, const Value *object) {
    return deletes(request) ? value_get(value_get(object, "status"), "next") : NULL;
}

static const Value *operation_of(const EnvRequest *request, const Value *object) {
    const Value *waiting = waiting_of(request, object);
    return waiting ? waiting : value_get(value_get(object, "status"), "operation");
}

/* The server went away with our request: has the operation begun all the same? */
static const Value *begun_since(Cli *cli, const EnvRequest *request, int64_t since_us) {
    EnvTarget env;
    Err err;
    int64_t us;
    if (request->apart || env_find(cli, request->name, &env, &err) < 0)
        return NULL;
    const char *since = value_get_str(operation_of(request, env.object), "since");
    int64_t second_us = since_us - since_us % 1000000;
    if (waiting_of(request, env.object))
        return env.object;
    return since && time_parse(since, &us, NULL) == 0 && us >= second_us ? env.object : NULL;
}

static int ask(Cli *cli, const EnvRequest *request, const Value **ret, Err *err) {
    int64_t since_us = clock_wall_us();
    for (int tries = 1;; tries++) {
        int r = client_ask(&cli->client, request->method, request->path, request->body, &cli->arena,
                           ret, err);
        if (r == 0)
            return 0;
        if (err->kind != ERR_UNAVAILABLE || *ret || tries == TRIES_MOST) {
            report_print(cli, *ret);
            report_take_cause(*ret, err);
            return -1;
        }
        if ((*ret = begun_since(cli, request, since_us)))
            return 0;
    }
}

/* ---- the end ---- */

static void on_last_line(void *arg, const LogEntry *entry) {
    if (entry->stream == LOG_END)
        return;
    AUTO_FREE char *text = xstrndup(entry->bytes, entry->size);
    AUTO_FREE char *plain = plain_copy(text);
    fprintf(stderr, "%*s%s\n", LAST_INDENT, "", plain);
}

/* What was drawn as a tree has not shown what the hook has written. */
static void say_last_words(Cli *cli, const EnvTarget *env, const EnvOutcome *outcome) {
    const char *name = outcome->step;
    const TextList names = {&name, 1};
    const LogAsk ask = {.of = env->path, .names = &names, .run = outcome->run, .tail = LAST_LINES};
    LogFeed feed;
    log_feed_init(&feed, &cli->client, &ask, on_last_line, NULL);
    log_feed_finish(&feed);
    log_feed_deinit(&feed);
    fflush(stderr);
}

static void say_failed(Cli *cli, const EnvRequest *request, const EnvOutcome *outcome) {
    AUTO_FREE char *step = outcome->step ? plain_copy(outcome->step) : NULL;
    AUTO_FREE char *error = plain_copy(outcome->error ? outcome->error : "it does not say why");
    bool said = step && str_starts(error, step);
    cli_say("%s %s failed%s%s: %s", request->verb, request->name, step && !said ? " in " : "",
            step && !said ? step : "", error);
    AUTO_FREE char *resume = env_resume(cli, outcome->resume);
    if (resume)
        cli_say("`%s` goes on with it", resume);
}

static void say_canceled(const Cli *cli, const EnvRequest *request, const EnvOutcome *outcome) {
    AUTO_FREE char *resume = env_resume(cli, outcome->resume);
    cli_say("%s %s was canceled%s%s%s", request->verb, request->name, resume ? "; `" : "",
            resume ? resume : "", resume ? "` goes on with it" : "");
}

static int signal_code(int number) {
    return number == SIGINT ? EXIT_INTERRUPTED : EXIT_TERMINATED;
}

static int leave(const EnvRequest *request, const EnvOutcome *outcome) {
    if (outcome->interrupted != SIGHUP)
        cli_say("%s %s goes on; the same command looks on again", request->verb, request->name);
    return signal_code(outcome->interrupted);
}

/* Hooks and services of the project that failed are 1, what it says wrongly is 2, what we could not
 * do is 3. */
static int code_of_failure(const EnvOutcome *outcome) {
    if (outcome->run > 0 || outcome->kind == ERR_FAILED)
        return EXIT_FAILED;
    return outcome->kind == ERR_INVALID ? EXIT_USAGE : EXIT_TROUBLE;
}

static void say_done(Cli *cli, const EnvRequest *request, const EnvTarget *env, bool drawn) {
    const Value *object;
    Err err;
    if (request->done)
        cli_say("%s is %s", request->name, request->done);
    if (!request->sums_up ||
        client_ask(&cli->client, "GET", env->path, NULL, &cli->arena, &object, &err) < 0)
        return;
    if (drawn && cli->terminal)
        putchar('\n');
    env_print_summary(cli, object);
}

static void say_notes(const EnvOutcome *outcome) {
    for (size_t i = 0; i < outcome->notes.n; i++) {
        AUTO_FREE char *note = plain_copy(outcome->notes.at[i]);
        cli_say("%s", note);
    }
}

static int end(Cli *cli, const EnvRequest *request, const EnvTarget *env, const EnvOutcome *outcome,
               bool drawn) {
    if (!env_as_json(cli))
        say_notes(outcome);
    if (outcome->left)
        return leave(request, outcome);
    if (outcome->gone && !deletes(request)) {
        cli_say("%s was deleted meanwhile", request->name);
        return EXIT_FAILED;
    }
    if (outcome->end == ENV_FAILED) {
        if (drawn && outcome->run)
            say_last_words(cli, env, outcome);
        say_failed(cli, request, outcome);
        return outcome->interrupted ? signal_code(outcome->interrupted) : code_of_failure(outcome);
    }
    if (outcome->end == ENV_CANCELED) {
        say_canceled(cli, request, outcome);
        return outcome->interrupted ? signal_code(outcome->interrupted) : EXIT_FAILED;
    }
    if (outcome->end == ENV_OTHER && !outcome->gone) {
        cli_say("what became of %s %s is not known any more", request->verb, request->name);
        if (!request->apart)
            cli_say("`thole env show %s` tells how it is", request->name);
        return EXIT_TROUBLE;
    }
    if (!env_as_json(cli))
        say_done(cli, request, env, drawn);
    return outcome->interrupted ? signal_code(outcome->interrupted) : EXIT_DONE;
}

/* ---- all of it ---- */

/* On a terminal what is to come is shown from the start. */
static void expect(EnvReport *report, const EnvTarget *env, const char *phases) {
    const Value *reply;
    Err err;
    if (env_report_expects(report) &&
        env_look(report->cli, env, "steps?recorded=true", &reply, &err) == 0)
        env_report_expect(report, value_get(reply, "steps"), phases);
}

static int look_on(Cli *cli, const EnvRequest *request, const Value *object, int signals,
                   Err *err) {
    EnvTarget env;
    EnvReport report;
    EnvOutcome outcome;
    AUTO_FREE char *name = plain_copy(request->name);
    AUTO_FREE char *title = xasprintf("%s %s", request->verb, name);
    const Value *operation = operation_of(request, object);
    env_target_of(cli, object, &env);
    env_report_init(&report, cli, title);
    if (request->phases)
        expect(&report, &env, request->phases);
    EnvFollow follow = {.cli = cli,
                        .env = &env,
                        .report = &report,
                        .number = value_get_int(operation, "number", 0),
                        .signals = signals};
    int r = env_follow(&follow, &outcome, err);
    env_report_close(&report);
    if (r == 0)
        r = end(cli, request, &env, &outcome, report.form == REPORT_TREE);
    env_outcome_free(&outcome);
    env_report_deinit(&report);
    return r;
}

int env_operate(Cli *cli, const EnvRequest *request, Err *err) {
    const Value *object;
    int signals = follow_catch_signals();
    cli->client.interrupt = signals;
    int r = ask(cli, request, &object, err);
    cli->client.interrupt = 0;
    if (r == 0)
        r = look_on(cli, request, object, signals, err);
    close(signals);
    return r;
}
