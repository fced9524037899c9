/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "spec/routes.h"

typedef struct DownOptions {
    bool all, purge;
    int64_t timeout_ms;
} DownOptions;

static const Option options[] = {
    {"all", 0, OPTION_FLAG, offsetof(DownOptions, all), NULL, "every session of this user", NULL},
    {"purge", 0, OPTION_FLAG, offsetof(DownOptions, purge), NULL, "also remove logs and records", NULL},
    {"timeout", 0, OPTION_DURATION, offsetof(DownOptions, timeout_ms), "DURATION", "give up waiting after this long (4)", NULL},
};

static int stop(Cli *cli, const DownOptions *ask, const char *slug) {
    Arena arena;
    const Value *reply;
    Err err;
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s%s", slug, ask->purge ? "?purge=true" : "");
    arena_init(&arena);
    int r = client_ask(&cli->client, "DELETE", path, NULL, &arena, &reply, &err);
    arena_deinit(&arena);
    if (r < 0)
        return err.kind == ERR_NOT_FOUND ? EXIT_DONE : cli_fail(&err);
    FollowAsk follow_ask = {.slug = slug, .until = FOLLOW_GONE, .quiet = true, .timeout_ms = ask->timeout_ms, .stop = true};
    r = follow(cli, &follow_ask);
    if (r == EXIT_DONE)
        cli_say("%s is down", slug);
    return r;
}

static int stop_all(Cli *cli, const DownOptions *ask, Arena *arena, Err *err) {
    const Value *list;
    int worst = EXIT_DONE;
    if (client_ask(&cli->client, "GET", TILT_API "/sessions", NULL, arena, &list, err) < 0)
        return -1;
    const Value *items = value_get(list, "items");
    for (size_t i = 0; i < value_count(items); i++) {
        int r = stop(cli, ask, value_get_str(value_get(value_at(items, i), "metadata"), "name"));
        worst = r > worst ? r : worst;
    }
    return worst;
}

static int run(Cli *cli, void *given) {
    const DownOptions *ask = given;
    Arena arena;
    Err err;
    int r;
    arena_init(&arena);
    if (ask->all) {
        r = stop_all(cli, ask, &arena, &err);
    } else {
        const char *slug = cli_session(cli, &arena, NULL, &err);
        r = slug ? stop(cli, ask, slug) : -1;
    }
    if (r < 0)
        r = cli_fail(&err);
    arena_deinit(&arena);
    return r;
}

const Command command_down = {
    .name = "down", .args = "[--all] [--purge]", .doc = "Stops the session, in reverse order of dependence",
    .options = options, .option_n = COUNT(options), .options_size = sizeof(DownOptions), .run = run, .no_names = true,
};
