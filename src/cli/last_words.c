/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/last_words.h"

#include "cli/log_feed.h"
#include "cli/prefix.h"

enum { LINES = 10 };

static void on_line(void *arg, const LogEntry *entry) {
    fputs("  ", stderr);
    prefix_print(arg, entry, stderr);
}

void last_words(Client *client, const char *slug, const TargetView *view) {
    const char *name = view->name;
    TextList names = {.at = &name, .n = 1};
    LogAsk ask = {.slug = slug, .names = &names, .tail = LINES, .run = view->run};
    Prefix prefix = {.terminal = false};
    LogFeed feed;
    log_feed_init(&feed, client, &ask, on_line, &prefix);
    log_feed_finish(&feed);
    log_feed_deinit(&feed);
}
