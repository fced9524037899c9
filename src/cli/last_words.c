/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/last_words.h"

#include "cli/cli.h"
#include "cli/log_feed.h"
#include "cli/prefix.h"

enum { LINES = 10 };

typedef struct Printer {
    const LastWords *words;
    Prefix prefix;
    bool began;
} Printer;

static void on_line(void *arg, const LogEntry *entry) {
    Printer *printer = arg;
    if (!printer->began && printer->words->title)
        cli_say("%s", printer->words->title);
    printer->began = true;
    fprintf(printer->words->to, "%*s", printer->words->indent, "");
    prefix_print(&printer->prefix, entry, printer->words->to);
}

bool last_words_of(Client *client, const LastWords *words) {
    const char *name = words->target;
    TextList names = {.at = &name, .n = 1};
    LogAsk ask = {.slug = words->slug, .names = &names, .tail = LINES, .run = words->run};
    Printer printer = {.words = words, .prefix = {.terminal = false}};
    LogFeed feed;
    log_feed_init(&feed, client, &ask, on_line, &printer);
    log_feed_finish(&feed);
    log_feed_deinit(&feed);
    fflush(words->to);
    return printer.began;
}

void last_words(Client *client, const char *slug, const TargetView *view) {
    (void)last_words_of(client, &(LastWords){.slug = slug,
                                             .target = view->name,
                                             .run = target_run(view),
                                             .indent = 2,
                                             .to = stderr});
}
