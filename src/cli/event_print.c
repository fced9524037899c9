/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/event_print.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/plain.h"
#include "cli/when.h"
#include "data/json.h"

enum { NAME_LEAST = 15, KIND_WIDTH = 9, LATE_US = 5 * 1000 * 1000 };

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

static void print_one(EventPrint *print, const Value *event) {
    char time[TIME_TEXT];
    const char *about = value_get_str(event, "target"), *kind = value_get_str(event, "kind");
    const char *said = value_get_str(event, "time"), *message = value_get_str(event, "message");
    const char *color = print->cli->color ? color_of(kind, value_get_str(event, "reason")) : "";
    if (!said || !kind || !message)
        return;
    when_show(said, time);
    AUTO_FREE char *target = plain_copy(about ? about : "-");
    if ((int)strlen(target) > print->width)
        print->width = (int)strlen(target);
    AUTO_FREE char *said_plain = plain_copy(message);
    printf("%s  %-*s  %s%-*s%s  %s\n", time, print->width, target, color, KIND_WIDTH, kind,
           color[0] ? "\033[0m" : "", said_plain);
}

/* An end is heard of a little after it happened, when others may have begun since. Only a little:
 * clocks are set back, too. */
static void keep(EventPrint *print, const char *json, size_t size) {
    EventKept own;
    Arena *arena = &print->cli->arena;
    if (json_parse(arena_strndup(arena, json, size), size, arena, &own.event, NULL) < 0 ||
        time_parse(value_get_str(own.event, "time"), &own.us, NULL) < 0)
        return;
    VEC_PUSH(print->kept, own);
    size_t at = print->kept.n - 1;
    for (; at > 0; at--) {
        int64_t late_us = print->kept.at[at - 1].us - own.us;
        if (late_us <= 0 || late_us > LATE_US)
            break;
        print->kept.at[at] = print->kept.at[at - 1];
    }
    print->kept.at[at] = own;
}

void event_print_init(EventPrint *print, Cli *cli, bool at_once) {
    *print = (EventPrint){.cli = cli,
                          .json = strcmp(cli_output(cli), "json") == 0,
                          .at_once = at_once,
                          .width = NAME_LEAST};
}

void event_print(void *arg, const Value *event, const char *json, size_t size) {
    EventPrint *print = arg;
    if (print->json) {
        fwrite(json, 1, size, stdout);
        putchar('\n');
    } else if (print->at_once) {
        print_one(print, event);
    } else {
        keep(print, json, size);
    }
}

void event_print_rest(EventPrint *print) {
    for (size_t i = 0; i < print->kept.n; i++)
        print_one(print, print->kept.at[i].event);
    VEC_FREE(print->kept);
}
