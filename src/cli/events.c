/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "cli/commands.h"
#include "cli/event_feed.h"
#include "cli/labelled.h"
#include "cli/when.h"
#include "data/json.h"

enum { NAME_LEAST = 15, KIND_WIDTH = 9, LATE_US = 5 * 1000 * 1000 };

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

typedef struct Kept {
    int64_t us;
    const Value *event;
} Kept;

typedef struct Events {
    Cli *cli;
    bool json;
    int width;      /* of the names */
    bool at_once;   /* printed as they come */
    VEC(Kept) kept; /* not printed yet, in order of time; in the arena of the call */
} Events;

/* As the clock on the wall says it: of today the time alone. */
static void local_time(const char *text, char ret[TIME_TEXT]) {
    int64_t us, now_us = clock_wall_us();
    struct tm tm, now;
    ret[0] = '\0';
    if (time_parse(text, &us, NULL) < 0)
        return;
    time_t at = (time_t)(us / 1000000), today = (time_t)(now_us / 1000000);
    localtime_r(&at, &tm);
    localtime_r(&today, &now);
    bool same = tm.tm_yday == now.tm_yday && tm.tm_year == now.tm_year;
    size_t n = strftime(ret, TIME_TEXT, same ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(ret + n, TIME_TEXT - n, ".%03d", (int)(us / 1000 % 1000));
}

static const char *color_of(const char *kind, const char *reason) {
    bool well = str_same(reason, "Completed") || str_same(reason, "Stopped");
    if (str_same(kind, "ready"))
        return "\033[32m";
    if (str_same(kind, "ended"))
        return well ? "" : "\033[31m";
    if (str_same(kind, "gave-up") || str_same(kind, "unstopped") || str_same(kind, "hook"))
        return "\033[31m";
    return str_same(kind, "not-ready") || str_same(kind, "backoff") ? "\033[33m" : "\033[2m";
}

static void print(Events *events, const Value *event) {
    char time[TIME_TEXT];
    const char *target = value_get_str(event, "target"), *kind = value_get_str(event, "kind");
    const char *said = value_get_str(event, "time"), *message = value_get_str(event, "message");
    const char *color = events->cli->color ? color_of(kind, value_get_str(event, "reason")) : "";
    if (!said || !kind || !message)
        return;
    local_time(said, time);
    target = target ? target : "-";
    if ((int)strlen(target) > events->width)
        events->width = (int)strlen(target);
    printf("%s  %-*s  %s%-*s%s  %s\n", time, events->width, target, color, KIND_WIDTH, kind,
           color[0] ? "\033[0m" : "", message);
}

/* An end is heard of a little after it happened, when others may have begun since. Only a little:
 * clocks are set back, too. */
static void keep(Events *events, const char *json, size_t size) {
    Kept own;
    Arena *arena = &events->cli->arena;
    if (json_parse(arena_strndup(arena, json, size), size, arena, &own.event, NULL) < 0 ||
        time_parse(value_get_str(own.event, "time"), &own.us, NULL) < 0)
        return;
    VEC_PUSH(events->kept, own);
    size_t at = events->kept.n - 1;
    for (; at > 0; at--) {
        int64_t late_us = events->kept.at[at - 1].us - own.us;
        if (late_us <= 0 || late_us > LATE_US)
            break;
        events->kept.at[at] = events->kept.at[at - 1];
    }
    events->kept.at[at] = own;
}

static void on_event(void *arg, const Value *event, const char *json, size_t size) {
    Events *events = arg;
    if (events->json) {
        fwrite(json, 1, size, stdout);
        putchar('\n');
    } else if (events->at_once) {
        print(events, event);
    } else {
        keep(events, json, size);
    }
}

static void print_kept(Events *events) {
    for (size_t i = 0; i < events->kept.n; i++)
        print(events, events->kept.at[i].event);
    VEC_FREE(events->kept);
}

static int run(Cli *cli, void *given, Err *err) {
    const EventsOptions *ask = given;
    Events events = {.cli = cli, .json = strcmp(cli_output(cli), "json") == 0, .width = NAME_LEAST};
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
    events.at_once = feed.follow;
    int r = event_feed(&cli->client, &feed, on_event, &events, err);
    print_kept(&events);
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
