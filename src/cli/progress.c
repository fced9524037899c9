/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/columns.h"
#include "base/xalloc.h"

enum { PAUSE_MS = 60, TICK_MS = 1000, LINE_BYTES = 1024, WORD_WIDTH = 8, WIDTH_LEAST = 20 };

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

static struct winsize window_of(void) {
    struct winsize window = {0};
    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    if (!window.ws_col)
        window.ws_col = 80;
    return window;
}

void progress_clear(Progress *progress) {
    size_t rows = 0, width = window_of().ws_col;
    if (!progress->lines)
        return;
    for (size_t i = 0; i < progress->lines; i++)
        rows += progress->columns[i] ? (progress->columns[i] + width - 1) / width : 1;
    fprintf(stderr, "\r\033[%zuA\033[J", rows);
    progress->lines = 0;
    progress->stale = true;
}

static void put_line(Progress *progress, const char *text, size_t columns) {
    fprintf(stderr, "%s\n", text);
    progress->columns[progress->lines++] = columns;
}

static void draw_line(Progress *progress, const ProgressRow *row, size_t name_width, size_t width) {
    char name[LINE_BYTES], text[LINE_BYTES], cut[LINE_BYTES], elapsed[DURATION_TEXT] = "";
    int64_t ms = clock_mono_ms() - row->since_ms;
    if (ms >= TICK_MS)
        duration_format_go(ms - ms % TICK_MS, elapsed);
    columns_cut_middle(row->name, name_width, name, sizeof(name));
    int pad = (int)(name_width - columns_of(name)) + 1;
    int head = snprintf(text, sizeof(text), "%s%*s", name, pad, "");
    snprintf(text + head, sizeof(text) - (size_t)head, "%-*s %5s  %s", WORD_WIDTH, row->word,
             elapsed, row->why);
    columns_cut(text, width, cut, sizeof(cut));
    size_t word_n = strlen(row->word), columns = columns_of(cut);
    if (!progress->color || !row->color || columns < name_width + 1 + word_n + 1) {
        put_line(progress, cut, columns);
        return;
    }
    AUTO_FREE char *painted =
        xasprintf("%.*s%s%s\033[0m%s", head, cut, row->color, row->word, cut + head + word_n);
    put_line(progress, painted, columns);
}

/* Of the names a third of the window is shown, at least. */
static size_t width_of_names(const ProgressRow *rows, size_t n, size_t width) {
    size_t longest = 0, most = width / 3 > 12 ? width / 3 : 12;
    for (size_t i = 0; i < n; i++) {
        size_t own = columns_of(rows[i].name);
        longest = own > longest ? own : longest;
    }
    return longest < most ? longest : most;
}

static void draw(Progress *progress, const ProgressRow *rows, size_t n, size_t all) {
    struct winsize window = window_of();
    size_t width = window.ws_col > WIDTH_LEAST ? window.ws_col - 1u : WIDTH_LEAST - 1u;
    size_t most = window.ws_row / 3u, name_width = width_of_names(rows, n, width);
    char more[LINE_BYTES];
    most = most < 3 ? 3 : most > PROGRESS_LINES_MOST ? PROGRESS_LINES_MOST : most;
    for (size_t i = 0; i < n && progress->lines < most; i++)
        draw_line(progress, &rows[i], name_width, width);
    if (all > progress->lines) {
        snprintf(more, sizeof(more), "… and %zu more", all - progress->lines);
        put_line(progress, more, columns_of(more));
    }
}

bool progress_due(const Progress *progress) {
    return progress->on && progress_timeout(progress) == 0;
}

void progress_rows(Progress *progress, const ProgressRow *rows, size_t n, size_t all) {
    fflush(stdout);
    progress_clear(progress);
    if (all)
        draw(progress, rows, n, all);
    fflush(stderr);
    progress->at_ms = clock_mono_ms();
    progress->stale = false;
}

void progress_draw(Progress *progress, const Targets *targets) {
    size_t n = 0;
    if (!progress_due(progress))
        return;
    AUTO_FREE ProgressRow *rows = xcalloc(targets->all.n + 1, sizeof(*rows));
    for (size_t i = 0; i < targets->all.n; i++) {
        const Seen *seen = targets->all.at[i];
        if (seen->chosen && seen_pending(seen))
            rows[n++] = (ProgressRow){seen->view.name, seen->word, target_why(&seen->view),
                                      word_color(seen->word), seen->since_ms};
    }
    progress_rows(progress, rows, n, n);
}
