/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "cli/target_view.h"
#include "spec/routes.h"

typedef struct PsOptions {
    bool all;
} PsOptions;

static const Option options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(PsOptions, all), NULL, "every session of this user", NULL},
};

static void age(const char *since, const char *until, char text[DURATION_TEXT]) {
    int64_t from_us, to_us = clock_wall_us();
    text[0] = '\0';
    if (!since || time_parse(since, &from_us, NULL) < 0 || (until && time_parse(until, &to_us, NULL) < 0))
        return;
    duration_format_short((to_us - from_us) / 1000, text);
}

static void add_row(Table *table, const TargetView *view, bool all) {
    char run[24] = "", pid[24] = "", restarts[24] = "", uptime[DURATION_TEXT];
    bool active = strcmp(view->state, "active") == 0;
    age(view->start, view->finish, uptime);
    if (view->run)
        snprintf(run, sizeof(run), "%lld", (long long)view->run);
    if (view->pid && active)
        snprintf(pid, sizeof(pid), "%lld", (long long)view->pid);
    if (view->run)
        snprintf(restarts, sizeof(restarts), "%lld", (long long)view->restarts);
    const char *ready = !active || view->job ? "-" : view->ready ? "yes" : "no";
    const char *why = view->stop_failed ? view->stop_failed : view->error ? view->error : view->message;
    const char *cells[] = {view->name, target_word(view), ready, run, pid, uptime, restarts, all ? view->space : why, why};
    table_row(table, cells, target_color(view));
}

static int print_table(Cli *cli, const Value *items, bool all) {
    static const char *const one[] = {"NAME", "STATE", "READY", "RUN", "PID", "UPTIME", "RESTARTS", "WHY"};
    static const char *const many[] = {"NAME", "STATE", "READY", "RUN", "PID", "UPTIME", "RESTARTS", "SESSION", "WHY"};
    Table *table = table_new(all ? many : one, all ? COUNT(many) : COUNT(one), cli->color);
    for (size_t i = 0; i < value_count(items); i++) {
        TargetView view;
        target_view(value_at(items, i), &view);
        if (view.name && strcmp(view.name, "tiltfile:update") != 0)
            add_row(table, &view, all);
    }
    table_print(table);
    return EXIT_DONE;
}

static int run(Cli *cli, void *given) {
    PsOptions *ask = given;
    Arena arena;
    Buf path;
    Err err;
    const Value *list = NULL;
    HttpAnswer raw;
    int r = EXIT_DONE;
    arena_init(&arena);
    buf_init(&path, 16384);
    buf_puts(&path, THOLE_API);
    const char *slug = ask->all ? NULL : cli_session(cli, &arena, NULL, &err);
    if (slug)
        buf_printf(&path, "/namespaces/%s", slug);
    buf_puts(&path, "/targets");
    if (!slug && !ask->all) {
        r = cli_fail(&err);
    } else if (strcmp(cli_output(cli), "json") == 0) {
        if (client_raw(&cli->client, "GET", buf_cstr(&path), NULL, &raw, &err) < 0) {
            r = cli_fail(&err);
        } else {
            puts(raw.body);
            http_answer_free(&raw);
        }
    } else if (client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &arena, &list, &err) < 0) {
        r = cli_fail(&err);
    } else {
        r = print_table(cli, value_get(list, "items"), ask->all);
    }
    buf_deinit(&path);
    arena_deinit(&arena);
    return r;
}

const Command command_ps = {
    .name = "ps", .args = "[-a] [-o table|wide|json]", .doc = "Shows the targets of the session: state, why, ready, run, pid",
    .outputs = "table|wide|json", .options = options, .option_n = COUNT(options), .options_size = sizeof(PsOptions),
    .run = run, .no_names = true,
};
