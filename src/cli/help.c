/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "config.h"

enum { WIDTH = 80 };

static bool option_of_output(const Option *option) {
    return strcmp(option->name, "output") == 0 || strcmp(option->name, "json") == 0;
}

static bool prints_json(const Command *command) {
    return command->outputs && strstr(command->outputs, "json");
}

/* Of the options that every command may have those of what it prints, or the others. */
static void print_global(bool of_output) {
    Option options[GLOBAL_OPTION_N];
    size_t n = 0;
    for (size_t i = 0; i < GLOBAL_OPTION_N; i++)
        if (option_of_output(&global_options[i]) == of_output)
            options[n++] = global_options[i];
    options_print(&(OptionSet){options, n, NULL}, 1);
}

static void print_who_prints(void) {
    int column = printf("\nThose that print data:");
    for (const Command *const *at = commands; *at; at++) {
        if (!prints_json(*at))
            continue;
        int n = 1 + (int)strlen((*at)->name) + 1;
        if (column + n > WIDTH)
            column = printf("\n") - 1;
        else
            n = printf(" ") + n - 1;
        printf("%s,", (*at)->name);
        column += n;
    }
    printf("%stake besides\n\n", column + 13 > WIDTH ? "\n" : " ");
}

void help_commands(void) {
    printf("thole %s: runs what a repository needs while people work on it\n\n"
           "usage: thole [-C DIR] [--file FILE] [--session NAME] COMMAND …\n\n",
           THOLE_VERSION);
    for (const Command *const *at = commands; *at; at++)
        printf("  %-11s %s\n", (*at)->name, (*at)->doc);
    printf("\nEvery command takes\n\n");
    print_global(false);
    print_who_prints();
    print_global(true);
    printf("\nNAME is a service (web) or a target of it (web:serve, web:update).\n"
           "`thole help COMMAND` says more about one.\n");
}

/* The end of the next piece of a usage: a word, or what stands in brackets. */
static const char *piece_end(const char *at, const char *end) {
    for (int depth = 0; at < end && (depth || *at != ' '); at++)
        depth += (*at == '[') - (*at == ']');
    return at;
}

static int columns_between(const char *from, const char *to) {
    int n = 0;
    for (; from < to; from++)
        n += ((unsigned char)*from & 0xc0) != 0x80;
    return n;
}

/* Lines break between pieces. */
static void print_form(const char *before, const char *name, const char *form, const char *end) {
    int indent = printf("%s thole %s", before, name), column = indent;
    for (const char *at = form, *next; at < end; at = next + (next < end)) {
        next = piece_end(at, end);
        int n = columns_between(at, next);
        if (column + 1 + n > WIDTH)
            column = printf("\n%*s", indent, "") - 1;
        printf(" %.*s", (int)(next - at), at);
        column += 1 + n;
    }
    putchar('\n');
}

static bool is_form_of(const char *form, const char *end, const char *verb) {
    size_t n = verb ? strlen(verb) : 0;
    return !verb || ((size_t)(piece_end(form, end) - form) == n && strncmp(form, verb, n) == 0);
}

/* A line for each verb; `verb` (may be NULL): for that one alone. */
static void print_usage(const Command *command, const char *verb) {
    static const char between[] = " | ";
    const char *before = "usage:";
    for (const char *at = command->args, *end; at; at = *end ? end + strlen(between) : NULL) {
        const char *found = command->words ? strstr(at, between) : NULL;
        end = found ? found : at + strlen(at);
        if (!is_form_of(at, end, verb))
            continue;
        print_form(before, command->name, at, end);
        before = "      ";
    }
}

/* Those that it takes with this verb, of which it need not be said then. Returns how many. */
static size_t choose_own(const Command *command, const char *verb, Option *options) {
    size_t n = 0;
    for (size_t i = 0; i < command->option_n; i++) {
        Option option = command->options[i];
        if (verb && option.verbs && !option_is_choice(option.verbs, verb))
            continue;
        option.verbs = verb ? NULL : option.verbs;
        options[n++] = option;
    }
    return n;
}

/* Of the options that every command has those that mean something here. */
static size_t choose_global(const Command *command, Option options[GLOBAL_OPTION_N]) {
    size_t n = 0;
    for (size_t i = 0; i < GLOBAL_OPTION_N; i++) {
        Option option = global_options[i];
        bool form = strcmp(option.name, "output") == 0, json = strcmp(option.name, "json") == 0;
        if ((form && !command->outputs) || (json && !prints_json(command)))
            continue;
        if (form)
            option.doc = command->outputs;
        options[n++] = option;
    }
    return n;
}

static bool has_verb(const Command *command, const char *verb) {
    return verb && command->words && option_is_choice(command->words, verb);
}

void help_command(const Command *command, const char *verb) {
    Option own[OPTIONS_MOST], global[GLOBAL_OPTION_N];
    assert(command->option_n <= OPTIONS_MOST);
    verb = has_verb(command, verb) ? verb : NULL;
    size_t own_n = choose_own(command, verb, own), n = choose_global(command, global);
    OptionSet sets[] = {{own, own_n, NULL}, {global, n, NULL}};
    print_usage(command, verb);
    printf("\n%s.\n", command->doc);
    if (command->more)
        printf("%s\n", command->more);
    putchar('\n');
    options_print(sets, COUNT(sets));
}

static int run(Cli *cli, void *options, Err *err) {
    if (!cli->names.n) {
        help_commands();
        return EXIT_DONE;
    }
    const Command *command = command_find(cli->names.at[0]);
    if (!command)
        return command_unknown(cli->names.at[0], err);
    const char *verb = cli->names.n > 1 ? cli->names.at[1] : NULL;
    if (cli->names.n > 2 || (verb && !has_verb(command, verb)))
        return err_set(err, ERR_INVALID,
                       "thole help takes one COMMAND, and a verb of it (\"%.60s\")",
                       cli->names.at[cli->names.n - 1]);
    help_command(command, verb);
    return EXIT_DONE;
}

const Command command_help = {
    .name = "help",
    .args = "[COMMAND [VERB]]",
    .doc = "Says what there is, or more about one command",
    .run = run,
    .offline = true,
};
