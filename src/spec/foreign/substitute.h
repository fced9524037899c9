/* SPDX-License-Identifier: Apache-2.0 */
/* `${NAME}` in the text of a foreign file, before it is parsed:
 *
 *     ${NAME} ${NAME-default} ${NAME:-default} ${NAME=default} ${NAME:=default} ${NAME+other}
 *     ${NAME:+other} ${#NAME}                                                length ${NAME^}
 *     ${NAME^^} ${NAME,} ${NAME,,}                   case ${NAME:position}
 *     ${NAME:position:length}                a part ${NAME#glob} ${NAME##glob} ${NAME%glob}
 *     ${NAME%%glob}   cut ${NAME/text/other} ${NAME//text/other}                  replace
 *
 * What is not set is empty. Defaults may contain further ones. `$$` is a dollar sign; a `$` before
 * anything else, and a `${` that no name follows, stay. */
#pragma once

#include "base/buf.h"
#include "spec/source.h"

/* The text after substitution, in the arena of the source; positions are of the text before. NULL:
 * reported. */
const char *substitute(const Source *source, const char *text, size_t size, const StrMap *env,
                       size_t *ret_size);
