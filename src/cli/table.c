/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    bool color;
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

static void print_row(const Table *table, const Row *row) {
    size_t last = table->n - 1;
    while (last > 0 && !row->cells[last][0]) /* no blanks at the end */
        last--;
    for (size_t i = 0; i <= last; i++) {
        bool colored = table->color && row->color && i == COLORED;
        printf("%s%s%s", colored ? row->color : "", row->cells[i], colored ? "\033[0m" : "");
        if (i < last)
            printf("%*s", (int)(table->width[i] - columns_of(row->cells[i]) + GAP), "");
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

/* How many columns too wide a row is. */
static size_t excess_of(const Table *table, size_t width) {
    size_t all = GAP * (table->n - 1);
    for (size_t i = 0; i < table->n; i++)
        all += table->width[i];
    return all > width ? all - width : 0;
}

void table_fit(Table *table, size_t column, size_t width) {
    size_t excess = excess_of(table, width), own = table->width[column];
    if (excess && own > FIT_LEAST)
        narrow(table, column, own > FIT_LEAST + excess ? own - excess : FIT_LEAST, columns_cut);
    size_t name = table->width[0];
    if ((excess = excess_of(table, width)) && name > NAME_LEAST)
        narrow(table, 0, name > NAME_LEAST + excess ? name - excess : NAME_LEAST,
               columns_cut_middle);
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
