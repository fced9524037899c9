/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/columns.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "cli/plain.h"

enum {
    COLUMNS_MOST = 16,
    COLORED = 1,
    GAP = 2,
    FIT_LEAST = 10,
    NAME_LEAST = 16,
    CELL_BYTES = 1024
};

typedef struct Row {
    char *cells[COLUMNS_MOST];
    const char *color;
} Row;

struct Table {
    size_t n, width[COLUMNS_MOST];
    size_t most; /* columns of a row; 0: any */
    bool color, gone[COLUMNS_MOST];
    VEC(Row) rows;
};

Table *table_new(const char *const *columns, size_t n, bool color) {
    Table *table = xcalloc(1, sizeof(*table));
    table->n = n;
    table->color = color;
    table_row(table, columns, NULL);
    return table;
}

void table_row(Table *table, const char *const *cells, const char *color) {
    Row row = {.color = color};
    for (size_t i = 0; i < table->n; i++) {
        row.cells[i] = plain_copy(cells[i] ? cells[i] : "");
        if (columns_of(row.cells[i]) > table->width[i])
            table->width[i] = columns_of(row.cells[i]);
    }
    VEC_PUSH(table->rows, row);
}

static bool is_shown(const Table *table, const Row *row, size_t column) {
    return !table->gone[column] && row->cells[column][0];
}

static void print_cell(const Table *table, const Row *row, size_t column, size_t at) {
    bool colored = table->color && row->color && column == COLORED;
    char text[CELL_BYTES];
    const char *cell = row->cells[column];
    if (table->most && at + columns_of(cell) > table->most) {
        columns_cut(cell, table->most - at, text, sizeof(text));
        cell = text;
    }
    printf("%s%s%s", colored ? row->color : "", cell, colored ? "\033[0m" : "");
}

static void print_row(const Table *table, const Row *row) {
    size_t last = table->n - 1, at = 0;
    while (last > 0 && !is_shown(table, row, last)) /* no blanks at the end */
        last--;
    for (size_t i = 0; i <= last && (!table->most || at < table->most); i++) {
        if (table->gone[i])
            continue;
        size_t next = at + table->width[i] + GAP;
        print_cell(table, row, i, at);
        if (i < last && (!table->most || next < table->most))
            printf("%*s", (int)(next - at - columns_of(row->cells[i])), "");
        at = next;
    }
    putchar('\n');
}

typedef void (*CutFn)(const char *text, size_t columns, char *to, size_t size);

static void narrow(Table *table, size_t column, size_t columns, CutFn cut) {
    table->width[column] = columns;
    for (size_t r = 0; r < table->rows.n; r++) {
        char **cell = &table->rows.at[r].cells[column], text[CELL_BYTES];
        if (columns_of(*cell) <= columns)
            continue;
        cut(*cell, columns, text, sizeof(text));
        free(*cell);
        *cell = xstrdup(text);
    }
}

static size_t least_of(size_t width, size_t least) {
    return width < least ? width : least;
}

/* How many columns too wide a row is, if the two that can be cut have these. */
static size_t excess_of(const Table *table, size_t cut, size_t cut_width, size_t name_width,
                        size_t width) {
    size_t all = 0, n = 0;
    for (size_t i = 0; i < table->n; i++) {
        n += !table->gone[i];
        all += table->gone[i] ? 0 : i == 0 ? name_width : i == cut ? cut_width : table->width[i];
    }
    all += n ? GAP * (n - 1) : 0;
    return all > width ? all - width : 0;
}

static void give_way(Table *table, const TableFit *fit, size_t width) {
    size_t least = least_of(table->width[fit->cut], FIT_LEAST);
    size_t name = least_of(table->width[0], NAME_LEAST);
    for (size_t i = table->n; i-- > fit->stay && excess_of(table, fit->cut, least, name, width);)
        table->gone[i] = i != fit->cut;
}

void table_fit(Table *table, const TableFit *fit, size_t width) {
    size_t cut = fit->cut, own = table->width[cut], name = table->width[0];
    table->most = width;
    give_way(table, fit, width);
    size_t excess = excess_of(table, cut, own, name, width);
    if (excess && own > FIT_LEAST)
        narrow(table, cut, own > FIT_LEAST + excess ? own - excess : FIT_LEAST,
               fit->paths ? columns_cut_start : columns_cut);
    excess = excess_of(table, cut, table->width[cut], name, width);
    size_t least = least_of(width, NAME_LEAST);
    if (excess && name > least)
        narrow(table, 0, name > least + excess ? name - excess : least, columns_cut_middle);
}

void table_fit_terminal(Table *table, const TableFit *fit, bool terminal) {
    struct winsize window;
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col)
        table_fit(table, fit, window.ws_col);
}

void table_fit_last(Table *table, bool terminal) {
    table_fit_terminal(table, &(TableFit){.cut = table->n - 1, .stay = 2}, terminal);
}

Table *table_print(Table *table) {
    for (size_t r = 0; r < table->rows.n; r++) {
        print_row(table, &table->rows.at[r]);
        for (size_t i = 0; i < table->n; i++)
            free(table->rows.at[r].cells[i]);
    }
    VEC_FREE(table->rows);
    free(table);
    return NULL;
}
