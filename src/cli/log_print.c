/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_print.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/when.h"

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

static int read_pattern(LogPrint *print, const char *pattern, Err *err) {
    char why[200];
    if (!pattern)
        return 0;
    int r = regcomp(&print->re, pattern, REG_EXTENDED);
    if (r == 0) {
        print->has_re = true;
        return 0;
    }
    regerror(r, &print->re, why, sizeof(why));
    return err_set(err, ERR_INVALID, "--grep \"%.100s\": %s", pattern, why);
}

int log_print_init(LogPrint *print, Cli *cli, const LogOptions *given, Err *err) {
    *print = (LogPrint){.cli = cli};
    const char *form = cli_output(print->cli);
    if (given->run == 0)
        return err_set(err, ERR_INVALID, "--run 0: runs are numbered from 1");
    print->form = strcmp(form, "json") == 0  ? FORM_JSON
                  : strcmp(form, "raw") == 0 ? FORM_RAW
                                             : FORM_TEXT;
    print->ask = (LogAsk){.follow = given->follow,
                          .tail = given->tail,
                          .run = given->run < 0 ? 0 : given->run,
                          .stream = given->stream};
    print->prefix = (Prefix){.terminal = print->cli->terminal, .color = print->cli->color};
    if (read_time("since", given->since, print->since, &print->ask.since, err) < 0 ||
        read_time("until", given->until, print->until, &print->ask.until, err) < 0)
        return -1;
    return read_pattern(print, given->grep, err);
}

/* ---- what comes ---- */

static bool matches(const LogPrint *print, const LogEntry *entry) {
    regmatch_t whole = {.rm_so = 0, .rm_eo = (regoff_t)entry->size};
    if (!print->has_re || entry->stream == LOG_GAP)
        return true;
    return regexec(&print->re, entry->bytes, 1, &whole, REG_STARTEND) == 0;
}

static void on_line(void *arg, const LogEntry *entry) {
    LogPrint *print = arg;
    if (!matches(print, entry))
        return;
    switch (print->form) {
    case FORM_TEXT: prefix_print(&print->prefix, entry, stdout); return;
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

/* Until the stream ends. False: nobody reads what we print. */
static bool hear(LogFeed *feed) {
    while (log_feed_fd(feed) >= 0) {
        if (!cli_await(log_feed_fd(feed)))
            return false;
        log_feed_pump(feed);
    }
    return true;
}

/* A server that is replaced ends the stream; it is opened again until what it is of is over. */
static int pump(LogPrint *print, LogFeed *feed, LogOverFn over, Err *err) {
    bool heard = false;
    while (!feed->ended) {
        if (log_feed_open(feed, err) < 0)
            return heard && err->kind == ERR_NOT_FOUND ? 0 : -1;
        heard = true;
        if (!hear(feed) || (feed->over && over(print)))
            return 0;
    }
    return 0;
}

int log_print(LogPrint *print, LogOverFn over, Err *err) {
    LogFeed feed;
    log_feed_init(&feed, &print->cli->client, &print->ask, on_line, print);
    int r = pump(print, &feed, over, err);
    log_feed_deinit(&feed);
    return r;
}

void log_print_deinit(LogPrint *print) {
    if (print->has_re)
        regfree(&print->re);
}
