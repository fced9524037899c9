/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/columns.h"
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
    AUTO_FREE char *dashed = like ? xasprintf("--%s", like) : NULL;
    err_set(err, ERR_INVALID, "there is no option %.80s", given);
    return err_suggest(err, dashed, "");
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

static void note(OptionWords *words, const Option *option) {
    for (size_t i = 0; i + 1 < OPTIONS_MOST; i++) {
        if (words->given[i])
            continue;
        words->given[i] = option;
        return;
    }
}

int options_check_verb(const OptionWords *words, const char *command, const char *verb, Err *err) {
    for (size_t i = 0; words->given[i]; i++) {
        const Option *option = words->given[i];
        if (option->verbs && !option_is_choice(option->verbs, verb))
            return err_set(err, ERR_INVALID, "thole %s %s takes no --%s; that is for %s", command,
                           verb, option->name, option->verbs);
    }
    return 0;
}

/* `inline_value`: what stood in the same word ("--tail=5", "-n5"), or NULL. */
static int take(const Option *option, void *into, const char *inline_value, OptionWords *words,
                Err *err) {
    note(words, option);
    if (option->kind == OPTION_FLAG)
        return inline_value ? err_set(err, ERR_INVALID, "--%s takes no value", option->name)
                            : store(option, into, NULL, err);
    if (inline_value)
        return store(option, into, inline_value, err);
    if (words->at + 1 >= words->argc)
        return err_set(err, ERR_INVALID, "--%s needs a value: --%s %s", option->name, option->name,
                       option->arg);
    const char *value = words->argv[++words->at];
    if (value[0] == '-' && value[1])
        return err_set(err, ERR_INVALID,
                       "--%s needs a value, and %.60s is an option; --%s=%.60s makes it one",
                       option->name, value, option->name, value);
    return store(option, into, value, err);
}

static int take_long(const OptionSet *sets, size_t set_n, OptionWords *words, Err *err) {
    const char *word = words->argv[words->at] + 2, *equals = strchr(word, '=');
    void *into;
    const Option *option =
        find_name(sets, set_n, word, equals ? (size_t)(equals - word) : strlen(word), &into);
    return option ? take(option, into, equals ? equals + 1 : NULL, words, err)
                  : unknown(sets, set_n, word - 2, err);
}

/* -d, -n 5, -n5, -dn5 */
static int take_letters(const OptionSet *sets, size_t set_n, OptionWords *words, Err *err) {
    const char *word = words->argv[words->at];
    for (const char *letter = word + 1; *letter; letter++) {
        void *into;
        const Option *option = find_letter(sets, set_n, *letter, &into);
        if (!option)
            return unknown(sets, set_n, word, err);
        if (option->kind != OPTION_FLAG)
            return take(option, into, letter[1] ? letter + 1 : NULL, words, err);
        note(words, option);
        if (store(option, into, NULL, err) < 0)
            return -1;
    }
    return 0;
}

int options_parse(const OptionSet *sets, size_t set_n, OptionWords *words, TextList *rest,
                  Err *err) {
    bool only_words = false;
    for (words->at++; words->at < words->argc; words->at++) {
        const char *word = words->argv[words->at];
        int r = 0;
        if (only_words || word[0] != '-' || !word[1]) {
            if (words->stop_at_word)
                return 0;
            rest->at[rest->n++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = words->dashed = true;
            words->before = rest->n;
        } else if (word[1] == '-') {
            r = take_long(sets, set_n, words, err);
        } else {
            r = take_letters(sets, set_n, words, err);
        }
        if (r < 0)
            return -1;
    }
    return 0;
}

/* "  -n, --tail N"; its columns. */
static int left_of(const Option *option, char text[LEFT_BYTES]) {
    snprintf(text, LEFT_BYTES, "  %c%c%s--%s%s%s", option->letter ? '-' : ' ',
             option->letter ? option->letter : ' ', option->letter ? ", " : "  ", option->name,
             option->arg ? " " : "", option->arg ? option->arg : "");
    return (int)columns_of(text);
}

void options_free(const OptionSet *set) {
    for (size_t i = 0; i < set->n; i++) {
        const Option *option = &set->at[i];
        TextList *list = (TextList *)(void *)((char *)set->into + option->offset);
        if (option->kind != OPTION_TEXTS)
            continue;
        free(list->at);
        *list = (TextList){0};
    }
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
            const Option *option = &sets[s].at[i];
            int n = left_of(option, left);
            printf("%s%*s  %s%s%s\n", left, width - n, "", option->verbs ? option->verbs : "",
                   option->verbs ? ": " : "", option->doc);
        }
        if (sets[s].n && s + 1 < set_n)
            putchar('\n');
    }
}
