/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/down.h"

#include <string.h>

#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/moved.h"
#include "cli/presence.h"
#include "spec/routes.h"

typedef struct DownOptions {
    bool all, purge, silent; /* silent: of there being none */
    int64_t timeout_ms;
} DownOptions;

static const Option options[] = {
    {"all", 0, OPTION_FLAG, offsetof(DownOptions, all), NULL, "every session of this user", NULL},
    {"purge", 0, OPTION_FLAG, offsetof(DownOptions, purge), NULL,
     "also end helpers, remove logs and records", NULL},
    {"timeout", 0, OPTION_DURATION, offsetof(DownOptions, timeout_ms), "DURATION",
     "give up after this long (exit code 4)", NULL},
};

static int ask_for_it(Cli *cli, const DownOptions *ask, const char *slug) {
    Arena arena;
    const Value *reply;
    Err err;
    AUTO_FREE char *path =
        xasprintf(TILT_API "/sessions/%s%s", slug, ask->purge ? "?purge=true" : "");
    arena_init(&arena);
    int r = client_ask(&cli->client, "DELETE", path, NULL, &arena, &reply, &err);
    arena_deinit(&arena);
    return r < 0 && err.kind != ERR_NOT_FOUND ? cli_fail(&err) : EXIT_DONE;
}

static int look_on(Cli *cli, const DownOptions *ask, const char *slug) {
    FollowAsk follow_ask = {.slug = slug,
                            .down = "thole down",
                            .until = FOLLOW_GONE,
                            .quiet = true,
                            .timeout_ms = ask->timeout_ms,
                            .stop = true};
    int r = follow(cli, &follow_ask);
    if (r == EXIT_DONE) {
        presence_forget(&cli->client, slug);
        cli_say("%s is down%s", slug, ask->purge ? " and its files are removed" : "");
    }
    return r;
}

static int stop(Cli *cli, const DownOptions *ask, const char *slug) {
    int r = ask_for_it(cli, ask, slug);
    return r == EXIT_DONE ? look_on(cli, ask, slug) : r;
}

static const char *slug_of(const Value *session) {
    return value_get_str(value_get(session, "metadata"), "name");
}

/* All at once; then each is seen to its end. */
static int stop_all(Cli *cli, const DownOptions *ask, Err *err) {
    const Value *list;
    int worst = EXIT_DONE, r;
    const char *path = ask->purge ? TILT_API "/sessions?stopped=true" : TILT_API "/sessions";
    if (client_ask(&cli->client, "GET", path, NULL, &cli->arena, &list, err) < 0)
        return -1;
    const Value *items = value_get(list, "items");
    if (value_count(items) == 0 && !ask->silent)
        cli_say("no session is %s", ask->purge ? "there" : "up");
    for (size_t i = 0; i < value_count(items); i++)
        if ((r = ask_for_it(cli, ask, slug_of(value_at(items, i)))) > worst)
            worst = r;
    for (size_t i = 0; i < value_count(items); i++)
        if ((r = look_on(cli, ask, slug_of(value_at(items, i)))) > worst)
            worst = r;
    return worst;
}

/* That nothing runs is what was wanted. */
static int stop_one(Cli *cli, const DownOptions *ask, Err *err) {
    bool stopped;
    const char *slug = cli_session(cli, ask->purge ? &stopped : NULL, err);
    if (!slug && err->kind == ERR_NOT_FOUND)
        slug = moved_lost(cli, ask->purge);
    if (slug)
        return stop(cli, ask, slug);
    if (err->kind != ERR_NOT_FOUND || !cli->config_file)
        return -1;
    cli_say("nothing of %s is running", cli->config_file);
    return EXIT_DONE;
}

static int run(Cli *cli, void *given, Err *err) {
    const DownOptions *ask = given;
    return ask->all ? stop_all(cli, ask, err) : stop_one(cli, ask, err);
}

int down_all(Cli *cli, int64_t timeout_ms, Err *err) {
    return stop_all(cli, &(DownOptions){.all = true, .silent = true, .timeout_ms = timeout_ms},
                    err);
}

const Command command_down = {
    .name = "down",
    .args = "[--all] [--purge] [--timeout D]",
    .doc = "Stops the session, in reverse order of dependence",
    .more = "Waits until nothing is left; a process that cannot be ended is named (3).",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(DownOptions),
    .run = run,
    .no_names = true,
};
