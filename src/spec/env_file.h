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

typedef struct EnvText {
    const char *file; /* for messages */
    const char *text;
    size_t size;
} EnvText;

/* Reads what the text says into `ret`, which lives in `arena`. -1: a problem was reported with its
 * place in the file. */
MUST int env_file_parse(const EnvText *text, Arena *arena, Report *report, StrMap *ret);

/* The same as other tools read theirs: outside single quotes $NAME and ${NAME} stand for what a
 * line before has set (else for nothing), and within double quotes \n for a line break; `NAME:
 * value` is a line too; one that is none is ignored with a warning. */
MUST int env_file_parse_expanded(const EnvText *text, Arena *arena, Report *report, StrMap *ret);
