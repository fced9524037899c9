/* SPDX-License-Identifier: Apache-2.0 */
/* `.env` files. A line is NAME=value, empty, or a comment:
 *
 *     # a comment
 *     export NAME=value        # `export` and a comment after a space are allowed
 *     NAME='as it is, over
 *     several lines'
 *     NAME="as it is, but \" \\ \$ and \` stand for the character itself"
 *
 * Values are literal: a `$` in them is a dollar sign, whatever the quotes. A later line wins.
 * Files of Windows are fine. */
#pragma once

#include "base/report.h"
#include "data/schema.h"

/* Reads what `text` says into `ret` (in the arena). -1: a problem was reported with the place in
 * `file`. */
MUST int env_file_parse(const char *file, const char *text, size_t size, Report *report,
                        StrMap *ret);

/* The same as other tools read theirs: outside single quotes $NAME and ${NAME} stand for what a line before has set (else for
 * nothing), and within double quotes \n for a line break. */
MUST int env_file_parse_expanded(const char *file, const char *text, size_t size, Report *report,
                                 StrMap *ret);
