/* SPDX-License-Identifier: Apache-2.0 */
/* What a hook prints on stdout for those who come after it: outputs, one a line.
 *
 *     DATABASE_URL=postgres://localhost:61203/app      blanks around name and value are not theirs
 *     # a comment, and an empty line
 *     CERT<<END                                        several lines, as they are, up to END
 *     …
 *     END
 *
 * A name is [A-Za-z_][A-Za-z0-9_]*, an END of up to 64 of [A-Za-z0-9_-]; a line that is none of
 * these is talk, and ignored. The last one of a name wins. Values are as they are: no quotes are
 * taken off. Lines may end in CR LF; those of a value are told apart by LF alone. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "data/schema.h"

enum {
    HOOK_OUTPUT_MAX = 1024 * 1024, /* bytes of all names and values, overwritten ones too */
    HOOK_OUTPUT_END = 64,
};

/* In `arena`. ERR_INVALID: a value that is not UTF-8 or has a NUL byte, a heredoc without its END;
 * ERR_LIMIT: too much. Both name the line. */
MUST int hook_output_parse(const char *text, size_t size, Arena *arena, StrMap *ret, Err *err);
/* Of `text`. ERR_NOT_FOUND names all that are missing, in the order declared: "… did not print B,
 * C"; or the first one alone, with the line that has its name before a << without an END. */
MUST int hook_output_require(const StrMap *outputs, const StrList *declared, const char *text,
                             size_t size, Err *err);

/* Where someone is who shows stdout line by line. All zero: at its beginning. */
typedef struct HookOutputMask {
    char end[HOOK_OUTPUT_END + 1]; /* "": not between a NAME<<END and its END */
} HookOutputMask;

/* What people see in the place of the next line of stdout (without its end; any bytes): of an
 * output "KEY=********". NULL: the line itself. */
const char *hook_output_mask(HookOutputMask *mask, const char *line, size_t size, Arena *arena);
/* Its value, or its part of a value of several lines, for who reads stdout likewise. In `arena`;
 * NULL: it has none. */
const char *hook_output_value(HookOutputMask *mask, const char *line, size_t size, Arena *arena);
