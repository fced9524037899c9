/* SPDX-License-Identifier: Apache-2.0 */
/* The target of a request line, taken apart strictly: split at '/' and '&' before anything is
 * decoded, so that an encoded slash or ampersand is a byte of a name. Only the origin form
 * ("/path?query") is accepted. */
#pragma once

#include "data/schema.h"

typedef struct Uri {
    StrList path; /* "/apis/a%2Fb/" is {"apis", "a/b"}: one slash at the end does not count */
    const StrPair *query; /* in their order; a name without '=' has the value "" */
    size_t query_n;
} Uri;

/* Everything lives in `arena`. Refused: other forms, bad or NUL escapes, control characters,
 * spaces, too many parts. */
MUST int uri_parse(const char *text, Arena *arena, Uri *ret, Err *err);

/* The value of the first parameter of that name; NULL: absent. */
const char *uri_param(const Uri *uri, const char *name);
