/* SPDX-License-Identifier: Apache-2.0 */
/* The part of Go's text/template that is a matter of putting values in: `{{.NAME}}`, and
 * `{{"text"}}` for text that shall stay as it is. Everything else (pipelines, functions, if, range)
 * is refused by name. */
#pragma once

#include "data/schema.h"

typedef struct GoVars {
    const StrMap *vars;  /* of the project */
    const StrMap *own;   /* of the process; wins */
    const char *replica; /* PC_REPLICA_NUM */
} GoVars;

/* `text` with its values, in `arena`. NULL: *ret_why says, in one sentence, what is not understood.
 * Without any variable of its own a project writes no templates: then what else stands in braces is
 * text. */
const char *go_template(const char *text, const GoVars *vars, Arena *arena, const char **ret_why);
