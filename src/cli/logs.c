/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/labelled.h"
#include "cli/log_print.h"
#include "cli/targets.h"
#include "spec/routes.h"

typedef struct LogsOptions {
    LogOptions log;
    TextList labels;
} LogsOptions;

static const Option options[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(LogsOptions, log.follow), NULL,
     "go on with what is written from now on", NULL},
    {"tail", 'n', OPTION_NUMBER, offsetof(LogsOptions, log.tail), "N",
     "only the last N lines of each target", NULL},
    OPTION_LABELS(LogsOptions),
    {"since", 0, OPTION_TEXT, offsetof(LogsOptions, log.since), "TIME",
     "only from then on: 10m (ago), 15:04, 2006-01-02T15:04", NULL},
    {"until", 0, OPTION_TEXT, offsetof(LogsOptions, log.until), "TIME", "only before", NULL},
    {"grep", 0, OPTION_TEXT, offsetof(LogsOptions, log.grep), "RE",
     "only lines that match (of those that --tail leaves)", NULL},
    {"stream", 0, OPTION_TEXT, offsetof(LogsOptions, log.stream), "STREAM", "only out, or err",
     "out|err"},
    {"run", 0, OPTION_NUMBER, offsetof(LogsOptions, log.run), "N", "only the N-th run, from 1",
     NULL},
};

static void prepare(void *given) {
    LogsOptions *ask = given;
    ask->log.tail = ask->log.run = -1;
}

static bool is_gone(LogPrint *logs) {
    Arena arena;
    const Value *session;
    Err err;
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s", logs->ask.slug);
    arena_init(&arena);
    int r = client_ask(&logs->cli->client, "GET", path, NULL, &arena, &session, &err);
    arena_deinit(&arena);
    return r < 0;
}

/* On a terminal: makes room for the names that may come, so that the column does not jump. */
static void widen(LogPrint *logs) {
    Targets targets;
    Err err;
    if (!logs->prefix.terminal || logs->form != FORM_TEXT)
        return;
    targets_init(&targets, &logs->cli->client, logs->ask.slug);
    if (targets_read(&targets, &err) == 0 &&
        targets_choose(&targets, logs->ask.names, NULL, &err) == 0)
        for (size_t i = 0; i < targets.all.n; i++)
            if (targets.all.at[i]->chosen && !target_is_file(&targets.all.at[i]->view))
                prefix_widen(&logs->prefix, targets.all.at[i]->view.name);
    targets_deinit(&targets);
}

static int print(LogPrint *logs, const TextList *labels, Err *err) {
    bool stopped = false;
    TextList names;
    logs->ask.slug = cli_session(logs->cli, &stopped, err);
    if (!logs->ask.slug)
        return -1;
    Labelled what = {.slug = logs->ask.slug, .stopped = stopped, .labels = labels};
    if (labelled_names(logs->cli, &what, &names, err) < 0)
        return -1;
    logs->ask.names = &names;
    if (stopped && logs->ask.follow) {
        cli_say("session %s is down: nothing more will come", logs->ask.slug);
        logs->ask.follow = false;
    }
    if (!stopped)
        widen(logs);
    return log_print(logs, is_gone, err);
}

static int run(Cli *cli, void *given, Err *err) {
    const LogsOptions *ask = given;
    LogPrint logs;
    int r = log_print_init(&logs, cli, &ask->log, err);
    if (r == 0)
        r = print(&logs, &ask->labels, err);
    log_print_deinit(&logs);
    return r;
}

const Command command_logs = {
    .name = "logs",
    .args = "[-f] [-n N] [--since TIME] [--until TIME] [--grep RE] [--stream out|err] [--run N] "
            "[-o text|json|raw] [-l KEY[=VALUE]] [NAME…]",
    .doc = "Prints what the targets wrote, in order of time",
    .more = "Also of a session that is down.",
    .outputs = "text|json|raw",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(LogsOptions),
    .prepare = prepare,
    .run = run,
};
