/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/step_chart.h"

#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "base/str.h"
#include "base/xalloc.h"

enum { NAME_LEAST = 12, TEXT_BYTES = 512, STATE_WIDTH = 8, TOOK_WIDTH = 6 };

/* ---- signs ---- */

typedef enum Sign {
    SIGN_DOWN,    /* a lane goes by */
    SIGN_ALONG,   /* a line to a step */
    SIGN_FORK,    /* a lane at the left end of a line goes on, */
    SIGN_END,     /* ... ends there */
    SIGN_FORK_IN, /* in its midst */
    SIGN_END_IN,
    SIGN_FORK_OUT, /* at its right end */
    SIGN_END_OUT,
    SIGN_CORNER, /* of a box, above */
    SIGN_CORNER_OUT,
    SIGN_STEM, /* below a box */
} Sign;

static void put_sign(const Chart *chart, Sign sign, Buf *out) {
    static const char *const utf8[] = {"│", "─", "├", "└", "┼", "┴", "┤", "┘", "┌", "┐", "┬"};
    static const char *const ascii[] = {"|", "-", "+", "`", "+", "+", "+", "'", "+", "+", "+"};
    buf_puts(out, chart->utf8 ? utf8[sign] : ascii[sign]);
}

static const char *mark_of(const Chart *chart, const char *state) {
    static const struct {
        const char *state, *utf8, *ascii;
    } marks[] = {{"success", "✓", "*"},  {"failure", "✗", "x"}, {"error", "✗", "x"},
                 {"killed", "■", "#"},   {"skipped", "○", "o"}, {"running", "▶", ">"},
                 {"starting", "▶", ">"}, {"stopping", "▶", ">"}};
    for (size_t i = 0; i < COUNT(marks); i++)
        if (strcmp(marks[i].state, state) == 0)
            return chart->utf8 ? marks[i].utf8 : marks[i].ascii;
    return chart->utf8 ? "·" : ".";
}

static void put_blanks(size_t n, Buf *out) {
    while (n--)
        buf_putc(out, ' ');
}

static void put_painted(const Chart *chart, const ChartStep *step, const char *text, Buf *out) {
    bool painted = chart->color && step->color;
    buf_printf(out, "%s%s%s", painted ? step->color : "", text, painted ? "\033[0m" : "");
}

static void put_mark(const Chart *chart, const ChartStep *step, Buf *out) {
    put_painted(chart, step, mark_of(chart, step->state), out);
}

static size_t name_width(const Chart *chart, size_t most) {
    size_t longest = 0;
    for (size_t i = 0; i < chart->n; i++)
        if (columns_of(chart->at[i].name) > longest)
            longest = columns_of(chart->at[i].name);
    most = most > NAME_LEAST ? most : NAME_LEAST;
    return longest < most ? longest : most;
}

static void put_name(const ChartStep *step, size_t width, Buf *out) {
    char name[TEXT_BYTES];
    columns_cut_middle(step->name, width, name, sizeof(name));
    buf_puts(out, name);
    put_blanks(width - columns_of(name), out);
}

/* ---- stages, and layers: boxes ---- */

/* "✓ name  success  1.2s", always as wide. */
static void put_cell(const Chart *chart, const ChartStep *step, size_t width, Buf *out) {
    size_t state = columns_of(step->state), took = columns_of(step->took);
    put_mark(chart, step, out);
    buf_putc(out, ' ');
    put_name(step, width, out);
    buf_putc(out, ' ');
    put_painted(chart, step, step->state, out);
    put_blanks(state < STATE_WIDTH ? STATE_WIDTH - state : 0, out);
    put_blanks(1 + (took < TOOK_WIDTH ? TOOK_WIDTH - took : 0), out);
    buf_puts(out, step->took);
}

static void put_edge(const Chart *chart, size_t n, Buf *out) {
    while (n--)
        put_sign(chart, SIGN_ALONG, out);
}

typedef struct Box {
    const size_t *steps; /* indices */
    size_t n;
    size_t name;    /* width of a name */
    size_t columns; /* cells in a row */
    bool more;      /* another one follows */
} Box;

static size_t cell_width(const Box *box) {
    return 2 + box->name + 1 + STATE_WIDTH + 1 + TOOK_WIDTH;
}

static void put_row(const Chart *chart, const Box *box, size_t row, size_t rows, Buf *out) {
    put_sign(chart, SIGN_DOWN, out);
    for (size_t c = 0; c < box->columns; c++) {
        size_t i = c * rows + row;
        buf_putc(out, ' ');
        if (i < box->n)
            put_cell(chart, &chart->at[box->steps[i]], box->name, out);
        else
            put_blanks(cell_width(box), out);
        buf_putc(out, ' ');
    }
    put_sign(chart, SIGN_DOWN, out);
    buf_putc(out, '\n');
}

static void draw_box(const Chart *chart, const Box *box, const char *title, Buf *out) {
    size_t inner = box->columns * (cell_width(box) + 2), title_n = columns_of(title);
    size_t rows = (box->n + box->columns - 1) / box->columns;
    put_sign(chart, SIGN_CORNER, out);
    put_edge(chart, 1, out);
    buf_printf(out, " %s ", title);
    put_edge(chart, inner > title_n + 3 ? inner - title_n - 3 : 0, out);
    put_sign(chart, SIGN_CORNER_OUT, out);
    buf_putc(out, '\n');
    for (size_t row = 0; row < rows; row++)
        put_row(chart, box, row, rows, out);
    put_sign(chart, SIGN_END, out);
    put_edge(chart, 2, out);
    put_sign(chart, box->more ? SIGN_STEM : SIGN_ALONG, out);
    put_edge(chart, inner - 3, out);
    put_sign(chart, SIGN_END_OUT, out);
    buf_putc(out, '\n');
    if (!box->more)
        return;
    put_blanks(3, out);
    put_sign(chart, SIGN_DOWN, out);
    buf_putc(out, '\n');
}

/* As few cells in a row as make a box at most this high, if there is room for them. */
static size_t columns_for(const Chart *chart, const Box *box) {
    enum { ROWS_WELL = 8 };
    size_t room = (chart->width > 2 ? chart->width - 2 : 0) / (cell_width(box) + 2);
    size_t wanted = (box->n + ROWS_WELL - 1) / ROWS_WELL;
    return room < 1 || wanted < 1 ? 1 : wanted < room ? wanted : room;
}

static void draw_boxes(const Chart *chart, const size_t *layer, const char *word, Buf *out) {
    AUTO_FREE size_t *steps = xcalloc(chart->n + 1, sizeof(*steps));
    size_t last = 0;
    for (size_t i = 0; i < chart->n; i++)
        last = layer[i] > last ? layer[i] : last;
    for (size_t k = 0; k <= last; k++) {
        char title[40];
        Box box = {.steps = steps, .name = name_width(chart, chart->width / 3), .more = k < last};
        for (size_t i = 0; i < chart->n; i++)
            if (layer[i] == k)
                steps[box.n++] = i;
        if (!box.n)
            continue;
        box.columns = columns_for(chart, &box);
        snprintf(title, sizeof(title), "%s %zu", word, k + 1);
        draw_box(chart, &box, title, out);
    }
}

/* ---- a graph: lanes ---- */

typedef struct Lanes {
    const Chart *chart;
    size_t *order, *row;   /* which step is in a row, and the other way round */
    size_t *last;          /* row of the last one that waits for a step; its own: nobody does */
    size_t *owner, *lane;  /* lane → step + 1, 0: free; step → lane */
    size_t n, high, above; /* lanes there are room for, in use at most; the lane of the last row */
} Lanes;

/* One that may be next and of whose dependencies the last was drawn latest: lanes stay short. */
static size_t pick(const Lanes *lanes, const size_t *open, const bool *drawn) {
    const Chart *chart = lanes->chart;
    size_t best = SIZE_MAX, best_row = 0;
    for (size_t i = 0; i < chart->n; i++) {
        size_t row = 0;
        if (drawn[i] || open[i])
            continue;
        for (size_t k = 0; k < chart->at[i].after_n; k++)
            if (lanes->row[chart->at[i].after[k]] + 1 > row)
                row = lanes->row[chart->at[i].after[k]] + 1;
        if (best != SIZE_MAX && row <= best_row)
            continue;
        best = i;
        best_row = row;
    }
    return best;
}

static bool waits_for(const ChartStep *step, size_t i) {
    for (size_t k = 0; k < step->after_n; k++)
        if (step->after[k] == i)
            return true;
    return false;
}

static void order_steps(Lanes *lanes, size_t *layer) {
    const Chart *chart = lanes->chart;
    AUTO_FREE size_t *open = xcalloc(chart->n + 1, sizeof(*open));
    AUTO_FREE bool *drawn = xcalloc(chart->n + 1, sizeof(*drawn));
    for (size_t i = 0; i < chart->n; i++)
        open[i] = chart->at[i].after_n;
    for (size_t row = 0; row < chart->n; row++) {
        size_t i = pick(lanes, open, drawn);
        if (i == SIZE_MAX) /* a circle: no workflow has one */
            return;
        drawn[i] = true;
        lanes->order[row] = i;
        lanes->row[i] = lanes->last[i] = row;
        for (size_t k = 0; k < chart->at[i].after_n; k++) {
            size_t before = chart->at[i].after[k];
            lanes->last[before] = row;
            layer[i] = layer[before] + 1 > layer[i] ? layer[before] + 1 : layer[i];
        }
        for (size_t k = 0; k < chart->n; k++)
            open[k] -= waits_for(&chart->at[k], i);
    }
}

/* The lane of a dependency that ends here, or the first one that is free. */
static size_t choose(const Lanes *lanes, size_t i, size_t row) {
    const ChartStep *step = &lanes->chart->at[i];
    size_t best = SIZE_MAX, free_one = 0;
    for (size_t k = 0; k < step->after_n; k++)
        if (lanes->last[step->after[k]] == row && lanes->lane[step->after[k]] < best)
            best = lanes->lane[step->after[k]];
    while (lanes->owner[free_one])
        free_one++;
    return best != SIZE_MAX ? best : free_one;
}

static Sign sign_at(bool first, bool last, bool ends) {
    if (first)
        return ends ? SIGN_END : SIGN_FORK;
    if (last)
        return ends ? SIGN_END_OUT : SIGN_FORK_OUT;
    return ends ? SIGN_END_IN : SIGN_FORK_IN;
}

/* The lanes of a row in which step `i` stands at lane `own`; SIZE_MAX: a row of lanes alone. */
static void put_lanes(const Lanes *lanes, size_t i, size_t own, Buf *out) {
    const Chart *chart = lanes->chart;
    const ChartStep *step = own == SIZE_MAX ? NULL : &chart->at[i];
    size_t first = own, last = own == SIZE_MAX ? 0 : own;
    for (size_t k = 0; step && k < step->after_n; k++) {
        size_t lane = lanes->lane[step->after[k]];
        first = lane < first ? lane : first;
        last = lane > last ? lane : last;
    }
    for (size_t c = 0; c < lanes->high; c++) {
        size_t owner = lanes->owner[c];
        bool inside = step && c >= first && c < last;
        if (c == own)
            put_mark(chart, step, out);
        else if (owner && step && waits_for(step, owner - 1))
            put_sign(chart, sign_at(c == first, c == last, lanes->last[owner - 1] == lanes->row[i]),
                     out);
        else if (owner)
            put_sign(chart, SIGN_DOWN, out);
        else if (inside && c > first)
            put_sign(chart, SIGN_ALONG, out);
        else
            buf_putc(out, ' ');
        if (inside)
            put_sign(chart, SIGN_ALONG, out);
        else
            buf_putc(out, ' ');
    }
}

static void trim(Buf *out) {
    while (out->n && out->p[out->n - 1] == ' ')
        out->n--;
    buf_putc(out, '\n');
}

/* Of one below another: lanes alone stand before what follows it, and before what waits for nobody,
 * lest it be taken for that. */
static bool wants_room(const Lanes *lanes, size_t row, size_t own) {
    const ChartStep *all = lanes->chart->at;
    if (row == 0 || lanes->above != own)
        return false;
    return lanes->owner[own] ||
           (!all[lanes->order[row]].after_n && all[lanes->order[row - 1]].after_n);
}

/* out NULL: the lanes are counted alone. */
static void draw_lane_row(Lanes *lanes, size_t row, size_t width, Buf *out) {
    size_t i = lanes->order[row], own = choose(lanes, i, row);
    const ChartStep *step = &lanes->chart->at[i];
    if (own + 1 > lanes->high)
        lanes->high = own + 1;
    if (out && wants_room(lanes, row, own)) {
        put_lanes(lanes, i, SIZE_MAX, out);
        trim(out);
    }
    if (out) {
        put_lanes(lanes, i, own, out);
        buf_putc(out, ' ');
        put_name(step, width, out);
        buf_puts(out, "  ");
        put_painted(lanes->chart, step, step->state, out);
        put_blanks(*step->took ? 2 : 0, out);
        buf_puts(out, step->took);
        trim(out);
    }
    for (size_t k = 0; k < step->after_n; k++)
        if (lanes->last[step->after[k]] == row)
            lanes->owner[lanes->lane[step->after[k]]] = 0;
    lanes->lane[i] = lanes->above = own;
    if (lanes->last[i] != row)
        lanes->owner[own] = i + 1;
}

static void draw_rows(Lanes *lanes, Buf *out) {
    const Chart *chart = lanes->chart;
    size_t room = chart->width > 2 * lanes->high + 20 ? chart->width - 2 * lanes->high - 20 : 0;
    size_t width = name_width(chart, room);
    memset(lanes->owner, 0, (chart->n + 1) * sizeof(*lanes->owner));
    lanes->above = SIZE_MAX;
    for (size_t row = 0; row < chart->n; row++)
        draw_lane_row(lanes, row, width, out);
}

static void draw_graph(const Chart *chart, Buf *out) {
    size_t n = chart->n + 1;
    AUTO_FREE size_t *all = xcalloc(6 * n, sizeof(*all));
    Lanes lanes = {.chart = chart,
                   .order = all,
                   .row = all + n,
                   .last = all + 2 * n,
                   .owner = all + 3 * n,
                   .lane = all + 4 * n};
    order_steps(&lanes, all + 5 * n);
    draw_rows(&lanes, NULL);
    if (2 * lanes.high <= chart->width / 2)
        draw_rows(&lanes, out);
    else
        draw_boxes(chart, all + 5 * n, "layer", out);
}

void chart_draw(const Chart *chart, Buf *out) {
    AUTO_FREE size_t *stage = xcalloc(chart->n + 1, sizeof(*stage));
    for (size_t i = 0; i < chart->n; i++)
        stage[i] = chart->at[i].stage;
    if (chart->staged)
        draw_boxes(chart, stage, "stage", out);
    else
        draw_graph(chart, out);
}
