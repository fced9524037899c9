/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

enum { PAUSE_MS = 60, TICK_MS = 1000, LINES_MOST = 12, LINE_BYTES = 1024, WORD_WIDTH = 8 };

void progress_init(Progress *progress, bool color) {
    const char *terminal = getenv("TERM");
    bool dumb = !terminal || !terminal[0] || strcmp(terminal, "dumb") == 0;
    *progress = (Progress){.on = isatty(STDERR_FILENO) && !dumb, .color = color};
}

void progress_touch(Progress *progress) {
    progress->stale = true;
}

int progress_timeout(const Progress *progress) {
    if (!progress->on || (!progress->stale && !progress->lines))
        return -1;
    int64_t due_ms = progress->at_ms + (progress->stale ? PAUSE_MS : TICK_MS);
    int64_t left = due_ms - clock_mono_ms();
    return left < 0 ? 0 : (int)left;
}

void progress_clear(Progress *progress) {
    if (!progress->lines)
        return;
    fprintf(stderr, "\r\033[%zuA\033[J", progress->lines);
    progress->lines = 0;
    progress->stale = true;
}

/* Ends the text where `width` columns are full; never in the middle of a character. */
static void cut(char *text, size_t width) {
    size_t columns = 0;
    for (char *at = text; *at; at++) {
        if (((unsigned char)*at & 0xc0) == 0x80)
            continue;
        if (columns++ == width) {
            *at = '\0';
            return;
        }
    }
}

static void draw_line(const Progress *progress, const Seen *seen, int name_width, size_t width) {
    char text[LINE_BYTES], elapsed[DURATION_TEXT] = "";
    int64_t ms = clock_mono_ms() - seen->since_ms;
    if (ms >= TICK_MS)
        duration_format_go(ms - ms % TICK_MS, elapsed);
    const char *why = target_why(&seen->view);
    int head = snprintf(text, sizeof(text), "%-*s ", name_width, seen->view.name);
    snprintf(text + head, sizeof(text) - (size_t)head, "%-*s %5s  %s", WORD_WIDTH, seen->word,
             elapsed, why);
    cut(text, width);
    size_t word_n = strlen(seen->word);
    if (progress->color && strlen(text) >= (size_t)head + word_n)
        fprintf(stderr, "%.*s%s%.*s\033[0m%s\n", head, text, word_color(seen->word), (int)word_n,
                text + head, text + head + word_n);
    else
        fprintf(stderr, "%s\n", text);
}

static void draw(Progress *progress, const Targets *targets, size_t pending) {
    struct winsize window = {0};
    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    size_t width = window.ws_col > 20 ? window.ws_col - 1u : 79, most = window.ws_row / 3u;
    int name_width = 0;
    most = most < 3 ? 3 : most > LINES_MOST ? LINES_MOST : most;
    for (size_t i = 0; i < targets->all.n; i++) {
        const Seen *seen = targets->all.at[i];
        if (seen->chosen && seen_pending(seen) && (int)strlen(seen->view.name) > name_width)
            name_width = (int)strlen(seen->view.name);
    }
    name_width = name_width > 40 ? 40 : name_width;
    for (size_t i = 0; i < targets->all.n && progress->lines < most; i++) {
        const Seen *seen = targets->all.at[i];
        if (!seen->chosen || !seen_pending(seen))
            continue;
        draw_line(progress, seen, name_width, width);
        progress->lines++;
    }
    if (pending > progress->lines) {
        fprintf(stderr, "… and %zu more\n", pending - progress->lines);
        progress->lines++;
    }
}

void progress_draw(Progress *progress, const Targets *targets) {
    size_t pending = 0;
    if (!progress->on || progress_timeout(progress) != 0)
        return;
    for (size_t i = 0; i < targets->all.n; i++)
        pending += targets->all.at[i]->chosen && seen_pending(targets->all.at[i]);
    fflush(stdout);
    progress_clear(progress);
    if (pending)
        draw(progress, targets, pending);
    fflush(stderr);
    progress->at_ms = clock_mono_ms();
    progress->stale = false;
}
