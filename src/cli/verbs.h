/* SPDX-License-Identifier: Apache-2.0 */
/* A command whose first word is a verb, `thole env create`: which verb, and what may stand behind
 * it. The command's own table has a Verb at the front of each of its rows. */
#pragma once

#include "cli/cli.h"

typedef struct Verb {
    const char *name;
    const char *takes;  /* what stands behind it, for people; NULL: nothing */
    size_t least, most; /* words */
    const char *outputs;
} Verb;

typedef struct Verbs {
    const char *command;
    const char *names; /* "create|list" */
    const void *at;    /* rows of `row_size` bytes */
    size_t n, row_size;
} Verbs;

/* The verb that the first word of the call names. ERR_INVALID: there is no such verb, it takes more
 * words or fewer, or has no such output. */
MUST int verb_choose(const Verbs *verbs, const Cli *cli, const Verb **ret, Err *err);
/* Its outputs, "text|json"; NULL: there is no such verb. */
const char *verb_outputs(const Verbs *verbs, const char *name);
