/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "base/xalloc.h"

enum { COLUMNS_MOST = 16, COLORED = 1, GAP = 2, FIT_LEAST = 10 };

typedef struct Row {
    char *cells[COLUMNS_MOST];
    const char *color;
} Row;

struct Table {
    size_t n, width[COLUMNS_MOST];
    bool color;
    VEC(Row) rows;
};

/* Columns of a terminal: one per character that is no continuation byte. */
static size_t width_of(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

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
        row.cells[i] = xstrdup(cells[i] ? cells[i] : "");
        if (width_of(row.cells[i]) > table->width[i])
            table->width[i] = width_of(row.cells[i]);
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
            printf("%*s", (int)(table->width[i] - width_of(row->cells[i]) + GAP), "");
    }
    putchar('\n');
}

/* Ends the text with an ellipsis in its last column. */
static char *cut(const char *text, size_t columns) {
    const char *at = text;
    for (size_t n = 0; *at && n + 1 < columns; n++)
        do
            at++;
        while (((unsigned char)*at & 0xc0) == 0x80);
    return xasprintf("%.*s…", (int)(at - text), text);
}

void table_fit(Table *table, size_t column, size_t width) {
    size_t all = GAP * (table->n - 1), *own = &table->width[column];
    for (size_t i = 0; i < table->n; i++)
        all += table->width[i];
    if (all <= width || *own <= FIT_LEAST)
        return;
    size_t excess = all - width;
    *own = *own > FIT_LEAST + excess ? *own - excess : FIT_LEAST;
    for (size_t r = 0; r < table->rows.n; r++) {
        char **cell = &table->rows.at[r].cells[column];
        if (width_of(*cell) <= *own)
            continue;
        char *shorter = cut(*cell, *own);
        free(*cell);
        *cell = shorter;
    }
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
