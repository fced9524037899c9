/* SPDX-License-Identifier: Apache-2.0 */
/* Columns for people: as wide as their widest cell, the last one as it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Table Table;

Table *table_new(const char *const *columns, size_t n, bool color);
/* Copies the cells; color: of the whole row's second column, an SGR code or NULL. */
void table_row(Table *table, const char *const *cells, const char *color);
/* Cuts the cells of a column, each with an ellipsis, so that a row has at most `width` characters;
 * 10 of them stay. Is that not enough, those of the first one, in their middle; 16 stay. */
void table_fit(Table *table, size_t column, size_t width);
/* Prints and frees. */
Table *table_print(Table *table);
