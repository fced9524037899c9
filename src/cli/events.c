/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/event_feed.h"
#include "cli/event_print.h"
#include "cli/labelled.h"
#include "cli/when.h"

typedef struct EventsOptions {
    bool follow;
    int64_t limit;
    const char *since;
    TextList labels;
} EventsOptions;

static const Option options[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(EventsOptions, follow), NULL,
     "go on with what happens from now on", NULL},
    {"limit", 'n', OPTION_NUMBER, offsetof(EventsOptions, limit), "N", "only the last N", NULL},
    {"since", 0, OPTION_TEXT, offsetof(EventsOptions, since), "TIME",
     "only from then on: 10m (ago), 15:04, 2006-01-02", NULL},
    OPTION_LABELS(EventsOptions),
};

static void prepare(void *given) {
    ((EventsOptions *)given)->limit = -1;
}

static int run(Cli *cli, void *given, Err *err) {
    const EventsOptions *ask = given;
    EventPrint print;
    bool stopped = false;
    char since[TIME_TEXT];
    int64_t us;
    TextList names;
    if (ask->since && when_parse(ask->since, clock_wall_us(), &us, err) < 0)
        return err_in(err, "--since");
    EventFeedAsk feed = {.slug = cli_session(cli, &stopped, err),
                         .names = &names,
                         .follow = ask->follow,
                         .limit = ask->limit,
                         .since = ask->since ? since : NULL};
    if (!feed.slug)
        return -1;
    Labelled what = {.slug = feed.slug, .stopped = stopped, .labels = &ask->labels};
    if (ask->since)
        time_format_micro(us, since);
    if (labelled_names(cli, &what, &names, err) < 0)
        return -1;
    if (stopped && ask->follow)
        cli_say("session %s is down: nothing more will come", feed.slug);
    feed.follow = ask->follow && !stopped;
    event_print_init(&print, cli, feed.follow);
    int r = event_feed(&cli->client, &feed, event_print, &print, err);
    event_print_rest(&print);
    return r < 0 ? -1 : EXIT_DONE;
}

const Command command_events = {
    .name = "events",
    .args = "[-f] [-n N] [--since TIME] [-l KEY[=VALUE]] [-o text|json] [NAME…]",
    .doc = "Prints what happened, in the order in which it did",
    .more = "Also of a session that is down.",
    .outputs = "text|json",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(EventsOptions),
    .prepare = prepare,
    .run = run,
};
