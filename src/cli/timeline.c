/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/timeline.h"
#include "cli/when.h"
#include "spec/routes.h"

enum { WIDTH = 100 };

typedef struct TimelineOptions {
    const char *svg, *since, *until;
} TimelineOptions;

static const Option options[] = {
    {"svg", 0, OPTION_TEXT, offsetof(TimelineOptions, svg), "FILE",
     "write it as a picture instead; - is stdout", NULL},
    {"since", 0, OPTION_TEXT, offsetof(TimelineOptions, since), "TIME",
     "only from then on: 10m (ago), 15:04, 2006-01-02", NULL},
    {"until", 0, OPTION_TEXT, offsetof(TimelineOptions, until), "TIME", "only before", NULL},
};

int timeline_width(int fd) {
    struct winsize window = {0};
    const char *columns = getenv("COLUMNS");
    int64_t n;
    if (ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_col)
        return window.ws_col;
    return columns && number_parse(columns, 1, 1000, &n) == 0 ? (int)n : WIDTH;
}

int timeline_ask(Cli *cli, const char *slug, const char *query, HttpAnswer *ret, Err *err) {
    AUTO_FREE char *path = xasprintf(THOLE_API "/sessions/%s/timeline?%s", slug, query);
    if (client_raw(&cli->client, "GET", path, NULL, ret, err) < 0)
        return -1;
    if (ret->status == 200)
        return 0;
    int r = http_status_err(ret, err);
    http_answer_free(ret);
    return r;
}

static int add_time(const char *name, const char *given, Buf *query, Err *err) {
    char text[TIME_TEXT];
    int64_t us;
    if (!given)
        return 0;
    if (when_parse(given, clock_wall_us(), &us, err) < 0)
        return err_in(err, "--%s", name);
    time_format_micro(us, text);
    buf_printf(query, "&%s=%s", name, text);
    return 0;
}

static int make_query(const Cli *cli, const TimelineOptions *given, Buf *query, Err *err) {
    bool json = strcmp(cli_output(cli), "json") == 0;
    if (given->svg && json)
        return err_set(err, ERR_INVALID, "--svg is a format of its own; leave -o away");
    buf_printf(query, "format=%s", given->svg ? "svg" : json ? "json" : "text");
    if (!given->svg && !json)
        buf_printf(query, "&width=%d&color=%s", timeline_width(STDOUT_FILENO),
                   cli->color ? "true" : "false");
    if (add_time("since", given->since, query, err) < 0)
        return -1;
    return add_time("until", given->until, query, err);
}

static int put(Cli *cli, const TimelineOptions *given, const HttpAnswer *answer, Err *err) {
    if (!given->svg || strcmp(given->svg, "-") == 0) {
        cli_print_raw(cli, answer);
        return EXIT_DONE;
    }
    if (file_write(given->svg, answer->body, answer->size, 0666, err) < 0)
        return -1;
    cli_say("wrote %s", given->svg);
    return EXIT_DONE;
}

static int run(Cli *cli, void *given, Err *err) {
    bool stopped = false;
    HttpAnswer answer;
    Buf query;
    const char *slug = cli_session(cli, &stopped, err);
    if (!slug)
        return -1;
    buf_init(&query, CLI_PATH_BYTES);
    int r = make_query(cli, given, &query, err);
    if (r == 0)
        r = timeline_ask(cli, slug, buf_cstr(&query), &answer, err);
    buf_deinit(&query);
    if (r < 0)
        return -1;
    r = put(cli, given, &answer, err);
    http_answer_free(&answer);
    return r;
}

const Command command_timeline = {
    .name = "timeline",
    .args = "[--svg FILE] [--since TIME] [--until TIME] [-o text|json]",
    .doc = "Shows what ran when, and which targets everything waited for",
    .more = "Also of a session that is down.",
    .outputs = "text|json",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(TimelineOptions),
    .run = run,
    .no_names = true,
};
