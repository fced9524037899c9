/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of the run of a target that ended badly. */
#pragma once

#include <stdio.h>

#include "cli/target_view.h"
#include "client/client.h"

typedef struct LastWords {
    const char *slug, *target;
    const char *title; /* said before the first line; may be NULL */
    int64_t run;
    int indent;
    FILE *to;
} LastWords;

/* False: there are none. */
bool last_words_of(Client *client, const LastWords *words);
/* On stderr. */
void last_words(Client *client, const char *slug, const TargetView *view);
