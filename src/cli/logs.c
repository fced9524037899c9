/* SPDX-License-Identifier: Apache-2.0 */
#include <regex.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/labelled.h"
#include "cli/log_feed.h"
#include "cli/prefix.h"
#include "cli/targets.h"
#include "cli/when.h"
#include "spec/routes.h"

typedef struct LogsOptions {
    bool follow;
    int64_t tail, run;
    const char *since, *until, *grep, *stream;
    TextList labels;
} LogsOptions;

static const Option options[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(LogsOptions, follow), NULL,
     "go on with what is written from now on", NULL},
    {"tail", 'n', OPTION_NUMBER, offsetof(LogsOptions, tail), "N",
     "only the last N lines of each target", NULL},
    OPTION_LABELS(LogsOptions),
    {"since", 0, OPTION_TEXT, offsetof(LogsOptions, since), "TIME",
     "only from then on: 10m (ago), 15:04, 2006-01-02T15:04", NULL},
    {"until", 0, OPTION_TEXT, offsetof(LogsOptions, until), "TIME", "only before", NULL},
    {"grep", 0, OPTION_TEXT, offsetof(LogsOptions, grep), "RE",
     "only lines that match (of those that --tail leaves)", NULL},
    {"stream", 0, OPTION_TEXT, offsetof(LogsOptions, stream), "STREAM", "only out, or err",
     "out|err"},
    {"run", 0, OPTION_NUMBER, offsetof(LogsOptions, run), "N", "only the N-th run, from 1", NULL},
};

static void prepare(void *given) {
    LogsOptions *ask = given;
    ask->tail = ask->run = -1;
}

typedef enum Form { FORM_TEXT, FORM_JSON, FORM_RAW } Form;

typedef struct Logs {
    Cli *cli;
    LogAsk ask;
    Form form;
    Prefix prefix;
    regex_t re;
    bool has_re;
    char since[TIME_TEXT], until[TIME_TEXT];
    const TextList *labels;
    TextList names; /* those given, and those of the targets that carry the labels */
} Logs;

/* ---- what is asked ---- */

static int read_time(const char *name, const char *given, char text[TIME_TEXT], const char **ret,
                     Err *err) {
    int64_t us;
    if (!given)
        return 0;
    if (when_parse(given, clock_wall_us(), &us, err) < 0)
        return err_in(err, "--%s", name);
    time_format_micro(us, text);
    *ret = text;
    return 0;
}

static int read_pattern(Logs *logs, const char *pattern, Err *err) {
    char why[200];
    if (!pattern)
        return 0;
    int r = regcomp(&logs->re, pattern, REG_EXTENDED);
    if (r == 0) {
        logs->has_re = true;
        return 0;
    }
    regerror(r, &logs->re, why, sizeof(why));
    return err_set(err, ERR_INVALID, "--grep \"%.100s\": %s", pattern, why);
}

static int read_options(Logs *logs, const LogsOptions *given, Err *err) {
    const char *form = cli_output(logs->cli);
    if (given->run == 0)
        return err_set(err, ERR_INVALID, "--run 0: runs are numbered from 1");
    logs->form = strcmp(form, "json") == 0  ? FORM_JSON
                 : strcmp(form, "raw") == 0 ? FORM_RAW
                                            : FORM_TEXT;
    logs->ask = (LogAsk){.names = &logs->cli->names,
                         .follow = given->follow,
                         .tail = given->tail,
                         .run = given->run < 0 ? 0 : given->run,
                         .stream = given->stream};
    logs->labels = &given->labels;
    logs->prefix = (Prefix){.terminal = logs->cli->terminal, .color = logs->cli->color};
    if (read_time("since", given->since, logs->since, &logs->ask.since, err) < 0 ||
        read_time("until", given->until, logs->until, &logs->ask.until, err) < 0)
        return -1;
    return read_pattern(logs, given->grep, err);
}

/* ---- what comes ---- */

static bool matches(const Logs *logs, const LogEntry *entry) {
    regmatch_t whole = {.rm_so = 0, .rm_eo = (regoff_t)entry->size};
    if (!logs->has_re || entry->stream == LOG_GAP)
        return true;
    return regexec(&logs->re, entry->bytes, 1, &whole, REG_STARTEND) == 0;
}

static void on_line(void *arg, const LogEntry *entry) {
    Logs *logs = arg;
    if (!matches(logs, entry))
        return;
    switch (logs->form) {
    case FORM_TEXT: prefix_print(&logs->prefix, entry, stdout); return;
    case FORM_JSON:
        fwrite(entry->json, 1, entry->json_size, stdout);
        putchar('\n');
        return;
    case FORM_RAW:
        if (entry->stream == LOG_GAP) {
            cli_say("%s: %.*s", entry->target, (int)entry->size, entry->bytes);
            return;
        }
        fwrite(entry->bytes, 1, entry->size, stdout);
        if (!entry->partial)
            putchar('\n');
        return;
    }
}

static bool is_gone(Logs *logs) {
    Arena arena;
    const Value *session;
    Err err;
    AUTO_FREE char *path = xasprintf(TILT_API "/sessions/%s", logs->ask.slug);
    arena_init(&arena);
    int r = client_ask(&logs->cli->client, "GET", path, NULL, &arena, &session, &err);
    arena_deinit(&arena);
    return r < 0;
}

/* Until the stream ends. False: nobody reads what we print. */
static bool hear(LogFeed *feed) {
    while (log_feed_fd(feed) >= 0) {
        if (!cli_await(log_feed_fd(feed)))
            return false;
        log_feed_pump(feed);
    }
    return true;
}

/* A server that is replaced ends the stream; it is opened again until the session is over. */
static int pump(Logs *logs, LogFeed *feed, Err *err) {
    bool heard = false;
    while (!feed->ended) {
        if (log_feed_open(feed, err) < 0)
            return heard && err->kind == ERR_NOT_FOUND ? 0 : -1;
        heard = true;
        if (!hear(feed) || (feed->over && is_gone(logs)))
            return 0;
    }
    return 0;
}

/* On a terminal: makes room for the names that may come, so that the column does not jump. */
static void widen(Logs *logs) {
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

static int print(Logs *logs, Err *err) {
    bool stopped = false;
    LogFeed feed;
    logs->ask.slug = cli_session(logs->cli, &stopped, err);
    if (!logs->ask.slug)
        return -1;
    Labelled what = {.slug = logs->ask.slug, .stopped = stopped, .labels = logs->labels};
    if (labelled_names(logs->cli, &what, &logs->names, err) < 0)
        return -1;
    logs->ask.names = &logs->names;
    if (stopped && logs->ask.follow) {
        cli_say("session %s is down: nothing more will come", logs->ask.slug);
        logs->ask.follow = false;
    }
    if (!stopped)
        widen(logs);
    log_feed_init(&feed, &logs->cli->client, &logs->ask, on_line, logs);
    int r = pump(logs, &feed, err);
    log_feed_deinit(&feed);
    return r;
}

static int run(Cli *cli, void *given, Err *err) {
    Logs logs = {.cli = cli};
    int r = read_options(&logs, given, err);
    if (r == 0)
        r = print(&logs, err);
    if (logs.has_re)
        regfree(&logs.re);
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
