/* SPDX-License-Identifier: Apache-2.0 */
/* What `thole completion answer` knows of the line so far, and how it offers what can stand where
 * the last word does. completion_env.c has what only `thole env` is asked. */
#pragma once

#include "cli/commands.h"

typedef struct Answer {
    Cli *cli;
    const Command *command; /* NULL: none yet */
    const Option *pending;  /* whose value the last word is; NULL: it is no value */
    const char *word;       /* the last one, so far as it is written */
    bool only_words;        /* behind -- */
    size_t dashed_n;        /* ... words of the command before that */
    size_t word_n;          /* words of the command before it, */
    const char *words[3];   /* ... the first of them: a verb, and what it is about */
} Answer;

/* "text<TAB>doc", if the last word begins it. */
void answer_offer(const Answer *a, const char *text, const char *doc);
/* "a|b|c", each with `before` in front of it. */
void answer_offer_choices(const Answer *a, const char *choices, const char *before);
/* From now on nothing waits for longer than a fifth of a second; what was offered so far is out. */
void answer_bound(const Answer *a);
/* The config of the project at hand, as `thole config` would show it: the server's, or, while none
 * runs, from a look at the file. Once bounded. NULL: there is none. */
const Value *answer_config(const Answer *a);

/* A word of `thole env`. */
void answer_env_word(const Answer *a);
/* The value of one of its options; `before`: "--from=", or "". false: it is none of those that
 * only the project knows. */
bool answer_env_value(const Answer *a, const Option *option, const char *before);
