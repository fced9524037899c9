/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as data: each command lists its options once; parsing, --help and did-you-mean
 * come from the list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef enum OptionKind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_NUMBER,   /* int64_t, not negative */
    OPTION_DURATION, /* int64_t ms */
    OPTION_TEXTS,    /* TextList; may be given several times */
} OptionKind;

typedef struct TextList {
    const char **at;
    size_t n;
} TextList;

typedef struct Option {
    const char *name; /* "timeout" for --timeout */
    char letter;      /* 0: none */
    OptionKind kind;
    size_t offset;   /* in the struct of options */
    const char *arg; /* what stands for the value: "DURATION" */
    const char *doc;
    const char *choices; /* OPTION_TEXT: "table|wide|json"; NULL: anything */
    const char *verbs;   /* words of the command that take it: "run|wait"; NULL: all */
} Option;

/* The row of -l, the same in every command that takes names; `labels` is its member of the
 * struct. */
#define OPTION_LABELS(type)                                                \
    {                                                                      \
        "label", 'l', OPTION_TEXTS, offsetof(type, labels), "KEY[=VALUE]", \
            "what carries this label", NULL                                \
    }

/* Is the word one of "a|b|c"? */
bool option_is_choice(const char *choices, const char *word);

typedef struct OptionSet {
    const Option *at;
    size_t n;
    void *into;
} OptionSet;

enum { OPTIONS_MOST = 64 };

/* The words of a command line. */
typedef struct OptionWords {
    char **argv;
    int argc;
    int at;                            /* the word at hand */
    bool stop_at_word;                 /* the first word that is no option ends it */
    bool dashed;                       /* a "--" stood there, */
    size_t before;                     /* ... with so many words before it */
    const Option *given[OPTIONS_MOST]; /* ended by NULL; of more the first ones */
} OptionWords;

/* Takes the options behind the word at hand into the structs of the sets; what is left, in order,
 * goes to `rest` (room for argc). "--" ends the options. Then the word at hand is the one that has
 * ended it, or argc. */
MUST int options_parse(const OptionSet *sets, size_t set_n, OptionWords *words, TextList *rest,
                       Err *err);

/* Refuses what was given but is another verb's. */
MUST int options_check_verb(const OptionWords *words, const char *command, const char *verb,
                            Err *err);

/* What options_parse made for the TextLists of a set. */
void options_free(const OptionSet *set);

/* The lines of --help: "  -n, --tail N   the last N lines"; all aligned, an empty line between
 *                         sets. */
void options_print(const OptionSet *sets, size_t set_n);
