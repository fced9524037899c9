/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/report_print.h"
#include "cli/request.h"
#include "spec/routes.h"

typedef struct UpOptions {
    TextList labels;
    bool detach, wait, env_refresh;
    int64_t timeout_ms, readiness_timeout_ms;
} UpOptions;

static const Option up_options[] = {
    {"label", 'l', OPTION_TEXTS, offsetof(UpOptions, labels), "KEY=VALUE", "only services that carry this label", NULL},
    {"detach", 'd', OPTION_FLAG, offsetof(UpOptions, detach), NULL, "start it and return", NULL},
    {"wait", 0, OPTION_FLAG, offsetof(UpOptions, wait), NULL, "return when everything is ready or done", NULL},
    {"timeout", 0, OPTION_DURATION, offsetof(UpOptions, timeout_ms), "DURATION", "with --wait: give up after this long (4)", NULL},
    {"env-refresh", 0, OPTION_FLAG, offsetof(UpOptions, env_refresh), NULL, "new runs get the environment of this command", NULL},
};

static const Option ci_options[] = {
    {"timeout", 0, OPTION_DURATION, offsetof(UpOptions, timeout_ms), "DURATION", "the longest it may take", NULL},
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

static int attach(Cli *cli, const char *slug, const UpAsk *ask, Arena *arena, Err *err) {
    const Value *reply;
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s/start", slug);
    AUTO_FREE char *body = request_up(cli, ask, true, err);
    return body ? client_ask(&cli->client, "POST", path, body, arena, &reply, err) : -1;
}

/* Creates the session or joins it. *ret_owner: it was created. */
static int begin(Cli *cli, UpAsk *ask, bool env_refresh, Arena *arena, const char **ret_slug, bool *ret_owner, Err *err) {
    const Value *reply;
    AUTO_FREE char *body = request_up(cli, ask, false, err);
    if (!body)
        return -1;
    if (client_ask(&cli->client, "POST", TILT_API "/sessions", body, arena, &reply, err) == 0) {
        *ret_slug = value_get_str(value_get(reply, "metadata"), "name");
        *ret_owner = true;
        return 0;
    }
    if (err->kind == ERR_CONFLICT && existing(reply) && !ask->ci) {
        *ret_slug = existing(reply);
        *ret_owner = false;
        ask->with_client = env_refresh;
        return attach(cli, *ret_slug, ask, arena, err);
    }
    if (err->kind == ERR_CONFLICT && existing(reply))
        return err_set(err, ERR_CONFLICT, "%s is up already as session %s; run it beside that with `thole --session NAME ci`",
                       cli->config_file, existing(reply));
    report_print(cli, reply);
    return -1;
}

static int go_on(Cli *cli, const UpOptions *options, const UpAsk *ask, const char *slug, bool owner) {
    FollowAsk follow_ask = {.slug = slug, .owner = owner, .hold = ask->hold,
                            .until = ask->ci ? FOLLOW_DONE : options->wait ? FOLLOW_SETTLED : FOLLOW_GONE};
    char since[TIME_TEXT];
    if (options->wait && options->timeout_ms > 0)
        follow_ask.timeout_ms = options->timeout_ms;
    if (!owner) {
        time_format_micro(clock_wall_us(), since);
        follow_ask.since = since;
        cli_say("attached to %s; ^C detaches", slug);
    }
    follow_ask.quiet = options->detach;
    return follow(cli, &follow_ask);
}

static int start(Cli *cli, const UpOptions *options, bool ci) {
    UpAsk ask = {.ci = ci, .hold = ci && !options->detach, .labels = options->labels, .with_client = true,
                 .timeout_ms = ci ? options->timeout_ms : -1, .readiness_timeout_ms = ci ? options->readiness_timeout_ms : -1};
    const char *slug = NULL;
    bool owner = false;
    Arena arena;
    Err err;
    int r;
    arena_init(&arena);
    if (cli_project(cli, &err) < 0 || begin(cli, &ask, options->env_refresh, &arena, &slug, &owner, &err) < 0) {
        r = cli_fail(&err);
    } else if (options->detach && !options->wait) {
        cli_say("%s %s", slug, owner ? "started" : "is up");
        r = EXIT_DONE;
    } else {
        r = go_on(cli, options, &ask, slug, owner);
    }
    if (ci && r == EXIT_DONE && !options->detach)
        cli_say("done: everything succeeded");
    arena_deinit(&arena);
    return r;
}

static int run_up(Cli *cli, void *options) {
    return start(cli, options, false);
}

static int run_ci(Cli *cli, void *options) {
    return start(cli, options, true);
}

const Command command_up = {
    .name = "up", .args = "[NAME…] [-l KEY=VALUE] [-d] [--wait]",
    .doc = "Starts this project's session, or attaches to it; logs stream", .options = up_options,
    .option_n = COUNT(up_options), .options_size = sizeof(UpOptions), .prepare = prepare, .run = run_up,
};

const Command command_ci = {
    .name = "ci", .args = "[NAME…] [--timeout D] [--readiness-timeout D] [-d]",
    .doc = "Runs the same graph to its end: 0 all well, 1 a failure, 4 a timeout", .options = ci_options,
    .option_n = COUNT(ci_options), .options_size = sizeof(UpOptions), .prepare = prepare, .run = run_ci,
};
