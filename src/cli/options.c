/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"

enum { NAMES_MOST = 64, LEFT_BYTES = 80 };

static const Option *find_name(const OptionSet *sets, size_t set_n, const char *name, size_t size,
                               void **ret_into) {
    for (size_t s = 0; s < set_n; s++)
        for (size_t i = 0; i < sets[s].n; i++) {
            const Option *option = &sets[s].at[i];
            if (strlen(option->name) == size && strncmp(option->name, name, size) == 0) {
                *ret_into = sets[s].into;
                return option;
            }
        }
    return NULL;
}

static const Option *find_letter(const OptionSet *sets, size_t set_n, char letter,
                                 void **ret_into) {
    for (size_t s = 0; s < set_n; s++)
        for (size_t i = 0; i < sets[s].n; i++)
            if (sets[s].at[i].letter == letter) {
                *ret_into = sets[s].into;
                return &sets[s].at[i];
            }
    return NULL;
}

static int unknown(const OptionSet *sets, size_t set_n, const char *given, Err *err) {
    const char *names[NAMES_MOST];
    size_t n = 0;
    for (size_t s = 0; s < set_n; s++)
        for (size_t i = 0; i < sets[s].n && n < NAMES_MOST; i++)
            names[n++] = sets[s].at[i].name;
    const char *like = str_starts(given, "--") ? str_suggest(given + 2, names, n) : NULL;
    return err_set(err, ERR_INVALID, "there is no option %.80s%s%s%s", given,
                   like ? "; did you mean --" : "", like ? like : "", like ? "?" : "");
}

bool option_is_choice(const char *choices, const char *word) {
    size_t n = strlen(word);
    for (const char *at = choices; *at;) {
        size_t size = strcspn(at, "|");
        if (size == n && strncmp(at, word, n) == 0)
            return true;
        at += size + (at[size] == '|');
    }
    return false;
}

static int store(const Option *option, void *into, const char *value, Err *err) {
    void *member = (char *)into + option->offset;
    switch (option->kind) {
    case OPTION_FLAG: *(bool *)member = true; return 0;
    case OPTION_TEXT:
        if (option->choices && !option_is_choice(option->choices, value))
            return err_set(err, ERR_INVALID, "--%s takes %s, not \"%.60s\"", option->name,
                           option->choices, value);
        *(const char **)member = value;
        return 0;
    case OPTION_NUMBER:
        if (number_parse(value, 0, INT64_MAX, member) < 0)
            return err_set(err, ERR_INVALID, "--%s takes a number, not \"%.60s\"", option->name,
                           value);
        return 0;
    case OPTION_DURATION:
        return duration_parse(value, member, err) < 0 ? err_in(err, "--%s", option->name) : 0;
    case OPTION_TEXTS: {
        TextList *list = member;
        list->at = xreallocarray(list->at, list->n + 1, sizeof(*list->at));
        list->at[list->n++] = value;
        return 0;
    }
    }
    UNREACHABLE();
}

/* `inline_value`: what stood in the same word ("--tail=5", "-n5"), or NULL. */
static int take(const Option *option, void *into, const char *inline_value, char **argv, int argc,
                int *at, Err *err) {
    if (option->kind == OPTION_FLAG)
        return inline_value ? err_set(err, ERR_INVALID, "--%s takes no value", option->name)
                            : store(option, into, NULL, err);
    if (!inline_value && *at + 1 >= argc)
        return err_set(err, ERR_INVALID, "--%s needs a value: --%s %s", option->name, option->name,
                       option->arg);
    if (!inline_value && argv[*at + 1][0] == '-' && argv[*at + 1][1])
        return err_set(err, ERR_INVALID,
                       "--%s needs a value, and %.60s is an option; --%s=%.60s makes it one",
                       option->name, argv[*at + 1], option->name, argv[*at + 1]);
    return store(option, into, inline_value ? inline_value : argv[++*at], err);
}

static int take_long(const OptionSet *sets, size_t set_n, char **argv, int argc, int *at,
                     Err *err) {
    const char *word = argv[*at] + 2, *equals = strchr(word, '=');
    void *into;
    const Option *option =
        find_name(sets, set_n, word, equals ? (size_t)(equals - word) : strlen(word), &into);
    return option ? take(option, into, equals ? equals + 1 : NULL, argv, argc, at, err)
                  : unknown(sets, set_n, argv[*at], err);
}

/* -d, -n 5, -n5, -dn5 */
static int take_letters(const OptionSet *sets, size_t set_n, char **argv, int argc, int *at,
                        Err *err) {
    for (const char *letter = argv[*at] + 1; *letter; letter++) {
        void *into;
        const Option *option = find_letter(sets, set_n, *letter, &into);
        if (!option)
            return unknown(sets, set_n, argv[*at], err);
        if (option->kind != OPTION_FLAG)
            return take(option, into, letter[1] ? letter + 1 : NULL, argv, argc, at, err);
        if (store(option, into, NULL, err) < 0)
            return -1;
    }
    return 0;
}

int options_parse(const OptionSet *sets, size_t set_n, char **argv, int argc, bool stop_at_word,
                  TextList *rest, Err *err) {
    bool words = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        int r = 0;
        if (words || word[0] != '-' || !word[1]) {
            if (stop_at_word)
                return i;
            rest->at[rest->n++] = word;
        } else if (strcmp(word, "--") == 0) {
            words = true;
        } else {
            r = word[1] == '-' ? take_long(sets, set_n, argv, argc, &i, err)
                               : take_letters(sets, set_n, argv, argc, &i, err);
        }
        if (r < 0)
            return -1;
    }
    return argc;
}

/* "  -n, --tail N"; its width. */
static int left_of(const Option *option, char text[LEFT_BYTES]) {
    return snprintf(text, LEFT_BYTES, "  %c%c%s--%s%s%s", option->letter ? '-' : ' ',
                    option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
                    option->name, option->arg ? " " : "", option->arg ? option->arg : "");
}

void options_print(const OptionSet *sets, size_t set_n) {
    char left[LEFT_BYTES];
    int width = 0;
    for (size_t s = 0; s < set_n; s++)
        for (size_t i = 0; i < sets[s].n; i++)
            if (left_of(&sets[s].at[i], left) > width)
                width = left_of(&sets[s].at[i], left);
    for (size_t s = 0; s < set_n; s++) {
        for (size_t i = 0; i < sets[s].n; i++) {
            left_of(&sets[s].at[i], left);
            printf("%-*s  %s\n", width, left, sets[s].at[i].doc);
        }
        if (sets[s].n && s + 1 < set_n)
            putchar('\n');
    }
}
