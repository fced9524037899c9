/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/summary.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

enum { WAS_READY = 1, WORD_WIDTH = 9 };

void summary_note(Seen *seen) {
    if (seen->view.phase == PHASE_ACTIVE && seen->view.ready)
        seen->marks |= WAS_READY;
}

static void time_taken(const TargetView *view, char text[DURATION_TEXT]) {
    int64_t from_us, to_us;
    text[0] = '\0';
    if (view->start && view->finish && time_parse(view->start, &from_us, NULL) == 0 &&
        time_parse(view->finish, &to_us, NULL) == 0)
        duration_format_short((to_us - from_us) / 1000, text);
}

/* A session that went well stopped its servers because they were ready. */
static void print_target(const Seen *seen, bool well, int width, bool color) {
    const TargetView *view = &seen->view;
    char took[DURATION_TEXT];
    const char *word = seen->word, *why = target_why(view);
    time_taken(view, took);
    bool was_ready = seen->marks & WAS_READY || (well && strcmp(word, "stopped") == 0);
    if (view->phase == PHASE_NONE && !view->job && was_ready) {
        word = "ready";
        why = "";
    } else if (str_starts(why, "stopped: ")) {
        why += strlen("stopped: ");
    } else if (view->phase == PHASE_TERMINATED && !view->error) {
        why = took;
    }
    fprintf(stderr, "  %-*s  %s%s%s%*s%s\n", width, view->name, color ? word_color(word) : "", word,
            color ? "\033[0m" : "", why[0] ? WORD_WIDTH - (int)strlen(word) : 0, "", why);
}

void summary_print(const Targets *targets, bool well, bool color) {
    int width = 0;
    for (size_t i = 0; i < targets->all.n; i++)
        if ((int)strlen(targets->all.at[i]->view.name) > width)
            width = (int)strlen(targets->all.at[i]->view.name);
    for (size_t i = 0; i < targets->all.n; i++)
        if (!target_is_file(&targets->all.at[i]->view))
            print_target(targets->all.at[i], well, width, color);
}

static void print_case(const Cases *cases, const Case *it, int width, bool color) {
    char took[DURATION_TEXT] = "";
    Arena arena;
    bool failed = case_is_failure(it, cases), well = case_is_success(it);
    const char *paint = !color ? "" : failed ? "\033[31m" : well ? "\033[32m" : "\033[2m";
    arena_init(&arena);
    if (it->run)
        duration_format_short(it->ms, took);
    fprintf(stderr, "  %-*s %s %s%-*s%s %7s%s%s\n", width, it->target, it->critical ? "*" : " ",
            paint, WORD_WIDTH, it->state, color ? "\033[0m" : "", took, well ? "" : "  ",
            well ? "" : case_why(it, &arena));
    arena_deinit(&arena);
}

void summary_table(const Cases *cases, bool color) {
    int width = 0;
    for (size_t i = 0; i < cases->n; i++)
        if ((int)strlen(cases->at[i].target) > width)
            width = (int)strlen(cases->at[i].target);
    for (size_t i = 0; i < cases->n; i++)
        print_case(cases, &cases->at[i], width, color);
    if (cases->path[0])
        fprintf(stderr, "\n%s", cases->path);
}
