/* SPDX-License-Identifier: Apache-2.0 */
/* Columns for people: as wide as their widest cell, the last one as it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Table Table;

Table *table_new(const char *const *columns, size_t n, bool color);
/* Copies the cells; color: of the whole row's second column, an SGR code or NULL. */
void table_row(Table *table, const char *const *cells, const char *color);
/* How a row is to have at most `width` characters. The cells of `cut` are cut, each with an
 * ellipsis; 10 of them stay. Is that not enough, those of the first column, in their middle; 16
 * stay. Is neither, columns go from the right, but for `cut` and the first `stay`; and at last all
 * that is beyond the width. */
typedef struct TableFit {
    size_t cut, stay;
    bool paths; /* `cut` has some: their end stays, where the names are */
} TableFit;
void table_fit(Table *table, const TableFit *fit, size_t width);
/* ... to the terminal that stdout is, if it is one. */
void table_fit_terminal(Table *table, const TableFit *fit, bool terminal);
/* Likewise where the last column says why, or is the one that is long, and the first two stay. */
void table_fit_last(Table *table, bool terminal);
/* Prints and frees. */
Table *table_print(Table *table);
