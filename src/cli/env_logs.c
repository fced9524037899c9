/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cli/env.h"

/* The server has ended a stream that followed: is nothing under way any more? */
static bool is_over(LogPrint *print) {
    const Value *object;
    Arena arena;
    Err err;
    arena_init(&arena);
    int r = client_ask(&print->cli->client, "GET", print->ask.of, NULL, &arena, &object, &err);
    const char *state = env_text(value_get(value_get(object, "status"), "operation"), "state");
    bool over = r < 0 || !(str_same(state, "running") || str_same(state, "waiting"));
    arena_deinit(&arena);
    return over;
}

int env_logs(Cli *cli, const EnvOptions *ask, Err *err) {
    const char *step;
    const TextList steps = {&step, 1};
    EnvTarget env;
    LogPrint print;
    int r = log_print_init(&print, cli, &ask->log, err);
    if (r == 0)
        r = env_find_with_step(cli, &env, &step, err);
    if (r == 0) {
        print.ask.names = &steps;
        print.ask.of = env.path;
        r = log_print(&print, is_over, err);
    }
    log_print_deinit(&print);
    return r;
}
