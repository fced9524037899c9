/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/ci_report.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/moved.h"
#include "cli/presence.h"
#include "cli/report_print.h"
#include "cli/request.h"
#include "cli/review.h"
#include "cli/table.h"
#include "spec/routes.h"

typedef struct UpOptions {
    TextList labels;
    CiReport report; /* of ci */
    bool detach, wait, env_refresh, dry_run, force;
    int64_t timeout_ms, readiness_timeout_ms;
} UpOptions;

static const Option up_options[] = {
    OPTION_LABELS(UpOptions),
    {"detach", 'd', OPTION_FLAG, offsetof(UpOptions, detach), NULL, "start it and return", NULL},
    {"wait", 0, OPTION_FLAG, offsetof(UpOptions, wait), NULL,
     "return when everything is ready or done", NULL},
    {"timeout", 0, OPTION_DURATION, offsetof(UpOptions, timeout_ms), "DURATION",
     "with --wait: give up after this long (exit code 4)", NULL},
    {"env-refresh", 0, OPTION_FLAG, offsetof(UpOptions, env_refresh), NULL,
     "new runs get the environment of this command", NULL},
    {"dry-run", 0, OPTION_FLAG, offsetof(UpOptions, dry_run), NULL,
     "only say what would change, and why", NULL},
    {"force", 0, OPTION_FLAG, offsetof(UpOptions, force), NULL,
     "run jobs even if nothing has changed", NULL},
};

static const Option ci_options[] = {
    OPTION_LABELS(UpOptions),
    {"timeout", 0, OPTION_DURATION, offsetof(UpOptions, timeout_ms), "DURATION",
     "the longest it may take", NULL},
    {"readiness-timeout", 0, OPTION_DURATION, offsetof(UpOptions, readiness_timeout_ms), "DURATION",
     "the longest a server may be not ready", NULL},
    {"detach", 'd', OPTION_FLAG, offsetof(UpOptions, detach), NULL, "start it and return", NULL},
    {"junit", 0, OPTION_TEXT, offsetof(UpOptions, report.junit), "FILE", "write a JUnit report",
     NULL},
    {"summary", 0, OPTION_FLAG, offsetof(UpOptions, report.summary), NULL,
     "what took how long; the critical path", NULL},
    {"force", 0, OPTION_FLAG, offsetof(UpOptions, force), NULL,
     "run jobs even if nothing has changed", NULL},
};

static void prepare(void *given) {
    UpOptions *ask = given;
    ask->timeout_ms = ask->readiness_timeout_ms = -1;
}

/* The session that this project's file has; its slug is in the refusal. */
static const char *existing(const Value *reply) {
    return value_get_str(value_get(reply, "details"), "name");
}

/* Whoever names nothing looks on at what there is; nothing that has ended is run again. */
static int attach(Cli *cli, const char *slug, const UpAsk *ask, Err *err) {
    const Value *reply;
    if (!cli->names.n && !ask->labels.n && !ask->with_client && !ask->force)
        return 0;
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s/start", slug);
    AUTO_FREE char *body = request_up(cli, ask, true, err);
    return body ? client_ask(&cli->client, "POST", path, body, &cli->arena, &reply, err) : -1;
}

typedef struct Begun {
    const char *slug;
    /* of a session that was created: its start. What older ones wrote is not shown */
    const char *since;
    bool owner; /* it was created */
    bool bare;  /* ... and has nothing to start */
} Begun;

static void take_session(const Value *session, Begun *ret) {
    ret->slug = value_get_str(value_get(session, "metadata"), "name");
    ret->since = value_get_str(value_get(session, "status"), "startTime");
    ret->owner = true;
    ret->bare = value_count(value_get(value_get(session, "status"), "targets")) == 1;
}

/* The server went away after it had created it, and another was asked again. */
static bool is_own(const Value *reply, const UpAsk *ask) {
    return str_same(value_get_str(value_get(reply, "details"), "uid"), ask->uid);
}

static int get_session(Cli *cli, const char *slug, const Value **ret, Err *err) {
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s", slug);
    return client_ask(&cli->client, "GET", path, NULL, &cli->arena, ret, err);
}

static int take_own(Cli *cli, const char *slug, Begun *ret, Err *err) {
    const Value *session;
    if (get_session(cli, slug, &session, err) < 0)
        return -1;
    take_session(session, ret);
    return 0;
}

/* The session watches its files. Who has just written to one expects it to be taken up before
 * anything else is done. */
static int take_up(Cli *cli, const char *slug, Err *err) {
    const Value *reply;
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s/reload", slug);
    if (client_ask(&cli->client, "POST", path, "{}", &cli->arena, &reply, err) == 0)
        return 0;
    report_print(cli, reply);
    if (err->kind != ERR_INVALID)
        return -1;
    AUTO_FREE char *down = cli_words(cli, "down");
    return err_in(err, "session %s goes on as it is (`%s` stops it)", slug, down);
}

/* What to do about a session that is there already. */
static int join(Cli *cli, UpAsk *ask, const Value *reply, Begun *ret, Err *err) {
    const char *slug = existing(reply);
    if (is_own(reply, ask))
        return take_own(cli, slug, ret, err);
    if (ask->ci)
        return err_set(err, ERR_CONFLICT,
                       "%s is up already as session %s: `thole down` first, or, where no port is "
                       "needed by both (in an environment each is), run it beside that with "
                       "`thole --session NAME ci`",
                       cli->config_file, slug);
    ret->slug = slug;
    ask->with_client = ask->env_refresh;
    if (take_up(cli, slug, err) < 0 || attach(cli, slug, ask, err) < 0)
        return -1;
    if (ask->env_refresh)
        cli_say("what starts from now on has the environment of this command; what runs keeps its "
                "own until it is restarted");
    return 0;
}

/* Creates the session or joins it. */
static int begin(Cli *cli, UpAsk *ask, Begun *ret, Err *err) {
    const Value *reply;
    random_uuid(ask->uid);
    AUTO_FREE char *body = request_up(cli, ask, false, err);
    if (!body)
        return -1;
    if (client_ask(&cli->client, "POST", TILT_API "/sessions", body, &cli->arena, &reply, err) ==
        0) {
        take_session(reply, ret);
        return 0;
    }
    bool leaving = str_same(value_get_str(reply, "reason"), "Conflict");
    if (err->kind == ERR_CONFLICT && existing(reply) && existing(reply)[0] && !leaving)
        return join(cli, ask, reply, ret, err);
    report_print(cli, reply);
    report_take_cause(reply, err);
    return -1;
}

/* Two sessions of one project would be in each other's way. */
static int refuse_moved(Cli *cli, Err *err) {
    const Value *session = moved_find(cli);
    if (!session)
        return 0;
    AUTO_FREE char *down = cli_words(cli, "down");
    return err_set(err, ERR_CONFLICT,
                   "session %s of %s still runs, from before the directory was moved; stop it with "
                   "`%s`, then start it here",
                   value_get_str(value_get(session, "metadata"), "name"), moved_from(session),
                   down);
}

static int look_on(Cli *cli, UpOptions *options, const UpAsk *ask, const Begun *begun) {
    AUTO_FREE char *down = cli_words(cli, "down");
    FollowAsk follow_ask = {.slug = begun->slug,
                            .down = down,
                            .owner = begun->owner,
                            .hold = ask->hold,
                            .names = &cli->names,
                            .labels = &options->labels,
                            .quiet = options->detach,
                            .signals = cli->client.interrupt,
                            .until = ask->ci         ? FOLLOW_DONE
                                     : options->wait ? FOLLOW_SETTLED
                                                     : FOLLOW_GONE};
    char since[TIME_TEXT];
    follow_ask.since = begun->since;
    if (options->wait && options->timeout_ms > 0)
        follow_ask.timeout_ms = options->timeout_ms;
    if (!begun->owner) {
        time_format_micro(clock_wall_us(), since);
        follow_ask.since = since;
        if (!options->detach)
            cli_say("attached to %s; ^C detaches", begun->slug);
    }
    bool noted = begun->owner && !options->detach && !ask->ci;
    if (noted)
        presence_note(&cli->client, begun->slug);
    cli->client.interrupt = 0;
    if (ask->ci) {
        follow_ask.summed_up = options->report.summary;
        follow_ask.logged = ci_report_logged;
        follow_ask.arg = &options->report;
        ci_report_log(&options->report, begun->slug);
    }
    int r = follow(cli, &follow_ask);
    if (ask->ci)
        return ci_report_end(&options->report, cli, begun->slug, r);
    if (noted && r != EXIT_TERMINATED)
        presence_forget(&cli->client, begun->slug);
    if (r == EXIT_DONE && options->wait)
        cli_say("%s is ready", begun->slug);
    return r;
}

/* A signal meanwhile is for the session that is being started, so it is kept until that is
 * there. */
static int go(Cli *cli, UpOptions *options, UpAsk *ask, Err *err) {
    Begun begun = {0};
    if (!ask->ci && !options->wait && options->timeout_ms >= 0)
        return err_set(err, ERR_INVALID, "--timeout goes with --wait");
    if (cli_project(cli, err) < 0 || refuse_moved(cli, err) < 0)
        return -1;
    bool looks_on = !options->detach || options->wait;
    if (looks_on)
        cli->client.interrupt = follow_catch_signals();
    if (begin(cli, ask, &begun, err) < 0)
        return -1;
    AUTO_FREE char *down = cli_words(cli, "down");
    AUTO_FREE char *how = xasprintf("`%s`", down);
    if (begun.bare) /* but for the reading of the file itself */
        cli_say("nothing is there to start: no service of %s has a `command`", cli->config_file);
    if (begun.owner)
        review_say_foreign(cli);
    else
        presence_check(&cli->client, begun.slug, how);
    if (looks_on)
        return look_on(cli, options, ask, &begun);
    cli_say("%s %s", begun.slug, begun.owner ? "started" : "is up");
    return EXIT_DONE;
}

static int say_interrupted(const Cli *cli, const Err *err) {
    struct signalfd_siginfo info;
    AUTO_FREE char *down = cli_words(cli, "down");
    cli_say("%s; should the session have begun all the same, `%s` stops it", err->msg, down);
    bool read_one = read(cli->client.interrupt, &info, sizeof(info)) == sizeof(info);
    return read_one && info.ssi_signo != SIGINT ? EXIT_TERMINATED : EXIT_INTERRUPTED;
}

static int start(Cli *cli, UpOptions *options, bool ci, Err *err) {
    UpAsk ask = {.ci = ci,
                 .hold = ci && !options->detach,
                 .labels = options->labels,
                 .with_client = true,
                 .env_refresh = options->env_refresh,
                 .force = options->force,
                 .timeout_ms = ci ? options->timeout_ms : -1,
                 .readiness_timeout_ms = ci ? options->readiness_timeout_ms : -1};
    int r = go(cli, options, &ask, err);
    if (r < 0 && err->kind == ERR_CANCELLED)
        r = say_interrupted(cli, err);
    return r;
}

/* ---- --dry-run ---- */

static void print_changes(const Cli *cli, const Value *changes) {
    static const char *const columns[] = {"TARGET", "ACTION", "WHY"};
    static const char *const colors[][2] = {
        {"start", "32"}, {"restart", "33"}, {"stop", "31"}, {"update", "36"}};
    Table *table = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < value_count(changes); i++) {
        const Value *change = value_at(changes, i);
        const char *action = value_get_str(change, "action"), *color = NULL;
        const char *why = value_get_str(change, "message");
        if (str_same(action, "keep")) {
            kept++;
            continue;
        }
        for (size_t c = 0; c < COUNT(colors); c++)
            color = str_same(action, colors[c][0]) ? colors[c][1] : color;
        table = table ? table : table_new(columns, COUNT(columns), cli->color);
        table_row(table,
                  (const char *const[]){value_get_str(change, "target"), action, why ? why : ""},
                  color);
    }
    if (table)
        table_print(table);
    cli_say("%zu of %zu target%s would stay as %s", kept, value_count(changes),
            value_count(changes) == 1 ? "" : "s", value_count(changes) == 1 ? "it is" : "they are");
}

static int preview(Cli *cli, const UpOptions *options, Err *err) {
    UpAsk ask = {.labels = options->labels,
                 .with_client = true,
                 .timeout_ms = -1,
                 .readiness_timeout_ms = -1};
    const Value *reply;
    if (cli_project(cli, err) < 0 || refuse_moved(cli, err) < 0)
        return -1;
    AUTO_FREE char *body = request_up(cli, &ask, false, err);
    if (!body)
        return -1;
    if (client_ask(&cli->client, "POST", TILT_API "/sessions?dryRun=All", body, &cli->arena, &reply,
                   err) < 0) {
        report_print(cli, reply);
        report_take_cause(reply, err);
        return -1;
    }
    if (strcmp(cli_output(cli), "table") == 0)
        print_changes(cli, value_get(reply, "changes"));
    else
        cli_print(cli, reply);
    return EXIT_DONE;
}

static int run_up(Cli *cli, void *given, Err *err) {
    UpOptions *options = given;
    if (!options->dry_run)
        return start(cli, options, false, err);
    int r = preview(cli, options, err);
    return r;
}

static int run_ci(Cli *cli, void *given, Err *err) {
    UpOptions *options = given;
    CiReport *report = &options->report;
    if (options->detach && (report->junit || report->summary))
        return err_set(err, ERR_INVALID, "%s is written at the end: leave -d away",
                       report->junit ? "--junit" : "--summary");
    if (ci_report_begin(report, err) < 0)
        return -1;
    int r = start(cli, options, true, err);
    if (r < 0)
        ci_report_failed(report, err);
    return r;
}

const Command command_up = {
    .name = "up",
    .args = "[NAME…] [-l KEY[=VALUE]] [-d] [--wait] [--timeout D] [--env-refresh] [--dry-run] "
            "[--force]",
    .doc = "Starts this project's session, or attaches to it; logs stream",
    .more = "With names or labels only those services, and what they depend on. ^C stops\n"
            "what this command created, a second one kills; what was there goes on.",
    .outputs = "table|json|yaml",
    .options = up_options,
    .option_n = COUNT(up_options),
    .options_size = sizeof(UpOptions),
    .prepare = prepare,
    .run = run_up,
};

const Command command_ci = {
    .name = "ci",
    .args =
        "[NAME…] [-l KEY[=VALUE]] [--timeout D] [--readiness-timeout D] [--junit FILE] [--summary] "
        "[-d] [--force]",
    .doc = "Runs the same graph to its end: 0 well, 1 a failure, 4 a timeout",
    .more = "Then everything is stopped. Times that are not given are those of the file.",
    .options = ci_options,
    .option_n = COUNT(ci_options),
    .options_size = sizeof(UpOptions),
    .prepare = prepare,
    .run = run_ci,
};
