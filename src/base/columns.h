/* SPDX-License-Identifier: Apache-2.0 */
/* Text in the columns of a terminal: one for each character of UTF-8. */
#pragma once

#include <stddef.h>

size_t columns_of(const char *text);
/* At most so many columns of the text, the last one an ellipsis if some are left out. `to` takes
 * what has room in it, whole characters. */
void columns_cut(const char *text, size_t columns, char *to, size_t size);
/* The same, left out of the middle: what names begin and end with tells them apart. */
void columns_cut_middle(const char *text, size_t columns, char *to, size_t size);
/* The same, left out of the beginning: the end of a path names what it is of. */
void columns_cut_start(const char *text, size_t columns, char *to, size_t size);
