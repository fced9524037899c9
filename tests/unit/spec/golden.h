/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sources are: THOLE_SOURCE, or the working directory. Both need `tests/golden` below
 * it. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline const char *source_root(void) {
    const char *root = getenv("THOLE_SOURCE");
    return root ? root : ".";
}

/* THOLE_UPDATE=1: what is expected is written anew instead of compared. */
static inline bool updating(void) {
    return getenv("THOLE_UPDATE") != NULL;
}
