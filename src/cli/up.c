/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/presence.h"
#include "cli/report_print.h"
#include "cli/request.h"
#include "spec/routes.h"

typedef struct UpOptions {
    TextList labels;
    bool detach, wait, env_refresh;
    int64_t timeout_ms, readiness_timeout_ms;
} UpOptions;

static const Option up_options[] = {
    {"label", 'l', OPTION_TEXTS, offsetof(UpOptions, labels), "KEY[=VALUE]",
     "only services that carry this label", NULL},
    {"detach", 'd', OPTION_FLAG, offsetof(UpOptions, detach), NULL, "start it and return", NULL},
    {"wait", 0, OPTION_FLAG, offsetof(UpOptions, wait), NULL,
     "return when everything is ready or done", NULL},
    {"timeout", 0, OPTION_DURATION, offsetof(UpOptions, timeout_ms), "DURATION",
     "with --wait: give up after this long (4)", NULL},
    {"env-refresh", 0, OPTION_FLAG, offsetof(UpOptions, env_refresh), NULL,
     "new runs get the environment of this command", NULL},
};

static const Option ci_options[] = {
    {"timeout", 0, OPTION_DURATION, offsetof(UpOptions, timeout_ms), "DURATION",
     "the longest it may take", NULL},
    {"readiness-timeout", 0, OPTION_DURATION, offsetof(UpOptions, readiness_timeout_ms), "DURATION",
     "the longest a server may be not ready", NULL},
    {"detach", 'd', OPTION_FLAG, offsetof(UpOptions, detach), NULL, "start it and return", NULL},
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
static int attach(Cli *cli, const char *slug, const UpAsk *ask, Arena *arena, Err *err) {
    const Value *reply;
    if (!cli->names.n && !ask->labels.n && !ask->with_client)
        return 0;
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s/start", slug);
    AUTO_FREE char *body = request_up(cli, ask, true, err);
    return body ? client_ask(&cli->client, "POST", path, body, arena, &reply, err) : -1;
}

typedef struct Begun {
    const char *slug;
    const char
        *since; /* of a session that was created: its start. What older ones wrote is not shown */
    bool owner; /* it was created */
} Begun;

/* Creates the session or joins it. */
static int begin(Cli *cli, UpAsk *ask, bool env_refresh, Arena *arena, Begun *ret, Err *err) {
    const Value *reply;
    AUTO_FREE char *body = request_up(cli, ask, false, err);
    if (!body)
        return -1;
    if (client_ask(&cli->client, "POST", TILT_API "/sessions", body, arena, &reply, err) == 0) {
        *ret = (Begun){.slug = value_get_str(value_get(reply, "metadata"), "name"),
                       .since = value_get_str(value_get(reply, "status"), "startTime"),
                       .owner = true};
        return 0;
    }
    const char *slug = err->kind == ERR_CONFLICT ? existing(reply) : NULL;
    bool leaving = str_same(value_get_str(reply, "reason"), "Conflict");
    if (slug && ask->ci && !leaving)
        return err_set(err, ERR_CONFLICT,
                       "%s is up already as session %s; run it beside that with "
                       "`thole --session NAME ci`, or stop that with `thole down`",
                       cli->config_file, slug);
    if (slug && slug[0] && !leaving) {
        *ret = (Begun){.slug = slug};
        ask->with_client = env_refresh;
        return attach(cli, slug, ask, arena, err);
    }
    report_print(cli, reply);
    return -1;
}

static int look_on(Cli *cli, const UpOptions *options, const UpAsk *ask, const Begun *begun) {
    FollowAsk follow_ask = {.slug = begun->slug,
                            .owner = begun->owner,
                            .hold = ask->hold,
                            .names = &cli->names,
                            .labels = &options->labels,
                            .quiet = options->detach,
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
        presence_check(&cli->client, begun->slug);
        cli_say("attached to %s; ^C detaches", begun->slug);
    }
    bool noted = begun->owner && !options->detach && !ask->ci;
    if (noted)
        presence_note(&cli->client, begun->slug);
    int r = follow(cli, &follow_ask);
    if (noted && r != EXIT_TERMINATED)
        presence_forget(&cli->client, begun->slug);
    return r;
}

static int start(Cli *cli, const UpOptions *options, bool ci) {
    UpAsk ask = {.ci = ci,
                 .hold = ci && !options->detach,
                 .labels = options->labels,
                 .with_client = true,
                 .timeout_ms = ci ? options->timeout_ms : -1,
                 .readiness_timeout_ms = ci ? options->readiness_timeout_ms : -1};
    Begun begun = {0};
    Arena arena;
    Err err;
    int r;
    arena_init(&arena);
    if (!ci && !options->wait && options->timeout_ms >= 0) {
        err_set(&err, ERR_INVALID, "--timeout goes with --wait");
        r = cli_fail(&err);
    } else if (cli_project(cli, &err) < 0 ||
               begin(cli, &ask, options->env_refresh, &arena, &begun, &err) < 0) {
        r = cli_fail(&err);
    } else if (options->detach && !options->wait) {
        cli_say("%s %s", begun.slug, begun.owner ? "started" : "is up");
        r = EXIT_DONE;
    } else {
        r = look_on(cli, options, &ask, &begun);
    }
    arena_deinit(&arena);
    free(options->labels.at);
    return r;
}

static int run_up(Cli *cli, void *options) {
    return start(cli, options, false);
}

static int run_ci(Cli *cli, void *options) {
    return start(cli, options, true);
}

const Command command_up = {
    .name = "up",
    .args = "[NAME…] [-l KEY=VALUE] [-d] [--wait]",
    .doc = "Starts this project's session, or attaches to it; logs stream",
    .options = up_options,
    .option_n = COUNT(up_options),
    .options_size = sizeof(UpOptions),
    .prepare = prepare,
    .run = run_up,
};

const Command command_ci = {
    .name = "ci",
    .args = "[NAME…] [--timeout D] [--readiness-timeout D] [-d]",
    .doc = "Runs the same graph to its end: 0 all well, 1 a failure, 4 a timeout",
    .options = ci_options,
    .option_n = COUNT(ci_options),
    .options_size = sizeof(UpOptions),
    .prepare = prepare,
    .run = run_ci,
};
