/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed character at `p` (1 to 4); 0: what stands there is none (overlong,
 * surrogate, cut off, too large). */
size_t utf8_length(const char *p, size_t n);

/* Bytes of the blank at `p`: what Unicode calls white space, line breaks among it; 0: it is
 * none. */
size_t utf8_blank(const char *p, size_t n);
/* Moves both ends inwards, over blanks. */
void utf8_trim(const char **p, size_t *n);
/* ... of what nobody sees: control characters (blanks among them), marks without width, and those
 * that turn the direction of what follows. */
size_t utf8_hidden(const char *p, size_t n);

bool utf8_valid(const char *bytes, size_t size);
/* How many of the bytes are whole characters, and at most `most`. What is none counts as one. */
size_t utf8_cut(const char *bytes, size_t size, size_t most);

/* Bytes of the mark that some editors of Windows begin a file with; 0: it has none. */
size_t utf8_mark(const char *bytes, size_t size);
