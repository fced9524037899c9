/* SPDX-License-Identifier: Apache-2.0 */
/* A timeline for the terminal: a line per target, bars of characters that can be told apart without
 * colour. */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/columns.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "plan/timeline.h"
#include "plan/timeline_scale.h"

enum {
    WIDTH_LEAST = 20,
    NAME_MOST = 32,
    BAR_LEAST = 8,
    BAR_GOOD = 24,
    MARK_COLUMNS = 9,
    GAP = 2,
    STAR = 3, /* " * " of the critical path */
};

typedef enum Cell { CELL_EMPTY, CELL_WAIT, CELL_START, CELL_RUN, CELL_FAILED } Cell;

static const char *const cell_text[] = {" ", "·", "░", "█", "✗"};
static const char *const cell_color[] = {"", "\033[2m", "\033[33m", "\033[32m", "\033[31m"};

typedef struct Page {
    const Timeline *timeline;
    const TimelineText *how;
    Buf *out;
    Arena *arena;
    size_t name, bar, outcome; /* columns */
    unsigned char *cells;      /* of one bar */
} Page;

/* ---- columns ---- */

/* Exactly `width` columns, cut with an ellipsis where it is longer; `last`: no blanks behind. */
static void put_cut(Buf *out, const char *text, size_t width, bool last) {
    size_t n = columns_of(text), keep = n <= width ? n : width - 1;
    const char *at = text;
    for (size_t i = 0; i < keep; i++)
        do
            at++;
        while (((unsigned char)*at & 0xc0) == 0x80);
    buf_put(out, text, (size_t)(at - text));
    if (keep < n)
        buf_puts(out, "…");
    for (size_t i = n < width ? n : width; i < width && !last; i++)
        buf_putc(out, ' ');
}

static void lay_out(Page *page) {
    const Timeline *t = page->timeline;
    size_t width = page->how->width > WIDTH_LEAST ? (size_t)page->how->width : WIDTH_LEAST;
    size_t outcome = 0;
    for (size_t i = 0; i < t->n; i++) {
        size_t name = columns_of(t->rows[i].target);
        size_t own = columns_of(timeline_outcome(&t->rows[i], t, page->arena));
        page->name = name > page->name ? name : page->name;
        outcome = own > outcome ? own : outcome;
    }
    size_t name_most = width / 3 < NAME_MOST ? width / 3 : NAME_MOST;
    page->name = page->name < name_most ? page->name : name_most;
    size_t left = width - page->name - STAR; /* the mark of the path stands behind the name */
    page->outcome = outcome < left / 2 ? outcome : left / 2;
    if (left < page->outcome + GAP + BAR_GOOD)
        page->outcome = 0;
    page->bar = page->outcome ? left - page->outcome - GAP : left;
    page->bar = page->bar > BAR_LEAST ? page->bar : BAR_LEAST;
    page->cells = arena_alloc(page->arena, page->bar);
}

/* ---- the axis ---- */

static int64_t range_us(const Timeline *t) {
    return t->to_us > t->from_us ? t->to_us - t->from_us : 1;
}

static size_t column_of(const Page *page, int64_t us) {
    int64_t at = (us - page->timeline->from_us) * (int64_t)page->bar / range_us(page->timeline);
    return at < 0 ? 0 : at >= (int64_t)page->bar ? page->bar - 1 : (size_t)at;
}

static void put_axis(const Page *page) {
    int64_t range_ms = range_us(page->timeline) / 1000;
    int64_t step = scale_step_ms(range_ms, (int64_t)page->bar / MARK_COLUMNS);
    size_t at = 0;
    put_cut(page->out, "", page->name + STAR, false);
    for (int64_t ms = 0; ms <= range_ms; ms += step) {
        char text[DURATION_TEXT];
        size_t column = column_of(page, page->timeline->from_us + ms * 1000);
        scale_label(ms, text);
        if (column < at || column + strlen(text) > page->bar)
            continue;
        for (; at < column; at++)
            buf_putc(page->out, ' ');
        buf_puts(page->out, text);
        at += strlen(text);
    }
    buf_putc(page->out, '\n');
}

/* ---- rows ---- */

static Cell cell_of(SpanKind kind) {
    switch (kind) {
    case SPAN_WAIT: return CELL_WAIT;
    case SPAN_START: return CELL_START;
    case SPAN_READY:
    case SPAN_RUN: return CELL_RUN;
    }
    UNREACHABLE();
}

static void fill_cells(const Page *page, const TimelineRow *row) {
    memset(page->cells, CELL_EMPTY, page->bar);
    for (size_t s = 0; s < row->n; s++) {
        const Span *span = &row->spans[s];
        size_t from = column_of(page, span->from_us), to = column_of(page, span->to_us);
        bool whole = span->to_us == page->timeline->to_us;
        for (size_t c = from; c < to + whole || c == from; c++)
            page->cells[c] = (unsigned char)cell_of(span->kind);
        if (span->failed)
            page->cells[to > from && !whole ? to - 1 : to] = CELL_FAILED;
    }
}

static void put_bar(const Page *page) {
    size_t n = page->bar;
    while (!page->outcome && n > 0 && page->cells[n - 1] == CELL_EMPTY)
        n--;
    for (size_t c = 0; c < n; c++) {
        Cell cell = page->cells[c];
        bool first = c == 0 || page->cells[c - 1] != cell,
             last = c + 1 == n || page->cells[c + 1] != cell;
        bool color = page->how->color && cell != CELL_EMPTY;
        if (color && first)
            buf_puts(page->out, cell_color[cell]);
        buf_puts(page->out, cell_text[cell]);
        if (color && last)
            buf_puts(page->out, "\033[0m");
    }
}

static void put_row(const Page *page, const TimelineRow *row) {
    const char *outcome = timeline_outcome(row, page->timeline, page->arena);
    bool bold = page->how->color && row->critical;
    buf_puts(page->out, bold ? "\033[1m" : "");
    put_cut(page->out, row->target, page->name, false);
    buf_puts(page->out, row->critical ? " *" : "  ");
    buf_puts(page->out, bold ? "\033[0m" : "");
    buf_putc(page->out, ' ');
    fill_cells(page, row);
    put_bar(page);
    if (page->outcome) {
        put_cut(page->out, "", GAP, false);
        put_cut(page->out, outcome, page->outcome, true);
    }
    buf_putc(page->out, '\n');
}

static void put_legend(const Page *page) {
    static const struct {
        Cell cell;
        const char *text;
    } words[] = {{CELL_WAIT, "waits"},
                 {CELL_START, "starts, or is not ready"},
                 {CELL_RUN, "runs, is ready"},
                 {CELL_FAILED, "failed"}};
    for (size_t i = 0; i < COUNT(words); i++) {
        bool color = page->how->color;
        buf_printf(page->out, "%s%s%s%s %s", i ? "  " : "", color ? cell_color[words[i].cell] : "",
                   cell_text[words[i].cell], color ? "\033[0m" : "", words[i].text);
    }
    buf_puts(page->out, "  * critical path\n");
}

/* ---- the path ---- */

void timeline_path_text(const Timeline *timeline, Buf *out) {
    char text[DURATION_TEXT];
    size_t width = 0;
    if (!timeline->path_n)
        return;
    for (size_t i = 0; i < timeline->path_n; i++) {
        size_t n = columns_of(timeline->path[i].target);
        width = n > width ? n : width;
    }
    duration_format_short((timeline->settled_us - timeline->path[0].from_us) / 1000, text);
    buf_printf(out, "%s after %s; the critical path:\n",
               timeline->failed ? "failed"
               : timeline_unsettled(timeline)
                   ? "not everything became ready or done; what did was so"
                   : "everything was ready or done",
               text);
    for (size_t i = 0; i < timeline->path_n; i++) {
        const TimelineStep *step = &timeline->path[i];
        duration_format_short((step->to_us - step->from_us) / 1000, text);
        buf_puts(out, "  ");
        put_cut(out, step->target, width, false);
        buf_printf(out, "  %s\n", text);
    }
}

void timeline_text(const Timeline *timeline, const TimelineText *how, Buf *out) {
    Arena arena;
    if (!timeline->n) {
        buf_puts(out, "nothing has run yet\n");
        return;
    }
    arena_init(&arena);
    Page page = {.timeline = timeline, .how = how, .out = out, .arena = &arena};
    lay_out(&page);
    put_axis(&page);
    for (size_t i = 0; i < timeline->n; i++)
        put_row(&page, &timeline->rows[i]);
    put_legend(&page);
    if (timeline->path_n)
        buf_putc(out, '\n');
    timeline_path_text(timeline, out);
    arena_deinit(&arena);
}
